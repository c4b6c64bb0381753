"""Somebody says how they wish to hear of their letters."""

from dataclasses import dataclass, replace
from uuid import UUID

from amtsbus.postgres import Tx

from portal.domain.contact import ContactPreferences
from portal.published import ContactPreferencesChosenV1
from portal.store import contact


@dataclass(frozen=True, slots=True)
class ChooseContact:
    person_id: UUID
    chosen: ContactPreferences


async def choose_contact(command: ChooseContact, tx: Tx) -> None:
    """Keep it, and tell notifications."""
    before, chosen = await contact.of(tx, command.person_id), command.chosen
    bounced_at = before.email_bounced_at if chosen.email == before.email else None
    await contact.save(tx, command.person_id, replace(chosen, email_bounced_at=bounced_at))
    await tx.append(
        command.person_id,
        ContactPreferencesChosenV1(
            person_id=command.person_id,
            email=chosen.email,
            language=chosen.language,
            email_notice=chosen.email_notice,
        ),
    )
