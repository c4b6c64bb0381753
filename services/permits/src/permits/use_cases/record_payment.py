"""The fee was paid in the portal."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework.roles import Actor
from amtsbus.postgres import Tx

from permits import store
from permits.domain.application import FEE_KIND
from permits.domain.handed_in import Payment
from permits.reporting import settled


@dataclass(frozen=True)
class RecordPayment:
    application_id: UUID
    payment: Payment


async def record_payment(command: RecordPayment, tx: Tx) -> None:
    """Record it, once; the decision does not wait for it."""
    application = await store.get(tx, command.application_id, owner=None)
    if not await store.add_payment(tx, application.application_id, command.payment):
        return
    now = tx.clock.now()
    application.case.record("fee-paid", Actor.system(), now, about=FEE_KIND)
    await store.save(tx, application)
    await tx.append(application.application_id, settled(application, command.payment.amount_cents, now))
