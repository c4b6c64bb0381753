"""The clock announces each due date once, whatever happens to it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from amtsbus.casework import Actor, Case, Period, calendar_days, store, working_days
from amtsbus.casework.deadlines import DeadlineClock, _mark, _next_ring
from amtsbus.clock import FixedClock
from amtsbus.errors import ConflictError
from amtsbus.postgres import Database, Tx
from amtsbus.service import Running, Service
from amtsbus.settings import Settings
from amtsbus.telemetry import CLOCK_FAILURES, CLOCK_RINGS
from structlog.testing import capture_logs

from .requests import CITIZEN, LENA, MIRA, NOW, REQUESTS, a_request

Heard = tuple[str, str, date]


class Bells:
    """A clock whose rings become rows of the case's own file, as a department's events would."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.fails_for: set[UUID] = set()
        self.calls = 0
        self.complaint = "Frau Krause does not like it"

    def clock(self) -> DeadlineClock:
        return DeadlineClock(on_due_soon=self._heard("soon"), on_overdue=self._heard("over"))

    def _heard(self, what: str) -> Callable[..., Any]:
        async def heard(case_id: UUID, procedure_key: str, kind: str, due_on: date, tx: Tx) -> None:
            self.calls += 1
            assert procedure_key == "request"
            await tx.execute(
                "INSERT INTO amtsbus.inbox (consumer, event_id) VALUES ($1, gen_random_uuid())",
                f"{case_id} {what} {kind} {due_on}",
            )
            if case_id in self.fails_for:
                raise ValueError(self.complaint)

        return heard

    async def ring(self) -> list[Heard]:
        """Let one clock announce what is due; what it announced, in order."""
        before = await self.heard()
        await self.clock().ring_due(self.database)
        return (await self.heard())[len(before) :]

    async def heard(self) -> list[Heard]:
        rows = await self.database.pool.fetch("SELECT consumer FROM amtsbus.inbox ORDER BY handled_at")
        return [
            (f"{what} {kind}", case_id, date.fromisoformat(due_on))
            for case_id, what, kind, due_on in (row["consumer"].split() for row in rows)
        ]


@pytest.fixture
def bells(database: Database) -> Bells:
    return Bells(database)


async def waiting(database: Database, period: Period, *, warn: int = 0, kind: str = "check", ref: str = "RQ-1") -> Case:
    """A case with one period that started on 2 March 2026."""
    case = a_request(ref)
    case.start_period(kind, date(2026, 3, 2), period, warn_days_before=warn, now=NOW)
    async with database.transaction() as tx:
        await store.add(tx, case)
    return case


async def changed(database: Database, case: Case, change: Callable[[Case], Any]) -> None:
    async with database.transaction() as tx:
        again = await store.get(tx, case.case_id, REQUESTS)
        change(again)
        await store.save(tx, again)


async def test_a_deadline_is_announced_when_its_local_day_is_over(
    database: Database, bells: Bells, clock: FixedClock
) -> None:
    case = await waiting(database, working_days(10), warn=3)  # due on Monday, 16 March
    clock.instant = datetime(2026, 3, 12, 22, 59, 59, tzinfo=UTC)
    assert await bells.ring() == []
    clock.instant = datetime(2026, 3, 12, 23, 0, tzinfo=UTC)  # midnight in Germany: it is the 13th
    assert await bells.ring() == [("soon check", str(case.case_id), date(2026, 3, 16))]
    assert await bells.ring() == []
    clock.instant = datetime(2026, 3, 16, 22, 59, 59, tzinfo=UTC)
    assert await bells.ring() == []
    clock.instant = datetime(2026, 3, 16, 23, 0, tzinfo=UTC)
    assert await bells.ring() == [("over check", str(case.case_id), date(2026, 3, 16))]
    clock.advance(timedelta(days=400))
    assert await bells.ring() == []


async def test_without_a_warning_only_the_end_is_announced(database: Database, bells: Bells, clock: FixedClock) -> None:
    case = await waiting(database, calendar_days(1))
    clock.advance(timedelta(days=2))
    assert await bells.ring() == [("over check", str(case.case_id), date(2026, 3, 3))]


async def test_after_a_standstill_everything_is_announced_as_it_would_have_been(
    database: Database, bells: Bells, clock: FixedClock
) -> None:
    late = await waiting(database, calendar_days(14), warn=10, ref="RQ-late")  # 6 and 16 March
    early = await waiting(database, calendar_days(2), ref="RQ-early")  # 4 March
    middle = await waiting(database, calendar_days(9), warn=1, ref="RQ-middle")  # 10 and 11 March
    await waiting(database, calendar_days(90), warn=5, ref="RQ-future")
    clock.advance(timedelta(days=30))
    assert await bells.ring() == [
        ("over check", str(early.case_id), date(2026, 3, 4)),
        ("soon check", str(late.case_id), date(2026, 3, 16)),
        ("soon check", str(middle.case_id), date(2026, 3, 11)),
        ("over check", str(middle.case_id), date(2026, 3, 11)),
        ("over check", str(late.case_id), date(2026, 3, 16)),
    ]


async def test_four_clocks_at_once_announce_nothing_twice(database: Database, bells: Bells, clock: FixedClock) -> None:
    cases = [await waiting(database, calendar_days(1 + nth % 5), warn=1, ref=f"RQ-{nth}") for nth in range(60)]
    clock.advance(timedelta(days=30))
    await asyncio.gather(*(bells.clock().ring_due(database) for _ in range(4)))
    heard = await bells.heard()
    assert len(heard) == len(set(heard)) == 2 * len(cases)
    assert bells.calls == len(heard)


async def test_a_clock_that_read_before_another_marked_does_not_announce_again(
    database: Database, bells: Bells, clock: FixedClock
) -> None:
    """The race itself: the second clock's snapshot is older than the first one's commit."""
    case = await waiting(database, calendar_days(1))
    clock.advance(timedelta(days=30))
    async with database.transaction() as tx:
        seen = await _next_ring(tx)
    assert seen is not None
    assert seen.case_id == case.case_id
    assert len(await bells.ring()) == 1
    async with database.transaction() as tx:
        assert not await _mark(tx, seen)


async def test_a_suspended_or_ended_period_does_not_ring(database: Database, bells: Bells, clock: FixedClock) -> None:
    stopped = await waiting(database, calendar_days(7), warn=2, ref="RQ-stopped")
    ended = await waiting(database, calendar_days(7), warn=2, ref="RQ-ended")
    closed = await waiting(database, calendar_days(7), warn=2, ref="RQ-closed")
    await changed(database, stopped, lambda case: case.suspend_period("check", date(2026, 3, 3), "strike", MIRA, NOW))
    await changed(database, ended, lambda case: case.end_period("check", NOW))
    await changed(database, closed, lambda case: case.take("withdraw", CITIZEN, NOW))
    clock.advance(timedelta(days=30))
    assert await bells.ring() == []
    await changed(
        database, stopped, lambda case: case.resume_period("check", date(2026, 4, 1), datetime(2026, 4, 1, tzinfo=UTC))
    )
    clock.advance(timedelta(days=30))
    assert [what for what, _, _ in await bells.ring()] == ["soon check", "over check"]


async def test_an_extended_period_rings_for_its_new_date(database: Database, bells: Bells, clock: FixedClock) -> None:
    case = await waiting(database, calendar_days(7), warn=2)
    clock.advance(timedelta(days=8))
    assert [what for what, _, _ in await bells.ring()] == ["soon check", "over check"]
    await changed(database, case, lambda case: case.extend_period("check", calendar_days(14), "ill", LENA, clock.now()))
    assert await bells.ring() == []
    clock.advance(timedelta(days=14))
    assert await bells.ring() == [
        ("soon check", str(case.case_id), date(2026, 3, 23)),
        ("over check", str(case.case_id), date(2026, 3, 23)),
    ]


async def test_a_save_that_leaves_the_due_date_does_not_ring_again(
    database: Database, bells: Bells, clock: FixedClock
) -> None:
    case = await waiting(database, calendar_days(7), warn=2)
    clock.advance(timedelta(days=8))
    assert len(await bells.ring()) == 2

    day = date(2026, 3, 9)
    await changed(database, case, lambda case: case.suspend_period("check", day, "strike", MIRA, NOW))
    await changed(database, case, lambda case: case.resume_period("check", day, NOW))
    await changed(database, case, lambda case: case.note("nothing new", MIRA, NOW))
    assert await bells.ring() == []


async def test_one_failing_case_holds_up_nobody_and_is_tried_again(
    database: Database, bells: Bells, clock: FixedClock
) -> None:
    cases = [await waiting(database, calendar_days(1 + nth), ref=f"RQ-{nth}") for nth in range(5)]
    bad = cases[1]
    bells.fails_for = {bad.case_id}
    failures, rings = (counter.labels("overdue")._value.get() for counter in (CLOCK_FAILURES, CLOCK_RINGS))
    clock.advance(timedelta(days=30))
    assert [case_id for _, case_id, _ in await bells.ring()] == [str(case.case_id) for case in cases if case is not bad]
    assert bells.calls == 5
    assert CLOCK_FAILURES.labels("overdue")._value.get() == failures + 1
    assert CLOCK_RINGS.labels("overdue")._value.get() == rings + 4

    # Not at once, not for ever, and every time later.
    assert (await bells.ring(), bells.calls) == ([], 5)
    clock.advance(timedelta(seconds=2))
    assert (await bells.ring(), bells.calls) == ([], 6)
    clock.advance(timedelta(seconds=2))
    assert (await bells.ring(), bells.calls) == ([], 6)
    clock.advance(timedelta(seconds=2))
    assert (await bells.ring(), bells.calls) == ([], 7)
    bells.fails_for = set()
    clock.advance(timedelta(minutes=15))
    assert await bells.ring() == [("over check", str(bad.case_id), bad.periods[0].due_on)]


async def test_what_a_failing_case_is_logged_with_does_not_quote_anybody(
    database: Database, bells: Bells, clock: FixedClock, capsys: pytest.CaptureFixture[str]
) -> None:
    case = await waiting(database, calendar_days(1))
    bells.fails_for = {case.case_id}
    clock.advance(timedelta(days=30))
    await bells.ring()
    written = capsys.readouterr()
    assert str(case.case_id) in written.out + written.err
    assert "Krause" not in written.out + written.err


async def test_what_follows_from_a_deadline_can_change_the_case(database: Database, clock: FixedClock) -> None:
    case = await waiting(database, calendar_days(1))

    async def lapse(case_id: UUID, procedure_key: str, kind: str, due_on: date, tx: Tx) -> None:
        late = await store.get(tx, case_id, REQUESTS)
        late.take("lapse", Actor.system(), tx.clock.now(), reason=f"{kind} was due on {due_on}")
        await store.save(tx, late)

    clock.advance(timedelta(days=30))
    assert await DeadlineClock(on_due_soon=lapse, on_overdue=lapse).ring_due(database) == 1
    async with database.transaction() as tx:
        lapsed = await store.get(tx, case.case_id, REQUESTS)
        assert (lapsed.state, lapsed.due_on) == ("lapsed", None)
        assert (await store.history(tx, case.case_id))[-2].who == "system"


async def test_a_caseworker_at_work_is_not_waited_for(database: Database, bells: Bells, clock: FixedClock) -> None:
    busy = await waiting(database, calendar_days(1), ref="RQ-busy")
    other = await waiting(database, calendar_days(2), ref="RQ-other")
    clock.advance(timedelta(days=30))
    async with database.transaction() as tx:
        mine = await store.get(tx, busy.case_id, REQUESTS)
        mine.note("on it", MIRA, NOW)
        await store.save(tx, mine)
        assert [case_id for _, case_id, _ in await asyncio.wait_for(bells.ring(), 5)] == [str(other.case_id)]
    assert [case_id for _, case_id, _ in await bells.ring()] == [str(busy.case_id)]


async def test_a_caseworker_who_saves_meanwhile_is_told_of_the_conflict(database: Database, clock: FixedClock) -> None:
    """Neither blocks the other for ever: the case is locked before its periods on both sides."""
    case = await waiting(database, calendar_days(1))
    async with database.transaction() as tx:
        mine = await store.get(tx, case.case_id, REQUESTS)
    mine.extend_period("check", calendar_days(14), "ill", MIRA, NOW)
    announced, saving = asyncio.Event(), asyncio.Event()

    async def on_overdue(case_id: UUID, procedure_key: str, kind: str, due_on: date, tx: Tx) -> None:
        announced.set()
        await saving.wait()
        await wait_until_blocked(tx)
        late = await store.get(tx, case_id, REQUESTS)
        late.end_period(kind, tx.clock.now())
        await store.save(tx, late)

    async def save() -> None:
        await announced.wait()
        async with database.transaction() as tx:
            saving.set()
            await store.save(tx, mine)

    clock.advance(timedelta(days=30))
    ringing = DeadlineClock(on_due_soon=on_overdue, on_overdue=on_overdue).ring_due(database)
    rung, told = await asyncio.wait_for(asyncio.gather(ringing, save(), return_exceptions=True), 20)
    assert rung == 1
    assert isinstance(told, ConflictError)


async def wait_until_blocked(tx: Tx) -> None:
    """Until another transaction waits for this one."""
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    while not await tx.fetchval(blocked):
        await asyncio.sleep(0.01)


@pytest.fixture
def running(service: Service, database: Database) -> Running:
    return Running(Settings.load("requests", database_url=database.url, environment="development"), database)


async def eventually(condition: Callable[[], Any], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_the_worker_polls_and_a_killed_one_loses_nothing(
    database: Database, bells: Bells, clock: FixedClock, running: Running
) -> None:
    case = await waiting(database, calendar_days(1))
    clock.advance(timedelta(days=30))
    struck = asyncio.Event()

    async def never_ends(*_: Any) -> None:
        struck.set()
        await asyncio.Event().wait()

    first = asyncio.create_task(DeadlineClock(on_due_soon=never_ends, on_overdue=never_ends)(running))
    await asyncio.wait_for(struck.wait(), 10)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first

    second = asyncio.create_task(bells.clock()(running))
    await eventually(bells.heard)
    late = await waiting(database, calendar_days(2), ref="RQ-2")  # found by a later poll

    async def both() -> bool:
        return len(await bells.heard()) == 2

    await eventually(both)
    second.cancel()
    assert [case_id for _, case_id, _ in await bells.heard()] == [str(case.case_id), str(late.case_id)]


async def test_the_clock_goes_on_when_the_database_returns(
    database: Database,
    bells: Bells,
    clock: FixedClock,
    running: Running,
    owner: "asyncpg.Connection[Any]",
    postgres_url: str,
) -> None:
    admin = await asyncpg.connect(postgres_url)
    name = await owner.fetchval("SELECT current_database()")
    await owner.close()
    await waiting(database, calendar_days(1))
    await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    clock.advance(timedelta(days=30))
    task = asyncio.create_task(bells.clock()(running))
    try:
        with capture_logs() as lines:

            async def met_the_closed_door() -> bool:
                return any(line["event"] == "clock_waits" for line in lines)

            await eventually(met_the_closed_door)
        assert not task.done()
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        await eventually(bells.heard)
    finally:
        await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        task.cancel()
        await admin.close()
