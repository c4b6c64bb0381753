"""The applicant is asked for documents, or for answers."""

from collections.abc import Collection
from dataclasses import dataclass

from amtsbus.casework.roles import Actor
from amtsbus.postgres import Tx
from amtsbus.procedures import steps, wording

from offices import reporting, store
from offices.correspondence import documents_in_words, write_letter
from offices.domain.case_file import CaseFile
from offices.domain.office import Office
from offices.domain.target import Target


@dataclass(frozen=True, slots=True)
class RequestDocuments:
    target: Target
    documents: frozenset[str]
    fields: frozenset[str]
    reasons: str


async def request_documents(command: RequestDocuments, office: Office, tx: Tx) -> CaseFile:
    """Ask the applicant, by letter and in the portal.

    Raises:
        RuleViolationError: see `CaseFile.request_documents`.
    """
    file = await store.get_as_seen(tx, command.target, office.land)
    await ask_applicant(file, command.documents, command.fields, command.reasons, command.target.actor, office, tx)
    return file


async def ask_applicant(
    file: CaseFile,
    documents: Collection[str],
    fields: Collection[str],
    reasons: str,
    actor: Actor,
    office: Office,
    tx: Tx,
) -> None:
    """Ask, save the case, write the letter, and tell it."""
    now = tx.clock.now()
    request = file.request_documents(documents, fields, reasons, actor, now, tx.clock.today())
    await store.save(tx, file)
    await tx.append(
        file.case_id,
        reporting.moved(office, file, steps.REQUEST_DOCUMENTS, now),
        reporting.requested(office, file, request),
    )
    await write_letter(
        tx,
        file,
        "documents_requested",
        court=office.court,
        known={
            "documents": documents_in_words(file, request.documents, request.fields),
            "reasons": request.reasons or None,
            "due_on": wording.day(request.due_on, file.language),
        },
    )
