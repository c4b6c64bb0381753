"""Migrations: forward only, each as a whole, safe to run twice and by two at once."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from amtsbus import migrate
from amtsbus.consumption import TRANSIENT
from amtsbus.errors import TransientError
from amtsbus.http.problems import DATABASE_AWAY
from amtsbus.ids import new_id
from amtsbus.journal import append
from amtsbus.settings import Environment, Settings
from amtsbus.testing.fixtures import with_database

from .lending import BookLentV1


@pytest.fixture
async def settings(postgres_url):
    name = f"test_migrate_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    yield Settings.load("library", database_url=with_database(postgres_url, name), environment=Environment.DEVELOPMENT)
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "0001_shelves.sql").write_text("CREATE TABLE shelves (shelf_id int PRIMARY KEY);")
    return tmp_path


async def query(settings, sql):
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_the_chassis_comes_first_and_each_file_is_applied_once(settings, folder):
    applied = await migrate.migrate(settings, folder)
    assert applied[0] == "amtsbus/0001_bus"
    assert applied[-1] == "library/0001_shelves"
    assert await migrate.migrate(settings, folder) == []


async def test_two_deployments_at_once_apply_each_file_once(settings, folder):
    first, second = await asyncio.gather(migrate.migrate(settings, folder), migrate.migrate(settings, folder))
    assert {bool(first), bool(second)} == {True, False}


async def test_a_file_that_fails_leaves_nothing_behind_and_names_itself(settings, folder):
    (folder / "0002_broken.sql").write_text("CREATE TABLE half (a int); SELECT nonsense;")
    with pytest.raises(migrate.MigrationError, match="library/0002_broken failed and was rolled back"):
        await migrate.migrate(settings, folder)
    assert await query(settings, "SELECT to_regclass('half') IS NULL")
    assert await query(settings, "SELECT to_regclass('shelves') IS NOT NULL")


async def test_a_file_that_changed_after_it_was_applied_is_refused(settings, folder):
    await migrate.migrate(settings, folder)
    (folder / "0001_shelves.sql").write_text("CREATE TABLE shelves (shelf_id bigint PRIMARY KEY);")
    with pytest.raises(migrate.MigrationError, match="add a new file instead"):
        await migrate.migrate(settings, folder)


# -- 0004: the journal by months ------------------------------------------------------------------------------------


@pytest.fixture
async def version_before(settings, folder):
    """The database as the version before 0004 left it."""
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    await connection.execute(migrate._HISTORY)
    known = migrate.migrations_of(settings.service, folder)
    await migrate._apply(connection, [one for one in known if one.source != "amtsbus" or one.name < "0004"])
    await connection.close()


@pytest.fixture
async def connection(settings):
    made = []

    async def connect(**server_settings):
        made.append(
            await asyncpg.connect(settings.database_url.get_secret_value(), server_settings=server_settings or None)
        )
        return made[-1]

    yield connect
    for one in made:
        await one.close()


TOPIC = BookLentV1.topic
APPENDED_BEFORE = """
INSERT INTO amtsbus.events (event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at, appended_at, published_at)
VALUES ($1, $2, $3, $4, 'library.book-lent.v1', $5, $6, $7, $7, $8)
"""


async def test_a_journal_of_the_version_before_comes_over_as_it_was(settings, folder, connection, version_before):
    database = await connection(timezone="Europe/Berlin")
    streams = [new_id() for _ in range(3)]
    turn_of_month = datetime(2026, 9, 1, tzinfo=UTC)
    times = [turn_of_month + timedelta(seconds=(number - 10) * 0.1) for number in range(19)] + [datetime.now(UTC)]
    for number, at in enumerate(times):
        published = at if number not in (7, 12, 18, 19) else None
        data = f'{{"ä": "ß",  "n":{number}}}'
        await database.execute(
            APPENDED_BEFORE, new_id(), TOPIC, streams[number % 3], number // 3 + 1, data, None, at, published
        )
    columns = "position, event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at, appended_at"
    before = await database.fetch(f"SELECT {columns} FROM amtsbus.events ORDER BY position")
    assert (await migrate.migrate(settings, folder))[0] == "amtsbus/0004_journal_by_month"
    assert await database.fetch(f"SELECT {columns} FROM amtsbus.events ORDER BY position") == before
    waiting = await database.fetch("SELECT position, appended_at, topic, stream_id FROM amtsbus.unpublished ORDER BY 1")
    assert [tuple(row) for row in waiting] == [
        (row["position"], row["appended_at"], row["topic"], row["stream_id"])
        for row in before
        if row["position"] in (8, 13, 19, 20)
    ]
    heads = await database.fetch("SELECT stream_id, sequence FROM amtsbus.streams WHERE topic = $1", TOPIC)
    assert {row["stream_id"]: row["sequence"] for row in heads} == {streams[0]: 7, streams[1]: 7, streams[2]: 6}
    in_august = await database.fetchval("SELECT count(*) FROM amtsbus_journal.events_2026_08")
    assert in_august == 10  # the turn of the month is that of UTC, whatever the session's zone
    # and the journal goes on where it was
    await append(database, streams[2], [BookLentV1(loan_id=streams[2], title="Faust")], datetime.now(UTC), expected=6)
    assert await database.fetchval("SELECT max(position) FROM amtsbus.events") == 21


async def test_a_process_of_the_version_before_is_told_to_wait_not_forgotten(
    settings, folder, connection, version_before
):
    """It appends without naming a position, and no relay would find such an event."""
    await migrate.migrate(settings, folder)
    database = await connection()
    old = (
        "INSERT INTO amtsbus.events (event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at) "
        "VALUES ($1, $2, $1, 1, 'library.book-lent.v1', '{}', NULL, now())"
    )
    with pytest.raises(asyncpg.QueryCanceledError, match="older than its database") as refused:
        await database.execute(old, new_id(), TOPIC)
    assert isinstance(refused.value, DATABASE_AWAY)  # a request is answered with 503 and Retry-After
    assert isinstance(refused.value, TRANSIENT)  # a reader keeps its place and tries again


async def test_appending_goes_on_while_months_are_prepared(settings, folder, connection):
    await migrate.migrate(settings, folder)
    clerk, other_clerk, worker = await connection(), await connection(), await connection()
    loan, other = new_id(), new_id()
    events = {one: [BookLentV1(loan_id=one, title="Faust")] for one in (loan, other)}
    async with clerk.transaction(), asyncio.timeout(20):
        await append(clerk, loan, events[loan], datetime.now(UTC))  # begun, not committed
        async with worker.transaction():
            await worker.execute("SELECT amtsbus.prepare_journal(24)")  # done, not committed
            await append(other_clerk, other, events[other], datetime.now(UTC))  # as a whole
            await append(clerk, loan, events[loan], datetime.now(UTC))
    assert await clerk.fetchval("SELECT count(*) FROM amtsbus.events") == 3
    assert await clerk.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'amtsbus.events'::regclass") == 25


async def test_several_workers_prepare_the_same_months_at_once(settings, folder, connection):
    await migrate.migrate(settings, folder)
    workers = [await connection() for _ in range(4)]
    await asyncio.gather(*(worker.execute("SELECT amtsbus.prepare_journal(30)") for worker in workers))
    months = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'amtsbus.events'::regclass"
    assert await workers[0].fetchval(months) == 31


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Kiritimati"])
async def test_a_month_is_that_of_utc_in_every_zone(settings, folder, connection, zone):
    await migrate.migrate(settings, folder)
    database = await connection(timezone=zone, datestyle="SQL, DMY")
    await database.execute("SELECT amtsbus.add_journal_month('2031-03-01'), amtsbus.add_journal_month('2031-04-01')")
    turn = datetime(2031, 4, 1, tzinfo=UTC)
    place = (
        "INSERT INTO amtsbus.events (position, event_id, topic, stream_id, sequence, type, data, occurred_at, appended_at) "
        "VALUES ($1, $2, 't', $2, 1, 't', '{}', now(), $3) RETURNING tableoid::regclass::text"
    )
    assert (
        await database.fetchval(place, 1, new_id(), turn - timedelta(microseconds=1))
        == "amtsbus_journal.events_2031_03"
    )
    assert await database.fetchval(place, 2, new_id(), turn) == "amtsbus_journal.events_2031_04"


async def test_without_a_month_nothing_is_appended_until_one_is_prepared(settings, folder, connection):
    await migrate.migrate(settings, folder)
    database = await connection()
    month = await database.fetchval("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')")
    await database.execute(f"DROP TABLE amtsbus_journal.events_{month}")
    loan = new_id()
    with pytest.raises((asyncpg.CheckViolationError, TransientError)):
        await append(database, loan, [BookLentV1(loan_id=loan, title="Faust")], datetime.now(UTC))
    for table in ("events", "streams", "unpublished"):
        assert await database.fetchval(f"SELECT count(*) FROM amtsbus.{table}") == 0
    await migrate.migrate(settings, folder)
    await append(database, loan, [BookLentV1(loan_id=loan, title="Faust")], datetime.now(UTC))
    assert await database.fetchval("SELECT count(*) FROM amtsbus.unpublished") == 1
