"""The completeness check found documents missing or faulty."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework.calendar import Period
from amtsbus.errors import NotFoundError, RuleViolationError
from amtsbus.postgres import Tx
from amtsbus.procedures import store as procedures

from permits import store
from permits.domain.application import BuildingApplication
from permits.domain.codes import DocumentCode
from permits.domain.procedure import BUILDING_PERMIT
from permits.domain.target import Target
from permits.reporting import told


@dataclass(frozen=True)
class RequestDocuments:
    target: Target
    documents: frozenset[DocumentCode]
    reasons: str
    period: Period
    answers: frozenset[str] = frozenset()
    """Questions of the portal's form that are to be answered anew, by their keys."""


async def request_documents(command: RequestDocuments, tx: Tx) -> BuildingApplication:
    """Ask for them, and warn: if the period ends without them, the application counts as withdrawn.

    Raises:
        RuleViolationError: code `question-unknown` where the form has no such question, or the application did not come
            through the portal.
    """
    application = await store.get_as_seen(tx, command.target)
    if unknown := sorted(command.answers - await _questions(command.target.application_id, tx)):
        raise RuleViolationError(f"the form has no question {unknown[0]!r}", code="question-unknown")
    events = application.request_documents(
        command.documents,
        command.reasons,
        command.period,
        command.target.actor,
        tx.clock.now(),
        answers=command.answers,
    )
    await store.save(tx, application)
    await tx.append(application.application_id, *told(application, events, tx.clock.now()))
    return application


async def _questions(application_id: UUID, tx: Tx) -> frozenset[str]:
    """The questions that the applicant can answer anew at the portal."""
    try:
        handed_in = await store.portal_application(tx, application_id)
    except NotFoundError:
        return frozenset()
    form = (await procedures.get(tx, BUILDING_PERMIT.key, handed_in.procedure_version)).declared.form
    return frozenset(field.key for field in form.fields)
