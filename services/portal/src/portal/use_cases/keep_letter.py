"""The office has written a letter to an applicant."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from portal.domain.letter import Letter
from portal.store import letters


@dataclass(frozen=True, slots=True)
class KeepLetter:
    letter: Letter


async def keep_letter(command: KeepLetter, tx: Tx) -> None:
    """Keep it for its addressee, unread, also where the application is not known here: no letter is lost."""
    await letters.add(tx, command.letter)
