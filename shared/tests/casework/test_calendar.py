"""The calendar of the law, against known dates and against what must hold for every date."""

from datetime import UTC, date, datetime, timedelta

import pytest
from amtsbus.casework import (
    Period,
    Unit,
    add_working_days,
    calendar_days,
    due_on,
    end_of,
    is_holiday,
    is_werktag,
    is_working_day,
    months,
    until,
    weeks,
    werktage,
    working_days,
)
from amtsbus.casework.calendar import days_counted
from hypothesis import given
from hypothesis import strategies as st

days = st.dates(date(1995, 1, 1), date(2090, 12, 31))
lands = st.sampled_from(["NW", "BY", "BE", "SN"])
moved_periods = st.one_of(
    st.integers(1, 400).map(calendar_days), st.integers(1, 60).map(weeks), st.integers(1, 40).map(months)
)
counted_periods = st.one_of(moved_periods, st.integers(1, 120).map(working_days), st.integers(1, 120).map(werktage))


@pytest.mark.parametrize(
    ("event", "period", "due"),
    [
        # working days: the day of the event is not counted, nor is Easter
        ("2026-03-02", working_days(10), "2026-03-16"),
        ("2026-04-02", working_days(1), "2026-04-07"),
        ("2026-12-23", working_days(1), "2026-12-24"),
        ("2026-12-24", working_days(1), "2026-12-28"),
        ("2026-03-07", working_days(1), "2026-03-09"),
        # Werktage: a Saturday counts
        ("2026-03-13", werktage(1), "2026-03-14"),
        ("2026-04-02", werktage(3), "2026-04-08"),
        # calendar days and weeks: the end moves off Saturday, Sunday and holiday
        ("2026-03-02", calendar_days(14), "2026-03-16"),
        ("2026-03-20", calendar_days(14), "2026-04-07"),
        ("2026-03-07", weeks(2), "2026-03-23"),
        ("2026-12-11", weeks(2), "2026-12-28"),
        # months: the same number, else the month's last day
        ("2026-01-15", months(1), "2026-02-16"),
        ("2027-01-31", months(1), "2027-03-01"),
        ("2026-01-31", months(1), "2026-03-02"),
        ("2028-01-31", months(1), "2028-02-29"),
        ("2028-02-29", months(12), "2029-02-28"),
        ("2026-08-31", months(6), "2027-03-01"),
        ("2026-11-30", months(3), "2027-03-01"),
        ("2026-03-02", months(36), "2029-03-02"),
        # a day that the authority named stays, though it is a Sunday
        ("2026-09-01", until(date(2026, 11, 15)), "2026-11-15"),
    ],
)
def test_a_period_ends_on_the_day_that_the_law_says(event: str, period: Period, due: str) -> None:
    assert due_on(date.fromisoformat(event), period) == date.fromisoformat(due)


@pytest.mark.parametrize(
    ("day", "land", "holiday"),
    [
        ("2026-04-03", "NW", True),  # Karfreitag
        ("2026-04-06", "NW", True),  # Ostermontag
        ("2026-06-04", "NW", True),  # Fronleichnam
        ("2026-06-04", "BE", False),
        ("2026-11-01", "NW", True),  # Allerheiligen
        ("2026-10-31", "NW", False),  # Reformationstag
        ("2026-10-31", "SN", True),
        ("2017-10-31", "NW", True),  # once, in all of Germany
        ("2026-12-24", "NW", False),
        ("2026-12-31", "NW", False),
    ],
)
def test_holidays_are_the_law_of_each_state(day: str, land: str, holiday: bool) -> None:
    assert is_holiday(date.fromisoformat(day), land=land) is holiday


def test_a_state_that_does_not_exist_is_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="'XX' is not a German state"):
        is_holiday(date(2026, 1, 1), land="XX")


@pytest.mark.parametrize(
    ("day", "over_at"),
    [
        (date(2026, 1, 15), datetime(2026, 1, 15, 23, tzinfo=UTC)),
        (date(2026, 7, 1), datetime(2026, 7, 1, 22, tzinfo=UTC)),
        (date(2026, 3, 28), datetime(2026, 3, 28, 23, tzinfo=UTC)),
        (date(2026, 3, 29), datetime(2026, 3, 29, 22, tzinfo=UTC)),  # summer time began that morning
        (date(2026, 10, 25), datetime(2026, 10, 25, 23, tzinfo=UTC)),  # and ended
    ],
)
def test_a_day_is_over_at_local_midnight(day: date, over_at: datetime) -> None:
    assert end_of(day) == over_at


@given(days, counted_periods, lands)
def test_a_period_ends_after_the_event_that_started_it(event: date, period: Period, land: str) -> None:
    assert due_on(event, period, land=land) > event


@given(days, st.integers(0, 30), counted_periods, lands)
def test_a_later_event_never_ends_earlier(event: date, later: int, period: Period, land: str) -> None:
    assert due_on(event, period, land=land) <= due_on(event + timedelta(later), period, land=land)


@given(days, st.integers(1, 60), st.sampled_from([working_days, werktage, calendar_days, weeks, months]))
def test_a_longer_period_never_ends_earlier(event: date, n: int, counting_in: object) -> None:
    assert callable(counting_in)
    assert due_on(event, counting_in(n)) <= due_on(event, counting_in(n + 1))


@given(days, moved_periods, lands)
def test_where_the_law_moves_the_end_it_is_a_working_day(event: date, period: Period, land: str) -> None:
    assert is_working_day(due_on(event, period, land=land), land=land)


@given(days, st.integers(1, 120), lands)
def test_n_working_days_have_exactly_n_working_days_in_them(event: date, n: int, land: str) -> None:
    due = due_on(event, working_days(n), land=land)
    assert is_working_day(due, land=land)
    after_the_event, after_the_due_date = event + timedelta(1), due + timedelta(1)
    assert days_counted(after_the_event, after_the_due_date, Unit.WORKING_DAYS, land=land) == n


@given(days, st.integers(1, 120), lands)
def test_n_werktage_have_exactly_n_werktage_in_them(event: date, n: int, land: str) -> None:
    due = due_on(event, werktage(n), land=land)
    assert is_werktag(due, land=land)
    between = [event + timedelta(nth) for nth in range(1, (due - event).days + 1)]
    assert sum(is_werktag(day, land=land) for day in between) == n


@given(days, st.integers(1, 200))
def test_werktage_pass_at_least_as_fast_as_working_days(event: date, n: int) -> None:
    assert due_on(event, calendar_days(n)) >= event + timedelta(n)
    assert due_on(event, werktage(n)) <= due_on(event, working_days(n))


@given(days, st.integers(1, 40))
def test_months_keep_the_number_of_the_day_where_the_month_has_it(event: date, n: int) -> None:
    due = due_on(event, months(n))
    earliest = due
    while not (earliest.day == event.day or (earliest + timedelta(1)).day == 1):
        earliest -= timedelta(1)
    # Between the nominal end and the due date there are only free days.
    assert all(not is_working_day(earliest + timedelta(nth)) for nth in range((due - earliest).days))
    assert (due - earliest).days <= 6


@given(days, st.integers(0, 60), st.integers(0, 60), lands)
def test_working_days_add_up(day: date, first: int, second: int, land: str) -> None:
    in_two_steps = add_working_days(add_working_days(day, first, land=land), second, land=land)
    assert in_two_steps == add_working_days(day, first + second, land=land)


@given(days, days)
def test_a_day_that_the_authority_named_stays(event: date, named: date) -> None:
    assert due_on(event, until(named)) == named


@given(days)
def test_midnight_follows_the_last_moment_of_the_day(day: date) -> None:
    assert timedelta(hours=23) <= end_of(day) - end_of(day - timedelta(1)) <= timedelta(hours=25)


@pytest.mark.parametrize("n", [0, -1, 10_001])
def test_a_period_of_no_or_absurd_length_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="a period has 1 to 10000 working-days"):
        working_days(n)


def test_a_fixed_period_and_a_counted_one_cannot_be_mixed() -> None:
    with pytest.raises(ValueError, match="fixed"):
        Period(3, Unit.WORKING_DAYS, date(2026, 1, 1))
    with pytest.raises(ValueError, match="fixed"):
        Period(0, Unit.FIXED)


def test_the_calendar_counts_forward_only() -> None:
    with pytest.raises(ValueError, match="forward"):
        add_working_days(date(2026, 1, 1), -1)
