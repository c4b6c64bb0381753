"""Further documents come in."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from permits import store
from permits.domain.application import BuildingApplication, Document
from permits.domain.law import Term
from permits.domain.target import Target
from permits.reporting import told


@dataclass(frozen=True)
class SupplyDocuments:
    target: Target
    documents: list[Document]


async def supply_documents(command: SupplyDocuments, tx: Tx) -> BuildingApplication:
    """Take them over; with the last one that was asked for, the completeness check begins anew."""
    application = await store.get_as_seen(tx, command.target)
    check = await store.legal_term(tx, Term.COMPLETENESS_CHECK, tx.clock.today())
    events = application.supply_documents(command.documents, check, command.target.actor, tx.clock.now())
    await store.save(tx, application)
    await tx.append(application.application_id, *told(application, events, tx.clock.now()))
    return application
