"""The language in which every department tells how a case goes on, so that whoever shows cases needs one model for all of them.

A department has these events in its own name (`permits.case-opened.v1`) on a topic of its own (`permits.case.events`), beside
what it tells in words of its own. States and steps are those that its procedure file names. No answer and no reason is in them.
"""

from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from amtsbus.events import Published

_CASE = "01957c0e-6b00-7000-8000-0000000000d1"
_PERSON = "01957c0e-6b00-7000-8000-0000000000d2"

REQUEST_BESIDE_AN_OWN: Final = "case-documents-requested"
"""What a department with code of its own calls the request for documents: under `documents-requested` it tells what it asks for
in codes of its own. Instances of one package have no other language than this one, and call it `documents-requested`."""


def topic_of(name: str) -> str:
    """Where the department `name` tells how its cases go on."""
    return f"{name}.case.events"


class OfCase(BaseModel):
    """What every event of a case says first."""

    office: str = Field(description="The key of the office", examples=["taxes"])
    case_id: UUID = Field(description="The case; the id of the application that it began with", examples=[_CASE])


class CaseOpened(OfCase):
    """See `Progress.case_opened`; the same goes for those that follow."""

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


class CaseMoved(OfCase):
    action: str = Field(description="The step", examples=["request-documents"])
    state: str = Field(description="The state of the case after it", examples=["documents-requested"])
    due_on: date | None = Field(description="What the case is waiting for is due on this day", examples=["2026-12-22"])
    closed: bool = Field(description="Whether the case has come to its end", examples=[False])
    moved_at: datetime = Field(description="When the step was taken (UTC)", examples=["2026-11-24T10:00:00Z"])


class DocumentsRequested(OfCase):
    documents: tuple[str, ...] = Field(
        description="The keys of the documents, as the procedure names them", examples=[["relief_proof"]]
    )
    fields: tuple[str, ...] = Field(
        description="The keys of answers that are wrong or missing, as the procedure names them",
        examples=[["kept_since"]],
    )
    due_on: date = Field(description="Until when", examples=["2026-12-22"])


class CaseDecided(OfCase):
    outcome: Literal["granted", "refused"] = Field(description="What was decided", examples=["granted"])
    automatic: bool = Field(description="Whether no human took part (VwVfG § 35a)", examples=[False])
    decided_at: datetime = Field(description="When (UTC)", examples=["2026-11-25T09:00:00Z"])


class FeeCharged(OfCase):
    amount_cents: int = Field(description="How much, in cents", examples=[2500])
    due_on: date = Field(description="By when it is to be paid", examples=["2026-12-24"])


class FeeSettled(OfCase):
    amount_cents: int = Field(description="How much was paid, in cents", examples=[2500])
    settled_at: datetime = Field(description="When the office recorded it (UTC)", examples=["2026-12-01T09:00:00Z"])


class Progress:
    """The events in which `name` (an instance of the package `kind`, if it is one) tells how its cases go on."""

    def __init__(self, name: str, *, kind: str = "") -> None:
        topic, told = topic_of(name), kind or name
        request = "documents-requested" if kind else REQUEST_BESIDE_AN_OWN

        class Ours(OfCase):
            office: str = Field(description="The key of the office", examples=["taxes" if kind else name])

        class CaseOpenedV1(Ours, CaseOpened, Published, type=f"{told}.case-opened.v1", topic=topic):
            """The office has received an application and opened a case for it."""

        class CaseMovedV1(Ours, CaseMoved, Published, type=f"{told}.case-moved.v1", topic=topic):
            """A step was taken, and the case is in another state, or in the same one again."""

        class DocumentsRequestedV1(Ours, DocumentsRequested, Published, type=f"{told}.{request}.v1", topic=topic):
            """The office asks the applicant for documents or for answers."""

        class CaseDecidedV1(Ours, CaseDecided, Published, type=f"{told}.case-decided.v1", topic=topic):
            """The office has decided. The reasons are in the letter."""

        class FeeChargedV1(Ours, FeeCharged, Published, type=f"{told}.fee-charged.v1", topic=topic):
            """A fee has fallen due."""

        class FeeSettledV1(Ours, FeeSettled, Published, type=f"{told}.fee-settled.v1", topic=topic):
            """The fee was paid."""

        self.topic = topic
        self.case_opened = CaseOpenedV1
        self.case_moved = CaseMovedV1
        self.documents_requested = DocumentsRequestedV1
        self.case_decided = CaseDecidedV1
        self.fee_charged = FeeChargedV1
        self.fee_settled = FeeSettledV1
        self.events: tuple[type[Published], ...] = (
            CaseOpenedV1,
            CaseMovedV1,
            DocumentsRequestedV1,
            CaseDecidedV1,
            FeeChargedV1,
            FeeSettledV1,
        )
