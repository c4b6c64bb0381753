"""A case's period: suspended, extended, ended."""

from datetime import UTC, date, datetime, timedelta

import pytest
from amtsbus.casework import CasePeriod, Period, calendar_days, months, until, weeks, werktage, working_days
from amtsbus.casework.calendar import days_counted
from amtsbus.errors import RuleViolationError
from hypothesis import assume, given
from hypothesis import strategies as st

periods = st.one_of(
    st.integers(1, 60).map(working_days),
    st.integers(1, 60).map(werktage),
    st.integers(1, 120).map(calendar_days),
    st.integers(1, 20).map(weeks),
    st.integers(1, 12).map(months),
)
starts = st.dates(date(2000, 1, 1), date(2080, 12, 31))


def started(on: date, period: Period) -> CasePeriod:
    return CasePeriod.start(1, "reply", on, period, land="NW")


def test_working_days_stand_still_in_working_days() -> None:
    period = started(date(2026, 3, 2), working_days(10))
    assert period.due_on == date(2026, 3, 16)
    # From Thursday 5 March to Tuesday 10 March: Thursday, Friday and Monday do not count.
    assert period.suspended(date(2026, 3, 5)).resumed(date(2026, 3, 10)).due_on == date(2026, 3, 19)


def test_months_stand_still_in_calendar_days_and_end_on_a_working_day() -> None:
    period = started(date(2026, 3, 2), months(1))
    assert period.due_on == date(2026, 4, 2)
    # One day longer would be Good Friday: the end moves behind Easter.
    assert period.suspended(date(2026, 3, 5)).resumed(date(2026, 3, 6)).due_on == date(2026, 4, 7)


def test_the_free_days_that_moved_an_end_are_not_added_twice() -> None:
    period = started(date(2026, 2, 3), months(2))  # by counting alone: Good Friday, 3 April
    assert (period.ends_on, period.due_on) == (date(2026, 4, 3), date(2026, 4, 7))
    assert period.suspended(date(2026, 3, 2)).resumed(date(2026, 3, 6)).due_on == date(2026, 4, 7)


def test_a_suspension_may_outlast_the_original_end() -> None:
    period = started(date(2026, 3, 2), working_days(5)).suspended(date(2026, 3, 6))
    # Friday and Monday were left when it stood still, so Monday 4 May and Tuesday 5 May are.
    assert period.due_on == date(2026, 3, 9)
    assert period.resumed(date(2026, 5, 4)).due_on == date(2026, 5, 5)


def test_standing_still_on_the_day_of_the_event_takes_nothing_away() -> None:
    period = started(date(2026, 3, 2), working_days(10)).suspended(date(2026, 3, 2))
    assert period.resumed(date(2026, 3, 3)).due_on == date(2026, 3, 16)
    assert period.resumed(date(2026, 3, 4)).due_on == date(2026, 3, 17)


def test_an_extension_is_counted_from_the_end_that_holds() -> None:
    period = started(date(2026, 1, 31), months(1))
    assert period.due_on == date(2026, 3, 2)
    longer = period.extended(months(1))
    assert (longer.ends_on, longer.due_on) == (date(2026, 4, 2), date(2026, 4, 2))
    assert period.extended(until(date(2026, 3, 29))).due_on == date(2026, 3, 29)


def test_an_extension_that_ends_no_later_is_refused() -> None:
    with pytest.raises(RuleViolationError, match="must end later"):
        started(date(2026, 3, 2), months(1)).extended(until(date(2026, 4, 2)))


@given(starts, periods, st.integers(0, 400))
def test_suspending_and_resuming_on_the_same_day_changes_nothing(start: date, period: Period, after: int) -> None:
    running = started(start, period)
    assume(start + timedelta(after) <= running.due_on)
    assert running.suspended(start + timedelta(after)).resumed(start + timedelta(after)) == running


@given(starts, periods, st.integers(0, 60), st.integers(0, 200))
def test_what_was_left_at_the_suspension_is_left_at_the_resumption(
    start: date, period: Period, after: int, still: int
) -> None:
    running = started(start, period)
    stopped, resumed = start + timedelta(1 + after), start + timedelta(1 + after + still)
    assume(stopped <= running.due_on)
    again = running.suspended(stopped).resumed(resumed)
    left_before = days_counted(stopped, running.ends_on + timedelta(1), period.unit)
    assert days_counted(resumed, again.ends_on + timedelta(1), period.unit) == left_before


@given(starts, periods, st.integers(0, 60), st.integers(0, 200), st.integers(0, 30))
def test_a_longer_suspension_never_ends_earlier(
    start: date, period: Period, after: int, still: int, longer: int
) -> None:
    running = started(start, period)
    assume(start + timedelta(after) <= running.due_on)
    stopped = running.suspended(start + timedelta(after))
    short, long = (start + timedelta(after + days) for days in (still, still + longer))
    assert running.due_on <= stopped.resumed(short).due_on <= stopped.resumed(long).due_on


@given(starts, periods, periods)
def test_an_extended_period_is_due_later(start: date, period: Period, extension: Period) -> None:
    assert started(start, period).extended(extension).due_on > started(start, period).due_on


@pytest.mark.parametrize("on", [date(2026, 3, 1), date(2026, 3, 17)])
def test_only_a_period_that_runs_can_be_suspended(on: date) -> None:
    with pytest.raises(RuleViolationError, match="cannot be suspended"):
        started(date(2026, 3, 2), working_days(10)).suspended(on)


def test_a_suspended_period_is_not_suspended_again_nor_resumed_into_the_past() -> None:
    stopped = started(date(2026, 3, 2), working_days(10)).suspended(date(2026, 3, 5))
    assert not stopped.is_running
    with pytest.raises(RuleViolationError, match="already suspended"):
        stopped.suspended(date(2026, 3, 6))
    with pytest.raises(RuleViolationError, match="before that day"):
        stopped.resumed(date(2026, 3, 4))
    with pytest.raises(RuleViolationError, match="is not suspended"):
        started(date(2026, 3, 2), working_days(10)).resumed(date(2026, 3, 4))


def test_an_ended_period_is_not_suspended_any_more() -> None:
    at = datetime(2026, 3, 9, tzinfo=UTC)
    over = started(date(2026, 3, 2), working_days(10)).suspended(date(2026, 3, 5)).ended(at)
    assert (over.ended_at, over.suspended_on, over.is_running) == (at, None, False)


def test_a_warning_of_more_than_a_year_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="calendar days"):
        CasePeriod.start(1, "reply", date(2026, 3, 2), months(1), land="NW", warn_days_before=400)
