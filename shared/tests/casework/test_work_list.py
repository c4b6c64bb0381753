"""The work list among tens of thousands of cases: right, in order, and by its indexes."""

import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from amtsbus.casework import deadlines, store, working_days
from amtsbus.casework.store import WorkListRow
from amtsbus.postgres import Database, Row, Tx

from .requests import APPLICANT, LENA, MIRA, NOW, REQUESTS, a_request

CASES = 40_000

# Three of ten are open; a tenth of those has no due date; forty caseworkers; as many applicants as half the cases.
_TOWN = """
INSERT INTO amtsbus.cases (case_id, procedure_key, reference, state, version, applicant_id, subject_ids, opened_at, closed_at,
                           assignee, due_on)
SELECT md5(n::text)::uuid, 'request', 'RQ-' || n,
       CASE WHEN n % 10 < 3 THEN (ARRAY['received', 'examined', 'heard'])[n % 3 + 1] ELSE 'granted' END, 1,
       md5((n / 2)::text)::uuid, '{}', timestamptz '2026-01-01' + n * interval '1 minute',
       CASE WHEN n % 10 >= 3 THEN timestamptz '2026-02-01' END,
       CASE WHEN n % 4 > 0 THEN 'clerk-' || n % 37 END,
       CASE WHEN n % 10 < 3 AND n % 7 > 0 THEN date '2026-03-01' + n % 211 ELSE 'infinity' END
FROM generate_series(1, $1::integer) AS n
"""
_PERIODS = """
INSERT INTO amtsbus.case_periods (case_id, nth, kind, starts_on, unit, count, ends_on, due_on, land, warn_days_before, ended_at)
SELECT case_id, 1, 'check', '2026-01-01', 'working-days', 10, CASE WHEN due_on = 'infinity' THEN '2026-02-01' ELSE due_on END,
       CASE WHEN due_on = 'infinity' THEN '2026-02-01' ELSE due_on END, 'NW', 3, CASE WHEN due_on = 'infinity' THEN opened_at END
FROM amtsbus.cases
"""


class ExplainedTx(Tx):
    """Runs each query, and keeps how PostgreSQL did it."""

    def __init__(self, connection: Any, clock: Any) -> None:
        super().__init__(connection, clock)
        self.plans: list[dict[str, Any]] = []

    async def fetch(self, sql: str, *arguments: Any) -> list[Row]:
        [[explained]] = await super().fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *arguments)
        self.plans.append(json.loads(explained)[0]["Plan"])
        return await super().fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> Row | None:
        return next(iter(await self.fetch(sql, *arguments)), None)

    def nodes(self) -> list[dict[str, Any]]:
        found, ahead = [], list(self.plans)
        while ahead:
            node = ahead.pop()
            found.append(node)
            ahead += node.get("Plans", [])
        return found

    def scans(self, *tables: str) -> list[dict[str, Any]]:
        return [node for node in self.nodes() if node.get("Relation Name") in tables]

    def rows_read(self, *tables: str) -> int:
        """How many rows of these tables were looked at, those that were thrown away too."""
        return sum(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            for node in self.scans(*tables)
        )


@pytest.fixture
async def town(database: Database, owner: "asyncpg.Connection[Any]") -> Database:
    await owner.execute(_TOWN.replace("$1", str(CASES)))
    await owner.execute(_PERIODS)
    await owner.execute("ANALYZE")
    return database


def expect_indexed(tx: ExplainedTx, index: str, rows: int) -> None:
    """Expect that `index` was used, nothing was scanned as a whole, and at most `rows` rows were read.

    For a handful of rows PostgreSQL may prefer a bitmap of the same index and a sort; both are fine.
    """
    assert index in {node.get("Index Name") for node in tx.nodes()}
    assert "Seq Scan" not in {node["Node Type"] for node in tx.scans("cases", "case_periods")}
    read = tx.rows_read("cases", "case_periods")
    assert read <= rows, f"{read} rows were read"


QUESTIONS: list[tuple[dict[str, Any], str, int]] = [
    ({}, "cases_open", 25),
    ({"due_before": date(2026, 4, 1)}, "cases_open", 25),
    ({"states": ["received"]}, "cases_in_state", 25),
    ({"states": ["received", "examined", "heard", "granted"]}, "cases_in_state", 100),
    ({"states": ["granted"]}, "cases_in_state", 25),
    ({"assignee": "clerk-7"}, "cases_open_assigned", 50),
    ({"assignee": "clerk-7", "due_before": date(2026, 4, 1)}, "cases_open_assigned", 50),
    ({"assignee": "clerk-7", "states": ["received", "examined"]}, "cases_assigned_in_state", 100),
    ({"assignee": "clerk-7", "states": ["received"], "due_before": date(2026, 9, 1)}, "cases_assigned_in_state", 100),
]


async def test_a_page_of_any_work_list_reads_little_more_than_it_shows(town: Database) -> None:
    """A page for several states reads a page of each; no page reads what it throws away."""
    for question, index, rows in QUESTIONS:
        async with town.transaction() as tx:
            explained = ExplainedTx(tx.connection, tx.clock)
            first = await store.work_list(explained, **question)
            expect_indexed(explained, index, rows)
            if len(first) == 25:
                explained = ExplainedTx(tx.connection, tx.clock)
                await store.work_list(explained, **question, after=store.work_list_key(first[-1]))
                expect_indexed(explained, index, rows)


async def test_my_own_cases_a_case_and_what_is_due_are_found_by_their_indexes(town: Database) -> None:
    async with town.transaction() as tx:
        case_id = UUID(await tx.fetchval("SELECT md5('154')"))
        applicant_id = UUID(await tx.fetchval("SELECT md5('77')"))

        explained = ExplainedTx(tx.connection, tx.clock)
        found = await store.of_applicant(explained, applicant_id)
        assert len(found) == 2
        assert len(await store.of_applicant(explained, applicant_id, store.of_applicant_key(found[0]))) == 1
        expect_indexed(explained, "cases_of_applicant", 3)

        explained = ExplainedTx(tx.connection, tx.clock)
        assert (await store.get(explained, case_id, REQUESTS)).case_id == case_id
        expect_indexed(explained, "case_periods_pkey", 2)

        explained = ExplainedTx(tx.connection, tx.clock)
        assert await deadlines._next_ring(explained) is not None
        expect_indexed(explained, "case_periods_ringing", 2)


async def test_the_pages_together_are_the_whole_list_in_order(town: Database) -> None:
    for question, _, _ in QUESTIONS[:3]:
        async with town.transaction() as tx:
            whole = await store.work_list(tx, **question, limit=CASES)
            paged: list[WorkListRow] = []
            after = None
            while page := await store.work_list(tx, **question, after=after, limit=997):
                paged += page
                after = store.work_list_key(page[-1])
        assert paged == whole
        assert whole == sorted(whole, key=lambda row: (row.due_on or date.max, row.case_id))
        assert len(whole) > 1000


async def test_the_list_shows_what_wants_work(database: Database) -> None:
    cases = [a_request(f"RQ-{nth}", now=NOW + timedelta(minutes=nth)) for nth in range(6)]
    for nth, days in enumerate((9, 3, 6)):
        cases[nth].start_period("check", date(2026, 3, 2), working_days(days), now=NOW)
    cases[1].assign("mira", LENA, NOW)
    cases[2].take("examine", MIRA, NOW)
    cases[3].take("examine", MIRA, NOW)
    cases[3].propose("grant", MIRA, NOW, reason=None)
    cases[3].take("grant", LENA, NOW)
    async with database.transaction() as tx:
        for case in cases:
            await store.add(tx, case)

        async def numbers(**question: Any) -> list[str]:
            return [row.reference.removeprefix("RQ-") for row in await store.work_list(tx, **question)]

        assert await numbers() == ["1", "2", "0", "4", "5"]
        assert await numbers(limit=2) == ["1", "2"]
        assert await numbers(states=["received"]) == ["1", "0", "4", "5"]
        assert await numbers(states=["examined", "granted", "granted", "unheard-of"]) == ["2", "3"]
        assert await numbers(states=[]) == []
        assert await numbers(assignee="mira") == ["1"]
        assert await numbers(assignee="mira", states=["examined"]) == []
        assert await numbers(due_before=date(2026, 3, 10)) == ["1"]
        assert await numbers(due_before=date(2026, 3, 11)) == ["1", "2"]
        [row] = await store.work_list(tx, assignee="mira")
        assert row == WorkListRow(
            cases[1].case_id, "request", "RQ-1", "received", 1, APPLICANT, "mira", NOW + timedelta(minutes=1), None,
            date(2026, 3, 5),
        )  # fmt: skip
