"""What a letter is on the bus, for those who deliver letters. Whoever writes them has a topic of its own for them.

A letter is written once and never changes.
"""

import secrets
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from pydantic import Field

from amtsbus.casework.progress import OfCase

BINDING: Final = "The German text is the binding one:"
"""After this paragraph the English letter about a decision goes on in German: the language of an authority (VwVfG § 23 (1))."""

_CODE_SIGNS: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without what is easily taken for something else."""

_PERSON = "01957c0e-6b00-7000-8000-0000000000d2"
_LETTER = "01957c0e-6b00-7000-8000-0000000000d3"


def topic_of(name: str) -> str:
    """Where `name` gives its letters to those who deliver them."""
    return f"{name}.letter.events"


def verification_code() -> str:
    """A new code with which anybody who holds a letter can see that it is genuine."""
    signs = "".join(secrets.choice(_CODE_SIGNS) for _ in range(12))
    return f"{signs[:4]}-{signs[4:8]}-{signs[8:]}"


class IssuedLetter(OfCase):
    """A letter to somebody. Its remedy is in the letter's own language; in English the German one follows after an empty line."""

    letter_id: UUID = Field(description="The letter", examples=[_LETTER])
    person_id: UUID = Field(
        description="To whom; the case's own id where nobody had to say who they are", examples=[_PERSON]
    )
    about: str = Field(description="What happened: received, granted, refused, …", examples=["granted"])
    language: Literal["de", "en", "plain"] = Field(description="The language of the letter", examples=["de"])
    reference: str = Field(description="The reference number (Aktenzeichen)", examples=["HUND-2026-000042"])
    addressee: str = Field(description="The name of whom it is for", examples=["Erika Demo-Muster"])
    subject: str = Field(description="Its subject line", examples=["Bello ist angemeldet: HUND-2026-000042"])
    paragraphs: tuple[str, ...] = Field(
        description="Its text, after the salutation",
        examples=[["Bello ist ab dem 24.11.2026 zur Hundesteuer angemeldet."]],
    )
    remedy: str | None = Field(
        description="The instruction on legal remedies (Rechtsbehelfsbelehrung), where something was decided",
        examples=["Gegen diesen Bescheid kann innerhalb eines Monats Klage erhoben werden."],
    )
    is_decision: bool = Field(
        description="Whether it announces a decision, so that periods begin with its delivery", examples=[True]
    )
    verification_code: str = Field(
        description="With this code anybody who holds the letter can see that it is genuine",
        examples=["7KQ2-M4XD-9TRA"],
    )
    issued_at: datetime = Field(description="When it was written (UTC)", examples=["2026-11-25T09:00:00Z"])
