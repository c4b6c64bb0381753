"""The office has recorded a payment."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from amtsbus.postgres import Tx

from portal.store import applications


@dataclass(frozen=True, slots=True)
class RecordSettlement:
    application_id: UUID
    amount_cents: int
    settled_at: datetime


async def record_settlement(command: RecordSettlement, tx: Tx) -> None:
    """Note it; this also tells of money that did not come through the portal."""
    application = await applications.find(tx, command.application_id)
    if application is None:
        return
    application.settled_cents += command.amount_cents
    await applications.save(tx, application)
    await applications.note(
        tx, command.application_id, command.settled_at, "settled", amount_cents=command.amount_cents
    )
