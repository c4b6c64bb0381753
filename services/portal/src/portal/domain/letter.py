"""Letters of the offices, as their addressees find them in the portal."""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

_NOT_IN_CODES: Final = re.compile(r"[^0-9A-Z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter. It is written once and never changes; only that it was read is noted."""

    letter_id: UUID
    case_id: UUID
    office: str
    person_id: UUID
    about: str
    language: Literal["de", "en", "plain"]
    reference: str
    addressee: str
    subject: str
    paragraphs: tuple[str, ...]
    remedy: str | None
    is_decision: bool
    verification_code: str
    issued_at: datetime
    read_at: datetime | None = None
    pdf_sha256: str | None = None


def is_genuine(code: str, codes: Iterable[str]) -> bool:
    """Whether `code` is one of `codes`, in a time that says nothing about how much of it is right.

    Case, spaces and hyphens do not matter: somebody types it from paper.
    """
    typed = normal_code(code).encode()
    found = False
    for known in codes:
        found |= hmac.compare_digest(typed, normal_code(known).encode())
    return found


def normal_code(code: str) -> str:
    """A code as it is compared: capitals and digits only."""
    return _NOT_IN_CODES.sub("", code.upper())[:64]
