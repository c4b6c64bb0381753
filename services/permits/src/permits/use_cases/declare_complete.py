"""The completeness check found nothing missing."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from permits import store
from permits.domain.application import BuildingApplication
from permits.domain.law import Term
from permits.domain.target import Target
from permits.reporting import told


@dataclass(frozen=True)
class DeclareComplete:
    target: Target


async def declare_complete(command: DeclareComplete, tx: Tx) -> BuildingApplication:
    """Start the legal clock for the decision."""
    application = await store.get_as_seen(tx, command.target)
    decision = await store.legal_term(tx, Term.DECISION, tx.clock.today())
    events = application.declare_complete(decision, command.target.actor, tx.clock.now())
    await store.save(tx, application)
    await tx.append(application.application_id, *told(application, events, tx.clock.now()))
    return application
