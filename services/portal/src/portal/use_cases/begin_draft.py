"""Somebody begins an application."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.errors import RuleViolationError
from amtsbus.ids import new_id
from amtsbus.postgres import Tx

from portal.domain.draft import MOST_DRAFTS, Draft
from portal.domain.owner import Owner
from portal.store import drafts, procedures


@dataclass(frozen=True, slots=True)
class BeginDraft:
    owner: Owner
    procedure: str


async def begin_draft(command: BeginDraft, tx: Tx) -> UUID:
    """Begin a draft; where one of the same service lies there that nothing was filled into, that one is taken.

    Raises:
        NotFoundError: the service is not offered.
        RuleViolationError: code `too-many-drafts`.
    """
    service = await procedures.offered(tx, command.procedure)
    # A double click asks twice at the same moment.
    await drafts.lock_owner(tx, command.owner)
    mine = await drafts.all_of(tx, command.owner)
    for draft in mine:
        if draft.is_untouched and (draft.procedure, draft.version) == (service.key, service.version):
            return draft.draft_id
    if len(mine) >= MOST_DRAFTS:
        raise RuleViolationError(
            f"There are {MOST_DRAFTS} drafts already: hand one in, or delete one.", code="too-many-drafts"
        )
    now = tx.clock.now()
    begun = Draft(
        draft_id=new_id(),
        procedure=service.key,
        version=service.version,
        person_id=command.owner.person_id,
        visitor_id=command.owner.visitor_id,
        begun_at=now,
        changed_at=now,
    )
    await drafts.add(tx, begun)
    return begun.draft_id
