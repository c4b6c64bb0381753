"""The work list among tens of thousands of cases: what was asked for, in order, counted rightly, and by its indexes."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from amtsbus.desk import work_list
from amtsbus.desk.work_list import (
    MOST_COUNTED,
    NOBODY,
    Counts,
    Cursor,
    Due,
    ListedCase,
    Scope,
    Wanted,
    WorkListPage,
    cursor_of,
)
from amtsbus.errors import RuleViolationError

from ..casework.test_work_list import ExplainedTx

CASES = 20_000

# Three of ten are open; a seventh of those has no due date; a quarter of all is nobody's; every 400th waits for a second one.
_TOWN = f"""
INSERT INTO amtsbus.cases (case_id, procedure_key, reference, state, version, applicant_id, subject_ids, opened_at, closed_at,
                           assignee, due_on, proposed_action, proposed_by, proposed_at)
SELECT md5(n::text)::uuid, 'procedure-' || n % 7, 'RQ-' || n,
       CASE WHEN n % 10 < 3 THEN (ARRAY['received', 'examined', 'heard'])[n % 3 + 1]
            ELSE (ARRAY['granted', 'refused'])[n % 2 + 1] END, 1,
       md5((n / 2)::text)::uuid, '{{}}', timestamptz '2026-01-01' + n * interval '1 minute',
       CASE WHEN n % 10 >= 3 THEN timestamptz '2026-02-01' END,
       CASE WHEN n % 4 > 0 THEN 'clerk-' || n % 37 END,
       CASE WHEN n % 10 < 3 AND n % 7 > 0 THEN date '2026-02-01' + n % 211 ELSE 'infinity' END,
       CASE WHEN n % 400 = 1 THEN 'grant' END, CASE WHEN n % 400 = 1 THEN 'clerk-1' END,
       CASE WHEN n % 400 = 1 THEN timestamptz '2026-02-01' END
FROM generate_series(1, {CASES}) AS n
"""

SOME = tuple(UUID(int=n) for n in range(3))
QUESTIONS = {
    "mine": Wanted(Scope.MINE, ("clerk-7",)),
    "mine and those of two whom I stand in for": Wanted(Scope.MINE, ("clerk-7", "clerk-8", "clerk-9")),
    "mine that are overdue": Wanted(Scope.MINE, ("clerk-7",), due=Due.OVERDUE),
    "mine that were refused": Wanted(Scope.MINE, ("clerk-7",), state="refused"),
    "ours": Wanted(Scope.TEAM),
    "ours, overdue": Wanted(Scope.TEAM, due=Due.OVERDUE),
    "ours, this week": Wanted(Scope.TEAM, due=Due.WEEK),
    "ours, without a due date": Wanted(Scope.TEAM, due=Due.NOTHING),
    "ours in a state": Wanted(Scope.TEAM, state="heard"),
    "ours of a procedure": Wanted(Scope.TEAM, procedure="procedure-3"),
    "ours of a procedure in a state": Wanted(Scope.TEAM, procedure="procedure-3", state="granted"),
    "the pool": Wanted(Scope.TEAM, assignee=NOBODY),
    "a colleague's": Wanted(Scope.TEAM, assignee="clerk-11"),
    "second": Wanted(Scope.SECOND),
    "all": Wanted(Scope.ALL),
    "all of a procedure": Wanted(Scope.ALL, procedure="procedure-5"),
    "all in a final state": Wanted(Scope.ALL, state="granted"),
    "all of a procedure in a state": Wanted(Scope.ALL, procedure="procedure-5", state="refused"),
    "all of a procedure that does not exist": Wanted(Scope.ALL, procedure="procedure-99"),
    "nobody's": Wanted(Scope.MINE, ()),
}


@pytest.fixture
async def town(database, owner_url):
    owner = await asyncpg.connect(owner_url(database))
    await owner.execute(_TOWN)
    await owner.execute("ANALYZE amtsbus.cases")
    await owner.close()
    return database


async def every_case(tx) -> list[ListedCase]:
    rows = await tx.fetch(f"SELECT {work_list._COLUMNS} FROM amtsbus.cases c")
    return [work_list._listed(row) for row in rows]


def is_wanted(case: ListedCase, wanted: Wanted, today: date) -> bool:
    """The same, said plainly."""
    due = case.due_on
    return (
        (wanted.scope is not Scope.MINE or case.assignee in wanted.subjects)
        and (wanted.scope is not Scope.SECOND or case.proposed_action is not None)
        and (wanted.scope in (Scope.ALL, Scope.SECOND) or wanted.state is not None or case.closed_at is None)
        and wanted.procedure in (None, case.procedure_key)
        and wanted.state in (None, case.state)
        and (wanted.assignee is None or (case.assignee or NOBODY) == wanted.assignee)
        and (wanted.due is not Due.OVERDUE or (due is not None and due < today))
        and (wanted.due is not Due.WEEK or (due is not None and due <= today + timedelta(days=7)))
        and (wanted.due is not Due.NOTHING or due is None)
        and (wanted.among is None or case.case_id in wanted.among)
    )


def in_order(cases: list[ListedCase]) -> list[ListedCase]:
    return sorted(cases, key=lambda case: (case.due_on or date.max, case.case_id))


def capped(number: int) -> int:
    return min(number, MOST_COUNTED + 1)


async def test_every_list_shows_what_was_asked_for_the_most_urgent_first_and_counts_it(town):
    async with town.transaction() as tx:
        await work_list.one_snapshot(tx)
        cases, today = await every_case(tx), tx.clock.today()
        for name, wanted in QUESTIONS.items():
            expected = in_order([case for case in cases if is_wanted(case, wanted, today)])
            page = await work_list.work_list(tx, wanted)
            assert list(page.cases) == expected[:25], name
            mine = Wanted(Scope.MINE, wanted.subjects)
            assert page.counts == Counts(
                capped(len(expected)),
                *(
                    capped(sum(is_wanted(case, one, today) for case in cases))
                    for one in (mine, Wanted(Scope.TEAM), Wanted(Scope.SECOND))
                ),
            ), name


async def test_the_pages_together_are_the_whole_list_forwards_and_backwards(town):
    for name in ("mine", "ours, this week", "all", "second"):
        await _expect_whole(town, name)


async def _expect_whole(town, name):
    async with town.transaction() as tx:
        whole = in_order([case for case in await every_case(tx) if is_wanted(case, QUESTIONS[name], tx.clock.today())])
        whole = whole[:230]
        pages: list[WorkListPage] = []
        cursor = None
        while len(pages) * 23 < len(whole):
            pages.append(await work_list.work_list(tx, QUESTIONS[name], cursor, limit=23))
            cursor = Cursor.parse(pages[-1].after, "")
        assert [case for page in pages for case in page.cases][: len(whole)] == whole
        assert pages[0].before == ""
        for nth in range(len(pages) - 1, 0, -1):
            back = await work_list.work_list(tx, QUESTIONS[name], Cursor.parse("", pages[nth].before), limit=23)
            assert back.cases == pages[nth - 1].cases
            assert back.after == cursor_of(back.cases[-1])
        assert back.before == ""


async def test_a_search_shows_those_it_found_within_the_list_that_is_asked_for(town):
    async with town.transaction() as tx:
        cases, today = await every_case(tx), tx.clock.today()
        found = tuple(case.case_id for case in cases[:300])
        for scope in Scope:
            wanted = Wanted(scope, ("clerk-7",), among=found)
            page = await work_list.work_list(tx, wanted)
            assert list(page.cases) == in_order([case for case in cases if is_wanted(case, wanted, today)])[:25]
        assert (await work_list.work_list(tx, Wanted(Scope.ALL, among=SOME))).cases == ()


async def test_no_list_reads_much_more_than_it_shows(town):
    """A list for several people or states reads a page of each; counting stops a little behind `MOST_COUNTED`."""
    async with town.transaction() as tx:
        for name, wanted in QUESTIONS.items():
            explained = ExplainedTx(tx.connection, tx.clock)
            await work_list.work_list(explained, wanted)
            read = explained.rows_read("cases")
            # Five states, three counts beside the one of the list.
            assert read <= 5 * 26 + (5 + 3) * (MOST_COUNTED + 1), f"{name}: {read} rows were read"


async def test_list_and_counts_are_of_one_moment_whatever_happens_between_them(town):
    async with town.transaction() as tx:
        await work_list.one_snapshot(tx)
        before = await work_list.work_list(tx, QUESTIONS["second"])
        async with town.transaction() as other:
            await other.execute(
                "UPDATE amtsbus.cases SET proposed_action = NULL, proposed_by = NULL, proposed_at = NULL"
            )
        assert await work_list.work_list(tx, QUESTIONS["second"]) == before


@pytest.mark.parametrize("text", ["x", "2026-03-02", "2026-03-02~", "~", "2026-02-30~" + "0" * 32, "2026-03-02~nobody"])
def test_an_address_that_is_of_no_list_is_refused(text):
    with pytest.raises(RuleViolationError, match="first page"):
        Cursor.parse(text, "")
    with pytest.raises(RuleViolationError, match="first page"):
        Cursor.parse("", text)


def test_a_cursor_says_where_a_case_stands_and_nothing_else():
    opened = datetime(2026, 3, 1, tzinfo=UTC)
    case = ListedCase(SOME[0], "p", "RQ-1", "received", 1, SOME[1], "clara", opened, None, None, None, None)
    assert Cursor.parse(cursor_of(case), "") == Cursor(date.max, case.case_id)
    dated = replace(case, due_on=date(2026, 3, 2))
    assert Cursor.parse("", cursor_of(dated)) == Cursor(date(2026, 3, 2), case.case_id, backwards=True)
    assert "clara" not in cursor_of(dated)
