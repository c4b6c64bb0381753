"""A person says how they wish to be written to."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.postgres import Tx

from notifications import store
from notifications.domain.addressee import Language
from notifications.store import ContactPreferences


@dataclass(frozen=True)
class SetPreferences:
    person_id: UUID
    email: str | None
    language: Language | None
    email_notice: bool


async def set_preferences(command: SetPreferences, tx: Tx) -> ContactPreferences:
    """Replace the person's preferences. Letters that are written already stay in their language."""
    await store.lock_addressee(tx, command.person_id)
    await store.store_preferences(
        tx, command.person_id, ContactPreferences(command.email, command.language, command.email_notice)
    )
    return await store.preferences_of(tx, command.person_id)
