"""An application of nobody known gets a secret link, by which its applicant comes back."""

import secrets
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Tx

from portal.domain.application import LINK_LIFETIME
from portal.domain.owner import Owner
from portal.store import applications


@dataclass(frozen=True, slots=True)
class IssueLink:
    owner: Owner
    application_id: UUID


async def issue_link(command: IssueLink, tx: Tx) -> str:
    """A new token of 256 bits; the one before is worth nothing any more. Only its hash is kept, so it is told once.

    Raises:
        NotFoundError: there is no such application of this owner.
        RuleViolationError: code `not-anonymous`, whoever applied comes back by logging in.
    """
    application = await applications.get(tx, command.application_id, command.owner, to_change=True)
    if application.applicant.person_id is not None:
        raise RuleViolationError("Log in to come back to this application.", code="not-anonymous")
    token = secrets.token_urlsafe(32)
    await applications.set_link(tx, application.application_id, hash_of_link(token), tx.clock.now() + LINK_LIFETIME)
    return token


def hash_of_link(token: str) -> bytes:
    """What the database knows of a secret link."""
    return sha256(token.encode()).digest()
