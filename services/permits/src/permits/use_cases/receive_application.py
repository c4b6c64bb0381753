"""An application comes from the portal: a case is opened for it, whatever is wrong with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import UUID

from amtsbus.casework.roles import Actor, Role
from amtsbus.postgres import Tx
from amtsbus.procedures import answers as reading
from amtsbus.procedures import store as procedures
from amtsbus.procedures.declaration import ProcedureFile, Text

from permits import store
from permits.domain.application import BuildingApplication, Document, Project
from permits.domain.handed_in import CODES, HandedInFile, PortalApplication, project_of
from permits.reporting import told
from permits.use_cases.submit_application import SubmitApplication, submit_application

_DOCUMENTS_ARE_MISSING: Final = Text(
    de="Ohne diese Unterlagen können wir Ihren Bauantrag nicht prüfen.",
    en="Without these documents we cannot examine your building application.",
)


@dataclass(frozen=True)
class ReceiveApplication:
    handed_in: PortalApplication
    procedure: str
    applicant_id: UUID


@dataclass(frozen=True)
class Read:
    """What answers say: the project as far as they are right, the keys of those that are not, and what is wrong with them."""

    project: Project
    wrong: frozenset[str]
    problems: tuple[Text, ...]


async def receive_application(command: ReceiveApplication, tx: Tx) -> None:
    """Open the case under the application's id; what is wrong or missing becomes a request, and never a lost application.

    Raises:
        NotFoundError: we never published this version of the form.
    """
    handed_in = command.handed_in
    if await store.is_known(tx, handed_in.application_id):
        return
    declared = (await procedures.get(tx, command.procedure, handed_in.procedure_version)).declared
    read = read_answers(declared, handed_in.answers, tx.clock.today())
    application = await submit_application(
        SubmitApplication(
            applicant_id=command.applicant_id,
            project=read.project,
            documents=known_documents(handed_in.files, tx),
            actor=applicant(command.applicant_id),
            application_id=handed_in.application_id,
            procedure_version=handed_in.procedure_version,
        ),
        tx,
    )
    await store.add_portal_application(tx, handed_in)
    if application.missing_documents or read.wrong:
        await _ask(application, declared, read, handed_in.language, tx)


async def _ask(application: BuildingApplication, declared: ProcedureFile, read: Read, language: str, tx: Tx) -> None:
    reasons = [problem.in_language(language) for problem in read.problems]
    if application.missing_documents:
        reasons.insert(0, _DOCUMENTS_ARE_MISSING.in_language(language))
    now = tx.clock.now()
    events = application.request_documents(
        application.missing_documents,
        "\n".join(reasons),
        declared.documents_period.period,
        Actor.system(),
        now,
        answers=read.wrong,
    )
    await store.save(tx, application)
    await tx.append(application.application_id, *told(application, events, now))


def read_answers(declared: ProcedureFile, answers: Mapping[str, Any], today: date) -> Read:
    """Read answers by the form's own rules, as the portal does."""
    sound, problems = reading.read_all(declared.form, answers, today=today)
    fields = {field.key for field in declared.form.fields}
    asked = [problem for problem in problems if problem.field in fields]
    return Read(project_of(sound), frozenset(one.field for one in asked), tuple(problem.message for problem in asked))


def known_documents(files: Sequence[HandedInFile], tx: Tx) -> list[Document]:
    """The files that are documents of a building application; the others are kept with what was handed in."""
    now = tx.clock.now()
    return [
        Document(CODES[file.key], file.name, bytes.fromhex(file.sha256), file.size_bytes, now)
        for file in files
        if file.key in CODES
    ]


def applicant(applicant_id: UUID) -> Actor:
    """Whoever applied, where they act in their own case."""
    return Actor(str(applicant_id), frozenset({Role.CITIZEN}))
