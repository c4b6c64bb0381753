"""A second person agrees with the proposed decision."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from permits import store
from permits.domain.application import BuildingApplication
from permits.domain.law import Term
from permits.domain.target import Target
from permits.reporting import told


@dataclass(frozen=True)
class ConfirmDecision:
    target: Target


async def confirm_decision(command: ConfirmDecision, tx: Tx) -> BuildingApplication:
    """Decide and fix the fee, by the tariff of the day of receipt, when the fee arose (GebG NRW § 11 (1))."""
    today = tx.clock.today()
    application = await store.get_as_seen(tx, command.target)
    events = application.confirm(
        await store.legal_term(tx, Term.PERMIT_VALIDITY, today),
        await store.legal_term(tx, Term.PAYMENT, today),
        await store.fee_tariff(tx, application.submitted_on),
        command.target.actor,
        tx.clock.now(),
    )
    await store.save(tx, application)
    await tx.append(application.application_id, *told(application, events, tx.clock.now()))
    return application
