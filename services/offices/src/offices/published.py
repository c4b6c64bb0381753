"""What an office tells the world: where its cases stand, what it has written, and which services it offers.

Every event names its office, since each office has topics of its own.
"""

from datetime import datetime
from uuid import UUID

from amtsbus.casework.letters import IssuedLetter
from amtsbus.casework.letters import topic_of as letters_of
from amtsbus.casework.progress import OfCase, Progress
from amtsbus.events import Published
from amtsbus.procedures.catalogue import Catalogue
from amtsbus.topics import EACH_OFFICE
from pydantic import Field

PROGRESS = Progress(EACH_OFFICE, kind="offices")
CATALOGUE = Catalogue(EACH_OFFICE, kind="offices")

CASES = PROGRESS.topic
LETTERS = letters_of(EACH_OFFICE)
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


class LetterIssuedV1(IssuedLetter, Published, type="offices.letter-issued.v1", topic=LETTERS):
    """A letter to the applicant, for those who deliver it. It is written once and never changes."""


PUBLISHED: tuple[type[Published], ...] = (*PROGRESS.events, LetterWrittenV1, LetterIssuedV1, *CATALOGUE.events)
