"""Somebody who holds a letter wants to know whether it is genuine."""

from dataclasses import dataclass
from typing import Final

from amtsbus.postgres import Tx

from portal.domain.letter import is_genuine
from portal.store import letters

_NOBODYS: Final = "0000-0000-0000"
"""Compared where there is no letter, so that the time says nothing."""


@dataclass(frozen=True, slots=True)
class VerifyLetter:
    reference: str
    code: str


async def verify_letter(command: VerifyLetter, tx: Tx) -> bool:
    """Whether there is a letter with this reference and this code; not even whether the reference exists is told."""
    codes = await letters.codes(tx, command.reference.strip().upper()[:64])
    return is_genuine(command.code, codes or [_NOBODYS]) and bool(codes)
