"""A building application (Bauantrag): a case, and what a building project adds to it.

Every method is one thing that can happen. It checks the rules, changes the application and returns what happened; what
it refuses, it refuses with the reason and the way out, and then nothing has changed.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Self
from uuid import UUID
from zoneinfo import ZoneInfo

from amtsbus.casework.calendar import Period, end_of
from amtsbus.casework.calendar import due_on as end_of_period
from amtsbus.casework.case import Case, Fee
from amtsbus.casework.case import Decision as CaseDecision
from amtsbus.casework.roles import Actor
from amtsbus.errors import NotFoundError, RuleViolationError

from permits.domain.codes import (
    REQUIRED_DOCUMENTS,
    Agency,
    AgencyOutcome,
    ConditionCode,
    Decision,
    DocumentCode,
    GroundCode,
    ProjectKind,
)
from permits.domain.events import (
    AgencyHeard,
    AgencyResponded,
    ApplicationApproved,
    ApplicationComplete,
    ApplicationLapsed,
    ApplicationRefused,
    ApplicationSubmitted,
    ApplicationWithdrawn,
    DeadlineKind,
    DocumentsRequested,
    DocumentsSupplied,
    DomainEvent,
    FeeNoticed,
)
from permits.domain.law import FeeTariff, LegalTerm, building_fee_cents, valid_until
from permits.domain.procedure import BUILDING_PERMIT, Action, State

_CITY = ZoneInfo("Europe/Berlin")
MOST_DOCUMENTS = 500
SHORTEST_REQUEST_DAYS = 7
LONGEST_REQUEST_DAYS = 366
"""Between which the period for documents lies: a fair one (§ 71 (1) BauO NRW: angemessene Frist)."""
FEE_KIND = "building-permit"
DECISION_BASIS = "BauO NRW 2018 § 74"
HEARING = "hearing-"
"""What the kind of an agency's period begins with; the agency's code follows."""
_ACTIONS = {Decision.APPROVAL: Action.APPROVE, Decision.REFUSAL: Action.REFUSE}

# How many days before its end a period is announced: the authority's practice, not law.
WARN_DAYS = {DeadlineKind.COMPLETENESS: 2, DeadlineKind.DOCUMENTS: 7, DeadlineKind.DECISION: 14}


def local_day(now: datetime) -> date:
    """The day in the city at the instant `now`: dates of law are local."""
    return now.astimezone(_CITY).date()


@dataclass(frozen=True)
class Parcel:
    """Where the site lies in the land register's map (Flurstück)."""

    district: str  # Gemarkung
    section: str  # Flur
    number: str  # Flurstück


@dataclass(frozen=True)
class Address:
    """The site's postal address; land that was never built on has none."""

    street: str
    house_number: str
    postal_code: str
    locality: str


@dataclass(frozen=True)
class Project:
    """What is to be built and where. `gross_building_sum_cents` is the Rohbausumme, from which the fee follows."""

    kind: ProjectKind
    description: str
    parcel: Parcel
    address: Address | None
    gross_building_sum_cents: int


@dataclass(frozen=True)
class Document:
    """A document that was handed in, known by the hash of its content, which lies elsewhere."""

    code: DocumentCode
    name: str
    sha256: bytes
    size_bytes: int
    supplied_at: datetime


@dataclass(frozen=True)
class DocumentRequest:
    """What the authority asked for, why, and what of it has not come yet.

    `answers` are keys of the portal's form: answers that are wrong or missing.
    """

    documents: tuple[DocumentCode, ...]
    outstanding: frozenset[DocumentCode]
    reasons: str
    requested_at: datetime
    due_on: date
    answers: tuple[str, ...] = ()
    outstanding_answers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Answered:
    """Answers that were given anew: their keys, the project as all answers make it now, and which of them are still wrong."""

    keys: frozenset[str]
    project: Project
    wrong: frozenset[str]


@dataclass(frozen=True)
class Hearing:
    """One agency that is asked for its opinion; without an outcome it has not ended yet."""

    agency: Agency
    opened_on: date
    due_on: date
    outcome: AgencyOutcome | None = None
    conditions: tuple[ConditionCode, ...] = ()
    remarks: str | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class Ruling:
    """What a decision says (Bescheid); a proposal until a second person has confirmed it."""

    decision: Decision
    conditions: tuple[ConditionCode, ...] = ()
    grounds: tuple[GroundCode, ...] = ()
    decided_on: date | None = None
    valid_until: date | None = None
    payable_on: date | None = None


@dataclass
class BuildingApplication:
    """A building application as it stands."""

    case: Case
    project: Project
    documents: list[Document]
    requests: list[DocumentRequest] = field(default_factory=list)
    hearings: dict[Agency, Hearing] = field(default_factory=dict)
    ruling: Ruling | None = None

    @classmethod
    def submit(
        cls,
        *,
        application_id: UUID,
        reference: str,
        applicant_id: UUID,
        project: Project,
        documents: list[Document],
        check: LegalTerm,
        actor: Actor,
        now: datetime,
    ) -> tuple[Self, list[DomainEvent]]:
        """Open the case. The authority now checks completeness; the legal clock does not run yet (§ 71 (1) BauO NRW)."""
        case = Case.open(
            BUILDING_PERMIT,
            case_id=application_id,
            reference=reference,
            applicant_id=applicant_id,
            now=now,
            actor=actor,
        )
        application = cls(case, project, documents)
        due_on = application._start(DeadlineKind.COMPLETENESS, check.period, now)
        return application, [ApplicationSubmitted(local_day(now), due_on)]

    @property
    def application_id(self) -> UUID:
        return self.case.case_id

    @property
    def applicant_id(self) -> UUID:
        return self.case.applicant_id

    @property
    def reference(self) -> str:
        return self.case.reference

    @property
    def state(self) -> State:
        return State(self.case.state)

    @property
    def submitted_on(self) -> date:
        return local_day(self.case.opened_at)

    @property
    def missing_documents(self) -> frozenset[DocumentCode]:
        """What an application of this kind cannot go without and has not been handed in."""
        return REQUIRED_DOCUMENTS[self.project.kind] - {document.code for document in self.documents}

    @property
    def open_request(self) -> DocumentRequest | None:
        """What the applicant is asked for at present."""
        return self.requests[-1] if self.requests and self.state is State.DOCUMENTS_REQUESTED else None

    def due_on(self, kind: DeadlineKind) -> date:
        """The last day of the period `kind`.

        Raises:
            LookupError: no such period is running.
        """
        period = self.case.period(kind)
        if period is None:
            raise LookupError(f"no period {kind} is running")
        return period.due_on

    # the completeness check

    def request_documents(
        self,
        documents: frozenset[DocumentCode],
        reasons: str,
        period: Period,
        actor: Actor,
        now: datetime,
        *,
        answers: frozenset[str] = frozenset(),
    ) -> list[DomainEvent]:
        """Ask for what is missing or faulty, with reasons and a fair period; unanswered, the application lapses."""
        self.case.take(Action.REQUEST_DOCUMENTS, actor, now, reason=reasons)
        self.case.end_period(DeadlineKind.COMPLETENESS, now)
        due_on = self._start(DeadlineKind.DOCUMENTS, period, now)
        asked, questions = tuple(sorted(documents)), tuple(sorted(answers))
        self.requests.append(DocumentRequest(asked, documents, reasons, now, due_on, questions, answers))
        return [DocumentsRequested(asked, due_on, questions)]

    def supply_documents(
        self,
        documents: list[Document],
        check: LegalTerm,
        actor: Actor,
        now: datetime,
        *,
        answered: Answered | None = None,
    ) -> list[DomainEvent]:
        """Take over further documents. When all that was asked for has come, the authority checks anew.

        Args:
            answered: what was answered anew; taken over where answers were asked for.

        Raises:
            RuleViolationError: it is too late for them; the message says what the applicant can do.
        """
        self._refuse_late_documents(now)
        present = {(document.code, document.sha256) for document in self.documents}
        new = [document for document in documents if (document.code, document.sha256) not in present]
        if len(self.documents) + len(new) > MOST_DOCUMENTS:
            raise RuleViolationError(
                f"{self.reference} cannot have more than {MOST_DOCUMENTS} documents; these were not taken over. Put drawings "
                "together into fewer files.",
                code="too-many-documents",
            )
        supplied = frozenset(document.code for document in documents)
        request = self.open_request
        outstanding = request.outstanding - supplied if request else frozenset()
        answers = answered if request and request.answers else None
        unanswered = answers.wrong if answers else request.outstanding_answers if request else frozenset()
        is_all = not outstanding and not unanswered
        self.case.take(Action.SUPPLY_DOCUMENTS if is_all else Action.SUPPLY_SOME_DOCUMENTS, actor, now)
        self.documents += new
        if answers:
            self.project = answers.project
        if request:
            self.requests[-1] = replace(request, outstanding=outstanding, outstanding_answers=unanswered)
            if is_all:
                self.case.end_period(DeadlineKind.DOCUMENTS, now)
                self._start(DeadlineKind.COMPLETENESS, check.period, now)
        return [DocumentsSupplied(tuple(sorted(supplied)), tuple(sorted(answers.keys)) if answers else ())]

    def lapse(self, due_on: date, now: datetime) -> list[DomainEvent]:
        """The period for the requested documents has ended: the application counts as withdrawn, without a decision.

        Nothing happens if they came in time after all.
        """
        request = self.open_request
        if request is None or request.due_on != due_on:
            return []
        self.case.take(Action.LAPSE, Actor.system(), now)
        return [ApplicationLapsed(due_on + timedelta(days=1))]

    def declare_complete(self, decision: LegalTerm, actor: Actor, now: datetime) -> list[DomainEvent]:
        """The application is complete: the legal clock for the decision starts today."""
        if self.state is State.SUBMITTED and self.missing_documents:
            raise RuleViolationError(
                f"{self.reference} is not complete: {', '.join(sorted(self.missing_documents))} is missing. "
                "Request it from the applicant.",
                code="documents-missing",
            )
        self.case.take(Action.DECLARE_COMPLETE, actor, now)
        self.case.end_period(DeadlineKind.COMPLETENESS, now)
        due_on = self._start(DeadlineKind.DECISION, decision.period, now)
        return [ApplicationComplete(local_day(now), due_on)]

    # the hearing of agencies

    def hear(self, agencies: frozenset[Agency], period: LegalTerm, actor: Actor, now: datetime) -> list[DomainEvent]:
        """Ask agencies in parallel, each with its own period; silence will count as no objection.

        A decision that was proposed before is dropped: it was made without these answers.
        """
        if heard := agencies & self.hearings.keys():
            raise RuleViolationError(
                f"{', '.join(sorted(heard))} has been heard in {self.reference} already. Name only other agencies.",
                code="agency-already-heard",
            )
        self.case.take(Action.HEAR_AGENCIES, actor, now)
        self.ruling = None
        events: list[DomainEvent] = []
        for agency in sorted(agencies):
            ends_on = self.case.start_period(HEARING + agency, local_day(now), period.period, now=now).due_on
            self.hearings[agency] = Hearing(agency, local_day(now), ends_on)
            events.append(AgencyHeard(agency, ends_on))
        return events

    def record_response(
        self,
        agency: Agency,
        outcome: AgencyOutcome,
        conditions: tuple[ConditionCode, ...],
        remarks: str | None,
        actor: Actor,
        now: datetime,
    ) -> list[DomainEvent]:
        """Note what an agency answered. With the last answer the application is ready for a decision.

        Raises:
            NotFoundError: the agency was not asked.
            RuleViolationError: it has answered already, or its period has ended.
        """
        hearing = self.hearings.get(agency)
        if hearing is None:
            raise NotFoundError(f"{agency} was not asked for its opinion in {self.reference}")
        if hearing.outcome is AgencyOutcome.SILENT or (hearing.outcome is None and now >= end_of(hearing.due_on)):
            raise RuleViolationError(
                f"The period of {agency} in {self.reference} ended on {hearing.due_on}: its silence counts as no objection. "
                "Put a late answer that matters into a note; the proposal can take it up.",
                code="hearing-period-ended",
            )
        if hearing.outcome is not None:
            raise RuleViolationError(
                f"The answer of {agency} in {self.reference} is recorded already. Put a correction into a note.",
                code="hearing-already-answered",
            )
        if (outcome is AgencyOutcome.CONDITIONS) != bool(conditions):
            raise RuleViolationError(
                "An answer with conditions names at least one, any other answer names none.", code="conditions-disagree"
            )
        return self._end_hearing(
            replace(hearing, outcome=outcome, conditions=conditions, remarks=remarks, ended_at=now),
            Action.RECORD_RESPONSE,
            actor,
            now,
        )

    def fall_silent(self, agency: Agency, now: datetime) -> list[DomainEvent]:
        """An agency's period has ended without an answer; nothing happens if it answered after all."""
        hearing = self.hearings.get(agency)
        if self.state is not State.CONSULTING or hearing is None or hearing.outcome is not None:
            return []
        return self._end_hearing(
            replace(hearing, outcome=AgencyOutcome.SILENT, ended_at=now),
            Action.RECORD_SILENCE,
            Actor.system(),
            now,
        )

    # the decision

    def propose(self, ruling: Ruling, reasons: str | None, actor: Actor, now: datetime) -> None:
        """Propose a decision, which a second person confirms or sends back; it takes the place of an earlier proposal.

        Only an approval without conditions can do without reasons (§ 39 (2) no. 1 VwVfG NRW).
        """
        if not reasons and (ruling.decision is Decision.REFUSAL or ruling.conditions):
            raise RuleViolationError(
                "A refusal and an approval with conditions need reasons that the applicant can read.",
                code="reasons-missing",
            )
        self.case.propose(_ACTIONS[ruling.decision], actor, now, reason=reasons)
        self.ruling = ruling

    def confirm(
        self, validity: LegalTerm, payment: LegalTerm, tariff: FeeTariff, actor: Actor, now: datetime
    ) -> list[DomainEvent]:
        """Decide as proposed; the fee is due whether the answer is yes or no.

        Raises:
            ForbiddenError: the same person proposed it.
            RuleViolationError: nothing is proposed.
        """
        proposed, reasons = self._proposed()
        self.case.take(_ACTIONS[proposed.decision], actor, now)
        today = local_day(now)
        fee_cents = building_fee_cents(self.project.gross_building_sum_cents, proposed.decision, tariff)
        payable_on = end_of_period(today, payment.period)
        self.case.decide(CaseDecision(self.state, reasons, actor.subject, now, DECISION_BASIS))
        self.case.charge(Fee(FEE_KIND, fee_cents, tariff.legal_basis))
        fee = FeeNoticed(fee_cents, payable_on)
        match proposed.decision:
            case Decision.APPROVAL:
                until = valid_until(today, validity)
                self.ruling = replace(proposed, decided_on=today, payable_on=payable_on, valid_until=until)
                return [ApplicationApproved(today, until, proposed.conditions), fee]
            case Decision.REFUSAL:
                self.ruling = replace(proposed, decided_on=today, payable_on=payable_on)
                return [ApplicationRefused(today, proposed.grounds), fee]

    def send_back(self, reason: str, actor: Actor, now: datetime) -> None:
        """Do not decide as proposed; the reason tells the proposer what to do better."""
        self._proposed()
        self.case.take(Action.SEND_BACK, actor, now, reason=reason)
        self.ruling = None

    def withdraw(self, actor: Actor, now: datetime) -> list[DomainEvent]:
        """The applicant takes the application back; possible until it is decided."""
        self.case.take(Action.WITHDRAW, actor, now)
        self.ruling = None
        return [ApplicationWithdrawn(local_day(now))]

    # what the periods announce

    def awaits(self, kind: DeadlineKind, due: date) -> bool:
        """Whether the period `kind` that is due on `due` is still waiting for what it is for."""
        period = self.case.period(kind)
        return period is not None and period.due_on == due

    # the parts of the steps above

    def _start(self, kind: DeadlineKind, period: Period, now: datetime) -> date:
        started = self.case.start_period(kind, local_day(now), period, warn_days_before=WARN_DAYS[kind], now=now)
        return started.due_on

    def _end_hearing(self, ended: Hearing, action: Action, actor: Actor, now: datetime) -> list[DomainEvent]:
        self.case.take(action, actor, now)
        self.case.end_period(HEARING + ended.agency, now)
        self.hearings[ended.agency] = ended
        if all(hearing.outcome for hearing in self.hearings.values()):
            self.case.take(Action.CONCLUDE_HEARINGS, actor, now)
        return [AgencyResponded(ended.agency, ended.outcome or AgencyOutcome.SILENT)]

    def _proposed(self) -> tuple[Ruling, tuple[str, ...]]:
        if self.case.proposal is None or self.ruling is None:
            raise RuleViolationError(
                f"No decision is proposed in {self.reference}. Somebody proposes one before a second person decides.",
                code="proposal-missing",
            )
        return self.ruling, (self.case.proposal.reason,) if self.case.proposal.reason else ()

    def _refuse_late_documents(self, now: datetime) -> None:
        request = self.requests[-1] if self.requests else None
        too_late = self.open_request is not None and now >= end_of(self.open_request.due_on)
        if request and (self.state is State.LAPSED or too_late):
            raise RuleViolationError(
                f"The documents for {self.reference} were due on {request.due_on}. The application has counted as withdrawn "
                "since then (BauO NRW § 71 (1)) and these documents were not taken over. Hand in a new application with "
                "all documents; if you were kept from answering through no fault of yours, ask the building authority "
                "for reinstatement (VwVfG NRW § 32) within two weeks.",
                code="application-lapsed",
            )
        if self.state in (State.COMPLETE, State.CONSULTING, State.DECIDING):
            raise RuleViolationError(
                f"{self.reference} is complete and is being decided on as it stands; these documents were not taken over. "
                "To change the project, withdraw the application and hand in a new one; for anything else, write to the "
                "building authority.",
                code="application-complete",
            )
        if self.state in (State.APPROVED, State.REFUSED, State.WITHDRAWN):
            raise RuleViolationError(
                f"{self.reference} is closed ({self.state}); these documents were not taken over. Hand in a new application "
                "for a changed project.",
                code="application-closed",
            )
