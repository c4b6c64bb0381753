"""The applicant begins to pay."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.errors import RuleViolationError
from amtsbus.ids import new_id
from amtsbus.postgres import Tx

from portal.domain.owner import Owner
from portal.domain.payment import Payment
from portal.store import applications, payments


@dataclass(frozen=True, slots=True)
class BeginPayment:
    owner: Owner
    application_id: UUID


async def begin_payment(command: BeginPayment, tx: Tx) -> Payment:
    """Begin a payment of all that is owed; one that was begun before is gone on with, so nobody pays twice.

    Raises:
        NotFoundError: there is no such application of this owner.
        RuleViolationError: code `nothing-owed`.
    """
    application = await applications.get(tx, command.application_id, command.owner, to_change=True)
    if not application.owed_cents:
        raise RuleViolationError("There is nothing to pay.", code="nothing-owed")
    payment = Payment(new_id(), application.application_id, application.owed_cents, tx.clock.now())
    return await payments.begin(tx, payment)
