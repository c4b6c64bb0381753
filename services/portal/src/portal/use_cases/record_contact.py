"""Notifications says which contact preferences hold now."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.postgres import Tx

from portal.domain.contact import ContactPreferences
from portal.store import contact


@dataclass(frozen=True, slots=True)
class RecordContact:
    person_id: UUID
    preferences: ContactPreferences


async def record_contact(command: RecordContact, tx: Tx) -> None:
    """Show these from now on: they may have been chosen elsewhere, or an e-mail has come back."""
    await contact.save(tx, command.person_id, command.preferences)
