"""A building application is handed in."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.roles import Actor
from amtsbus.ids import new_id
from amtsbus.postgres import Tx

from permits import store
from permits.domain.application import BuildingApplication, Document, Project
from permits.domain.law import Term
from permits.domain.procedure import BUILDING_PERMIT
from permits.published import published


@dataclass(frozen=True)
class SubmitApplication:
    applicant_id: UUID
    project: Project
    documents: list[Document]
    actor: Actor


async def submit_application(command: SubmitApplication, tx: Tx) -> BuildingApplication:
    """Open a case; the legal clock starts when it is complete, not now (§ 71 (1) BauO NRW)."""
    today = tx.clock.today()
    application, events = BuildingApplication.submit(
        application_id=new_id(),
        reference=await cases.next_reference(tx, BUILDING_PERMIT, today.year),
        applicant_id=command.applicant_id,
        project=command.project,
        documents=command.documents,
        check=await store.legal_term(tx, Term.COMPLETENESS_CHECK, today),
        actor=command.actor,
        now=tx.clock.now(),
    )
    await store.add(tx, application)
    await tx.append(application.application_id, *published(application, events))
    return application
