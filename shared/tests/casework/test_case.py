"""A case keeps the rules of its procedure, and remembers."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from amtsbus.casework import (
    Actor,
    Case,
    Decision,
    Fee,
    HistoryEntry,
    Procedure,
    Role,
    calendar_days,
    working_days,
)
from amtsbus.errors import ForbiddenError, RuleViolationError

from .requests import APPLICANT, CITIZEN, LENA, MIRA, NOW, OLAF, REQUESTS


@pytest.fixture
def case() -> Case:
    return Case.open(REQUESTS, case_id=UUID(int=7), reference="RQ-2026-000001", applicant_id=APPLICANT, now=NOW)


@pytest.fixture
def examined(case: Case) -> Case:
    case.take("examine", MIRA, NOW)
    return case


def codes(case: Case) -> list[tuple[str, str | None]]:
    return [(entry.what, entry.about) for entry in case.history]


def test_a_case_opens_in_the_initial_state_with_its_first_line_of_history(case: Case) -> None:
    assert (case.state, case.version, case.closed_at, case.assignee, case.due_on) == ("received", 1, None, None, None)
    assert case.history == [HistoryEntry(str(APPLICANT), NOW, "opened", "request", "received")]
    assert case.procedure_key == "request"


def test_an_action_leads_to_its_target(case: Case) -> None:
    case.take("examine", MIRA, NOW, reason="  all there ")
    assert case.state == "examined"
    assert case.history[-1] == HistoryEntry("mira", NOW, "action-taken", "examine", "examined", "all there")


def test_an_action_of_another_state_is_refused_and_says_what_is_possible(case: Case) -> None:
    with pytest.raises(RuleViolationError, match="possible: examine, lapse, withdraw") as refused:
        case.take("return", MIRA, NOW, reason="no")
    assert refused.value.code == "action-not-permitted"
    assert (case.state, len(case.history)) == ("received", 1)


def test_an_action_of_another_role_is_forbidden_and_says_whose_it_is(case: Case) -> None:
    with pytest.raises(ForbiddenError, match="only clerk or lead may take 'examine'"):
        case.take("examine", CITIZEN, NOW)
    with pytest.raises(ForbiddenError, match="only system"):
        case.take("lapse", LENA, NOW)
    case.take("lapse", Actor.system(), NOW)
    assert case.closed_at == NOW


@pytest.mark.parametrize("reason", [None, "", "   "])
def test_an_action_that_needs_a_reason_is_refused_without(examined: Case, reason: str | None) -> None:
    with pytest.raises(RuleViolationError) as refused:
        examined.take("return", MIRA, NOW, reason=reason)
    assert refused.value.code == "reason-missing"


def test_one_person_alone_cannot_take_a_four_eyes_action(examined: Case) -> None:
    with pytest.raises(RuleViolationError) as refused:
        examined.take("grant", MIRA, NOW)
    assert refused.value.code == "proposal-missing"
    examined.propose("grant", MIRA, NOW, reason=None)
    with pytest.raises(ForbiddenError, match="two people"):
        examined.take("grant", MIRA, NOW)
    assert examined.state == "examined"


def test_nor_with_two_roles(examined: Case) -> None:
    both = Actor("mira", frozenset({Role.CLERK, Role.LEAD}))
    examined.propose("refuse", both, NOW, reason="too high")
    with pytest.raises(ForbiddenError, match="two people"):
        examined.take("refuse", both, NOW)


def test_a_second_person_takes_what_the_first_proposed(examined: Case) -> None:
    examined.propose("refuse", MIRA, NOW, reason="too high")
    assert [step.action for step in examined.actions(LENA)] == ["refuse"]
    examined.take("refuse", LENA, NOW + timedelta(hours=1))
    assert (examined.state, examined.closed_at, examined.proposal) == ("refused", NOW + timedelta(hours=1), None)
    assert examined.history[-2:] == [
        HistoryEntry("mira", NOW, "action-proposed", "refuse", "examined", "too high"),
        HistoryEntry("lena", NOW + timedelta(hours=1), "action-taken", "refuse", "refused", "too high"),
    ]


def test_the_second_person_must_have_the_role_as_well(examined: Case) -> None:
    examined.propose("refuse", MIRA, NOW, reason="too high")
    with pytest.raises(ForbiddenError, match="only lead"):
        examined.take("refuse", OLAF, NOW)


def test_a_proposal_of_one_action_does_not_open_another(examined: Case) -> None:
    examined.propose("refuse", MIRA, NOW, reason="too high")
    with pytest.raises(RuleViolationError, match="somebody must propose it"):
        examined.take("grant", LENA, NOW)


def test_a_later_proposal_replaces_the_earlier_one(examined: Case) -> None:
    examined.propose("refuse", MIRA, NOW, reason="too high")
    examined.propose("grant", LENA, NOW, reason=None)
    assert [step.action for step in examined.actions(LENA)] == []
    examined.take("grant", MIRA, NOW)
    assert examined.state == "granted"


def test_a_proposal_does_not_survive_another_action(examined: Case) -> None:
    examined.propose("grant", MIRA, NOW, reason=None)
    examined.take("return", OLAF, NOW, reason="a page is missing")
    examined.take("examine", OLAF, NOW)
    assert ("proposal-dropped", "grant") in codes(examined)
    with pytest.raises(RuleViolationError, match="somebody must propose it"):
        examined.take("grant", OLAF, NOW)


def test_only_staff_propose_and_only_what_needs_it(examined: Case) -> None:
    with pytest.raises(ForbiddenError, match="only clerk or lead may propose"):
        examined.propose("grant", CITIZEN, NOW, reason=None)
    with pytest.raises(RuleViolationError) as refused:
        examined.propose("return", MIRA, NOW, reason="no")
    assert refused.value.code == "not-a-four-eyes-action"


def test_a_refusal_is_proposed_with_its_reason(examined: Case) -> None:
    with pytest.raises(RuleViolationError) as refused:
        examined.propose("refuse", MIRA, NOW, reason=" ")
    assert refused.value.code == "reason-missing"


def test_a_closed_case_takes_nothing_more_but_notes(case: Case) -> None:
    case.start_period("check", date(2026, 3, 2), working_days(10), now=NOW)
    case.take("withdraw", CITIZEN, NOW)
    assert case.period("check") is None
    assert case.due_on is None
    assert codes(case)[-2:] == [("action-taken", "withdraw"), ("period-ended", "check")]
    attempts: list[Callable[[], object]] = [
        lambda: case.take("examine", MIRA, NOW),
        lambda: case.start_period("check", date(2026, 3, 2), working_days(10), now=NOW),
        lambda: case.assign("mira", MIRA, NOW),
        lambda: case.propose("grant", MIRA, NOW, reason=None),
    ]
    for attempt in attempts:
        with pytest.raises(RuleViolationError):
            attempt()
    case.note("asked by telephone whether it can be reopened", MIRA, NOW)
    assert codes(case)[-1] == ("noted", None)


def test_the_case_is_due_when_the_first_of_its_running_periods_is(case: Case) -> None:
    case.start_period("check", date(2026, 3, 2), working_days(10), now=NOW)
    case.start_period("reply", date(2026, 3, 2), calendar_days(7), warn_days_before=2, now=NOW)
    assert case.due_on == date(2026, 3, 9)
    case.suspend_period("reply", date(2026, 3, 3), "post is on strike", MIRA, NOW)
    assert case.due_on == date(2026, 3, 16)
    case.resume_period("reply", date(2026, 3, 5), NOW)
    assert case.due_on == date(2026, 3, 11)
    case.end_period("reply", NOW)
    case.end_period("check", NOW)
    assert case.due_on is None


def test_every_change_of_a_period_is_recorded_with_who_and_why(case: Case) -> None:
    case.start_period("check", date(2026, 3, 2), working_days(10), now=NOW, actor=MIRA)
    case.suspend_period("check", date(2026, 3, 3), "waits for the register", OLAF, NOW)
    case.resume_period("check", date(2026, 3, 4), NOW)
    case.extend_period("check", working_days(5), "many papers", LENA, NOW)
    assert [(entry.who, entry.what, entry.reason) for entry in case.history[1:]] == [
        ("mira", "period-started", None),
        ("olaf", "period-suspended", "waits for the register"),
        ("olaf", "period-resumed", None),
        ("lena", "period-extended", "many papers"),
    ]


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_period_is_neither_suspended_nor_extended_without_a_reason(case: Case, reason: str) -> None:
    case.start_period("check", date(2026, 3, 2), working_days(10), now=NOW)
    attempts: list[Callable[[], object]] = [
        lambda: case.suspend_period("check", date(2026, 3, 3), reason, MIRA, NOW),
        lambda: case.extend_period("check", working_days(5), reason, MIRA, NOW),
    ]
    for attempt in attempts:
        with pytest.raises(RuleViolationError) as refused:
            attempt()
        assert refused.value.code == "reason-missing"


def test_one_period_of_a_kind_at_a_time_and_another_one_later(case: Case) -> None:
    case.start_period("check", date(2026, 3, 2), working_days(10), now=NOW)
    with pytest.raises(RuleViolationError) as refused:
        case.start_period("check", date(2026, 3, 3), working_days(10), now=NOW)
    assert refused.value.code == "period-running"
    case.end_period("check", NOW)
    with pytest.raises(RuleViolationError) as refused:
        case.end_period("check", NOW)
    assert refused.value.code == "period-not-open"
    assert case.start_period("check", date(2026, 3, 9), working_days(10), now=NOW).nth == 2


def test_periods_go_by_the_holidays_of_the_procedures_state() -> None:
    saxon = Procedure("request", "RQ", "received", REQUESTS.transitions, REQUESTS.final, land="SN")
    for steps, due in ((REQUESTS, date(2026, 11, 18)), (saxon, date(2026, 11, 19))):  # Buß- und Bettag
        case = Case.open(steps, case_id=UUID(int=7), reference="RQ-1", applicant_id=APPLICANT, now=NOW)
        assert case.start_period("check", date(2026, 11, 17), working_days(1), now=NOW).due_on == due


def test_a_fee_belongs_to_the_step_before_it(examined: Case) -> None:
    examined.propose("grant", MIRA, NOW, reason=None)
    examined.take("grant", LENA, NOW + timedelta(days=1))
    examined.charge(Fee("grant", 12_050, "tariff 3.1"))
    assert examined.history[-1] == HistoryEntry("lena", NOW + timedelta(days=1), "fee-charged", "grant", "granted")
    examined.charge(Fee("copy", 200, "tariff 9"), actor=MIRA, now=NOW)
    assert [fee.amount_cents for fee in examined.fees] == [12_050, 200]
    assert examined.history[-1].who == "mira"


def test_a_fee_without_a_step_before_it_says_who_and_when(case: Case) -> None:
    case.history.clear()
    with pytest.raises(ValueError, match="say who charges"):
        case.charge(Fee("copy", 200, "tariff 9"))


@pytest.mark.parametrize("amount", [-1, 1.5, True, "100"])
def test_a_fee_is_whole_cents(amount: Any) -> None:
    with pytest.raises(ValueError, match="whole number of cents"):
        Fee("copy", amount, "tariff 9")


def test_fees_and_decisions_name_their_legal_basis() -> None:
    with pytest.raises(ValueError, match="legal basis"):
        Fee("copy", 200, "")
    with pytest.raises(ValueError, match="legal basis"):
        Decision("granted", (), "lena", NOW, "")


def test_a_decision_is_recorded_with_whoever_took_it(examined: Case) -> None:
    decision = Decision("refused", ("too-high", "too-near"), "lena", NOW, "§ 1")
    examined.decide(decision)
    assert examined.decisions == [decision]
    assert examined.history[-1] == HistoryEntry("lena", NOW, "decided", "refused", "examined")


def test_a_case_is_assigned_and_returned_to_the_pool(case: Case) -> None:
    case.assign("mira", LENA, NOW)
    assert case.assignee == "mira"
    case.assign(None, LENA, NOW)
    assert case.assignee is None
    assert codes(case)[-2:] == [("assigned", "mira"), ("returned-to-pool", None)]


def test_an_empty_note_is_refused(case: Case) -> None:
    with pytest.raises(RuleViolationError) as refused:
        case.note(" \n", MIRA, NOW)
    assert refused.value.code == "note-empty"


def test_a_department_records_what_only_it_understands(case: Case) -> None:
    case.record("office-heard", MIRA, NOW, about="fire-brigade", reason="§ 2")
    assert case.history[-1] == HistoryEntry("mira", NOW, "office-heard", "fire-brigade", "received", "§ 2")


def test_a_time_without_a_zone_is_a_mistake_and_changes_nothing(case: Case) -> None:
    naive = datetime(2026, 3, 2, 9)  # noqa: DTZ001 - the mistake under test
    for attempt in (
        lambda: case.take("examine", MIRA, naive),
        lambda: case.start_period("check", date(2026, 3, 2), working_days(10), now=naive),
        lambda: case.note("hello", MIRA, naive),
        lambda: case.charge(Fee("copy", 200, "tariff 9"), actor=MIRA, now=naive),
        lambda: case.decide(Decision("granted", (), "lena", naive, "§ 1")),
    ):
        with pytest.raises(ValueError, match="time zone"):
            attempt()
    assert (case.state, case.periods, case.notes, case.fees, len(case.history)) == ("received", [], [], [], 1)
