"""What happens to a building application, in the department's own words. `permits.published` says it to the world."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from permits.domain.codes import Agency, AgencyOutcome, ConditionCode, DocumentCode, GroundCode


class DeadlineKind(StrEnum):
    """A period that somebody is told about before and when it ends."""

    COMPLETENESS = "completeness"  # the authority's: ten Arbeitstage (§ 71 (1) BauO NRW)
    DOCUMENTS = "documents"  # the applicant's: what was asked for
    DECISION = "decision"  # the authority's: the legal clock


@dataclass(frozen=True)
class ApplicationSubmitted:
    submitted_on: date
    completeness_due_on: date


@dataclass(frozen=True)
class DocumentsRequested:
    documents: tuple[DocumentCode, ...]
    due_on: date
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class DocumentsSupplied:
    documents: tuple[DocumentCode, ...]
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class ApplicationLapsed:
    lapsed_on: date


@dataclass(frozen=True)
class ApplicationComplete:
    complete_on: date
    decision_due_on: date


@dataclass(frozen=True)
class AgencyHeard:
    agency: Agency
    due_on: date


@dataclass(frozen=True)
class AgencyResponded:
    agency: Agency
    outcome: AgencyOutcome


@dataclass(frozen=True)
class ApplicationApproved:
    decided_on: date
    valid_until: date
    conditions: tuple[ConditionCode, ...]


@dataclass(frozen=True)
class ApplicationRefused:
    decided_on: date
    grounds: tuple[GroundCode, ...]


@dataclass(frozen=True)
class FeeNoticed:
    fee_cents: int
    payable_on: date


@dataclass(frozen=True)
class ApplicationWithdrawn:
    withdrawn_on: date


@dataclass(frozen=True)
class DeadlineDueSoon:
    kind: DeadlineKind
    due_on: date


@dataclass(frozen=True)
class DeadlineOverdue:
    kind: DeadlineKind
    due_on: date


DomainEvent = (
    ApplicationSubmitted
    | DocumentsRequested
    | DocumentsSupplied
    | ApplicationLapsed
    | ApplicationComplete
    | AgencyHeard
    | AgencyResponded
    | ApplicationApproved
    | ApplicationRefused
    | FeeNoticed
    | ApplicationWithdrawn
    | DeadlineDueSoon
    | DeadlineOverdue
)
