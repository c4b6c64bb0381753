"""The clock of a service: it announces due dates, each of them once.

A task of the worker. What rings, and when, stands in the database (`case_periods.rings_on`), so that a clock that stood
still announces everything that it missed, and two clocks at once announce nothing twice.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from amtsbus.postgres import Database, Tx
from amtsbus.telemetry import CLOCK_FAILURES, CLOCK_RINGS, trace

if TYPE_CHECKING:
    from amtsbus.service import Running

POLL_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 15.0
LONGEST_BACK_OFF = timedelta(minutes=15)

OnDeadline = Callable[[UUID, str, str, date, Tx], Awaitable[None]]
"""`async def on_overdue(case_id, procedure_key, kind, due_on, tx)`: what follows when a period draws near its end, or ends."""

log = structlog.get_logger("amtsbus.clock")


@dataclass(frozen=True)
class DeadlineClock:
    """Calls `on_due_soon` and `on_overdue`, each once per period and due date, as a task of the worker.

    - Due soon: from the local day `warn_days_before` calendar days ahead of the due date. Overdue: when that day is over
      (`amtsbus.casework.end_of`). A suspended or ended period does not ring; one that was extended rings for its new date.
    - The callback runs in the transaction that marks the period, so both happen or neither. It touches nothing but `tx`.
    - After a standstill everything that was missed is announced in the order in which it would have been, a period's due-soon
      before its overdue: the journal is the same, whether the clock stood still or not. `tx.clock` tells how late it is.
    - A callback that fails holds up nobody else: it is logged, counted, and tried again after a growing pause (2 seconds
      up to 15 minutes).

    ::

        SERVICE = Service(…, tasks=(DeadlineClock(on_due_soon=warn_of_deadline, on_overdue=end_of_deadline),))
    """

    on_due_soon: OnDeadline
    on_overdue: OnDeadline

    async def __call__(self, running: "Running") -> None:
        """Look for what is due about once a second, until cancelled."""
        pause = POLL_SECONDS
        while True:
            try:
                await self.ring_due(running.database)
                pause = POLL_SECONDS
            except Exception as error:
                # Only the database is left to fail here, and a lost connection has many faces.
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                log.warning("clock_waits", error=type(error).__name__, pause_seconds=pause)
            await asyncio.sleep(pause)

    async def ring_due(self, database: Database) -> int:
        """Announce everything that is due now.

        Returns:
            How many announcements were tried, failed ones included.
        """
        rung = 0
        while await self._ring_next(database):
            rung += 1
        return rung

    async def _ring_next(self, database: Database) -> bool:
        ring = None
        with trace(None):
            try:
                async with database.transaction() as tx:
                    ring = await _next_ring(tx)
                    if ring is None:
                        return False
                    if not await _mark(tx, ring):
                        return True  # another clock was quicker
                    callback = self.on_overdue if ring.is_overdue else self.on_due_soon
                    await callback(ring.case_id, ring.procedure_key, ring.kind, ring.due_on, tx)
            except Exception as error:
                if ring is None:
                    raise
                # With the database away this fails as well, and the task pauses as a whole.
                await _postpone(database, ring, error)
                return True
        CLOCK_RINGS.labels(ring.announcement).inc()
        return True


@dataclass(frozen=True, slots=True)
class _Ring:
    """One announcement that is due."""

    case_id: UUID
    nth: int
    procedure_key: str
    kind: str
    due_on: date
    rings_on: date
    clock_failures: int

    @property
    def is_overdue(self) -> bool:
        return self.rings_on > self.due_on

    @property
    def announcement(self) -> str:
        return "overdue" if self.is_overdue else "due-soon"


# It is the case that is locked, not the period: a save locks the case first as well, so the two cannot block each other,
# and no caseworker's change comes between the announcement and what follows from it.
_NEXT = """
SELECT p.case_id, p.nth, c.procedure_key, p.kind, p.due_on, p.rings_on, p.clock_failures
FROM amtsbus.case_periods p JOIN amtsbus.cases c USING (case_id)
WHERE p.rings_on <= $1 AND (p.clock_retry_at IS NULL OR p.clock_retry_at <= $2)
ORDER BY p.rings_on, p.due_on, p.case_id, p.nth
LIMIT 1
FOR NO KEY UPDATE OF c SKIP LOCKED
"""

# The period was read before the lock was had; only the one that still rings on that day is marked.
_MARK = """
UPDATE amtsbus.case_periods SET
    due_soon_at = CASE WHEN $4 THEN due_soon_at ELSE $5 END,
    overdue_at = CASE WHEN $4 THEN $5 ELSE overdue_at END,
    clock_failures = 0, clock_retry_at = NULL
WHERE case_id = $1 AND nth = $2 AND rings_on = $3
RETURNING true
"""

_POSTPONE = """
UPDATE amtsbus.case_periods SET clock_failures = $4, clock_retry_at = $5
WHERE case_id = $1 AND nth = $2 AND rings_on = $3
"""


async def _next_ring(tx: Tx) -> _Ring | None:
    row = await tx.fetchrow(_NEXT, tx.clock.today(), tx.clock.now())
    return None if row is None else _Ring(**row)


async def _mark(tx: Tx, ring: _Ring) -> bool:
    now = tx.clock.now()
    return bool(await tx.fetchval(_MARK, ring.case_id, ring.nth, ring.rings_on, ring.is_overdue, now))


async def _postpone(database: Database, ring: _Ring, error: Exception) -> None:
    failures = ring.clock_failures + 1
    retry_at: datetime = database.clock.now() + min(timedelta(seconds=2 ** min(failures, 10)), LONGEST_BACK_OFF)
    async with database.transaction() as tx:
        await tx.execute(_POSTPONE, ring.case_id, ring.nth, ring.rings_on, failures, retry_at)
    CLOCK_FAILURES.labels(ring.announcement).inc()
    log.error(
        "announcement_failed",
        case_id=str(ring.case_id),
        kind=ring.kind,
        announcement=ring.announcement,
        failures=failures,
        retry_at=retry_at.isoformat(),
        # The stack without the message, which may quote what a person wrote.
        error=type(error).__name__,
        traceback="".join(traceback.format_tb(error.__traceback__)),
    )
