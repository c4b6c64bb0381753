"""The calendar of the law: when a period ends.

Counting follows BGB §§ 187-193, to which VwVfG § 31 (1) refers. Three kinds of day are told apart: the calendar day, the
Werktag (Monday to Saturday) and the Arbeitstag, here "working day" (Monday to Friday); a public holiday is neither of
the latter. `land` is the ISO 3166-2 code of a German state without `DE-`: holidays are the states' law.
"""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from amtsbus.casework.holidays import LANDS, holidays
from amtsbus.clock import BERLIN

_DAY = timedelta(days=1)
_SATURDAY = 5
_SUNDAY = 6
LONGEST = 10_000
"""More units than any statute counts; a larger number is a mistake, and counting that far would take long."""


class Unit(StrEnum):
    """In what a period is counted."""

    WORKING_DAYS = "working-days"
    """Arbeitstage: Monday to Friday, no public holiday."""
    WERKTAGE = "werktage"
    """Werktage: Monday to Saturday, no public holiday."""
    CALENDAR_DAYS = "calendar-days"
    WEEKS = "weeks"
    MONTHS = "months"
    FIXED = "fixed"
    """Not counted: the authority named the day."""


@dataclass(frozen=True, slots=True)
class Period:
    """A period of law (Frist), for example ten working days; make one with `working_days(10)` and its siblings.

    `fixed_on` is set for a day that the authority named (`until`), and `count` is then 0.
    """

    count: int
    unit: Unit
    fixed_on: date | None = None

    def __post_init__(self) -> None:
        if (self.unit is Unit.FIXED) != (self.fixed_on is not None):
            raise ValueError("a fixed period has its day in fixed_on, and no other period has one")
        if self.unit is Unit.FIXED:
            if self.count != 0:
                raise ValueError("a fixed period counts nothing")
        elif not 1 <= self.count <= LONGEST:
            raise ValueError(f"a period has 1 to {LONGEST} {self.unit}, not {self.count}")

    def __str__(self) -> str:
        return f"until {self.fixed_on}" if self.fixed_on else f"{self.count} {self.unit}"


def working_days(n: int) -> Period:
    """`n` Arbeitstage (Monday to Friday, no public holiday)."""
    return Period(n, Unit.WORKING_DAYS)


def werktage(n: int) -> Period:
    """`n` Werktage (Monday to Saturday, no public holiday)."""
    return Period(n, Unit.WERKTAGE)


def calendar_days(n: int) -> Period:
    """`n` days, whatever days they are."""
    return Period(n, Unit.CALENDAR_DAYS)


def weeks(n: int) -> Period:
    """`n` weeks: ends on the same day of the week (BGB § 188 (2))."""
    return Period(n, Unit.WEEKS)


def months(n: int) -> Period:
    """`n` months: ends on the day of the same number, or on the month's last (BGB § 188 (2), (3)). A year is 12."""
    return Period(n, Unit.MONTHS)


def until(day: date) -> Period:
    """A day that the authority itself named: it stays, also on a Sunday (VwVfG § 31 (3) sentence 2, (5))."""
    return Period(0, Unit.FIXED, day)


def is_land(land: str) -> bool:
    """Whether `land` is the code of a German state."""
    return land in LANDS


def is_holiday(day: date, *, land: str = "NW") -> bool:
    """Whether `day` is a public holiday (gesetzlicher Feiertag) of the state."""
    return day in holidays(land, day.year)


def is_werktag(day: date, *, land: str = "NW") -> bool:
    """Whether `day` is a Werktag: Monday to Saturday and no public holiday."""
    return day.weekday() != _SUNDAY and not is_holiday(day, land=land)


def is_working_day(day: date, *, land: str = "NW") -> bool:
    """Whether `day` is an Arbeitstag: Monday to Friday and no public holiday."""
    return day.weekday() < _SATURDAY and not is_holiday(day, land=land)


def add_working_days(day: date, n: int, *, land: str = "NW") -> date:
    """The `n`-th working day after `day`; `day` itself when `n` is 0."""
    return _nth_after(day, n, lambda candidate: is_working_day(candidate, land=land))


def _nth_after(day: date, n: int, counts: Callable[[date], bool]) -> date:
    if n < 0:
        raise ValueError("the calendar counts forward only")
    while n:
        day += _DAY
        if counts(day):
            n -= 1
    return day


def nominal_end(start: date, period: Period, *, land: str = "NW") -> date:
    """Where `period` ends by counting alone, before a free day moves the end (BGB §§ 187 (1), 188).

    The day of the event, `start`, is not counted.
    """
    match period.unit:
        case Unit.WORKING_DAYS | Unit.WERKTAGE | Unit.CALENDAR_DAYS:
            return shift(start, period.count, period.unit, land=land)
        case Unit.WEEKS:
            return start + timedelta(weeks=period.count)
        case Unit.MONTHS:
            month = start.month - 1 + period.count
            year, month = start.year + month // 12, month % 12 + 1
            return date(year, month, min(start.day, monthrange(year, month)[1]))
        case Unit.FIXED:
            if period.fixed_on is None:
                raise ValueError("a fixed period has its day in fixed_on")
            return period.fixed_on


def moved(day: date, unit: Unit, *, land: str = "NW") -> date:
    """`day`, or the working day that takes its place where the law moves the end of a period of this `unit`.

    The end of a period in days, weeks or months that falls on a Saturday, a Sunday or a public holiday moves to the next
    day that is none of these (BGB § 193, VwVfG § 31 (3) sentence 1). A period in Arbeitstagen or Werktagen ends on a day
    that it counts, which for Werktage may be a Saturday; a named day stays.
    """
    if unit in (Unit.CALENDAR_DAYS, Unit.WEEKS, Unit.MONTHS):
        while not is_working_day(day, land=land):
            day += _DAY
    return day


def due_on(start: date, period: Period, *, land: str = "NW") -> date:
    """The last day of a period that an event on `start` set running (BGB §§ 187 (1), 188, 193).

    The whole of that day still belongs to it: see `end_of`.
    """
    return moved(nominal_end(start, period, land=land), period.unit, land=land)


def days_counted(first: date, before: date, unit: Unit, *, land: str = "NW") -> int:
    """How many days from `first` up to, but not including, `before` a period of this `unit` counts."""
    days = max((before - first).days, 0)
    match unit:
        case Unit.WORKING_DAYS:
            return sum(is_working_day(first + timedelta(days=nth), land=land) for nth in range(days))
        case Unit.WERKTAGE:
            return sum(is_werktag(first + timedelta(days=nth), land=land) for nth in range(days))
        case _:
            return days


def shift(day: date, n: int, unit: Unit, *, land: str = "NW") -> date:
    """The `n`-th day after `day` that a period of this `unit` counts; weeks and months are counted in calendar days."""
    match unit:
        case Unit.WORKING_DAYS:
            return add_working_days(day, n, land=land)
        case Unit.WERKTAGE:
            return _nth_after(day, n, lambda candidate: is_werktag(candidate, land=land))
        case _:
            return day + timedelta(days=n)


def end_of(day: date) -> datetime:
    """The instant (UTC) at which the local `day` is over: a period due on `day` is kept until then (BGB § 188 (1))."""
    return datetime.combine(day + _DAY, time(), BERLIN).astimezone(UTC)
