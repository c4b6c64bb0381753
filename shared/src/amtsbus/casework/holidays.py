"""Public holidays (gesetzliche Feiertage) of the German states, as the states' acts have them from 1995 on.

What holds in a part of a state only (Friedensfest in Augsburg, Mariä Himmelfahrt in Catholic communes of Bavaria,
Fronleichnam in some of Saxony and Thuringia) is not in here. A new act of a state is a new line with its year.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

LANDS: Final = frozenset(
    {"BB", "BE", "BW", "BY", "HB", "HE", "HH", "MV", "NI", "NW", "RP", "SH", "SL", "SN", "ST", "TH"},
)
"""The German states by their ISO 3166-2 codes without `DE-`."""


def _on(month: int, day: int) -> Callable[[int], date]:
    return lambda year: date(year, month, day)


def _after_easter(days: int) -> Callable[[int], date]:
    return lambda year: easter(year) + timedelta(days)


def _repentance_day(year: int) -> date:
    """The Wednesday before 23 November."""
    eve = date(year, 11, 22)
    return eve - timedelta((eve.weekday() - 2) % 7)


@dataclass(frozen=True, slots=True)
class _Holiday:
    """A day of each year from `since` to `until`; `lands` are codes, empty for all states."""

    falls_on: Callable[[int], date]
    lands: str = ""
    since: int = 0
    until: int = 9999


_HOLIDAYS: Final = (
    _Holiday(_on(1, 1)),  # Neujahr
    _Holiday(_on(1, 6), "BW BY ST"),  # Heilige Drei Könige
    _Holiday(_on(3, 8), "BE", since=2019),  # Frauentag
    _Holiday(_on(3, 8), "MV", since=2023),
    _Holiday(_after_easter(-2)),  # Karfreitag
    _Holiday(_after_easter(0), "BB"),  # Ostersonntag
    _Holiday(_after_easter(1)),  # Ostermontag
    _Holiday(_on(5, 1)),  # Tag der Arbeit
    _Holiday(_on(5, 8), "BE", since=2020, until=2020),  # Tag der Befreiung, after 75 and 80 years
    _Holiday(_on(5, 8), "BE", since=2025, until=2025),
    _Holiday(_after_easter(39)),  # Christi Himmelfahrt
    _Holiday(_after_easter(49), "BB"),  # Pfingstsonntag
    _Holiday(_after_easter(50)),  # Pfingstmontag
    _Holiday(_after_easter(60), "BW BY HE NW RP SL"),  # Fronleichnam
    _Holiday(_on(6, 17), "BE", since=2028, until=2028),  # 75 years after the uprising of 1953
    _Holiday(_on(8, 15), "SL"),  # Mariä Himmelfahrt
    _Holiday(_on(9, 20), "TH", since=2019),  # Weltkindertag
    _Holiday(_on(10, 3)),  # Tag der Deutschen Einheit, Einigungsvertrag art. 2 (2)
    _Holiday(_on(10, 31), "BB MV SN ST TH"),  # Reformationstag
    _Holiday(_on(10, 31), since=2017, until=2017),  # 500 years after Luther’s theses
    _Holiday(_on(10, 31), "HB HH NI SH", since=2018),
    _Holiday(_on(11, 1), "BW BY NW RP SL"),  # Allerheiligen
    _Holiday(_repentance_day, "SN"),  # Buß- und Bettag; elsewhere it ended with 1994
    _Holiday(_on(12, 25)),  # Weihnachten
    _Holiday(_on(12, 26)),
)


@lru_cache(maxsize=512)
def holidays(land: str, year: int) -> frozenset[date]:
    """The public holidays of a state in one year.

    Raises:
        ValueError: `land` is not the code of a German state.
    """
    if land not in LANDS:
        raise ValueError(f"{land!r} is not a German state; use its ISO code without DE-, for example NW")
    return frozenset(
        holiday.falls_on(year)
        for holiday in _HOLIDAYS
        if holiday.since <= year <= holiday.until and (not holiday.lands or land in holiday.lands.split())
    )


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the rule of the Church of 1582 as Meeus, Jones and Butcher compute it)."""
    century, in_century = divmod(year, 100)
    golden = year % 19
    leap_centuries, century_rest = divmod(century, 4)
    moon_correction = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap_centuries - moon_correction + 15) % 30
    leaps, rest = divmod(in_century, 4)
    weekday = (32 + 2 * century_rest + 2 * leaps - epact - rest) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)
