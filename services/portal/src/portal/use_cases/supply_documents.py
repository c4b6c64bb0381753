"""The applicant hands in what the office asks for, or what was still missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Tx

from portal.domain.application import Application, Correction, corrected
from portal.domain.owner import Owner
from portal.domain.sent import sent_answers
from portal.domain.upload import KeptFile
from portal.published import DocumentsSuppliedV1
from portal.reporting import documents_told
from portal.store import applications, files, procedures


@dataclass(frozen=True, slots=True)
class SupplyDocuments:
    owner: Owner
    application_id: UUID
    inputs: Sequence[tuple[str, str]]
    """What was sent for the fields that the office asks about."""
    shown: frozenset[str]
    """The fields that the page has shown."""
    message: str | None
    new_files: Sequence[tuple[str, KeptFile]] = ()
    """What was uploaded with it, each with the name of its input."""
    dropped: tuple[str, str] | None = None
    """Slot and hash of a file that is taken out again."""
    hands_in: bool = True
    """Whether they hand it in now; else it is kept to go on with."""


@dataclass(frozen=True, slots=True)
class Supplied:
    """What came of it."""

    application: Application
    correction: Correction
    sent: Mapping[str, Any]
    files: Sequence[KeptFile]
    """Those that were uploaded and not handed in yet."""
    missing: Sequence[str]
    """The documents that the office asks for and that are not there."""
    was_handed_in: bool


async def supply_documents(command: SupplyDocuments, tx: Tx) -> Supplied:
    """Keep the files, and hand everything in when nothing is missing or wrong.

    Raises:
        NotFoundError: there is no such application of this owner.
        RuleViolationError: code `application-closed`, or `nothing-supplied`.
    """
    application = await applications.get(tx, command.application_id, command.owner, to_change=True)
    application.require_open()
    declared = (await procedures.get(tx, application.procedure, application.version)).declared
    today = tx.clock.today()
    inputs = list(command.inputs)
    for name, file in command.new_files:
        await files.add(tx, application.application_id, file)
        inputs.append((name, file.sha256))
    if command.dropped:
        await files.drop(tx, application.application_id, *command.dropped)
        inputs = [one for one in inputs if one != command.dropped]
    uploaded = await files.of(tx, application.application_id, handed_in=False)
    known: dict[str, dict[str, Any]] = {}
    for file in (*application.files, *uploaded):
        known.setdefault(file.slot, {})[file.sha256] = file.as_answer()
    asked = application.request.fields if application.request else ()
    sent = sent_answers(declared.form.fields, inputs, known)
    correction = corrected(declared, application.answers, asked, sent if asked else None, today)
    documents = application.asked_documents(declared, today)
    handed_in = [file for file in uploaded if file.slot in documents]
    wanted = application.request.documents if application.request else ()
    missing = [key for key in wanted if key in documents and key not in {file.slot for file in handed_in}]
    result = Supplied(application, correction, sent, uploaded, missing, False)
    if not command.hands_in or missing or not correction.is_complete(command.shown):
        return result
    if not handed_in and not correction.changed and not command.message:
        raise RuleViolationError("There is nothing in it: add a file or write a message.", code="nothing-supplied")
    now = tx.clock.now()
    application.answers = dict(correction.answers)
    application.request = None
    await applications.save(tx, application)
    await files.hand_in(tx, application.application_id, [*documents, *correction.changed], now)
    await applications.note(tx, application.application_id, now, "supplied")
    await tx.append(
        application.application_id,
        DocumentsSuppliedV1(
            office=application.office,
            application_id=application.application_id,
            documents=documents_told(handed_in),
            answers=dict(correction.changed),
            message=command.message,
            supplied_at=now,
        ),
    )
    return Supplied(application, correction, sent, (), (), True)
