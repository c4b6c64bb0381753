"""The office asks the applicant for documents or answers."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from amtsbus.postgres import Tx

from portal.domain.application import Request
from portal.store import applications


@dataclass(frozen=True, slots=True)
class RecordRequest:
    application_id: UUID
    documents: tuple[str, ...]
    fields: tuple[str, ...]
    due_on: date
    asked_at: datetime


async def record_request(command: RecordRequest, tx: Tx) -> None:
    """From now on the applicant finds it among what is to be done."""
    application = await applications.find(tx, command.application_id)
    if application is None:
        return
    application.request = Request(command.documents, command.fields, command.due_on)
    await applications.save(tx, application)
    await applications.note(tx, command.application_id, command.asked_at, "asked", due_on=command.due_on)
