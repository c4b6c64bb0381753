"""Somebody opens a letter."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.postgres import Tx

from portal.domain.letter import Letter
from portal.domain.owner import Owner
from portal.store import letters


@dataclass(frozen=True, slots=True)
class ReadLetter:
    owner: Owner
    letter_id: UUID


async def read_letter(command: ReadLetter, tx: Tx) -> Letter:
    """The letter; that it was read is noted.

    Raises:
        NotFoundError: there is no such letter to this owner.
    """
    letter = await letters.get(tx, command.letter_id, command.owner)
    if letter.read_at is None:
        await letters.mark_read(tx, letter.letter_id, tx.clock.now())
    return letter
