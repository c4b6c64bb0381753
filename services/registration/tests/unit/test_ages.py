"""Ages and anniversaries as BGB §§ 187, 188 count them."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from registration.domain.ages import age_on, is_adult, latest_birth_of_age, years_later

DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))
AGES = st.integers(0, 120)


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2020, 3, 2), date(2023, 3, 1), 2),
        (date(2020, 3, 2), date(2023, 3, 2), 3),
        (date(2020, 2, 29), date(2023, 2, 28), 2),
        (date(2020, 2, 29), date(2023, 3, 1), 3),
        (date(2020, 2, 29), date(2024, 2, 29), 4),
        (date(2026, 3, 2), date(2026, 3, 2), 0),
    ],
)
def test_a_year_of_life_is_completed_on_the_birthday(born: date, day: date, age: int) -> None:
    assert age_on(born, day) == age


def test_full_age_begins_on_the_eighteenth_birthday() -> None:
    assert not is_adult(date(2008, 3, 3), date(2026, 3, 2))
    assert is_adult(date(2008, 3, 2), date(2026, 3, 2))


@given(DAYS, AGES)
def test_the_latest_birth_of_an_age_is_exactly_that(day: date, age: int) -> None:
    latest = latest_birth_of_age(age, day)
    assert age_on(latest, day) >= age
    assert age_on(latest + timedelta(days=1), day) < age


@given(DAYS, DAYS)
def test_nobody_grows_younger(born: date, day: date) -> None:
    assert age_on(born, day) <= age_on(born, day + timedelta(days=1)) <= age_on(born, day) + 1


def test_two_years_end_on_the_day_of_the_same_number() -> None:
    assert years_later(date(2026, 3, 2), 2) == date(2028, 3, 2)
    assert years_later(date(2024, 2, 29), 2) == date(2026, 2, 28)
