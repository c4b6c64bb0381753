"""What may happen to a building application, and what may not."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from amtsbus.casework.calendar import Period, calendar_days, end_of, months, working_days
from amtsbus.casework.roles import Actor, Role
from amtsbus.errors import ForbiddenError, NotFoundError, RuleViolationError
from permits.domain.application import (
    BuildingApplication,
    Document,
    Parcel,
    Project,
    Ruling,
)
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
    FeeNoticed,
)
from permits.domain.law import FeeTariff, LegalTerm, Term
from permits.domain.procedure import State

BUILDER = Actor("the-builder", frozenset({Role.CITIZEN}))
CLERK = Actor("the-clerk", frozenset({Role.CLERK}))
LEAD = Actor("the-lead", frozenset({Role.LEAD}))
AUDITOR = Actor("the-auditor", frozenset({Role.AUDITOR}))

APPLICATION_ID = UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0c001")
BUILDER_ID = UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0c002")
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def term(name: Term, period: Period) -> LegalTerm:
    return LegalTerm(term=name, valid_from=date(2019, 1, 1), period=period, legal_basis="BauO NRW")


CHECK = term(Term.COMPLETENESS_CHECK, working_days(10))
HEARING = term(Term.HEARING, months(1))
DECISION = term(Term.DECISION, months(3))
VALIDITY = term(Term.PERMIT_VALIDITY, months(36))
PAYMENT = term(Term.PAYMENT, months(1))
TARIFF = FeeTariff(
    valid_from=date(2024, 1, 1),
    share_per_ten_thousand=60,
    minimum_cents=5_000,
    refusal_percent=75,
    legal_basis="AVwGebO NRW, Tarifstelle 3",
)
APPROVAL = Ruling(Decision.APPROVAL)
REFUSAL = Ruling(Decision.REFUSAL, grounds=(GroundCode.DISTANCE_AREAS,))


def document(code: DocumentCode, content: int = 1, at: datetime = MONDAY) -> Document:
    return Document(code, f"{code}.pdf", bytes([content]) * 32, 1_000, at)


def submit(*missing: DocumentCode, now: datetime = MONDAY) -> BuildingApplication:
    needed = sorted(REQUIRED_DOCUMENTS[ProjectKind.NEW_BUILDING] - set(missing))
    application, _ = BuildingApplication.submit(
        application_id=APPLICATION_ID,
        reference="BA-2026-000001",
        applicant_id=BUILDER_ID,
        project=Project(
            ProjectKind.NEW_BUILDING,
            "A house",
            Parcel("Wiesdorf", "12", "345/6"),
            None,
            gross_building_sum_cents=30_000_000,
        ),
        documents=[document(code) for code in needed],
        check=CHECK,
        actor=BUILDER,
        now=now,
    )
    return application


def in_state(state: State) -> BuildingApplication:
    """An application that the shortest way has led to `state`."""
    application = submit()
    if state is State.SUBMITTED:
        return application
    if state in (State.DOCUMENTS_REQUESTED, State.LAPSED):
        application.request_documents(
            frozenset({DocumentCode.SITE_PLAN}), "It lacks the distances", calendar_days(14), CLERK, MONDAY
        )
        if state is State.LAPSED:
            application.lapse(date(2026, 3, 16), end_of(date(2026, 3, 16)))
        return application
    if state is State.WITHDRAWN:
        application.withdraw(BUILDER, MONDAY)
        return application
    application.declare_complete(DECISION, CLERK, MONDAY)
    if state in (State.CONSULTING, State.DECIDING):
        application.hear(frozenset({Agency.FIRE_PROTECTION}), HEARING, CLERK, MONDAY)
        if state is State.DECIDING:
            application.record_response(Agency.FIRE_PROTECTION, AgencyOutcome.NO_OBJECTION, (), None, CLERK, MONDAY)
    if state in (State.APPROVED, State.REFUSED):
        application.propose(APPROVAL if state is State.APPROVED else REFUSAL, "As it stands", CLERK, MONDAY)
        application.confirm(VALIDITY, PAYMENT, TARIFF, LEAD, MONDAY)
    return application


UNDECIDED = [State.SUBMITTED, State.DOCUMENTS_REQUESTED, State.COMPLETE, State.CONSULTING, State.DECIDING]
CLOSED = [State.APPROVED, State.REFUSED, State.LAPSED, State.WITHDRAWN]


@pytest.mark.parametrize("state", State)
def test_every_state_can_be_reached(state: State) -> None:
    application = in_state(state)
    assert application.state is state
    assert application.case.is_closed is (state in CLOSED)


# receipt


@pytest.mark.parametrize(
    ("received", "due_on"),
    [
        (date(2026, 3, 2), date(2026, 3, 16)),
        (date(2026, 3, 6), date(2026, 3, 20)),  # a Friday
        (date(2026, 3, 7), date(2026, 3, 20)),  # a Saturday: Monday is the first day that counts
        (date(2026, 3, 30), date(2026, 4, 15)),  # Good Friday and Easter Monday do not count
        (date(2026, 5, 29), date(2026, 6, 15)),  # nor does Corpus Christi, a holiday in North Rhine-Westphalia
    ],
)
def test_completeness_is_checked_within_ten_arbeitstage(received: date, due_on: date) -> None:
    application = submit(now=datetime(received.year, received.month, received.day, 9, tzinfo=UTC))
    assert application.due_on(DeadlineKind.COMPLETENESS) == due_on


def test_an_application_of_late_evening_is_received_on_the_citys_day() -> None:
    just_after_midnight = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    assert submit(now=just_after_midnight).submitted_on == date(2026, 3, 2)


def test_receipt_tells_the_day_by_which_completeness_is_checked() -> None:
    _, events = BuildingApplication.submit(
        application_id=APPLICATION_ID,
        reference="BA-2026-000001",
        applicant_id=BUILDER_ID,
        project=submit().project,
        documents=[],
        check=CHECK,
        actor=BUILDER,
        now=MONDAY,
    )
    assert events == [ApplicationSubmitted(date(2026, 3, 2), date(2026, 3, 16))]


# completeness


def test_what_is_missing_is_asked_for_with_a_period_that_ends_on_a_working_day() -> None:
    application = submit(DocumentCode.SITE_PLAN)
    events = application.request_documents(
        frozenset({DocumentCode.SITE_PLAN}), "It is missing", calendar_days(12), CLERK, MONDAY
    )
    assert events == [DocumentsRequested((DocumentCode.SITE_PLAN,), date(2026, 3, 16))]  # the 14th is a Saturday
    assert application.case.period(DeadlineKind.COMPLETENESS) is None
    assert application.open_request is not None
    assert application.open_request.reasons == "It is missing"


def test_the_applicant_cannot_ask_themself() -> None:
    with pytest.raises(ForbiddenError):
        submit().request_documents(frozenset({DocumentCode.SITE_PLAN}), "Because", calendar_days(14), BUILDER, MONDAY)


def test_what_was_asked_for_and_came_is_checked_anew_within_ten_arbeitstage() -> None:
    application = in_state(State.DOCUMENTS_REQUESTED)
    later = MONDAY + timedelta(days=7)
    events = application.supply_documents([document(DocumentCode.SITE_PLAN, 2, later)], CHECK, BUILDER, later)
    assert events == [DocumentsSupplied((DocumentCode.SITE_PLAN,))]
    assert application.state is State.SUBMITTED
    assert application.due_on(DeadlineKind.COMPLETENESS) == date(2026, 3, 23)
    assert application.case.period(DeadlineKind.DOCUMENTS) is None
    assert application.open_request is None


def test_a_part_of_what_was_asked_for_does_not_stop_the_period() -> None:
    application = submit(DocumentCode.SITE_PLAN, DocumentCode.BUILDING_DRAWINGS)
    application.request_documents(
        frozenset({DocumentCode.SITE_PLAN, DocumentCode.BUILDING_DRAWINGS}), "Missing", calendar_days(14), CLERK, MONDAY
    )
    application.supply_documents([document(DocumentCode.SITE_PLAN)], CHECK, BUILDER, MONDAY)
    assert application.state is State.DOCUMENTS_REQUESTED
    assert application.open_request is not None
    assert application.open_request.outstanding == {DocumentCode.BUILDING_DRAWINGS}
    assert application.due_on(DeadlineKind.DOCUMENTS) == date(2026, 3, 16)

    application.supply_documents([document(DocumentCode.BUILDING_DRAWINGS)], CHECK, BUILDER, MONDAY)
    assert application.case.state == State.SUBMITTED


def test_documents_may_come_unasked_while_completeness_is_checked() -> None:
    application = submit(DocumentCode.SITE_PLAN)
    due_on = application.due_on(DeadlineKind.COMPLETENESS)
    application.supply_documents([document(DocumentCode.SITE_PLAN)], CHECK, BUILDER, MONDAY + timedelta(days=1))
    assert application.missing_documents == frozenset()
    assert application.due_on(DeadlineKind.COMPLETENESS) == due_on


def test_the_same_document_twice_is_kept_once() -> None:
    application = submit()
    count = len(application.documents)
    application.supply_documents([document(DocumentCode.SITE_PLAN)], CHECK, BUILDER, MONDAY)
    assert len(application.documents) == count


def test_an_application_does_not_grow_without_end() -> None:
    flood = [document(DocumentCode.PARKING_SPACES, nth % 256) for nth in range(501)]
    with pytest.raises(RuleViolationError, match="fewer files"):
        submit().supply_documents(flood, CHECK, BUILDER, MONDAY)


def test_documents_of_the_last_minute_are_in_time() -> None:
    application = in_state(State.DOCUMENTS_REQUESTED)
    last_minute = end_of(date(2026, 3, 16)) - timedelta(seconds=1)
    application.supply_documents([document(DocumentCode.SITE_PLAN, 2)], CHECK, BUILDER, last_minute)
    assert application.state is State.SUBMITTED


def test_documents_after_the_period_are_refused_even_before_the_clock_has_noticed() -> None:
    application = in_state(State.DOCUMENTS_REQUESTED)
    with pytest.raises(RuleViolationError, match=r"were due on 2026-03-16.*Hand in a new application") as refused:
        application.supply_documents([document(DocumentCode.SITE_PLAN, 2)], CHECK, BUILDER, end_of(date(2026, 3, 16)))
    assert refused.value.code == "application-lapsed"
    assert application.state is State.DOCUMENTS_REQUESTED


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State.LAPSED, "application-lapsed"),
        (State.COMPLETE, "application-complete"),
        (State.CONSULTING, "application-complete"),
        (State.DECIDING, "application-complete"),
        (State.APPROVED, "application-closed"),
        (State.REFUSED, "application-closed"),
        (State.WITHDRAWN, "application-closed"),
    ],
)
def test_documents_that_come_too_late_are_refused_with_a_way_out(state: State, code: str) -> None:
    application = in_state(state)
    with pytest.raises(RuleViolationError, match=r"not taken over.*new") as refused:
        application.supply_documents([document(DocumentCode.SITE_PLAN, 9)], CHECK, BUILDER, MONDAY)
    assert refused.value.code == code


def test_an_application_lapses_when_the_documents_do_not_come() -> None:
    application = in_state(State.DOCUMENTS_REQUESTED)
    events = application.lapse(date(2026, 3, 16), end_of(date(2026, 3, 16)) + timedelta(days=3))
    assert events == [ApplicationLapsed(date(2026, 3, 17))]  # by law, however late the clock was
    assert application.state is State.LAPSED
    assert application.case.due_on is None


def test_an_application_does_not_lapse_when_the_documents_came_in_time() -> None:
    application = in_state(State.DOCUMENTS_REQUESTED)
    application.supply_documents([document(DocumentCode.SITE_PLAN, 2)], CHECK, BUILDER, MONDAY)
    assert application.lapse(date(2026, 3, 16), end_of(date(2026, 3, 16))) == []
    assert application.state is State.SUBMITTED


def test_the_legal_clock_starts_with_completeness_and_not_with_receipt() -> None:
    application = submit()
    later = MONDAY + timedelta(days=10)
    events = application.declare_complete(DECISION, CLERK, later)
    assert events == [ApplicationComplete(date(2026, 3, 12), date(2026, 6, 12))]
    assert application.due_on(DeadlineKind.DECISION) == date(2026, 6, 12)


def test_an_application_without_its_site_plan_is_not_complete() -> None:
    application = submit(DocumentCode.SITE_PLAN)
    with pytest.raises(RuleViolationError, match="site-plan is missing") as refused:
        application.declare_complete(DECISION, CLERK, MONDAY)
    assert refused.value.code == "documents-missing"


# agencies


def test_agencies_are_heard_in_parallel_each_with_its_own_period() -> None:
    application = in_state(State.COMPLETE)
    events = application.hear(frozenset({Agency.WATER_AUTHORITY, Agency.FIRE_PROTECTION}), HEARING, CLERK, MONDAY)
    assert events == [
        AgencyHeard(Agency.FIRE_PROTECTION, date(2026, 4, 2)),
        AgencyHeard(Agency.WATER_AUTHORITY, date(2026, 4, 2)),
    ]
    next_week = MONDAY + timedelta(days=7)
    assert application.hear(frozenset({Agency.SOIL_PROTECTION}), HEARING, CLERK, next_week) == [
        AgencyHeard(Agency.SOIL_PROTECTION, date(2026, 4, 9))
    ]


def test_an_agency_is_heard_once() -> None:
    application = in_state(State.CONSULTING)
    with pytest.raises(RuleViolationError, match="fire-protection has been heard"):
        application.hear(frozenset({Agency.FIRE_PROTECTION}), HEARING, CLERK, MONDAY)


def test_the_last_answer_makes_the_application_ready_for_a_decision() -> None:
    application = in_state(State.COMPLETE)
    application.hear(frozenset({Agency.WATER_AUTHORITY, Agency.FIRE_PROTECTION}), HEARING, CLERK, MONDAY)
    application.record_response(Agency.FIRE_PROTECTION, AgencyOutcome.NO_OBJECTION, (), None, CLERK, MONDAY)
    assert application.state is State.CONSULTING
    events = application.fall_silent(Agency.WATER_AUTHORITY, end_of(date(2026, 4, 2)))
    assert events == [AgencyResponded(Agency.WATER_AUTHORITY, AgencyOutcome.SILENT)]
    assert application.case.state == State.DECIDING


def test_an_agency_that_answered_does_not_fall_silent() -> None:
    application = in_state(State.DECIDING)
    assert application.fall_silent(Agency.FIRE_PROTECTION, end_of(date(2026, 4, 2))) == []


def test_an_answer_on_the_last_day_counts() -> None:
    application = in_state(State.CONSULTING)
    last_minute = end_of(date(2026, 4, 2)) - timedelta(seconds=1)
    application.record_response(Agency.FIRE_PROTECTION, AgencyOutcome.OBJECTION, (), "Too close", CLERK, last_minute)
    assert application.hearings[Agency.FIRE_PROTECTION].outcome is AgencyOutcome.OBJECTION


@pytest.mark.parametrize("clock_has_noticed", [True, False])
def test_an_answer_after_the_period_is_too_late(clock_has_noticed: bool) -> None:
    application = in_state(State.CONSULTING)
    too_late = end_of(date(2026, 4, 2))
    if clock_has_noticed:
        application.fall_silent(Agency.FIRE_PROTECTION, too_late)
    with pytest.raises(RuleViolationError, match="into a note") as refused:
        application.record_response(Agency.FIRE_PROTECTION, AgencyOutcome.OBJECTION, (), None, CLERK, too_late)
    assert refused.value.code == "hearing-period-ended"


def test_a_second_answer_is_refused() -> None:
    with pytest.raises(RuleViolationError, match="recorded already"):
        in_state(State.DECIDING).record_response(
            Agency.FIRE_PROTECTION, AgencyOutcome.OBJECTION, (), None, CLERK, MONDAY
        )


def test_an_agency_that_was_not_asked_has_nothing_to_answer() -> None:
    with pytest.raises(NotFoundError):
        in_state(State.CONSULTING).record_response(
            Agency.WATER_AUTHORITY, AgencyOutcome.OBJECTION, (), None, CLERK, MONDAY
        )


@pytest.mark.parametrize(
    ("outcome", "conditions"),
    [(AgencyOutcome.CONDITIONS, ()), (AgencyOutcome.NO_OBJECTION, (ConditionCode.SECOND_ESCAPE_ROUTE,))],
)
def test_an_answer_and_its_conditions_agree(outcome: AgencyOutcome, conditions: tuple[ConditionCode, ...]) -> None:
    with pytest.raises(RuleViolationError, match="names at least one"):
        in_state(State.CONSULTING).record_response(Agency.FIRE_PROTECTION, outcome, conditions, None, CLERK, MONDAY)


def test_hearing_another_agency_drops_a_proposal_that_did_not_know_its_answer() -> None:
    application = in_state(State.DECIDING)
    application.propose(APPROVAL, None, CLERK, MONDAY)
    application.hear(frozenset({Agency.WATER_AUTHORITY}), HEARING, CLERK, MONDAY)
    assert application.state is State.CONSULTING
    assert application.ruling is None
    assert application.case.proposal is None


# the decision


def test_an_approval_takes_two_people_and_is_valid_for_three_years() -> None:
    application = in_state(State.DECIDING)
    application.propose(
        Ruling(Decision.APPROVAL, conditions=(ConditionCode.SECOND_ESCAPE_ROUTE,)), "A second way out", CLERK, MONDAY
    )
    events = application.confirm(VALIDITY, PAYMENT, TARIFF, LEAD, MONDAY)
    assert events == [
        ApplicationApproved(date(2026, 3, 2), date(2029, 3, 2), (ConditionCode.SECOND_ESCAPE_ROUTE,)),
        FeeNoticed(180_000, date(2026, 4, 2)),
    ]
    assert application.case.decisions[0].reasons == ("A second way out",)
    assert application.case.due_on is None


def test_a_refusal_takes_two_people_and_costs_as_well() -> None:
    application = in_state(State.DECIDING)
    application.propose(REFUSAL, "Three metres are missing", CLERK, MONDAY)
    events = application.confirm(VALIDITY, PAYMENT, TARIFF, LEAD, MONDAY)
    assert events == [
        ApplicationRefused(date(2026, 3, 2), (GroundCode.DISTANCE_AREAS,)),
        FeeNoticed(135_000, date(2026, 4, 2)),
    ]
    assert application.ruling is not None
    assert application.ruling.valid_until is None


@pytest.mark.parametrize("ruling", [APPROVAL, REFUSAL])
def test_nobody_confirms_their_own_proposal(ruling: Ruling) -> None:
    application = in_state(State.DECIDING)
    application.propose(ruling, "As it stands", LEAD, MONDAY)
    with pytest.raises(ForbiddenError):
        application.confirm(VALIDITY, PAYMENT, TARIFF, LEAD, MONDAY)
    assert application.state is State.DECIDING


def test_the_second_person_is_a_lead() -> None:
    application = in_state(State.DECIDING)
    application.propose(APPROVAL, None, LEAD, MONDAY)
    with pytest.raises(ForbiddenError):
        application.confirm(VALIDITY, PAYMENT, TARIFF, CLERK, MONDAY)


def test_nothing_is_decided_that_nobody_proposed() -> None:
    application = in_state(State.DECIDING)
    with pytest.raises(RuleViolationError) as refused:
        application.confirm(VALIDITY, PAYMENT, TARIFF, LEAD, MONDAY)
    assert refused.value.code == "proposal-missing"
    with pytest.raises(RuleViolationError):
        application.send_back("Why?", LEAD, MONDAY)


@pytest.mark.parametrize("ruling", [REFUSAL, Ruling(Decision.APPROVAL, conditions=(ConditionCode.NOISE_PROTECTION,))])
def test_what_burdens_the_applicant_needs_reasons(ruling: Ruling) -> None:
    with pytest.raises(RuleViolationError, match="need reasons"):
        in_state(State.DECIDING).propose(ruling, None, CLERK, MONDAY)


def test_a_project_that_touches_no_agency_is_decided_at_once() -> None:
    application = in_state(State.COMPLETE)
    application.propose(APPROVAL, None, CLERK, MONDAY)
    application.confirm(VALIDITY, PAYMENT, TARIFF, LEAD, MONDAY)
    assert application.state is State.APPROVED


def test_a_proposal_sent_back_waits_for_another_one() -> None:
    application = in_state(State.DECIDING)
    application.propose(REFUSAL, "No", CLERK, MONDAY)
    application.send_back("The distance is a matter of measuring", LEAD, MONDAY)
    assert application.state is State.DECIDING
    assert application.ruling is None
    application.propose(APPROVAL, None, CLERK, MONDAY)
    application.confirm(VALIDITY, PAYMENT, TARIFF, LEAD, MONDAY)
    assert application.case.state == State.APPROVED


# withdrawal, and what is impossible


@pytest.mark.parametrize("state", UNDECIDED)
def test_the_applicant_may_withdraw_until_the_decision(state: State) -> None:
    application = in_state(state)
    assert application.withdraw(BUILDER, MONDAY) == [ApplicationWithdrawn(date(2026, 3, 2))]
    assert application.case.due_on is None


def test_a_withdrawal_overtakes_a_proposal() -> None:
    application = in_state(State.DECIDING)
    application.propose(APPROVAL, None, CLERK, MONDAY)
    application.withdraw(BUILDER, MONDAY)
    assert application.ruling is None
    with pytest.raises(RuleViolationError):
        application.confirm(VALIDITY, PAYMENT, TARIFF, LEAD, MONDAY)


STEPS: dict[str, tuple[set[State], Callable[[BuildingApplication], object]]] = {
    "request documents": (
        {State.SUBMITTED},
        lambda a: a.request_documents(frozenset({DocumentCode.SITE_PLAN}), "Why", calendar_days(14), CLERK, MONDAY),
    ),
    "supply documents": (
        {State.SUBMITTED, State.DOCUMENTS_REQUESTED},
        lambda a: a.supply_documents([document(DocumentCode.SITE_PLAN, 3)], CHECK, BUILDER, MONDAY),
    ),
    "declare complete": ({State.SUBMITTED}, lambda a: a.declare_complete(DECISION, CLERK, MONDAY)),
    "hear": (
        {State.COMPLETE, State.CONSULTING, State.DECIDING},
        lambda a: a.hear(frozenset({Agency.HEALTH_AUTHORITY}), HEARING, CLERK, MONDAY),
    ),
    "propose": ({State.COMPLETE, State.DECIDING}, lambda a: a.propose(APPROVAL, None, CLERK, MONDAY)),
    "withdraw": (set(UNDECIDED), lambda a: a.withdraw(BUILDER, MONDAY)),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("step", STEPS)
def test_each_step_is_possible_in_its_own_states_only(step: str, state: State) -> None:
    allowed, take = STEPS[step]
    application = in_state(state)
    if state in allowed:
        take(application)
    else:
        with pytest.raises(RuleViolationError):
            take(application)
        assert application.state is state


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("actor", [AUDITOR, Actor("an-operator", frozenset({Role.OPERATOR}))])
def test_auditors_and_operators_take_no_step_at_all(state: State, actor: Actor) -> None:
    assert in_state(state).case.actions(actor) == ()
