"""Cases in PostgreSQL: what was saved is there, nothing else is, and nothing twice."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from amtsbus.casework import (
    Actor,
    Case,
    Decision,
    Fee,
    Note,
    Procedure,
    calendar_days,
    months,
    store,
    until,
    weeks,
    werktage,
    working_days,
)
from amtsbus.errors import ConflictError, NotFoundError
from amtsbus.ids import new_id
from amtsbus.postgres import Database, Tx

from .requests import APPLICANT, LENA, MIRA, NOW, OLAF, REQUESTS, a_request


async def saved(database: Database, case: Case) -> Case:
    async with database.transaction() as tx:
        await store.add(tx, case)
    return case


async def read(database: Database, case: Case) -> Case:
    async with database.transaction() as tx:
        return await store.get(tx, case.case_id, REQUESTS)


async def test_a_case_is_read_as_it_was_saved(database: Database) -> None:
    case = a_request()
    case.subject_ids = (uuid4(), uuid4())
    for nth, period in enumerate((working_days(3), werktage(3), calendar_days(3), weeks(3), months(3))):
        case.start_period(f"kind-{nth}", date(2026, 3, 2), period, warn_days_before=nth, now=NOW)
    case.start_period("named", date(2026, 3, 2), until(date(2026, 3, 8)), now=NOW)
    case.suspend_period("kind-1", date(2026, 3, 3), "strike", MIRA, NOW)
    case.end_period("kind-2", NOW + timedelta(microseconds=7))
    case.take("examine", MIRA, NOW)
    case.assign("mira", LENA, NOW)
    case.charge(Fee("copy", 3_000_000_000, "tariff 9"))
    case.decide(Decision("refused", ('too "high"', "{too,near}", ""), "lena", NOW, "§ 1"))
    case.propose("refuse", MIRA, NOW, reason="zu hoch: Ä\u0308 \U0001f3da")
    await saved(database, case)
    assert await read(database, case) == case
    assert (case.version, case.history) == (1, [])


async def test_a_save_adds_what_is_new_and_leaves_the_rest_alone(
    database: Database, owner: "asyncpg.Connection[Any]"
) -> None:
    case = a_request()
    case.start_period("check", date(2026, 3, 2), working_days(10), now=NOW)
    case.start_period("reply", date(2026, 3, 2), weeks(2), now=NOW)
    case.charge(Fee("copy", 100, "tariff 9"))
    case.note("came by post", MIRA, NOW)
    await saved(database, case)
    rows = "SELECT xmin::text, nth FROM amtsbus.case_{} ORDER BY nth"
    before = {kind: await owner.fetch(rows.format(kind)) for kind in ("periods", "fees", "history", "notes")}

    async with database.transaction() as tx:
        again = await store.get(tx, case.case_id, REQUESTS)
        again.take("examine", MIRA, NOW, reason="complete")
        again.end_period("check", NOW)
        again.charge(Fee("search", 200, "tariff 8"))
        again.note("complete", OLAF, NOW)
        await store.save(tx, again)
    assert again.version == 2
    after = {kind: await owner.fetch(rows.format(kind)) for kind in before}
    assert after["periods"][1] == before["periods"][1]
    assert after["periods"][0] != before["periods"][0]
    for kind in ("fees", "history", "notes"):
        assert set(before[kind]) < set(after[kind])
    async with database.transaction() as tx:
        assert await store.get(tx, case.case_id, REQUESTS) == again
        assert [(entry.what, entry.about, entry.reason) for entry in await store.history(tx, case.case_id)] == [
            ("opened", "request", None),
            ("period-started", "check", None),
            ("period-started", "reply", None),
            ("fee-charged", "copy", None),
            ("noted", None, None),
            ("action-taken", "examine", "complete"),
            ("period-ended", "check", None),
            ("fee-charged", "search", None),
            ("noted", None, None),
        ]
        assert await store.notes(tx, case.case_id) == [
            Note("came by post", "mira", NOW),
            Note("complete", "olaf", NOW),
        ]


async def test_two_saves_in_one_transaction_write_nothing_twice(database: Database) -> None:
    case = a_request()
    async with database.transaction() as tx:
        await store.add(tx, case)
        case.take("examine", MIRA, NOW)
        await store.save(tx, case)
        await store.save(tx, case)
    async with database.transaction() as tx:
        assert [entry.what for entry in await store.history(tx, case.case_id)] == ["opened", "action-taken"]
    assert (await read(database, case)).version == case.version == 3


async def test_of_two_caseworkers_who_decide_at_once_one_is_told(database: Database) -> None:
    case = await saved(database, a_request())
    first, second = await read(database, case), await read(database, case)
    first.take("examine", MIRA, NOW)
    second.take("lapse", Actor.system(), NOW)
    async with database.transaction() as tx:
        await store.save(tx, first)
    with pytest.raises(ConflictError, match="since version 1"):
        async with database.transaction() as tx:
            await store.save(tx, second)
    assert (await read(database, case)).state == "examined"
    async with database.transaction() as tx:
        assert [entry.about for entry in await store.history(tx, case.case_id)] == ["request", "examine"]


async def test_a_conflict_writes_nothing_even_if_the_transaction_goes_on(database: Database) -> None:
    case = await saved(database, a_request())
    stale = await read(database, case)
    async with database.transaction() as tx:
        await store.save(tx, await store.get(tx, case.case_id, REQUESTS))
        stale.start_period("check", date(2026, 3, 2), working_days(10), now=NOW)
        stale.charge(Fee("copy", 100, "tariff 9"))
        with pytest.raises(ConflictError):
            await store.save(tx, stale)
    fresh = await read(database, case)
    assert (fresh.periods, fresh.fees, fresh.version) == ([], [], 2)


async def test_a_period_that_ends_makes_room_for_the_next_of_its_kind(database: Database) -> None:
    case = a_request()
    case.start_period("check", date(2026, 3, 2), working_days(10), now=NOW)
    await saved(database, case)
    again = await read(database, case)
    again.end_period("check", NOW)
    again.start_period("check", date(2026, 3, 9), working_days(10), now=NOW)
    async with database.transaction() as tx:
        await store.save(tx, again)
    assert await read(database, case) == again


async def test_a_case_of_another_procedure_is_not_there(database: Database) -> None:
    case = await saved(database, a_request())
    other = Procedure("complaint", "CP", "received", REQUESTS.transitions, REQUESTS.final)
    async with database.transaction() as tx:
        with pytest.raises(NotFoundError):
            await store.get(tx, case.case_id, other)
        with pytest.raises(NotFoundError):
            await store.get(tx, uuid4(), REQUESTS)


async def test_a_case_is_added_once(database: Database) -> None:
    case = a_request()
    await saved(database, case)
    with pytest.raises(ConflictError):
        await saved(database, a_request(case.reference))


async def test_reference_numbers_are_unique_and_no_intake_waits_for_another(database: Database) -> None:
    async def three(_: int) -> list[str]:
        async with database.transaction() as tx:
            return [await store.next_reference(tx, REQUESTS, 2026) for _ in range(3)]

    async with database.transaction() as held:
        first = await store.next_reference(held, REQUESTS, 2026)
        others = await asyncio.wait_for(asyncio.gather(*map(three, range(20))), 10)
    drawn = [first, *(reference for references in others for reference in references)]
    assert first == "RQ-2026-000001"
    assert len(set(drawn)) == 61


async def test_opening_and_saving_a_case_is_one_statement_each(database: Database) -> None:
    case = a_request()
    case.start_period("check", date(2026, 3, 2), working_days(10), now=NOW)
    async with database.transaction() as tx:
        counting = CountingTx(tx.connection, tx.clock)
        await store.add(counting, case)
        assert counting.statements == 1
        again = await store.get(counting, case.case_id, REQUESTS)
        assert counting.statements == 2
        again.take("examine", MIRA, NOW)
        again.note("complete", MIRA, NOW)
        again.charge(Fee("copy", 100, "tariff 9"))
        await store.save(counting, again)
        assert counting.statements == 3


@pytest.mark.parametrize("table", ["case_history", "case_notes", "case_fees", "case_decisions"])
async def test_what_is_in_the_file_stays_in_the_file(database: Database, table: str) -> None:
    case = a_request()
    case.note("came by post", MIRA, NOW)
    case.charge(Fee("copy", 100, "tariff 9"))
    case.decide(Decision("granted", (), "lena", NOW, "§ 1"))
    await saved(database, case)
    for change in (f"DELETE FROM amtsbus.{table}", f"UPDATE amtsbus.{table} SET nth = 99"):
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            async with database.transaction() as tx:
                await tx.execute(change)


async def test_my_cases_come_newest_first_and_page_by_page(database: Database) -> None:
    mine = [a_request(f"RQ-{nth}", now=NOW + timedelta(minutes=nth // 2)) for nth in range(7)]
    for case in mine:
        await saved(database, case)
    await saved(database, a_request("RQ-other", applicant_id=uuid4()))
    async with database.transaction() as tx:
        seen, after = [], None
        while page := await store.of_applicant(tx, APPLICANT, after, 3):
            seen += page
            after = store.of_applicant_key(page[-1])
    expected = sorted(mine, key=lambda case: (case.opened_at, case.case_id), reverse=True)
    assert [row.case_id for row in seen] == [case.case_id for case in expected]


@pytest.mark.parametrize(
    "cursor", [[], ["2026-03-02"], ["yesterday", str(uuid4())], [1, 2], [[], {}], ["2026-03-02", "7"], "no"]
)
async def test_a_cursor_that_is_none_is_refused(database: Database, cursor: Any) -> None:
    async with database.transaction() as tx:
        for ask in (store.work_list(tx, after=cursor), store.of_applicant(tx, APPLICANT, cursor)):
            with pytest.raises(Exception, match="not one of this list"):
                await ask


async def test_the_ends_of_time_are_a_cursor_too(database: Database) -> None:
    for when in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        async with database.transaction() as tx:
            with pytest.raises(Exception, match="not one of this list"):
                await store.of_applicant(tx, APPLICANT, [when, str(new_id())])
    async with database.transaction() as tx:
        assert await store.work_list(tx, after=["9999-12-31", "ffffffff-ffff-ffff-ffff-ffffffffffff"]) == []


class CountingTx(Tx):
    """Counts what goes to the server."""

    def __init__(self, connection: Any, clock: Any) -> None:
        super().__init__(connection, clock)
        self.statements = 0

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        self.statements += 1
        return await super().fetchval(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> Any:
        self.statements += 1
        return await super().fetchrow(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> str:
        self.statements += 1
        return await super().execute(sql, *arguments)

    async def executemany(self, sql: str, arguments: Any) -> None:
        self.statements += len(arguments)
        await super().executemany(sql, arguments)
