"""A case of an office: what was applied for, by which version of which procedure, and what happened to it.

What every case has (states, periods, fees, decisions) is `amtsbus.casework`; what is asked and decided is the procedure
file's. This joins the two.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from amtsbus.casework.calendar import until
from amtsbus.casework.case import Case, Decision, Fee
from amtsbus.casework.roles import Actor, Role
from amtsbus.errors import ForbiddenError, RuleViolationError
from amtsbus.procedures import answers as reading
from amtsbus.procedures import conditions, fees, steps
from amtsbus.procedures.answers import Problem
from amtsbus.procedures.declaration import OfficeFile, ProcedureFile

DECISION: Final = "decision"
"""The period in which the office has to decide."""
DOCUMENTS: Final = "documents"
"""The period in which the applicant hands in what is missing."""
HEARING: Final = "hearing-"
"""Begins the names of the periods in which other offices give their opinion."""
FEE: Final = "fee"

WAITS_FOR_APPLICANT: Final = "waits for the applicant"
"""Why the legal clock stands still, as the history has it."""

WARN_DAYS: Final = 7

_CITY: Final = ZoneInfo("Europe/Berlin")
"""Whose days the law counts."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was handed in; its content lies in the document store under its hash."""

    key: str
    name: str
    sha256: str
    size_bytes: int
    media_type: str
    supplied_at: datetime


@dataclass(frozen=True, slots=True)
class Supplement:
    """What was handed in later, and which answers it replaced."""

    message: str | None
    replaced: Mapping[str, Any]
    supplied_at: datetime


@dataclass(frozen=True, slots=True)
class DocumentRequest:
    """What the applicant was asked for."""

    documents: tuple[str, ...]
    fields: tuple[str, ...]
    reasons: str
    requested_by: str
    requested_at: datetime
    due_on: date
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hearing:
    """Another office that was asked for its opinion."""

    office: str
    opened_on: date
    due_on: date
    outcome: str | None = None
    opinion: str | None = None
    recorded_by: str | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment that the provider confirmed."""

    payment_id: UUID
    amount_cents: int
    paid_at: datetime


@dataclass(kw_only=True)
class CaseFile:
    """A case with its application. Lists hold everything; what a change adds stands at their end."""

    case: Case
    declared: ProcedureFile
    version: int
    office: OfficeFile
    """Who offered it in this version."""
    language: str
    applicant_name: str | None
    applicant_email: str | None
    identification: str
    answers: dict[str, Any]
    handed_in_at: datetime
    complete_at: datetime | None = None
    documents: list[Document] = field(default_factory=list)
    supplements: list[Supplement] = field(default_factory=list)
    requests: list[DocumentRequest] = field(default_factory=list)
    hearings: list[Hearing] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)

    @property
    def case_id(self) -> UUID:
        """The id of the case, which is that of its application."""
        return self.case.case_id

    @property
    def applicant(self) -> Actor:
        """Whoever applied, where they act in their own case."""
        return Actor(str(self.case.applicant_id), frozenset({Role.CITIZEN}))

    @property
    def open_request(self) -> DocumentRequest | None:
        """What the applicant still owes."""
        return next((one for one in self.requests if one.answered_at is None), None)

    @property
    def open_hearings(self) -> list[Hearing]:
        """The offices that have not answered yet."""
        return [one for one in self.hearings if one.outcome is None]

    @property
    def charged_cents(self) -> int:
        """What was charged so far, in cents."""
        return sum(fee.amount_cents for fee in self.case.fees)

    @property
    def paid_cents(self) -> int:
        """What was paid so far, in cents."""
        return sum(payment.amount_cents for payment in self.payments)

    @property
    def answered_on(self) -> tuple[date, ...]:
        """The days on which answers came: with the application, and with the last supplement that replaced some."""
        moments = [self.handed_in_at, *(one.supplied_at for one in self.supplements if one.replaced)]
        return tuple(sorted({moment.astimezone(_CITY).date() for moment in (moments[0], moments[-1])}))

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with the answers, by the procedure's own rules.

        Waiting makes no answer wrong: each is held to the day on which it came.
        """
        return self._examined()[1]

    @property
    def sound_answers(self) -> dict[str, Any]:
        """The answers without those that are wrong: rules are evaluated with these alone, so that a wrong one stops nobody."""
        return self._examined()[0]

    def _examined(self) -> tuple[dict[str, Any], list[Problem]]:
        *earlier, last = self.answered_on
        sound, problems = reading.read_all(self.declared.form, self.answers, today=last)
        for day in earlier:
            sound_then, wrong_then = reading.read_all(self.declared.form, self.answers, today=day)
            places = {problem.at for problem in wrong_then}
            sound, problems = sound_then | sound, [problem for problem in problems if problem.at in places]
        return sound, problems

    @property
    def missing_documents(self) -> list[str]:
        """The keys of required documents that have not come."""
        there, answers, today = {document.key for document in self.documents}, self.sound_answers, self.answered_on[-1]
        return [
            asked.key
            for asked in reading.asked_documents(self.declared.documents, answers, today=today)
            if asked.key not in there and conditions.is_required(asked.required, answers, today=today)
        ]

    # what happens to it

    def begin(self, now: datetime, today: date, handed_in_on: date) -> None:
        """Set the periods of a fresh case running, and charge what is paid beforehand."""
        deadline = self.declared.deadline
        if deadline and deadline.starts == "received":
            self._start_deadline(handed_in_on, now)
        if self.declared.fee.charged == "received":
            self._charge(Actor.system(), now, today)
        self.look_whether_complete(now, today)

    def look_whether_complete(self, now: datetime, today: date) -> bool:
        """Note that nothing is missing any more; the legal clock starts then, where it waits for that."""
        if self.complete_at is not None or self.problems or self.missing_documents:
            return False
        self.complete_at = now
        deadline = self.declared.deadline
        if deadline and deadline.starts == "complete":
            self._start_deadline(today, now)
        return True

    def _start_deadline(self, on: date, now: datetime) -> None:
        deadline = self.declared.deadline
        assert deadline is not None  # noqa: S101 - asked before
        self.case.start_period(
            DECISION, on, deadline.period.period, warn_days_before=WARN_DAYS, now=now, actor=Actor.system()
        )

    def request_documents(
        self,
        documents: Collection[str],
        fields: Collection[str],
        reasons: str,
        actor: Actor,
        now: datetime,
        today: date,
    ) -> DocumentRequest:
        """Ask the applicant; a suspended legal clock stands still until they answer.

        Raises:
            RuleViolationError: code `nothing-asked`, `document-unknown`, `field-unknown`, or the case is in another state.
        """
        known_documents = {document.key for document in self.declared.documents}
        known_fields = {one.key for one in self.declared.form.fields}
        if unknown := sorted(set(documents) - known_documents):
            raise RuleViolationError(f"this procedure asks for no document {unknown[0]!r}", code="document-unknown")
        if unknown := sorted(set(fields) - known_fields):
            raise RuleViolationError(f"this procedure has no field {unknown[0]!r}", code="field-unknown")
        if not documents and not fields and not reasons.strip():
            raise RuleViolationError("say what is missing: a document, an answer, or a reason", code="nothing-asked")
        self.case.take(steps.REQUEST_DOCUMENTS, actor, now, reason=reasons.strip() or None)
        period = self.case.start_period(DOCUMENTS, today, self.declared.documents_period.period, now=now, actor=actor)
        deadline, running = self.declared.deadline, self.case.period(DECISION)
        if deadline and deadline.suspended_while_waiting and running and running.is_running and today <= running.due_on:
            self.case.suspend_period(DECISION, today, WAITS_FOR_APPLICANT, actor, now)
        request = DocumentRequest(
            tuple(sorted(documents)), tuple(sorted(fields)), reasons.strip(), actor.subject, now, period.due_on
        )
        self.requests.append(request)
        return request

    def supply(
        self,
        documents: Sequence[Document],
        answers: Mapping[str, Any],
        message: str | None,
        actor: Actor,
        now: datetime,
        today: date,
    ) -> None:
        """Take in what the applicant hands in later; the office goes on with the case.

        Raises:
            RuleViolationError: code `case-closed`.
        """
        if self.case.is_closed:
            raise RuleViolationError("the case is closed: nothing can be handed in any more", code="case-closed")
        self.documents += documents
        replaced = {key: self.answers.get(key) for key in answers}
        self.answers.update(answers)
        self.supplements.append(Supplement(message, replaced, now))
        if self.case.state == steps.DOCUMENTS_REQUESTED:
            self.case.take(steps.SUPPLY_DOCUMENTS, actor, now)
            self._request_is_answered(now)
            suspended = self.case.period(DECISION)
            if suspended is not None and suspended.suspended_on is not None:
                self.case.resume_period(DECISION, today, now)
        self.look_whether_complete(now, today)

    def _request_is_answered(self, now: datetime) -> None:
        if self.case.period(DOCUMENTS) is not None:
            self.case.end_period(DOCUMENTS, now)
        self.requests = [request if request.answered_at else _answered(request, now) for request in self.requests]

    def hear(self, offices: Collection[str], actor: Actor, now: datetime, today: date) -> list[Hearing]:
        """Ask other offices for their opinion.

        Raises:
            RuleViolationError: code `office-not-heard` where the procedure does not say so, `nothing-asked`.
        """
        if not offices:
            raise RuleViolationError("name the offices that are to be asked", code="nothing-asked")
        if unknown := sorted(set(offices) - set(self.declared.decision.hearing)):
            raise RuleViolationError(f"this procedure does not hear {unknown[0]!r}", code="office-not-heard")
        self.case.take(steps.HEAR, actor, now)
        opened = []
        for office in sorted(offices):
            period = self.case.start_period(
                HEARING + office, today, self.declared.decision.hearing_period.period, now=now, actor=actor
            )
            opened.append(Hearing(office, today, period.due_on))
        self.hearings += opened
        return opened

    def record_opinion(self, office: str, outcome: str, opinion: str | None, actor: Actor, now: datetime) -> bool:
        """Record what an office answered, or that it did not; returns whether it was the last one that was waited for.

        Raises:
            RuleViolationError: code `not-asked` where this office is not waited for, `case-closed`.
        """
        if self.case.is_closed:
            raise RuleViolationError("the case is closed: nothing is waited for any more", code="case-closed")
        waiting = next((one for one in self.open_hearings if one.office == office), None)
        if waiting is None:
            raise RuleViolationError(f"the opinion of {office!r} is not waited for", code="not-asked")
        answered = Hearing(office, waiting.opened_on, waiting.due_on, outcome, opinion, actor.subject, now)
        self.hearings = [answered if one is waiting else one for one in self.hearings]
        if self.case.period(HEARING + office) is not None:
            self.case.end_period(HEARING + office, now, actor=actor)
        self.case.record("opinion-recorded", actor, now, about=office, reason=outcome)
        if self.open_hearings:
            return False
        self.case.take(steps.CLOSE_HEARING, actor, now)
        return True

    def decide(self, action: str, reasons: Sequence[str], actor: Actor, now: datetime, today: date) -> None:
        """Grant or refuse: the decision, its reasons and its fee go into the file.

        Raises:
            RuleViolationError: the state, the procedure or a missing proposal forbids it.
            ForbiddenError: this person may not.
        """
        stated = tuple(reason.strip() for reason in reasons if reason.strip())
        self.case.take(action, actor, now, reason="\n\n".join(stated) or None)
        outcome = self.case.state
        taken = next(entry for entry in reversed(self.case.history) if entry.what == "action-taken")
        given = stated or (
            (taken.reason,) if taken.reason else ()
        )  # the proposal's, where the second person adds nothing
        self.case.decide(Decision(outcome, given, actor.subject, now, self.declared.decision.basis))
        charged = self.declared.fee.charged
        if charged == "decided" or (charged == "granted" and outcome == steps.GRANTED):
            self._charge(actor, now, today)

    def pay(self, payment: Payment, now: datetime) -> bool:
        """Record a payment; returns whether it is a new one."""
        if any(payment.payment_id == known.payment_id for known in self.payments):
            return False
        self.payments.append(payment)
        self.case.record("fee-paid", Actor.system(), now, about=FEE)
        return True

    def fee_cents(self, today: date) -> int | None:
        """What the application costs by its procedure; None where the city has not set it."""
        return fees.cents(self.declared, self.sound_answers, today=today)

    def may_decide_automatically(self, today: date) -> bool:
        """Whether the procedure allows a decision without a human now: complete, fulfilled, and paid where it is paid before."""
        automatic = self.declared.decision.automatic
        if automatic is None or self.complete_at is None or self.case.state != steps.RECEIVED:
            return False
        if self.paid_cents < self.charged_cents:
            return False
        answers = self.sound_answers
        computed = conditions.computed_values(self.declared.form.computed, answers, today=today)
        return conditions.holds(automatic.when, answers, today=today, computed=computed)

    def set_documents_deadline(self, due_on: date, reason: str, actor: Actor, now: datetime) -> DocumentRequest:
        """Give the applicant more time (VwVfG § 31 (7)); returns what they are asked for, with the new day.

        Raises:
            RuleViolationError: nothing is waited for, or the new day is not later.
        """
        asked = self.open_request
        if asked is None:
            raise RuleViolationError("nothing is waited for", code="period-not-open")
        self.case.extend_period(DOCUMENTS, until(due_on), reason, actor, now)
        longer = replace(asked, due_on=due_on)
        self.requests = [longer if one is asked else one for one in self.requests]
        return longer

    def send_back(self, reason: str, actor: Actor, now: datetime) -> None:
        """Do not decide as proposed; the reason says what to do better. Whoever proposed it takes it back in the same way.

        Raises:
            RuleViolationError: code `proposal-missing`, `reason-missing`.
            ForbiddenError: only staff who work on cases may.
        """
        proposal = self.case.proposal
        if proposal is None:
            raise RuleViolationError("nothing is proposed", code="proposal-missing")
        if actor.roles.isdisjoint({Role.CLERK, Role.LEAD}):
            raise ForbiddenError("only clerk or lead may send a proposal back")
        if not reason.strip():
            raise RuleViolationError("say what is to be done better", code="reason-missing")
        self.case.proposal = None
        self.case.record("proposal-sent-back", actor, now, about=proposal.action, reason=reason.strip())

    def _charge(self, actor: Actor, now: datetime, today: date) -> None:
        cents = self.fee_cents(today)
        if cents:
            self.case.charge(Fee(FEE, cents, self.declared.fee.basis), actor=actor, now=now)


def _answered(request: DocumentRequest, now: datetime) -> DocumentRequest:
    return DocumentRequest(
        request.documents,
        request.fields,
        request.reasons,
        request.requested_by,
        request.requested_at,
        request.due_on,
        now,
    )
