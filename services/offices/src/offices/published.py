"""What an office tells the world: where its cases stand, what it has written, and which services it offers.

Every event names its office, since each office has topics of its own.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from amtsbus.casework.progress import OfCase, Progress
from amtsbus.events import Published
from amtsbus.procedures.catalogue import Catalogue
from amtsbus.topics import EACH_OFFICE
from pydantic import Field

PROGRESS = Progress(EACH_OFFICE, kind="offices")
CATALOGUE = Catalogue(EACH_OFFICE, kind="offices")

CASES = PROGRESS.topic
LETTERS = "{office}.letter.events"
PROCEDURES = CATALOGUE.topic

_PERSON = "01957c0e-6b00-7000-8000-0000000000d2"
_LETTER = "01957c0e-6b00-7000-8000-0000000000d3"


class LetterWrittenV1(OfCase, Published, type="offices.letter-written.v1", topic=CASES):
    """A letter to the applicant is there. What it says is told to those alone who deliver it."""

    letter_id: UUID = Field(description="The letter", examples=[_LETTER])
    person_id: UUID = Field(
        description="To whom; the case's own id where nobody had to say who they are", examples=[_PERSON]
    )
    reference: str = Field(description="The reference number (Aktenzeichen)", examples=["HUND-2026-000042"])
    is_decision: bool = Field(description="Whether it announces a decision", examples=[True])
    written_at: datetime = Field(description="When it was written (UTC)", examples=["2026-11-25T09:00:00Z"])


class LetterIssuedV1(OfCase, Published, type="offices.letter-issued.v1", topic=LETTERS):
    """A letter to the applicant, for those who deliver it. It is written once and never changes."""

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


PUBLISHED: tuple[type[Published], ...] = (*PROGRESS.events, LetterWrittenV1, LetterIssuedV1, *CATALOGUE.events)
