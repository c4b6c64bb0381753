"""The office has received an application."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from amtsbus.postgres import Tx

from portal.store import applications


@dataclass(frozen=True, slots=True)
class RecordOpening:
    application_id: UUID
    reference: str
    state: str
    due_on: date | None
    opened_at: datetime


async def record_opening(command: RecordOpening, tx: Tx) -> None:
    """From now on the application has the office's reference. What did not come through the portal has no place here."""
    application = await applications.find(tx, command.application_id)
    if application is None:
        return
    application.reference = command.reference
    application.state = command.state
    application.due_on = command.due_on
    application.opened_at = command.opened_at
    await applications.save(tx, application)
    await applications.note(
        tx, command.application_id, command.opened_at, "received", reference=command.reference, state=command.state
    )
