"""An application has come: a case is opened for it, whatever is wrong with it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.case import Case
from amtsbus.casework.roles import Actor
from amtsbus.clock import BERLIN
from amtsbus.postgres import Tx
from amtsbus.procedures import store as procedures

from offices import reporting, store
from offices.correspondence import write_letter
from offices.domain.case_file import CaseFile, Document
from offices.domain.office import Office
from offices.use_cases.request_documents import ask_applicant
from offices.use_cases.take_decision import decide_automatically


@dataclass(frozen=True, slots=True)
class OpenCase:
    application_id: UUID
    procedure: str
    procedure_version: int
    language: str
    applicant_id: UUID
    applicant_name: str | None
    applicant_email: str | None
    identification: str
    answers: dict[str, Any]
    documents: tuple[Document, ...]
    handed_in_at: datetime


async def open_case(command: OpenCase, office: Office, tx: Tx) -> CaseFile:
    """Open the case, confirm its receipt, and ask for what is missing; decide where the procedure decides by itself.

    What the office finds wrong becomes a question to the applicant and never a lost application.

    Raises:
        NotFoundError: the office never published this version of the procedure.
    """
    now, today = tx.clock.now(), tx.clock.today()
    stored = await procedures.get(tx, command.procedure, command.procedure_version)
    procedure = stored.compiled(office.land)
    case = Case.open(
        procedure,
        case_id=command.application_id,
        reference=await cases.next_reference(tx, procedure, today.year),
        applicant_id=command.applicant_id,
        now=now,
    )
    file = CaseFile(
        case=case,
        declared=stored.declared,
        version=stored.version,
        office=stored.office,
        language=command.language,
        applicant_name=command.applicant_name,
        applicant_email=command.applicant_email,
        identification=command.identification,
        answers=dict(command.answers),
        handed_in_at=command.handed_in_at,
        documents=list(command.documents),
    )
    file.begin(now, today, command.handed_in_at.astimezone(BERLIN).date())
    await store.add(tx, file)
    await tx.append(file.case_id, reporting.opened(office, file), *reporting.charged(office, file, 0, today))
    await write_letter(tx, file, "received", court=office.court)
    problems, missing = file.problems, file.missing_documents
    if problems or missing:
        reasons = "\n".join(f"• {problem.message.in_language(file.language)}" for problem in problems)
        fields = {problem.field for problem in problems} & {field.key for field in file.declared.form.fields}
        await ask_applicant(file, missing, fields, reasons, Actor.system(), office, tx)
    else:
        await decide_automatically(file, office, tx)
    return file
