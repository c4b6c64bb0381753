"""Payments that somebody has begun."""

from uuid import UUID

from amtsbus.errors import NotFoundError
from amtsbus.postgres import Row, Tx

from portal.domain.payment import Payment

_SELECT = "SELECT payment_id, application_id, amount_cents, begun_at, paid_at FROM payments"


async def begin(tx: Tx, payment: Payment) -> Payment:
    """Keep a payment that is begun; where one of this amount is open already, that one."""
    row = await tx.fetchrow(
        """
        INSERT INTO payments (payment_id, application_id, amount_cents, begun_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (application_id, amount_cents) WHERE paid_at IS NULL DO UPDATE SET begun_at = payments.begun_at
        RETURNING *
        """,
        payment.payment_id,
        payment.application_id,
        payment.amount_cents,
        payment.begun_at,
    )
    assert row is not None  # noqa: S101 - DO UPDATE always returns the row
    return _payment(row)


async def get(tx: Tx, payment_id: UUID, *, to_change: bool = False) -> Payment:
    """A payment, whoever it belongs to.

    Raises:
        NotFoundError: there is none.
    """
    lock = "FOR UPDATE" if to_change else ""
    row = await tx.fetchrow(f"{_SELECT} WHERE payment_id = $1 {lock}", payment_id)
    if row is None:
        raise NotFoundError("There is no such payment.")
    return _payment(row)


async def of(tx: Tx, application_id: UUID) -> list[Payment]:
    """The payments of an application, the oldest first."""
    rows = await tx.fetch(f"{_SELECT} WHERE application_id = $1 ORDER BY begun_at", application_id)
    return [_payment(row) for row in rows]


async def save(tx: Tx, payment: Payment) -> None:
    """Keep that it was paid."""
    await tx.execute("UPDATE payments SET paid_at = $2 WHERE payment_id = $1", payment.payment_id, payment.paid_at)


def _payment(row: Row) -> Payment:
    return Payment(row["payment_id"], row["application_id"], row["amount_cents"], row["begun_at"], row["paid_at"])
