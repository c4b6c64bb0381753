"""The applicant gets more time for what was asked for."""

from dataclasses import dataclass
from datetime import date

from amtsbus.postgres import Tx

from offices import reporting, store
from offices.domain.case_file import CaseFile
from offices.domain.office import Office
from offices.domain.target import Target


@dataclass(frozen=True, slots=True)
class ExtendDocumentsPeriod:
    target: Target
    due_on: date
    reason: str


async def extend_documents_period(command: ExtendDocumentsPeriod, office: Office, tx: Tx) -> CaseFile:
    """Set the later day, and tell it: the applicant is asked for the same until then.

    Raises:
        RuleViolationError: code `period-not-open`, `extension-not-longer`, `reason-missing`.
    """
    file = await store.get_as_seen(tx, command.target, office.land)
    asked = file.set_documents_deadline(command.due_on, command.reason, command.target.actor, tx.clock.now())
    await store.save(tx, file)
    await tx.append(file.case_id, reporting.requested(office, file, asked))
    return file
