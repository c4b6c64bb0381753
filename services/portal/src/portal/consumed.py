"""What the offices tell us, with the fields that we use."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from amtsbus.events import Consumed


class CaseOpened(Consumed, type="offices.case-opened.v1"):
    """The office has received an application."""

    case_id: UUID
    reference: str
    state: str
    due_on: date | None
    opened_at: datetime


class CaseMoved(Consumed, type="offices.case-moved.v1"):
    """A step was taken."""

    case_id: UUID
    action: str
    state: str
    due_on: date | None
    closed: bool
    moved_at: datetime


class DocumentsRequested(Consumed, type="offices.documents-requested.v1"):
    """The office asks the applicant for something."""

    case_id: UUID
    documents: tuple[str, ...]
    fields: tuple[str, ...]
    due_on: date


class CaseDecided(Consumed, type="offices.case-decided.v1"):
    """The office has decided."""

    case_id: UUID
    outcome: Literal["granted", "refused"]
    automatic: bool
    decided_at: datetime


class FeeCharged(Consumed, type="offices.fee-charged.v1"):
    """A fee has fallen due."""

    case_id: UUID
    amount_cents: int
    due_on: date


class FeeSettled(Consumed, type="offices.fee-settled.v1"):
    """The office has recorded a payment."""

    case_id: UUID
    amount_cents: int
    settled_at: datetime


class LetterIssued(Consumed, type="offices.letter-issued.v1"):
    """Somebody is written to."""

    office: str
    case_id: UUID
    letter_id: UUID
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


class ProcedurePublished(Consumed, type="offices.procedure-published.v1"):
    """The office offers a service, or offers it in a new version."""

    office: str
    key: str
    version: int
    declaration: dict[str, Any]
    office_declaration: dict[str, Any]
    published_at: datetime


class ProcedureWithdrawn(Consumed, type="offices.procedure-withdrawn.v1"):
    """The office does not offer this service any more."""

    office: str
    key: str
    withdrawn_at: datetime


class ContactPreferencesChanged(Consumed, type="notifications.contact-preferences-changed.v1"):
    """These contact preferences hold now."""

    person_id: UUID
    email: str | None
    language: Literal["de", "en"] | None
    email_notice: bool
    email_bounced_at: datetime | None
