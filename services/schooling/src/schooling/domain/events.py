"""What happens to an enrolment, in the service's own words; `schooling.published` says how the world hears of it."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from schooling.domain.rules import School


class Document(StrEnum):
    """What a school needs to see. Only that it was seen is stored, never its content."""

    BIRTH_CERTIFICATE = "birth-certificate"
    MEASLES_PROTECTION = "measles-protection"
    """Masernschutznachweis, § 20 (9) IfSG."""
    CUSTODY_EVIDENCE = "custody-evidence"
    """Sorgerechtsnachweis, where one person alone has custody."""


class WithdrawalCause(StrEnum):
    """Why an enrolment ended without a place."""

    MOVED_AWAY = "moved-away"
    PRIVATE_SCHOOL = "private-school"
    BY_PARENTS = "by-parents"


@dataclass(frozen=True)
class ParentsInvited:
    register_until: date


@dataclass(frozen=True)
class EarlyEntryRequested:
    pass


@dataclass(frozen=True)
class EnrolmentReceived:
    first_choice: School
    second_choice: School | None


@dataclass(frozen=True)
class DocumentsRequested:
    documents: tuple[Document, ...]
    due_on: date


@dataclass(frozen=True)
class EnrolmentConfirmed:
    pass


@dataclass(frozen=True)
class ChildAccepted:
    school: School
    starts_on: date


@dataclass(frozen=True)
class ChildNotAccepted:
    school: School


@dataclass(frozen=True)
class EntryDeferred:
    until_school_year: int


@dataclass(frozen=True)
class EnrolmentWithdrawn:
    because: WithdrawalCause


EnrolmentEvent = (
    ParentsInvited
    | EarlyEntryRequested
    | EnrolmentReceived
    | DocumentsRequested
    | EnrolmentConfirmed
    | ChildAccepted
    | ChildNotAccepted
    | EntryDeferred
    | EnrolmentWithdrawn
)
