"""The town's clock: the machine's, moved ahead by the seconds in `.town/clock`.

Every service reads that file (`AMTSBUS_CLOCK_FILE`, which production refuses), so all of them agree on the date. The
clock moves forward only: the past has been written into journals.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from amtsbus.clock import BERLIN
from amtsbus.testing.servers import write_atomically


@dataclass(frozen=True)
class TownClock:
    """Tells and moves the time of a town."""

    file: Path

    def shift(self) -> timedelta:
        """How far the town is ahead of the machine."""
        try:
            return timedelta(seconds=float(self.file.read_text()))
        except (FileNotFoundError, ValueError):
            return timedelta()

    def now(self) -> datetime:
        """The town's present instant, in UTC."""
        return datetime.now(UTC) + self.shift()

    def today(self) -> date:
        """The town's present local date."""
        return self.now().astimezone(BERLIN).date()

    def advance(self, *, days: float = 0, hours: float = 0) -> datetime:
        """Move the clock forward.

        Returns:
            The new instant.

        Raises:
            ValueError: this would be backward.
        """
        by = timedelta(days=days, hours=hours)
        if by < timedelta():
            raise ValueError("the town's clock moves forward only")
        write_atomically(self.file, str((self.shift() + by).total_seconds()), mode=0o644)
        return self.now()

    def advance_to(self, day: date, at: time = time(9)) -> datetime:
        """Move the clock to `at` (local time) on `day`; stays as it is when that is already over.

        Returns:
            The new instant.
        """
        wanted = datetime.combine(day, at, BERLIN).astimezone(UTC)
        ahead = wanted - self.now()
        return self.advance(hours=max(ahead, timedelta()).total_seconds() / 3600)
