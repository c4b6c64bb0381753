"""A period of one case: started by an event, suspended, extended, ended."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Self

from amtsbus.casework.calendar import Period, days_counted, due_on, moved, nominal_end, shift
from amtsbus.errors import RuleViolationError


@dataclass(frozen=True, slots=True)
class CasePeriod:
    """A running (or ended) period of a case.

    `nth` counts the case's periods from 1. `ends_on` is the end by counting alone; `due_on` is the day that holds, after
    a free day has moved the end. `warn_days_before` are calendar days; 0 means that nobody is warned. While `suspended_on`
    is set the period stands still and `due_on` is not final.
    """

    nth: int
    kind: str
    starts_on: date
    period: Period
    ends_on: date
    due_on: date
    land: str
    warn_days_before: int = 0
    suspended_on: date | None = None
    ended_at: datetime | None = None

    @classmethod
    def start(
        cls, nth: int, kind: str, starts_on: date, period: Period, *, land: str, warn_days_before: int = 0
    ) -> Self:
        """Set a period running by an event on `starts_on`, a day that is not counted (BGB § 187 (1))."""
        if not 0 <= warn_days_before <= 366:
            raise ValueError("warn_days_before is 0 to 366 calendar days")
        ends_on = nominal_end(starts_on, period, land=land)
        return cls(
            nth=nth,
            kind=kind,
            starts_on=starts_on,
            period=period,
            ends_on=ends_on,
            due_on=moved(ends_on, period.unit, land=land),
            land=land,
            warn_days_before=warn_days_before,
        )

    @property
    def is_running(self) -> bool:
        """Whether its due date draws nearer: neither ended nor suspended."""
        return self.ended_at is None and self.suspended_on is None

    def suspended(self, on: date) -> Self:
        """The same period, standing still from `on`; that day is the first one that does not count."""
        if self.suspended_on is not None:
            raise RuleViolationError(
                f"the period {self.kind!r} is already suspended since {self.suspended_on}", code="period-suspended"
            )
        if not self.starts_on <= on <= self.due_on:
            raise RuleViolationError(
                f"the period {self.kind!r} runs from {self.starts_on} to {self.due_on} and cannot be suspended on {on}",
                code="suspension-outside-period",
            )
        return replace(self, suspended_on=on)

    def resumed(self, on: date) -> Self:
        """The same period, running again from `on`, the first day that counts again.

        The end moves by the days that did not count, in the period's own kind of day (after BGB § 209).
        """
        if self.suspended_on is None:
            raise RuleViolationError(f"the period {self.kind!r} is not suspended", code="period-not-suspended")
        if on < self.suspended_on:
            raise RuleViolationError(
                f"the period {self.kind!r} was suspended on {self.suspended_on} and cannot go on before that day",
                code="resumed-before-suspension",
            )
        unit = self.period.unit
        # The day of the event never counts, so standing still on it takes nothing away.
        first = max(self.suspended_on, self.starts_on + timedelta(days=1))
        still = days_counted(first, on, unit, land=self.land)
        if still == 0:
            return replace(self, suspended_on=None)
        ends_on = shift(self.ends_on, still, unit, land=self.land)
        return replace(self, suspended_on=None, ends_on=ends_on, due_on=moved(ends_on, unit, land=self.land))

    def extended(self, by: Period) -> Self:
        """The same period, longer: the extension is counted from the present end (BGB § 190).

        A period that is over can still be extended (VwVfG § 31 (7) sentence 2).
        """
        ends_on = nominal_end(self.due_on, by, land=self.land)
        longer = due_on(self.due_on, by, land=self.land)
        if longer <= self.due_on:
            raise RuleViolationError(
                f"the period {self.kind!r} is due on {self.due_on}; an extension must end later",
                code="extension-not-longer",
            )
        return replace(self, ends_on=ends_on, due_on=longer)

    def ended(self, at: datetime) -> Self:
        """The same period, over: what it waited for has happened."""
        return replace(self, ended_at=at, suspended_on=None)
