"""Something comes from the portal later: documents, answers, a message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from amtsbus.errors import NotFoundError, RuleViolationError
from amtsbus.postgres import Tx

from schooling import reporting, store
from schooling.domain.application import Application, HandedInFile
from schooling.domain.enrolment import Party, Target
from schooling.domain.events import Document
from schooling.domain.procedure import ApplicationState
from schooling.use_cases.read_answers import form_of, read_answers
from schooling.use_cases.register_applied_child import register_or_wait
from schooling.use_cases.supply_documents import SupplyDocuments, supply_documents

log = structlog.get_logger("schooling")

SUPPLIED_LATE = "supplied-late"
"""What the history says of something that came when nothing could be taken over any more."""
SUPPLIED_UNASKED = "supplied-unasked"
"""What it says of something that nobody had asked for."""


@dataclass(frozen=True)
class ReceiveSupplement:
    application_id: UUID
    answers: Mapping[str, Any]
    files: Sequence[HandedInFile]
    message: str | None
    supplied_at: datetime


async def receive_supplement(command: ReceiveSupplement, tx: Tx) -> None:
    """Take it over, ask again for what is still missing, and look anew which child it is.

    What comes after the end is kept; documents for a child that is registered go to its enrolment while they are expected there.
    """
    application = await store.lock_application(tx, command.application_id)
    before = application.answers
    if application.case.is_closed:
        taken_over = await _pass_on(application, command, tx)
    else:
        taken_over = await _take_over(application, command, tx)
    replaced = {key: before.get(key) for key in command.answers}
    supplement = store.Supplement(command.message, command.answers, replaced, command.supplied_at, taken_over)
    await store.add_supplement(tx, application.application_id, supplement)


async def _take_over(application: Application, command: ReceiveSupplement, tx: Tx) -> bool:
    now = tx.clock.now()
    declared = await form_of(application.procedure_version, tx)
    read = read_answers(declared, {**application.answers, **command.answers}, tx.clock.today())
    step = application.supply(command.answers, command.files, read.wrong, now)
    if step is None:
        application.case.record(SUPPLIED_UNASKED, application.applicant, now)
    await store.save_application(tx, application)
    # The portal has taken the request away when it was answered, so it hears of what is left of it in either case.
    moved = [] if step is None else [reporting.moved(application, step, now)]
    await tx.append(application.application_id, *moved, *reporting.still_asked(application))
    if step is not None and application.state is ApplicationState.UNMATCHED and read.stated is not None:
        await register_or_wait(application, read.stated, tx)
    return step is not None


async def _pass_on(application: Application, command: ReceiveSupplement, tx: Tx) -> bool:
    application.keep(command.files)
    documents, enrolment_id = frozenset(file.document for file in command.files), application.enrolment_id
    taken_over = bool(documents and enrolment_id and await _supply(application, documents, enrolment_id, tx))
    if not taken_over:
        application.case.record(SUPPLIED_LATE, application.applicant, tx.clock.now())
        log.info("supplement_came_late", case_id=str(application.application_id), state=application.state.value)
    await store.save_application(tx, application)
    return taken_over


async def _supply(application: Application, documents: frozenset[Document], enrolment_id: UUID, tx: Tx) -> bool:
    enrolment = await store.lock_enrolment(tx, enrolment_id)
    parent = Party(application.applicant, application.applicant_id)
    try:
        await supply_documents(SupplyDocuments(Target(enrolment_id, enrolment.case.version, parent), documents), tx)
    except (NotFoundError, RuleViolationError) as error:  # no custody by now, or none are expected: nothing has changed
        log.info("documents_not_passed_on", case_id=str(application.application_id), error=type(error).__name__)
        return False
    return True
