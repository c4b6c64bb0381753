"""A building application is handed in."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.roles import Actor
from amtsbus.ids import new_id
from amtsbus.postgres import Tx
from amtsbus.procedures import store as procedures

from permits import store
from permits.domain.application import BuildingApplication, Document, Project
from permits.domain.law import Term
from permits.domain.procedure import BUILDING_PERMIT
from permits.reporting import told


@dataclass(frozen=True)
class SubmitApplication:
    applicant_id: UUID
    project: Project
    documents: list[Document]
    actor: Actor
    application_id: UUID | None = None
    """The id that it has already, where it was handed in at the portal."""
    procedure_version: int | None = None
    """Of the form that was filled in at the portal."""


async def submit_application(command: SubmitApplication, tx: Tx) -> BuildingApplication:
    """Open a case; the legal clock starts when it is complete, not now (§ 71 (1) BauO NRW)."""
    today = tx.clock.today()
    version = command.procedure_version
    if version is None:
        version = await procedures.newest_version(tx, BUILDING_PERMIT.key)
    application, events = BuildingApplication.submit(
        application_id=command.application_id or new_id(),
        reference=await cases.next_reference(tx, BUILDING_PERMIT, today.year),
        applicant_id=command.applicant_id,
        project=command.project,
        documents=command.documents,
        check=await store.legal_term(tx, Term.COMPLETENESS_CHECK, today),
        actor=command.actor,
        now=tx.clock.now(),
    )
    await store.add(tx, application)
    await tx.append(application.application_id, *told(application, events, tx.clock.now(), procedure_version=version))
    return application
