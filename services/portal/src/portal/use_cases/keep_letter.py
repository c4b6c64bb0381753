"""A letter to somebody was written."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from portal.domain.letter import Letter
from portal.store import letters


@dataclass(frozen=True, slots=True)
class KeepLetter:
    letter: Letter


async def keep_letter(command: KeepLetter, tx: Tx) -> None:
    """Keep it for its addressee, unread, also where no application here belongs to it: no letter is lost."""
    await letters.add(tx, command.letter)
