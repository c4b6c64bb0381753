"""A month as a grid of weeks, with the days on which authorities do not work, and what falls on a day."""

from calendar import Calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from amtsbus.casework.calendar import is_holiday, is_working_day

FIRST, LAST = date(1995, 1, 1), date(2200, 12, 1)
"""The holidays of years before are not known here, and no period ends later."""


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the grid."""

    date: date
    in_month: bool
    is_today: bool
    is_holiday: bool
    is_free: bool
    """Saturday, Sunday or a public holiday."""
    falls: tuple[str, ...]
    """What falls on it, in words."""


@dataclass(frozen=True, slots=True)
class Month:
    """The weeks of a month, Monday to Sunday, with the days of its neighbours that fill them up."""

    first: date
    weeks: tuple[tuple[Day, ...], ...]
    before: date
    """The first day of the month before, and of the one after."""
    after: date


def month(of: date, *, land: str, today: date, falls: Mapping[date, Sequence[str]]) -> Month:
    """The month that `of` lies in.

    Args:
        land: whose public holidays (ISO 3166-2 without `DE-`).
        falls: what falls on which day.
    """
    first = min(max(of.replace(day=1), FIRST), LAST)

    def day(date_: date) -> Day:
        return Day(
            date=date_,
            in_month=date_.month == first.month,
            is_today=date_ == today,
            is_holiday=is_holiday(date_, land=land),
            is_free=not is_working_day(date_, land=land),
            falls=tuple(falls.get(date_, ())),
        )

    weeks = Calendar().monthdatescalendar(first.year, first.month)
    return Month(
        first=first,
        weeks=tuple(tuple(day(one) for one in week) for week in weeks),
        before=_shifted(first, -1),
        after=_shifted(first, 1),
    )


def _shifted(first: date, months: int) -> date:
    years, month_ = divmod(first.month - 1 + months, 12)
    return date(first.year + years, month_ + 1, 1)


def parsed(text: str, default: date) -> date:
    """The first day of a month written as `2026-03`; `default` where it is none."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return default
