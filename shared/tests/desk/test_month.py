"""The month with the days on which an authority does not work."""

from datetime import date, timedelta

from amtsbus.casework import is_holiday, is_working_day
from amtsbus.desk.month import month, parsed
from hypothesis import given
from hypothesis import strategies as st

DAYS = st.dates(date(1995, 3, 1), date(2190, 12, 31))


@given(DAYS)
def test_a_month_has_whole_weeks_from_monday_to_sunday_and_every_day_of_its_own_once(day):
    shown = month(day, land="NW", today=day, falls={})
    days = [one for week in shown.weeks for one in week]
    assert all(len(week) == 7 and week[0].date.weekday() == 0 for week in shown.weeks)
    assert [one.date for one in days] == [days[0].date + timedelta(days=nth) for nth in range(len(days))]
    of_month = [one.date for one in days if one.in_month]
    assert of_month[0] == shown.first == day.replace(day=1)
    assert (of_month[-1] + timedelta(days=1)).month != day.month
    assert [one.date for one in days if one.is_today] == [day]


@given(DAYS)
def test_free_days_are_those_of_the_law(day):
    for week in month(day, land="BY", today=day, falls={}).weeks:
        for one in week:
            assert one.is_free == (not is_working_day(one.date, land="BY"))
            assert one.is_holiday == is_holiday(one.date, land="BY")


@given(DAYS)
def test_going_on_by_a_month_and_back_comes_to_the_same_month(day):
    shown = month(day, land="NW", today=day, falls={})
    assert month(shown.after, land="NW", today=day, falls={}).before == shown.first
    assert month(shown.before, land="NW", today=day, falls={}).after == shown.first


def test_the_calendar_ends_where_no_holidays_are_known():
    for day in (date(1, 1, 1), date(1994, 12, 31)):
        assert month(day, land="NW", today=day, falls={}).first == date(1995, 1, 1)
    assert month(date.max, land="NW", today=date.max, falls={}).first == date(2200, 12, 1)


def test_what_falls_on_a_day_stands_there():
    due = date(2026, 12, 25)
    shown = month(due, land="NW", today=date(2026, 12, 1), falls={due: ["decision", "documents"]})
    [day] = [one for week in shown.weeks for one in week if one.falls]
    assert (day.date, day.falls, day.is_holiday) == (due, ("decision", "documents"), True)


def test_an_address_that_names_no_month_is_the_month_that_is_due():
    default = date(2026, 3, 9)
    assert parsed("2027-11", default) == date(2027, 11, 1)
    for text in ("", "2027-13", "next", "2027-11-02x"):
        assert parsed(text, default) == default
