"""When school begins for a child, and until when it is registered."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schooling.domain.rules import (
    Criterion,
    EnrolmentRules,
    Rulebook,
    compulsory_start,
    precedence,
    register_until,
    starts_on,
)

BIRTHDAYS = st.dates(date(1990, 1, 1), date(2060, 12, 31))


def edition(from_school_year: int = 2011, cut_off: tuple[int, int] = (9, 30)) -> EnrolmentRules:
    return EnrolmentRules(
        from_school_year=from_school_year,
        cut_off_month=cut_off[0],
        cut_off_day=cut_off[1],
        register_month=11,
        register_day=15,
        late_registration_days=21,
        documents_days=14,
        early_entry_years=1,
        admission_order=tuple(Criterion),
    )


NORTH_RHINE_WESTPHALIA = Rulebook((edition(),))


@pytest.mark.parametrize(
    ("born_on", "school_year"),
    [
        (date(2008, 10, 1), 2015),  # the municipalities' own example: 2015/16 is 1 October 2008 …
        (date(2009, 9, 30), 2015),  # … to 30 September 2009
        (date(2009, 10, 1), 2016),
        (date(2020, 2, 29), 2026),
        (date(2020, 12, 31), 2027),
        (date(2021, 1, 1), 2027),
    ],
)
def test_a_child_starts_school_in_the_year_in_which_it_is_six_by_30_september(born_on: date, school_year: int) -> None:
    assert compulsory_start(born_on, NORTH_RHINE_WESTPHALIA) == school_year


@given(BIRTHDAYS)
def test_a_child_is_six_and_not_yet_seven_on_the_cut_off_day(born_on: date) -> None:
    year = compulsory_start(born_on, NORTH_RHINE_WESTPHALIA)
    assert date(year - 7, 9, 30) < born_on <= date(year - 6, 9, 30)


@given(BIRTHDAYS, st.integers(0, 800))
def test_nobody_starts_school_before_an_older_child(born_on: date, days: int) -> None:
    younger = born_on + timedelta(days=days)
    assert compulsory_start(born_on, NORTH_RHINE_WESTPHALIA) <= compulsory_start(younger, NORTH_RHINE_WESTPHALIA)


@given(BIRTHDAYS)
def test_every_cohort_has_a_year_of_birthdays(born_on: date) -> None:
    day_before, day_after = born_on - timedelta(days=1), born_on + timedelta(days=1)
    years = [compulsory_start(day, NORTH_RHINE_WESTPHALIA) for day in (day_before, born_on, day_after)]
    assert years[2] - years[0] in (0, 1)
    assert (years[2] == years[1] + 1) == ((born_on.month, born_on.day) == (9, 30))


def test_a_changed_cut_off_day_holds_from_its_school_year_on() -> None:
    rulebook = Rulebook((edition(2007, (7, 31)), edition(2011, (9, 30))))
    assert compulsory_start(date(2004, 8, 15), rulebook) == 2011  # would be 2010, were the later cut-off older
    assert compulsory_start(date(2005, 8, 15), rulebook) == 2011
    assert compulsory_start(date(1990, 7, 1), rulebook) == 1996  # before all editions the first one holds


@given(BIRTHDAYS, st.lists(st.tuples(st.integers(1, 12), st.integers(1, 28)), min_size=1, max_size=5))
def test_whatever_the_cut_off_days_a_child_starts_in_the_year_it_turns_six_or_the_next(
    born_on: date, cut_offs: list[tuple[int, int]]
) -> None:
    rulebook = Rulebook(tuple(edition(2000 + 5 * nth, cut_off) for nth, cut_off in enumerate(cut_offs)))
    assert compulsory_start(born_on, rulebook) - born_on.year in (6, 7)


def test_a_rulebook_with_two_editions_for_one_year_is_refused() -> None:
    with pytest.raises(ValueError, match="one per year"):
        Rulebook((edition(2011), edition(2011)))
    with pytest.raises(ValueError, match="at least one"):
        Rulebook(())


def test_parents_invited_in_autumn_register_by_15_november_also_when_that_is_a_sunday() -> None:
    assert register_until(2027, date(2026, 9, 21), edition()) == date(2026, 11, 15)
    assert date(2026, 11, 15).isoweekday() == 7


def test_parents_who_move_in_after_15_november_get_three_weeks_that_end_on_a_working_day() -> None:
    assert register_until(2027, date(2026, 12, 4), edition()) == date(2026, 12, 28)  # 25 to 27 December are free days


@given(st.integers(2012, 2090), st.integers(0, 700))
def test_parents_always_have_the_full_period_and_never_less_than_until_15_november(school_year: int, days: int) -> None:
    invited_on = starts_on(school_year) - timedelta(days=days)
    until = register_until(school_year, invited_on, edition())
    assert until >= date(school_year - 1, 11, 15)
    assert until - invited_on >= timedelta(days=21)


CRITERIA = st.frozensets(st.sampled_from(Criterion))


@given(CRITERIA, CRITERIA)
def test_the_first_criterion_that_only_one_child_meets_decides(
    one: frozenset[Criterion], other: frozenset[Criterion]
) -> None:
    differing = [criterion for criterion in Criterion if (criterion in one) != (criterion in other)]
    goes_first = bool(differing) and differing[0] in one
    assert (precedence(one, tuple(Criterion)) < precedence(other, tuple(Criterion))) == goes_first


@given(CRITERIA, CRITERIA)
def test_a_criterion_outside_the_order_does_not_count(one: frozenset[Criterion], other: frozenset[Criterion]) -> None:
    order = (Criterion.NEAREST_SCHOOL,)
    same = (Criterion.NEAREST_SCHOOL in one) == (Criterion.NEAREST_SCHOOL in other)
    assert (precedence(one, order) == precedence(other, order)) == same
