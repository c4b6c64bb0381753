"""The holidays that we compute, against a library that many people keep up to date."""

from datetime import date

import holidays as library
import pytest
from amtsbus.casework.holidays import LANDS, easter, holidays
from dateutil.easter import easter as dateutil_easter

YEARS = range(1995, 2061)


@pytest.mark.parametrize("land", sorted(LANDS))
def test_a_state_has_the_holidays_that_the_library_knows(land: str) -> None:
    for year in YEARS:
        assert holidays(land, year) == set(library.country_holidays("DE", subdiv=land, years=year))


def test_every_state_is_there_and_nothing_else_is_one() -> None:
    cities = {"Augsburg"}
    assert set(library.country_holidays("DE").subdivisions) - cities == LANDS


def test_easter_is_on_its_day_in_every_year_that_a_period_can_reach() -> None:
    for year in range(1900, 3000):
        assert easter(year) == dateutil_easter(year)


def test_a_holiday_that_was_made_for_one_year_is_not_there_in_the_next() -> None:
    assert date(2028, 6, 17) in holidays("BE", 2028)
    assert date(2029, 6, 17) not in holidays("BE", 2029)
    assert date(2017, 10, 31) in holidays("NW", 2017)
    assert date(2018, 10, 31) not in holidays("NW", 2018)
