"""A case (Vorgang): what an authority decides on, from its opening to its end.

Pure: `now` and ids come from outside, and nothing here knows where a case is kept. A change that a rule forbids raises
before anything has changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Self
from uuid import UUID

from amtsbus.casework.calendar import Period
from amtsbus.casework.periods import CasePeriod
from amtsbus.casework.procedure import Procedure, Transition
from amtsbus.casework.roles import ActingRole, Actor
from amtsbus.errors import ForbiddenError, RuleViolationError


@dataclass(frozen=True, slots=True)
class Fee:
    """What a case costs (Gebühr): integer cents, and the tariff that says so."""

    kind: str
    amount_cents: int
    legal_basis: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount_cents, int) or isinstance(self.amount_cents, bool) or self.amount_cents < 0:
            raise ValueError("a fee is a whole number of cents, 0 or more")
        if not self.kind or not self.legal_basis:
            raise ValueError("a fee has a kind and a legal basis")


@dataclass(frozen=True, slots=True)
class Decision:
    """What the authority decided (Verwaltungsakt), with its reasons (VwVfG § 39)."""

    outcome: str
    reasons: tuple[str, ...]
    decided_by: str
    decided_at: datetime
    legal_basis: str

    def __post_init__(self) -> None:
        _aware(self.decided_at)
        object.__setattr__(self, "reasons", tuple(self.reasons))
        if not self.outcome or not self.legal_basis:
            raise ValueError("a decision has an outcome and a legal basis")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A four-eyes action that one person proposed and a second one has not taken yet."""

    action: str
    proposed_by: str
    proposed_at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote into the file (Aktenvermerk)."""

    text: str
    written_by: str
    written_at: datetime


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of a case's history: who, when, what, and why.

    `what` is a code (`opened`, `action-taken`, `period-suspended`, …), `about` the thing that it happened to (the action,
    the kind of period, the kind of fee, …), `state` the state of the case afterwards.
    """

    who: str
    at: datetime
    what: str
    about: str | None
    state: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store already has of a case, so that a save writes only what is new."""

    periods: tuple[CasePeriod, ...] = ()
    fees: int = 0
    decisions: int = 0


@dataclass(kw_only=True)
class Case:
    """One case of one procedure.

    `version` counts its saved changes from 1. `history` and `notes` hold what this change adds and are empty after a save;
    the whole history is read with `amtsbus.casework.store.history`.
    """

    case_id: UUID
    procedure: Procedure = field(repr=False, compare=False)
    reference: str
    state: str
    version: int
    applicant_id: UUID
    subject_ids: tuple[UUID, ...] = ()
    opened_at: datetime
    closed_at: datetime | None = None
    assignee: str | None = None
    periods: list[CasePeriod] = field(default_factory=list)
    fees: list[Fee] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    proposal: Proposal | None = None
    history: list[HistoryEntry] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    stored: Stored = field(default=Stored(), repr=False, compare=False)

    @classmethod
    def open(
        cls,
        procedure: Procedure,
        *,
        case_id: UUID,
        reference: str,
        applicant_id: UUID,
        now: datetime,
        subject_ids: Iterable[UUID] = (),
        actor: Actor | None = None,
    ) -> Self:
        """A fresh case in the procedure's initial state.

        Args:
            applicant_id: the person who sees the case as their own.
            subject_ids: whom the case is about, where that is not the applicant.
            actor: who opens it; the applicant where not given.
        """
        _aware(now)
        case = cls(
            case_id=case_id,
            procedure=procedure,
            reference=reference,
            state=procedure.initial,
            version=1,
            applicant_id=applicant_id,
            subject_ids=tuple(subject_ids),
            opened_at=now,
        )
        case._record(actor.subject if actor else str(applicant_id), now, "opened", procedure.key)
        return case

    @property
    def procedure_key(self) -> str:
        """The key of its procedure."""
        return self.procedure.key

    @property
    def is_closed(self) -> bool:
        """Whether it has reached a final state."""
        return self.closed_at is not None

    @property
    def due_on(self) -> date | None:
        """The earliest due date of its running periods; None where nothing is due."""
        return min((period.due_on for period in self.periods if period.is_running), default=None)

    def actions(self, actor: Actor) -> tuple[Transition, ...]:
        """What `actor` may take now; a four-eyes action only where somebody else has proposed it."""
        return tuple(
            step
            for step in self.procedure.actions(self.state, actor.roles)
            if not step.four_eyes
            or (self.proposal and self.proposal.action == step.action and self.proposal.proposed_by != actor.subject)
        )

    # what happens to it

    def take(self, action: str, actor: Actor, now: datetime, *, reason: str | None = None) -> None:
        """Take `action`: the case goes on to the action's target; in a final state it is closed and its periods end.

        A four-eyes action must have been proposed by somebody else; without a `reason` the proposal's is taken.

        Raises:
            RuleViolationError: code `action-not-permitted` in this state, `reason-missing`, `proposal-missing`.
            ForbiddenError: `actor` has no role that may, or has proposed it themself.
        """
        _aware(now)
        step = self._step(action)
        self._admit(actor, step.by, f"take {action!r}")
        if step.four_eyes:
            if self.proposal is None or self.proposal.action != action:
                raise RuleViolationError(
                    f"{action!r} needs two people: somebody must propose it before another one takes it",
                    code="proposal-missing",
                )
            if self.proposal.proposed_by == actor.subject:
                raise ForbiddenError(f"{action!r} needs two people: whoever proposed it cannot take it as well")
            reason = reason or self.proposal.reason
        reason = _reason_for(action, reason, needed=step.needs_reason)
        self.state = step.target
        if self.proposal is not None and self.proposal.action != action:
            self._record(actor.subject, now, "proposal-dropped", self.proposal.action)
        self.proposal = None
        self._record(actor.subject, now, "action-taken", action, reason)
        if step.target in self.procedure.final:
            self.closed_at = now
            for period in [period for period in self.periods if period.ended_at is None]:
                self._replace(period.ended(now))
                self._record(actor.subject, now, "period-ended", period.kind)

    def propose(self, action: str, actor: Actor, now: datetime, *, reason: str | None) -> None:
        """Propose a four-eyes `action`, for a second person to take; an earlier proposal is replaced.

        Raises:
            RuleViolationError: code `action-not-permitted` in this state, `not-a-four-eyes-action`, `reason-missing`.
            ForbiddenError: `actor` may not propose it.
        """
        _aware(now)
        step = self._step(action)
        if not step.four_eyes:
            raise RuleViolationError(f"{action!r} needs no proposal: take it", code="not-a-four-eyes-action")
        self._admit(actor, step.proposers, f"propose {action!r}")
        reason = _reason_for(action, reason, needed=step.needs_reason)
        self.proposal = Proposal(action, actor.subject, now, reason)
        self._record(actor.subject, now, "action-proposed", action, reason)

    # periods

    def period(self, kind: str) -> CasePeriod | None:
        """The open period of this kind, running or suspended; None where there is none."""
        return next((period for period in self.periods if period.kind == kind and period.ended_at is None), None)

    def start_period(
        self,
        kind: str,
        starts_on: date,
        period: Period,
        *,
        warn_days_before: int = 0,
        now: datetime,
        actor: Actor | None = None,
    ) -> CasePeriod:
        """Set a period running by an event on `starts_on`; the clock announces it `warn_days_before` calendar days ahead.

        Like the other methods without a required `actor`, it is recorded as done by whoever did the step before it in
        this change.

        Raises:
            RuleViolationError: code `period-running` where one of this kind is open, `case-closed`.
        """
        _aware(now)
        self._refuse_when_closed()
        if self.period(kind) is not None:
            raise RuleViolationError(
                f"a period {kind!r} is already open: extend it, or end it before another one starts",
                code="period-running",
            )
        started = CasePeriod.start(
            len(self.periods) + 1,
            kind,
            starts_on,
            period,
            land=self.procedure.land,
            warn_days_before=warn_days_before,
        )
        self.periods.append(started)
        self._record(self._who(actor), now, "period-started", kind)
        return started

    def suspend_period(self, kind: str, on: date, reason: str, actor: Actor, now: datetime) -> CasePeriod:
        """Let a period stand still from `on` (that day does not count any more), with a reason.

        Raises:
            RuleViolationError: code `period-not-open`, `period-suspended`, `suspension-outside-period`, `reason-missing`.
        """
        _aware(now)
        stated = _reason_for(f"suspend {kind}", reason, needed=True)
        return self._change(self._open_period(kind).suspended(on), actor.subject, now, "period-suspended", stated)

    def resume_period(self, kind: str, on: date, now: datetime, *, actor: Actor | None = None) -> CasePeriod:
        """Let a suspended period go on: `on` counts again, and the end moves by the days that did not count.

        Raises:
            RuleViolationError: code `period-not-open`, `period-not-suspended`, `resumed-before-suspension`.
        """
        _aware(now)
        return self._change(self._open_period(kind).resumed(on), self._who(actor), now, "period-resumed")

    def extend_period(self, kind: str, period: Period, reason: str, actor: Actor, now: datetime) -> CasePeriod:
        """Extend a period by `period`, counted from its present due date (BGB § 190), with a reason.

        Raises:
            RuleViolationError: code `period-not-open`, `extension-not-longer`, `reason-missing`.
        """
        _aware(now)
        stated = _reason_for(f"extend {kind}", reason, needed=True)
        return self._change(self._open_period(kind).extended(period), actor.subject, now, "period-extended", stated)

    def end_period(self, kind: str, now: datetime, *, actor: Actor | None = None) -> CasePeriod:
        """End a period: what it waited for has happened, or its end has had its effect.

        Raises:
            RuleViolationError: code `period-not-open`.
        """
        _aware(now)
        return self._change(self._open_period(kind).ended(now), self._who(actor), now, "period-ended")

    # what is written into the file

    def charge(self, fee: Fee, *, actor: Actor | None = None, now: datetime | None = None) -> None:
        """Charge a fee. Without `actor` and `now` it belongs to the step before it in this change.

        Raises:
            ValueError: there is no step before it, and `actor` or `now` is missing.
        """
        if now is None:
            if not self.history:
                raise ValueError("say who charges the fee and when: charge(fee, actor=…, now=…)")
            now = self.history[-1].at
        _aware(now)
        self.fees.append(fee)
        self._record(self._who(actor), now, "fee-charged", fee.kind)

    def decide(self, decision: Decision) -> None:
        """Write a decision into the file. Who may is the business of the action that it belongs to."""
        self.decisions.append(decision)
        self._record(decision.decided_by, decision.decided_at, "decided", decision.outcome)

    def note(self, text: str, actor: Actor, now: datetime) -> None:
        """Write a note into the file; also into a closed one.

        Raises:
            RuleViolationError: code `note-empty`.
        """
        if not text.strip():
            raise RuleViolationError("the note is empty: write what is to be remembered", code="note-empty")
        self.notes.append(Note(text.strip(), actor.subject, _aware(now)))
        self._record(actor.subject, now, "noted", None)

    def assign(self, subject: str | None, actor: Actor, now: datetime) -> None:
        """Give the case to a caseworker, or back to the pool (None)."""
        _aware(now)
        self._refuse_when_closed()
        self.assignee = subject
        self._record(actor.subject, now, "assigned" if subject else "returned-to-pool", subject)

    def record(
        self, what: str, actor: Actor, now: datetime, *, about: str | None = None, reason: str | None = None
    ) -> None:
        """Record something that only the procedure's own department understands; `what` is a code of its own."""
        self._record(actor.subject, _aware(now), what, about, reason)

    def _record(self, who: str, at: datetime, what: str, about: str | None, reason: str | None = None) -> None:
        self.history.append(HistoryEntry(who, at, what, about, self.state, reason))

    def _who(self, actor: Actor | None) -> str:
        if actor is not None:
            return actor.subject
        return self.history[-1].who if self.history else Actor.system().subject

    def _step(self, action: str) -> Transition:
        step = self.procedure.transition(self.state, action)
        if step is None:
            possible = sorted({step.action for step in self.procedure.transitions if self.state in step.sources})
            raise RuleViolationError(
                f"{action!r} is not possible in the state {self.state!r}; "
                f"possible: {', '.join(possible) or 'nothing, the case is closed'}",
                code="action-not-permitted",
            )
        return step

    def _admit(self, actor: Actor, roles: Iterable[ActingRole], to_do: str) -> None:
        if actor.roles.isdisjoint(roles):
            raise ForbiddenError(f"only {' or '.join(sorted(roles))} may {to_do}")

    def _refuse_when_closed(self) -> None:
        if self.is_closed:
            raise RuleViolationError(f"the case is closed ({self.state})", code="case-closed")

    def _open_period(self, kind: str) -> CasePeriod:
        period = self.period(kind)
        if period is None:
            raise RuleViolationError(f"the case has no open period {kind!r}", code="period-not-open")
        return period

    def _change(self, period: CasePeriod, who: str, now: datetime, what: str, reason: str | None = None) -> CasePeriod:
        self._replace(period)
        self._record(who, now, what, period.kind, reason)
        return period

    def _replace(self, period: CasePeriod) -> None:
        self.periods[period.nth - 1] = period


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant has a time zone: take it from the clock")
    return instant


def _reason_for(what: str, reason: str | None, *, needed: bool) -> str | None:
    stated = (reason or "").strip() or None
    if needed and stated is None:
        raise RuleViolationError(f"{what!r} needs a reason: say why", code="reason-missing")
    return stated
