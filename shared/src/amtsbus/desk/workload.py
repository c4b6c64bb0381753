"""What a lead looks at: who has how much, how old the open cases are, and what falls due when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from amtsbus.casework.store import NOTHING_DUE
from amtsbus.clock import BERLIN
from amtsbus.postgres import Tx

AGES: Final = (7, 30, 90, 180)
"""Days; an age group ends below each of them, the last one has no end."""
DUE_WEEKS: Final = 6
"""How many weeks of due dates are shown one by one."""


@dataclass(frozen=True, slots=True)
class Load:
    """How many open cases somebody has (None: nobody), and how many of them are overdue."""

    assignee: str | None
    open: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Workload:
    """The open cases of a department, counted.

    Args:
        ages: how many are younger than each of `AGES` (and not younger than the one before), then the rest.
        due: how many are overdue, then how many fall due in this week and each of the weeks after it, then later, then never.
    """

    loads: tuple[Load, ...]
    ages: tuple[int, ...]
    due: tuple[int, ...]

    @property
    def open(self) -> int:
        """All of them."""
        return sum(load.open for load in self.loads)

    @property
    def overdue(self) -> int:
        return sum(load.overdue for load in self.loads)


# One pass over the open cases for all three.
_COUNTED = """
SELECT assignee, age, due, count(*) AS cases
FROM (
    SELECT assignee, width_bucket(opened_at, $1::timestamptz[]) AS age, width_bucket(due_on, $2::date[]) AS due
    FROM amtsbus.cases WHERE closed_at IS NULL
) AS one
GROUP BY assignee, age, due
"""


async def workload(tx: Tx) -> Workload:
    """Count the open cases."""
    today = tx.clock.today()
    opened = [_begin_of(today - timedelta(days=age - 1)) for age in reversed(AGES)]
    weeks = due_limits(today)
    rows = await tx.fetch(_COUNTED, opened, weeks)
    ages, due = [0] * (len(AGES) + 1), [0] * (len(weeks) + 1)
    loads: dict[str | None, list[int]] = {}
    for row in rows:
        cases = row["cases"]
        ages[len(AGES) - row["age"]] += cases
        due[row["due"]] += cases
        load = loads.setdefault(row["assignee"], [0, 0])
        load[0] += cases
        load[1] += cases if row["due"] == 0 else 0
    return Workload(
        loads=tuple(
            Load(who, *counted) for who, counted in sorted(loads.items(), key=lambda one: (-one[1][0], one[0] or ""))
        ),
        ages=tuple(ages),
        due=tuple(due),
    )


def due_limits(today: date) -> Sequence[date]:
    """Where the groups of due dates begin: today, the coming Mondays, and never."""
    monday = today + timedelta(days=7 - today.weekday())
    return [today, *(monday + timedelta(weeks=nth) for nth in range(DUE_WEEKS)), NOTHING_DUE]


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), BERLIN)
