"""The fee was paid."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.postgres import Tx

from offices import reporting, store
from offices.domain.case_file import Payment
from offices.domain.office import Office
from offices.use_cases.take_decision import decide_automatically


@dataclass(frozen=True, slots=True)
class RecordPayment:
    application_id: UUID
    payment: Payment


async def record_payment(command: RecordPayment, office: Office, tx: Tx) -> None:
    """Record it once; what waited for the money goes on."""
    file = await store.get(tx, command.application_id, office.land)
    now = tx.clock.now()
    if not file.pay(command.payment, now):
        return
    await store.save(tx, file)
    await tx.append(file.case_id, reporting.settled(office, file, command.payment.amount_cents, now))
    await decide_automatically(file, office, tx)
