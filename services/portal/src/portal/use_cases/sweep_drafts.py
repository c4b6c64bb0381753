"""Drafts with which nobody goes on are deleted."""

from dataclasses import dataclass
from typing import Final

from amtsbus.postgres import Tx

from portal.domain.draft import LIFETIME
from portal.store import drafts, files

AT_ONCE: Final = 100
_LEFT_BEHIND: Final = LIFETIME
"""So long a file waits that was uploaded to an application and not handed in."""


@dataclass(frozen=True, slots=True)
class SweepDrafts:
    at_once: int = AT_ONCE


async def sweep_drafts(command: SweepDrafts, tx: Tx) -> int:
    """Delete drafts that have expired, with their files; returns how many. Call it again while it finds as many as it may."""
    now = tx.clock.now()
    expired = await drafts.expired(tx, now, command.at_once)
    for draft_id in expired:
        await drafts.delete(tx, draft_id)
    await files.drop_left_behind(tx, now - _LEFT_BEHIND)
    return len(expired)
