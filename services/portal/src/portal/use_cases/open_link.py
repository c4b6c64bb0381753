"""Somebody comes with the secret link of an application."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.postgres import Tx

from portal.store import applications
from portal.use_cases.issue_link import hash_of_link


@dataclass(frozen=True, slots=True)
class OpenLink:
    token: str


async def open_link(command: OpenLink, tx: Tx) -> UUID:
    """The application behind it.

    Raises:
        NotFoundError: there is none, or the link has expired or was replaced.
    """
    return await applications.behind_link(tx, hash_of_link(command.token), tx.clock.now())
