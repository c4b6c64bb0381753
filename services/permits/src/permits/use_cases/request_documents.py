"""The completeness check found documents missing or faulty."""

from dataclasses import dataclass

from amtsbus.casework.calendar import Period
from amtsbus.postgres import Tx

from permits import store
from permits.domain.application import BuildingApplication
from permits.domain.codes import DocumentCode
from permits.domain.target import Target
from permits.reporting import told


@dataclass(frozen=True)
class RequestDocuments:
    target: Target
    documents: frozenset[DocumentCode]
    reasons: str
    period: Period


async def request_documents(command: RequestDocuments, tx: Tx) -> BuildingApplication:
    """Ask for them, and warn: if the period ends without them, the application counts as withdrawn."""
    application = await store.get_as_seen(tx, command.target)
    events = application.request_documents(
        command.documents, command.reasons, command.period, command.target.actor, tx.clock.now()
    )
    await store.save(tx, application)
    await tx.append(application.application_id, *told(application, events, tx.clock.now()))
    return application
