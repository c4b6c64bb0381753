"""Somebody of the staff writes something into the file."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from permits import store
from permits.domain.application import BuildingApplication
from permits.domain.target import Target


@dataclass(frozen=True)
class WriteNote:
    target: Target
    text: str


async def write_note(command: WriteNote, tx: Tx) -> BuildingApplication:
    """Add the note (Aktenvermerk); also to a closed case."""
    application = await store.get_as_seen(tx, command.target)
    application.case.note(command.text, command.target.actor, tx.clock.now())
    await store.save(tx, application)
    return application
