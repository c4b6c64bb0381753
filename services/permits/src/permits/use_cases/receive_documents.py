"""Something comes from the portal later: documents, answers, a message."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from amtsbus.casework.roles import Actor
from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Tx
from amtsbus.procedures import store as procedures

from permits import store
from permits.domain.application import Answered, BuildingApplication
from permits.domain.events import DomainEvent
from permits.domain.handed_in import HandedInFile, PortalApplication, Supplement
from permits.domain.law import Term
from permits.domain.procedure import BUILDING_PERMIT
from permits.reporting import still_asked, told
from permits.use_cases.receive_application import applicant, known_documents, read_answers

log = structlog.get_logger("permits")


@dataclass(frozen=True)
class ReceiveDocuments:
    application_id: UUID
    files: tuple[HandedInFile, ...]
    answers: Mapping[str, Any]
    message: str | None
    supplied_at: datetime


async def receive_documents(command: ReceiveDocuments, tx: Tx) -> None:
    """Take it over, and ask again for what is still missing.

    What cannot be taken over, most often because it comes too late, is kept, and the caseworkers find a note in the file.
    """
    application = await store.get(tx, command.application_id, owner=None)
    handed_in = await store.portal_application(tx, command.application_id)
    actor, now = applicant(application.applicant_id), tx.clock.now()
    answered = await _answered(command, handed_in, application, tx)
    documents = known_documents(command.files, tx)
    refused, events = None, list[DomainEvent]()
    if documents or answered:
        check = await store.legal_term(tx, Term.COMPLETENESS_CHECK, tx.clock.today())
        try:
            events = application.supply_documents(documents, check, actor, now, answered=answered)
        except RuleViolationError as error:
            refused = error.code
            log.info("documents_not_taken_over", case_id=str(application.application_id), rule=refused)
    _note(application, command, refused, now)
    await store.save(tx, application)
    if answered and not refused:
        await store.save_answers(tx, application, {**handed_in.answers, **command.answers})
    replaced = {key: handed_in.answers.get(key) for key in command.answers}
    supplement = Supplement(command.message, command.answers, replaced, command.files, command.supplied_at, refused)
    await store.add_supplement(tx, application.application_id, supplement)
    # The portal has taken the request away when it was answered, so it hears of what is left of it in either case.
    await tx.append(
        application.application_id,
        *(told(application, events, now) if events else still_asked(application)),
    )


async def _answered(
    command: ReceiveDocuments, handed_in: PortalApplication, application: BuildingApplication, tx: Tx
) -> Answered | None:
    """The answers, where some were asked for; else the application is examined as it stands."""
    request = application.open_request
    if request is None or not request.answers or not command.answers:
        return None
    stored = await procedures.get(tx, BUILDING_PERMIT.key, handed_in.procedure_version)
    read = read_answers(stored.declared, {**handed_in.answers, **command.answers}, tx.clock.today())
    return Answered(frozenset(command.answers), read.project, read.wrong)


def _note(application: BuildingApplication, command: ReceiveDocuments, refused: str | None, now: datetime) -> None:
    if refused:
        application.case.note(
            f"Über das Kommunalportal kam etwas, das nicht übernommen wurde (Regel {refused}): "
            f"{', '.join(file.name for file in command.files) or 'nur Angaben'}. Es liegt bei dem, was eingereicht wurde.",
            Actor.system(),
            now,
        )
    if command.message:
        application.case.note(f"Nachricht aus dem Kommunalportal: {command.message}", Actor.system(), now)
