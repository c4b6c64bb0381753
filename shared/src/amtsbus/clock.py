"""The service's own clock: what "now" and "today" mean to every rule.

Rules never ask the operating system for the time; they get `now` or `today` from the edge, which has it from here.
"""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
"""Dates of law are local dates of the city."""


class Clock(Protocol):
    """Tells the time to a service."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def today(self) -> date:
        """The present local date in Germany."""
        ...


@dataclass(frozen=True)
class SystemClock:
    """The operating system's clock; the only one that production accepts."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def today(self) -> date:
        return self.now().astimezone(BERLIN).date()


@dataclass
class ShiftedClock:
    """The system clock moved ahead by the seconds written in `file`; for the development town.

    The file is read again at most every 50 ms, so a change reaches all processes of a town at once. A missing file
    means no shift. `Settings` refuses this clock in production.
    """

    file: Path
    _shift: timedelta = timedelta()
    _read_at: float = -1.0

    def now(self) -> datetime:
        if time.monotonic() - self._read_at > 0.05:
            self._shift = timedelta(seconds=_seconds_in(self.file))
            self._read_at = time.monotonic()
        return datetime.now(UTC) + self._shift

    def today(self) -> date:
        return self.now().astimezone(BERLIN).date()


def _seconds_in(file: Path) -> float:
    try:
        return float(file.read_text())
    except (FileNotFoundError, ValueError):
        return 0.0


@dataclass
class FixedClock:
    """A clock that stands still until it is moved; for tests."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant

    def today(self) -> date:
        return self.instant.astimezone(BERLIN).date()

    def advance(self, by: timedelta) -> None:
        """Move the clock ahead by `by`."""
        self.instant += by
