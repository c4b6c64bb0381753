"""The payment provider says that a payment was made."""

from dataclasses import dataclass, replace
from uuid import UUID

from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Tx

from portal.domain.payment import Payment
from portal.published import FeePaidV1
from portal.store import applications, payments


@dataclass(frozen=True, slots=True)
class ConfirmPayment:
    payment_id: UUID
    amount_cents: int


async def confirm_payment(command: ConfirmPayment, tx: Tx) -> Payment:
    """Tell the office, once; the provider may say it again.

    Raises:
        NotFoundError: there is no such payment.
        RuleViolationError: code `other-amount`, another amount was paid than was asked for.
    """
    payment = await payments.get(tx, command.payment_id, to_change=True)
    if payment.amount_cents != command.amount_cents:
        raise RuleViolationError("The amount is not that of the payment.", code="other-amount")
    if payment.paid_at is not None:
        return payment
    application = await applications.find(tx, payment.application_id)
    assert application is not None  # noqa: S101 - the database keeps no payment without its application
    now = tx.clock.now()
    paid = replace(payment, paid_at=now)
    await payments.save(tx, paid)
    await applications.note(tx, payment.application_id, now, "paid", amount_cents=payment.amount_cents)
    await tx.append(
        payment.application_id,
        FeePaidV1(
            office=application.office,
            application_id=payment.application_id,
            payment_id=payment.payment_id,
            amount_cents=payment.amount_cents,
            paid_at=now,
        ),
    )
    return paid
