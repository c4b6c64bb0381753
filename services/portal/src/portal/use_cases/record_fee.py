"""A fee has fallen due."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from amtsbus.postgres import Tx

from portal.store import applications


@dataclass(frozen=True, slots=True)
class RecordFee:
    application_id: UUID
    amount_cents: int
    due_on: date
    charged_at: datetime


async def record_fee(command: RecordFee, tx: Tx) -> None:
    """From now on the applicant can pay it."""
    application = await applications.find(tx, command.application_id)
    if application is None:
        return
    application.charged_cents += command.amount_cents
    application.pay_until = command.due_on
    await applications.save(tx, application)
    await applications.note(
        tx,
        command.application_id,
        command.charged_at,
        "charged",
        amount_cents=command.amount_cents,
        due_on=command.due_on,
    )
