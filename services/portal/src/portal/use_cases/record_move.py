"""The office has taken a step."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from amtsbus.postgres import Tx
from amtsbus.procedures import steps

from portal.store import applications

TOLD_OTHERWISE: Final = frozenset(
    {steps.REQUEST_DOCUMENTS, steps.GRANT, steps.GRANT_AUTOMATICALLY, steps.DEEM_GRANTED, steps.REFUSE}
)
"""Steps after which the office says more in an event of its own."""


@dataclass(frozen=True, slots=True)
class RecordMove:
    application_id: UUID
    action: str
    state: str
    due_on: date | None
    closed: bool
    moved_at: datetime


async def record_move(command: RecordMove, tx: Tx) -> None:
    """Note where the application stands now; what was asked for is answered when the office goes on."""
    application = await applications.find(tx, command.application_id)
    if application is None:
        return
    application.state = command.state
    application.due_on = command.due_on
    application.is_closed = command.closed
    if command.state != steps.DOCUMENTS_REQUESTED:
        application.request = None
    await applications.save(tx, application)
    if command.action not in TOLD_OTHERWISE:
        await applications.note(
            tx, command.application_id, command.moved_at, "moved", action=command.action, state=command.state
        )
