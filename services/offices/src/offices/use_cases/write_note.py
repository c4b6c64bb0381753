"""Somebody of the staff writes something into the file."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from offices import store
from offices.domain.case_file import CaseFile
from offices.domain.office import Office
from offices.domain.target import Target


@dataclass(frozen=True, slots=True)
class WriteNote:
    target: Target
    text: str


async def write_note(command: WriteNote, office: Office, tx: Tx) -> CaseFile:
    """Add the note (Aktenvermerk); also to a closed case.

    Raises:
        RuleViolationError: code `note-empty`.
    """
    file = await store.get_as_seen(tx, command.target, office.land)
    file.case.note(command.text, command.target.actor, tx.clock.now())
    await store.save(tx, file)
    return file
