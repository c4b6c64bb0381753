"""The applicant is asked to check answers, or to hand in documents."""

from collections.abc import Collection
from dataclasses import dataclass

from amtsbus.casework.calendar import Period
from amtsbus.casework.roles import Actor
from amtsbus.postgres import Tx

from schooling import reporting, store
from schooling.domain.application import Application, ApplicationTarget
from schooling.domain.events import Document
from schooling.domain.procedure import ApplicationAction
from schooling.published import answers_requested
from schooling.use_cases.open_application import open_application
from schooling.use_cases.read_answers import form_of


@dataclass(frozen=True)
class AskApplicant:
    target: ApplicationTarget
    answers: frozenset[str]
    """The keys of the fields; those that the form does not have are left out."""
    documents: frozenset[Document]


async def ask_applicant(command: AskApplicant, tx: Tx) -> None:
    """Ask, within the period that the procedure file sets. No word of it depends on what is known here of any child.

    Raises:
        NotFoundError, ForbiddenError: the person may not.
        PreconditionFailedError: the application has changed.
        RuleViolationError: nothing is asked for, or something is already.
    """
    application, actor = await open_application(command.target, tx)
    declared = await form_of(application.procedure_version, tx)
    fields = {field.key for field in declared.form.fields}
    await ask_and_tell(
        application, command.answers & fields, command.documents, declared.documents_period.period, actor, tx
    )


async def ask_and_tell(
    application: Application,
    answers: Collection[str],
    documents: Collection[Document],
    period: Period,
    actor: Actor,
    tx: Tx,
) -> None:
    """Ask, and let the portal and the letter to the applicant know."""
    now = tx.clock.now()
    due_on = application.ask(answers, documents, period, actor, now, tx.clock.today())
    await store.save_application(tx, application)
    await tx.append(
        application.application_id,
        reporting.moved(application, ApplicationAction.REQUEST_DOCUMENTS, now),
        *reporting.still_asked(application),
        answers_requested(application, due_on),
    )
