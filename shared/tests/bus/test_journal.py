"""The journal: facts are appended with the state they belong to, in order, and never change."""

import asyncio

import asyncpg
import pytest
from amtsbus.errors import ConflictError
from amtsbus.ids import new_id

from .lending import LENDING, BookLentV1, BookReturnedV1


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


async def test_of_two_writers_at_once_one_meets_a_conflict(service_database):
    database = await service_database(LENDING)
    loan = new_id()
    both_have_read = asyncio.Barrier(2)

    async def write():
        async with database.transaction() as tx:
            await both_have_read.wait()
            await tx.append(loan, lent(loan))
            await until_another_waits_for(tx)

    outcomes = await asyncio.gather(write(), write(), return_exceptions=True)
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
