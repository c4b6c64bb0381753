"""One child's enrolment for one school year: the case, what the parents asked for, and what was decided.

There is no free text in it, anywhere. Findings on a child's health must not be processed here (§ 1 (2) VO-DV I), and a text
field is where they would end up; reasons of decisions are composed from recorded facts.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from amtsbus.casework.calendar import calendar_days, until
from amtsbus.casework.case import Case, Decision
from amtsbus.casework.roles import SYSTEM, Actor, Role
from amtsbus.errors import ForbiddenError, NotFoundError, PreconditionFailedError, RuleViolationError

from schooling.domain.admission import Admission
from schooling.domain.child import Child
from schooling.domain.events import (
    ChildAccepted,
    ChildNotAccepted,
    Document,
    DocumentsRequested,
    EarlyEntryRequested,
    EnrolmentConfirmed,
    EnrolmentReceived,
    EnrolmentWithdrawn,
    EntryDeferred,
    ParentsInvited,
    WithdrawalCause,
)
from schooling.domain.procedure import PRIMARY_ENROLMENT, State
from schooling.domain.reasons import Reason, sentence
from schooling.domain.rules import Criterion, EnrolmentRules, School, register_until, starts_on

REGISTRATION_PERIOD = "registration"
"""Within it the custodians register their child."""
DOCUMENTS_PERIOD = "documents"
"""Within it they hand in what is missing."""


STAFF: Final = frozenset({Role.CLERK, Role.LEAD, Role.AUDITOR})
"""Who of the school administration sees the enrolments; the procedure says who may do what."""


class RefusalGround(StrEnum):
    """Why a school does not take a child."""

    CAPACITY_EXHAUSTED = "capacity-exhausted"
    NOT_READY_FOR_SCHOOL = "not-ready-for-school"
    """Early entry only: the head decides on readiness (Schulfähigkeit, § 35 (2) SchulG NRW)."""


@dataclass(frozen=True)
class Wishes:
    """What the parents ask for (Anmeldung)."""

    first_choice: School
    second_choice: School | None = None
    stated_criteria: frozenset[Criterion] = frozenset()
    documents: frozenset[Document] = frozenset()
    """What they hand in along with it."""
    deferral: bool = False
    """Antrag auf Zurückstellung, § 35 (3) SchulG NRW."""


@dataclass(frozen=True)
class Party:
    """A person who calls: `person_id` is who they are as a resident, `actor` as what they work here."""

    actor: Actor
    person_id: UUID | None = None


@dataclass(frozen=True)
class Target:
    """Which enrolment somebody acts on, in the version that they have seen."""

    enrolment_id: UUID
    version: int
    party: Party


def admit(party: Party, child: Child) -> Actor:
    """As what a person acts for a child: as its parent, or for the administration.

    Whoever has custody of the child is its parent here and nothing else, also when they work for the school administration
    (VwVfG NRW § 20 (1): nobody decides in their own matter).

    Raises:
        NotFoundError: neither; to anybody else the child and its enrolment do not exist.
    """
    if child.in_custody_of(party.person_id):
        return Actor(party.actor.subject, frozenset({Role.CITIZEN}))
    staff = party.actor.roles & STAFF
    if not staff:
        raise NotFoundError("there is no such enrolment")
    return Actor(party.actor.subject, staff)


@dataclass(frozen=True)
class NewCase:
    """What identifies a case that is being opened."""

    case_id: UUID
    reference: str


@dataclass
class Enrolment:
    """One child's enrolment for one school year."""

    case: Case
    child: Child
    school_year: int
    early_entry: bool = False
    first_choice: School | None = None
    second_choice: School | None = None
    deferral_requested: bool = False
    documents: frozenset[Document] = frozenset()
    stated_criteria: frozenset[Criterion] = frozenset()
    criteria: frozenset[Criterion] = frozenset()
    """The criteria as the administration recorded them; only these count."""
    accepted_by: School | None = None
    refused_by: tuple[UUID, ...] = ()
    report_seen: bool = False
    """That the school doctor's report was seen. What it says stays with the health office (§ 54 SchulG NRW)."""
    withdrawn_because: WithdrawalCause | None = None

    # opening

    @classmethod
    def invite(
        cls, child: Child, new: NewCase, *, now: datetime, today: date, rules: EnrolmentRules
    ) -> tuple["Enrolment", ParentsInvited]:
        """Write to the custodians that their child becomes of school age (§ 1 (1) AO-GS)."""
        system = Actor.system()
        enrolment = cls(_open(child, new, system, now), child, child.school_year)
        enrolment.case.take("invite", system, now)
        last_day = register_until(child.school_year, today, rules)
        enrolment.case.start_period(REGISTRATION_PERIOD, today, until(last_day), now=now)
        return enrolment, ParentsInvited(last_day)

    @classmethod
    def apply_for_early_entry(
        cls,
        child: Child,
        school_year: int,
        wishes: Wishes,
        new: NewCase,
        actor: Actor,
        *,
        now: datetime,
        today: date,
        rules: EnrolmentRules,
    ) -> tuple["Enrolment", EarlyEntryRequested]:
        """Take in the application to start school before it is compulsory (vorzeitige Aufnahme, § 35 (2) SchulG NRW).

        Raises:
            RuleViolationError: for that school year school is compulsory already, it lies too far ahead of the compulsory
                start, or it has begun.
        """
        if child.moved_out_on is not None:
            raise RuleViolationError(
                "the child does not live here any more: apply in the municipality that it moved to",
                code="child-moved-away",
            )
        if school_year >= child.school_year:
            raise RuleViolationError(
                f"school starts in {child.school_year} for this child without an application: wait for the invitation",
                code="not-early",
            )
        if child.school_year - school_year > rules.early_entry_years:
            raise RuleViolationError(
                f"the child may start school {rules.early_entry_years} year(s) early at most, in "
                f"{child.school_year - rules.early_entry_years}",
                code="too-early",
            )
        if today >= starts_on(school_year):
            raise RuleViolationError(
                f"the school year {school_year} has begun: apply for a later one", code="school-year-has-begun"
            )
        enrolment = cls(_open(child, new, actor, now), child, school_year, early_entry=True)
        enrolment.case.take("apply-for-early-entry", actor, now)
        enrolment._note_wishes(wishes)
        return enrolment, EarlyEntryRequested()

    # who acts on it

    def admit(self, target: Target) -> Actor:
        """As what a person acts on this enrolment (see `admit`), provided that they have seen its present version.

        Raises:
            NotFoundError: they have nothing to do with the child.
            PreconditionFailedError: the enrolment has changed since they read it.
        """
        actor = admit(target.party, self.child)
        if target.version != self.case.version:
            raise PreconditionFailedError(
                f"the enrolment has changed (version {self.case.version} now): read it again and decide anew"
            )
        return actor

    # the parents' part

    def register(self, wishes: Wishes, actor: Actor, now: datetime) -> EnrolmentReceived:
        """Take in the parents' registration with their choice of schools.

        It is taken in after the day in the invitation as well: compulsory schooling does not lapse.
        """
        self.case.take("register", actor, now)
        self._end_period(REGISTRATION_PERIOD, now)
        self._note_wishes(wishes)
        return EnrolmentReceived(wishes.first_choice, wishes.second_choice)

    def supply(self, documents: frozenset[Document], actor: Actor, now: datetime) -> None:
        """Note which documents were handed in or shown; a request that is answered in full is done with."""
        still_missing = set(self.missing_documents) - documents
        if self.case.state == State.DOCUMENTS_REQUESTED and still_missing:
            self.case.take("supply-some-documents", actor, now)
        else:
            self.case.take("supply-documents", actor, now)
            self._end_period(DOCUMENTS_PERIOD, now)
        self.documents |= documents

    def withdraw(self, because: WithdrawalCause, actor: Actor, now: datetime) -> EnrolmentWithdrawn:
        """End the enrolment without a place; an accepted child's place becomes free.

        Raises:
            RuleViolationError: a person gives a move as cause, which only the registration authority reports.
        """
        if because is WithdrawalCause.MOVED_AWAY and SYSTEM not in actor.roles:
            raise RuleViolationError(
                "a move is reported to the registration authority; the enrolment then ends by itself",
                code="report-the-move",
            )
        self.case.take("withdraw", actor, now, reason=because.value)
        self.withdrawn_because = because
        self.accepted_by = None
        return EnrolmentWithdrawn(because)

    # the administration's part

    @property
    def required_documents(self) -> frozenset[Document]:
        """What the school needs to see for this child."""
        required = {Document.BIRTH_CERTIFICATE, Document.MEASLES_PROTECTION}
        if len(self.child.custodian_ids) == 1:
            required.add(Document.CUSTODY_EVIDENCE)
        return frozenset(required)

    @property
    def missing_documents(self) -> tuple[Document, ...]:
        """What has not been seen yet, in a fixed order."""
        return tuple(document for document in Document if document in self.required_documents - self.documents)

    def request_documents(self, actor: Actor, now: datetime, today: date, rules: EnrolmentRules) -> DocumentsRequested:
        """Ask the custodians for everything that is missing, with a period.

        Raises:
            RuleViolationError: nothing is missing.
        """
        missing = self.missing_documents
        if not missing:
            raise RuleViolationError("nothing is missing: confirm the enrolment", code="documents-complete")
        self.case.take("request-documents", actor, now)
        period = self.case.start_period(DOCUMENTS_PERIOD, today, calendar_days(rules.documents_days), now=now)
        return DocumentsRequested(missing, period.due_on)

    def confirm(self, criteria: frozenset[Criterion] | None, actor: Actor, now: datetime) -> EnrolmentConfirmed:
        """Find the registration complete and record the criteria that hold; None takes those that the parents stated.

        Raises:
            RuleViolationError: documents are missing; the message names them.
        """
        if self.missing_documents:
            raise RuleViolationError(
                f"not complete, missing: {', '.join(self.missing_documents)}. Request the documents first",
                code="documents-missing",
            )
        self.case.take("confirm", actor, now)
        self.criteria = self.stated_criteria if criteria is None else criteria
        return EnrolmentConfirmed()

    @property
    def school_in_line(self) -> School | None:
        """Which school decides next: the first choice, after its refusal the second; None when both have refused."""
        for school in (self.first_choice, self.second_choice):
            if school is not None and school.school_id not in self.refused_by:
                return school
        return None

    def accept(
        self,
        school: School,
        admission: Admission,
        actor: Actor,
        now: datetime,
        rules: EnrolmentRules,
        *,
        report_seen: bool = False,
    ) -> ChildAccepted:
        """Give the child a place (Aufnahme) at its first choice or, once that has refused, at another school.

        Args:
            admission: the school's places, read under the lock of its capacity.
            report_seen: that the school doctor's report was seen; early entry depends on it (§ 35 (2) SchulG NRW).

        Raises:
            RuleViolationError: the first choice has not decided yet, this school has refused, it has no place, its last
                places belong to children who go first, or an early entry lacks the report.
        """
        self._require_undecided_by(school)
        if self.early_entry and not report_seen:
            raise RuleViolationError(
                "early entry is decided on the school doctor's report: confirm that it was seen", code="report-not-seen"
            )
        if admission.free == 0:
            raise RuleViolationError(
                f"the school has {admission.places} places and {admission.accepted} are taken", code="school-full"
            )
        if not self._has_place(school, admission, rules):
            ahead = self._ahead(school, admission, rules)
            raise RuleViolationError(
                f"{admission.free} places are free and {ahead} waiting children go first by the criteria of "
                "§ 1 (3) AO-GS: decide on them first",
                code="others-go-first",
            )
        self.case.take("accept", actor, now)
        self.accepted_by = school
        self.report_seen = self.report_seen or report_seen
        self.case.decide(
            Decision(
                outcome="accepted",
                reasons=_accepted_because(admission, self.criteria),
                decided_by=actor.subject,
                decided_at=now,
                legal_basis="§ 46 SchulG NRW, § 1 AO-GS" + (", § 35 (2) SchulG NRW" if self.early_entry else ""),
            )
        )
        return ChildAccepted(school, starts_on(self.school_year))

    def refuse(
        self,
        school: School,
        ground: RefusalGround,
        admission: Admission,
        actor: Actor,
        now: datetime,
        rules: EnrolmentRules,
        *,
        report_seen: bool = False,
    ) -> ChildNotAccepted:
        """Decide that a school does not take the child; the second choice or another school is next.

        Raises:
            RuleViolationError: the school has a place for the child (§ 46 SchulG NRW: a refusal needs exhausted capacity), or
                the ground does not fit the application.
        """
        self._require_undecided_by(school)
        if ground is RefusalGround.CAPACITY_EXHAUSTED and self._has_place(school, admission, rules):
            raise RuleViolationError(
                f"{admission.free} of {admission.places} places are free and the child's turn has come: accept it",
                code="places-free",
            )
        if ground is RefusalGround.NOT_READY_FOR_SCHOOL:
            if not self.early_entry:
                raise RuleViolationError(
                    "readiness is a condition of early entry only; school is compulsory for this child: consider a deferral",
                    code="schooling-compulsory",
                )
            if not report_seen:
                raise RuleViolationError(
                    "early entry is decided on the school doctor's report: confirm that it was seen",
                    code="report-not-seen",
                )
        self.case.take("refuse", actor, now, reason=ground.value)
        self.refused_by = (*self.refused_by, school.school_id)
        self.report_seen = self.report_seen or report_seen
        self.case.decide(
            Decision(
                outcome="not-accepted",
                reasons=_refused_because(ground, admission, self._ahead(school, admission, rules), self.criteria),
                decided_by=actor.subject,
                decided_at=now,
                legal_basis="§ 35 (2) SchulG NRW"
                if ground is RefusalGround.NOT_READY_FOR_SCHOOL
                else "§ 46 SchulG NRW, § 1 (3) AO-GS",
            )
        )
        return ChildNotAccepted(school)

    def defer(self, actor: Actor, now: datetime, *, report_seen: bool) -> EntryDeferred:
        """Put the child's entry off by a year (Zurückstellung, § 35 (3) SchulG NRW); a place that it had becomes free.

        Only the result is kept, and that the school doctor's report was seen.

        Raises:
            RuleViolationError: the report was not seen, or the entry was voluntary (then the application is withdrawn).
        """
        if self.early_entry:
            raise RuleViolationError(
                "early entry is voluntary: there is nothing to defer, the parents withdraw the application",
                code="entry-not-compulsory",
            )
        if not report_seen:
            raise RuleViolationError(
                "a deferral is decided on the school doctor's report: confirm that it was seen", code="report-not-seen"
            )
        next_year = self.school_year + 1
        why = Reason.DEFERRED_ON_APPLICATION if self.deferral_requested else Reason.DEFERRED_EX_OFFICIO
        self.case.take("defer", actor, now)
        self.report_seen = True
        self.accepted_by = None
        self.case.decide(
            Decision(
                outcome="deferred",
                reasons=(sentence(why, school_year=next_year),),
                decided_by=actor.subject,
                decided_at=now,
                legal_basis="§ 35 (3) SchulG NRW",
            )
        )
        return EntryDeferred(next_year)

    def assign(self, caseworker: str | None, actor: Actor, now: datetime) -> None:
        """Put it on a caseworker's work list, or on nobody's.

        Raises:
            ForbiddenError: the actor does not work on enrolments.
            RuleViolationError: it is over.
        """
        if actor.roles.isdisjoint({Role.CLERK, Role.LEAD}):
            raise ForbiddenError("only clerk or lead may assign an enrolment")
        self.case.assign(caseworker, actor, now)

    def ends_when_the_child_moves_away(self, moved_out_on: date) -> bool:
        """Whether this enrolment is still to be ended by a move: not one that is over, and not a child at school already."""
        if self.case.state in PRIMARY_ENROLMENT.final:
            return False
        return self.case.state != State.ACCEPTED or moved_out_on < starts_on(self.school_year)

    # inside

    def _note_wishes(self, wishes: Wishes) -> None:
        if wishes.first_choice == wishes.second_choice:
            raise RuleViolationError(
                "first and second choice are the same school: name another one or leave the second out",
                code="same-school-twice",
            )
        self.first_choice = wishes.first_choice
        self.second_choice = wishes.second_choice
        self.stated_criteria = wishes.stated_criteria
        self.documents |= wishes.documents
        self.deferral_requested = wishes.deferral

    def _require_undecided_by(self, school: School) -> None:
        if school.school_id in self.refused_by:
            raise RuleViolationError(
                "this school has refused the child already: choose another one", code="school-has-refused"
            )
        if self.case.state == State.CONFIRMED and school != self.first_choice:
            raise RuleViolationError(
                "the first choice decides first: accept the child there or let it refuse", code="first-choice-first"
            )

    def _ahead(self, school: School, admission: Admission, rules: EnrolmentRules) -> int:
        return admission.ahead_of(self.criteria, rules.admission_order, first_choice=school == self.first_choice)

    def _has_place(self, school: School, admission: Admission, rules: EnrolmentRules) -> bool:
        return admission.has_place_for(self.criteria, rules.admission_order, first_choice=school == self.first_choice)

    def _end_period(self, kind: str, now: datetime) -> None:
        if self.case.period(kind) is not None:
            self.case.end_period(kind, now)


def _open(child: Child, new: NewCase, actor: Actor, now: datetime) -> Case:
    # The applicant of the case is the child: either custodian acts for it, and which one does may change.
    return Case.open(
        PRIMARY_ENROLMENT,
        case_id=new.case_id,
        reference=new.reference,
        applicant_id=child.child_id,
        now=now,
        actor=actor,
    )


def _accepted_because(admission: Admission, criteria: frozenset[Criterion]) -> tuple[str, ...]:
    return (
        sentence(Reason.PLACES, places=admission.places, free=admission.free),
        sentence(Reason.CRITERIA, criteria=criteria),
    )


def _refused_because(
    ground: RefusalGround, admission: Admission, ahead: int, criteria: frozenset[Criterion]
) -> tuple[str, ...]:
    if ground is RefusalGround.NOT_READY_FOR_SCHOOL:
        return (sentence(Reason.NOT_READY),)
    return (
        sentence(Reason.PLACES, places=admission.places, free=admission.free),
        sentence(Reason.AHEAD, ahead=ahead, criteria=criteria),
    )
