"""What the portal tells us, with the fields that we use.

A building application needs no other fact of another department, and registration's topics are not meant for the building
authority (`deploy/topics.yaml`).
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from amtsbus.events import Consumed
from pydantic import BaseModel


class Document(BaseModel):
    """A file that was handed in."""

    key: str
    name: str
    sha256: str
    size_bytes: int
    media_type: str


class Applicant(BaseModel):
    """Who applies."""

    person_id: UUID
    name: str | None
    identification: str
    email: str | None


class ApplicationSubmitted(Consumed, type="portal.application-submitted.v1"):
    """An application was handed in."""

    application_id: UUID
    procedure: str
    procedure_version: int
    language: str
    applicant: Applicant
    answers: dict[str, Any]
    documents: tuple[Document, ...]
    handed_in_at: datetime


class DocumentsSupplied(Consumed, type="portal.documents-supplied.v1"):
    """Something was handed in later."""

    application_id: UUID
    documents: tuple[Document, ...]
    answers: dict[str, Any]
    message: str | None
    supplied_at: datetime


class ApplicationWithdrawn(Consumed, type="portal.application-withdrawn.v1"):
    """The citizen does not want it any more."""

    application_id: UUID


class FeePaid(Consumed, type="portal.fee-paid.v1"):
    """The fee was paid."""

    application_id: UUID
    payment_id: UUID
    amount_cents: int
    paid_at: datetime
