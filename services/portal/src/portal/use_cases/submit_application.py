"""An application is handed in."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.errors import NotFoundError, RuleViolationError
from amtsbus.postgres import Tx
from amtsbus.procedures.declaration import EmailField, ProcedureFile

from portal.domain.application import Applicant, Application, Identification, Language
from portal.domain.journey import Journey
from portal.domain.owner import Owner, Person
from portal.published import ApplicantV1, ApplicationSubmittedV1
from portal.reporting import documents_told
from portal.store import applications, drafts, files, procedures


@dataclass(frozen=True, slots=True)
class SubmitApplication:
    owner: Owner
    draft_id: UUID
    person: Person
    identification: Identification
    language: Language


async def submit_application(command: SubmitApplication, tx: Tx) -> bool:
    """Hand a draft in: the application, its files and its event become true together, and the draft is gone.

    Whoever hands the same draft in again (a double click, the back button, a lost answer, another tab) has handed it in.

    Returns:
        Whether it was handed in with this very call.

    Raises:
        NotFoundError: there is no such draft or application of this owner.
        RuleViolationError: code `incomplete`, or `not-offered` where the office has withdrawn the service.
    """
    try:
        draft = await drafts.get(tx, command.draft_id, command.owner, to_change=True)
    except NotFoundError:
        await applications.get(tx, command.draft_id, command.owner)
        return False
    service = await procedures.get(tx, draft.procedure, draft.version)
    await _require_offered(draft.procedure, tx)
    journey = draft.journey(service.declared, tx.clock.today())
    if journey.first_open is not None or journey.problems():
        raise RuleViolationError("The application is not complete: answer what is still open.", code="incomplete")
    now = tx.clock.now()
    is_known = command.owner.is_known
    application = Application(
        application_id=draft.draft_id,
        office=service.office.key,
        procedure=draft.procedure,
        version=draft.version,
        applicant=Applicant(
            command.owner.person_id,
            command.person.name if is_known else None,
            _email(service.declared, journey) or (command.person.email if is_known else None),
            command.identification if is_known else "none",
        ),
        language=command.language,
        answers=journey.answers,
        handed_in_at=now,
        visitor_id=command.owner.visitor_id,
    )
    documents = [step.asks.key for step in journey.steps if "/" in step.path]
    handed_in = draft.handed_in_files(documents)
    await applications.add(tx, application)
    await files.hand_in(tx, draft.draft_id, [*documents, *journey.answers], now)
    await drafts.turn_into_application(tx, draft.draft_id)
    await applications.note(tx, application.application_id, now, "handed-in")
    applicant = application.applicant
    await tx.append(
        application.application_id,
        ApplicationSubmittedV1(
            office=application.office,
            application_id=application.application_id,
            procedure=application.procedure,
            procedure_version=application.version,
            language=application.language,
            applicant=ApplicantV1(
                person_id=applicant.person_id or application.application_id,
                name=applicant.name,
                identification=applicant.identification,
                email=applicant.email,
            ),
            answers=application.answers,
            documents=documents_told(handed_in),
            handed_in_at=now,
        ),
    )
    return True


async def _require_offered(key: str, tx: Tx) -> None:
    try:
        await procedures.offered(tx, key)
    except NotFoundError:
        raise RuleViolationError("The office does not offer this service any more.", code="not-offered") from None


def _email(declared: ProcedureFile, journey: Journey) -> str | None:
    """Where to announce letters, if the form has asked for it."""
    asked = [one.key for one in declared.form.fields if isinstance(one, EmailField) and one.prefill]
    return next((journey.answers[key] for key in asked if key in journey.answers), None)
