"""A person says how they wish to be written to."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.postgres import Tx

from notifications import store
from notifications.domain.addressee import Language
from notifications.published import ContactPreferencesChangedV1
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
    return await tell_preferences(command.person_id, tx)


async def tell_preferences(person_id: UUID, tx: Tx) -> ContactPreferences:
    """Publish the preferences that hold by now, and return them; hold the addressee's lock."""
    held = await store.preferences_of(tx, person_id)
    await tx.append(
        person_id,
        ContactPreferencesChangedV1(
            person_id=person_id,
            email=held.email,
            language=None if held.language is None else held.language.value,
            email_notice=held.email_notice,
            email_bounced_at=held.email_bounced_at,
        ),
    )
    return held
