"""What an office tells the world: where its cases stand, what it has written, and which services it offers.

Every event names its office, since each office has topics of its own.
"""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from amtsbus.events import Published
from pydantic import BaseModel, Field

CASES = "{office}.case.events"
LETTERS = "{office}.letter.events"
PROCEDURES = "{office}.procedure.events"

_CASE = "01957c0e-6b00-7000-8000-0000000000d1"
_PERSON = "01957c0e-6b00-7000-8000-0000000000d2"
_LETTER = "01957c0e-6b00-7000-8000-0000000000d3"
_PROCEDURE = "01957c0e-6b00-5000-8000-0000000000d4"


class _OfOffice(BaseModel):
    office: str = Field(description="The key of the office", examples=["taxes"])


class _OfCase(_OfOffice):
    case_id: UUID = Field(description="The case; the id of the application that it began with", examples=[_CASE])


class CaseOpenedV1(_OfCase, Published, type="offices.case-opened.v1", topic=CASES):
    """The office has received an application and opened a case for it."""

    procedure: str = Field(description="The key of the procedure", examples=["dog-registration"])
    procedure_version: int = Field(description="The version by which it is decided to its end", examples=[3])
    reference: str = Field(description="The reference number (Aktenzeichen)", examples=["HUND-2026-000042"])
    applicant_id: UUID = Field(
        description="Who applied; the case's own id where nobody had to say who they are", examples=[_PERSON]
    )
    state: str = Field(description="The state of the case", examples=["received"])
    due_on: date | None = Field(
        description="By when the office has to decide, where a law says so", examples=["2027-02-24"]
    )
    opened_at: datetime = Field(description="When it was opened (UTC)", examples=["2026-11-24T09:00:00Z"])


class CaseMovedV1(_OfCase, Published, type="offices.case-moved.v1", topic=CASES):
    """A step was taken, and the case is in another state, or in the same one again."""

    action: str = Field(description="The step", examples=["request-documents"])
    state: str = Field(description="The state of the case after it", examples=["documents-requested"])
    due_on: date | None = Field(description="What the case is waiting for is due on this day", examples=["2026-12-22"])
    closed: bool = Field(description="Whether the case has come to its end", examples=[False])
    moved_at: datetime = Field(description="When the step was taken (UTC)", examples=["2026-11-24T10:00:00Z"])


class DocumentsRequestedV1(_OfCase, Published, type="offices.documents-requested.v1", topic=CASES):
    """The office asks the applicant for documents or for answers."""

    documents: tuple[str, ...] = Field(
        description="The keys of the documents, as the procedure names them", examples=[["relief_proof"]]
    )
    fields: tuple[str, ...] = Field(
        description="The keys of answers that are wrong or missing, as the procedure names them",
        examples=[["kept_since"]],
    )
    due_on: date = Field(description="Until when", examples=["2026-12-22"])


class CaseDecidedV1(_OfCase, Published, type="offices.case-decided.v1", topic=CASES):
    """The office has decided. The reasons are in the letter."""

    outcome: Literal["granted", "refused"] = Field(description="What was decided", examples=["granted"])
    automatic: bool = Field(description="Whether no human took part (VwVfG § 35a)", examples=[False])
    decided_at: datetime = Field(description="When (UTC)", examples=["2026-11-25T09:00:00Z"])


class FeeChargedV1(_OfCase, Published, type="offices.fee-charged.v1", topic=CASES):
    """A fee has fallen due."""

    amount_cents: int = Field(description="How much, in cents", examples=[2500])
    due_on: date = Field(description="By when it is to be paid", examples=["2026-12-24"])


class FeeSettledV1(_OfCase, Published, type="offices.fee-settled.v1", topic=CASES):
    """The fee was paid."""

    amount_cents: int = Field(description="How much was paid, in cents", examples=[2500])
    settled_at: datetime = Field(description="When the office recorded it (UTC)", examples=["2026-12-01T09:00:00Z"])


class LetterWrittenV1(_OfCase, Published, type="offices.letter-written.v1", topic=CASES):
    """A letter to the applicant is there. What it says is told to those alone who deliver it."""

    letter_id: UUID = Field(description="The letter", examples=[_LETTER])
    person_id: UUID = Field(
        description="To whom; the case's own id where nobody had to say who they are", examples=[_PERSON]
    )
    reference: str = Field(description="The reference number (Aktenzeichen)", examples=["HUND-2026-000042"])
    is_decision: bool = Field(description="Whether it announces a decision", examples=[True])
    written_at: datetime = Field(description="When it was written (UTC)", examples=["2026-11-25T09:00:00Z"])


class LetterIssuedV1(_OfCase, Published, type="offices.letter-issued.v1", topic=LETTERS):
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


class ProcedurePublishedV1(_OfOffice, Published, type="offices.procedure-published.v1", topic=PROCEDURES):
    """The office offers a service, or offers it in a new version. Only the newest version stays on the topic."""

    procedure_id: UUID = Field(description="The procedure, in all its versions", examples=[_PROCEDURE])
    key: str = Field(description="Its key, which is unique in the city", examples=["dog-registration"])
    version: int = Field(description="Counts its versions from 1", examples=[3])
    declaration: dict[str, Any] = Field(
        description="The procedure file", examples=[{"key": "dog-registration", "name": {"de": "Hund anmelden"}}]
    )
    office_declaration: dict[str, Any] = Field(
        description="The office's own file: its name, address and hours",
        examples=[{"key": "taxes", "name": {"de": "Steuern und Abgaben"}}],
    )
    published_at: datetime = Field(description="When (UTC)", examples=["2026-11-24T08:00:00Z"])


class ProcedureWithdrawnV1(_OfOffice, Published, type="offices.procedure-withdrawn.v1", topic=PROCEDURES):
    """The office does not offer this service any more. Cases that are open go on to their end."""

    procedure_id: UUID = Field(description="The procedure", examples=[_PROCEDURE])
    key: str = Field(description="Its key", examples=["dog-registration"])
    withdrawn_at: datetime = Field(description="When (UTC)", examples=["2026-11-24T08:00:00Z"])


PUBLISHED = (
    CaseOpenedV1,
    CaseMovedV1,
    DocumentsRequestedV1,
    CaseDecidedV1,
    FeeChargedV1,
    FeeSettledV1,
    LetterWrittenV1,
    LetterIssuedV1,
    ProcedurePublishedV1,
    ProcedureWithdrawnV1,
)
