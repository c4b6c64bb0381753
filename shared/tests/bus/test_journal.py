"""The journal: facts are appended with the state they belong to, in order, and never change."""

import asyncio

import asyncpg
import pytest
from amtsbus.errors import ConflictError, TransientError
from amtsbus.events import Published
from amtsbus.ids import new_id

from .lending import LENDING, BookLentV1, BookReturnedV1


class FeeDueV1(Published, type="lending.fee-due.v1", topic="lending.fee.events"):
    """A fee is due for a loan: a second topic of the same aggregate."""


def lent(loan_id):
    return BookLentV1(loan_id=loan_id, title="Faust")


async def test_the_sequence_of_a_stream_has_no_gaps(service_database):
    database = await service_database(LENDING)
    loan, other = new_id(), new_id()
    for _ in range(3):
        async with database.transaction() as tx:
            await tx.append(loan, lent(loan), BookReturnedV1(loan_id=loan))
            await tx.append(other, lent(other))
    async with database.transaction() as tx:
        rows = await tx.fetch("SELECT sequence FROM amtsbus.events WHERE stream_id = $1 ORDER BY position", loan)
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4, 5, 6]


async def test_an_aggregate_counts_on_each_of_its_topics_by_itself(service_database):
    database = await service_database(LENDING)
    loan = new_id()
    async with database.transaction() as tx:
        await tx.append(loan, lent(loan), FeeDueV1())
    async with database.transaction() as tx:
        ids = await tx.append(loan, FeeDueV1(), BookReturnedV1(loan_id=loan), FeeDueV1())
    async with database.transaction() as tx:
        rows = await tx.fetch("SELECT topic, sequence, type, event_id FROM amtsbus.events ORDER BY topic, position")
        heads = await tx.fetch("SELECT topic, sequence FROM amtsbus.streams ORDER BY topic")
    assert [(row["topic"], row["sequence"]) for row in rows] == [
        *(("lending.fee.events", number) for number in (1, 2, 3)),
        *(("lending.loan.events", number) for number in (1, 2)),
    ]
    assert [rows[place]["event_id"] for place in (1, 4, 2)] == ids
    assert [tuple(row) for row in heads] == [("lending.fee.events", 3), ("lending.loan.events", 2)]


async def test_a_rolled_back_use_case_leaves_no_event_and_no_gap(service_database):
    database = await service_database(LENDING)
    loan = new_id()

    async def fail():
        async with database.transaction() as tx:
            await tx.append(loan, lent(loan))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with database.transaction() as tx:
        await tx.append(loan, lent(loan))
        assert await tx.fetchval("SELECT array_agg(sequence) FROM amtsbus.events") == [1]


async def until_another_waits_for(tx):
    waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    async with asyncio.timeout(10):
        while not await tx.fetchval(waits):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("events", [1, 3])
async def test_of_two_writers_at_once_one_meets_a_conflict_and_leaves_nothing(service_database, events):
    database = await service_database(LENDING)
    loan = new_id()
    both_have_read = asyncio.Barrier(2)

    async def write():
        async with database.transaction() as tx:
            await both_have_read.wait()
            await tx.append(loan, *[lent(loan) for _ in range(events)])
            await until_another_waits_for(tx)

    outcomes = await asyncio.gather(write(), write(), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictError", "NoneType"]
    async with database.transaction() as tx:
        rows = await tx.fetch("SELECT sequence FROM amtsbus.events ORDER BY position")
        assert [row["sequence"] for row in rows] == list(range(1, events + 1))


async def test_two_writers_of_the_same_topics_in_different_order_do_not_wait_for_each_other_for_ever(service_database):
    database = await service_database(LENDING)
    loan = new_id()
    both_have_begun = asyncio.Barrier(2)

    async def write(*events):
        async with database.transaction() as tx:
            await both_have_begun.wait()
            await tx.append(loan, *events)
            await until_another_waits_for(tx)

    outcomes = await asyncio.gather(
        write(lent(loan), FeeDueV1()), write(FeeDueV1(), lent(loan)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictError", "NoneType"]


async def test_a_writer_that_read_an_old_version_meets_a_conflict(service_database):
    database = await service_database(LENDING)
    loan = new_id()
    async with database.transaction() as tx:
        await tx.append(loan, lent(loan), expected=0)
    with pytest.raises(ConflictError):
        async with database.transaction() as tx:
            await tx.append(loan, BookReturnedV1(loan_id=loan), expected=0)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM amtsbus.events",
        "UPDATE amtsbus.events SET data = '{}'",
        "UPDATE amtsbus.events SET sequence = 9",
        "TRUNCATE amtsbus.events",
    ],
)
async def test_the_database_itself_refuses_to_change_a_fact(service_database, owner_url, statement):
    database = await service_database(LENDING)
    loan = new_id()
    async with database.transaction() as tx:
        await tx.append(loan, lent(loan))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.transaction() as tx:
            await tx.execute(statement)
    owner = await asyncpg.connect(owner_url(database))
    try:
        with pytest.raises(asyncpg.PostgresError, match="append-only"):
            await owner.execute(statement)
    finally:
        await owner.close()


async def test_what_is_appended_waits_for_the_relay(service_database):
    database = await service_database(LENDING)
    loan = new_id()
    async with database.transaction() as tx:
        await tx.append(loan, lent(loan), BookReturnedV1(loan_id=loan))
    async with database.transaction() as tx:
        waiting = await tx.fetch("SELECT position, appended_at FROM amtsbus.unpublished ORDER BY position")
        assert waiting == await tx.fetch("SELECT position, appended_at FROM amtsbus.events ORDER BY position")


async def test_a_service_cannot_reach_the_months_of_its_journal_behind_its_back(service_database):
    database = await service_database(LENDING)
    async with database.transaction() as tx:
        month = await tx.fetchval("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')")
    for statement in ("DELETE FROM", "TRUNCATE", "DROP TABLE"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with database.transaction() as tx:
                await tx.execute(f"{statement} amtsbus_journal.events_{month}")


async def test_the_coming_months_are_prepared_by_the_service_itself(service_database):
    database = await service_database(LENDING)
    months = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'amtsbus.events'::regclass"
    async with database.transaction() as tx:
        assert await tx.fetchval(months) == 13
        await tx.execute("SELECT amtsbus.prepare_journal(15)")
        await tx.execute("SELECT amtsbus.prepare_journal(15)")
        assert await tx.fetchval(months) == 16


async def test_a_missing_month_is_a_matter_of_later_for_whoever_appends(service_database, owner_url):
    """The edge answers 503 and a reader waits; nobody takes it for a defect, and nothing is parked."""
    database = await service_database(LENDING)
    owner = await asyncpg.connect(owner_url(database))
    try:
        month = await owner.fetchval("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')")
        await owner.execute(f"DROP TABLE amtsbus_journal.events_{month}")
        loan = new_id()
        for events in ([lent(loan)], [lent(loan), BookReturnedV1(loan_id=loan)]):
            with pytest.raises(TransientError, match="amtsbus migrate"):
                async with database.transaction() as tx:
                    await tx.append(loan, *events)
    finally:
        await owner.close()
