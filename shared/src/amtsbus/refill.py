"""Filling Kafka again from the journals, when it was lost as a whole or a topic was.

Every event of a journal goes back among those that the relay has to publish, in one transaction; then the topics that are
missing are created, and the relay publishes everything in order, what is appended meanwhile at the end. Readers ignore what
they have handled.

Two things must not happen meanwhile, so the relays rest from before the first step until after the last: one that still
has events in hand would put them into a new topic before the older ones, and one that was confirmed by the Kafka that is
lost would then mark as published what the new one does not have.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from amtsbus import kafka, operations, retention
from amtsbus.clock import SystemClock
from amtsbus.postgres import Row, Tx, affected
from amtsbus.relay import DEADLINE_SECONDS, LOCK, leading_session
from amtsbus.replay import QUERY_SECONDS, publish
from amtsbus.settings import Settings
from amtsbus.topics import Topic, create_missing

SETTLE_SECONDS = DEADLINE_SECONDS + 5
"""So long after its session was ended a relay may still have records in hand."""
_APPLICATION = "amtsbus-refill"


class RefillError(Exception):
    """It cannot be done like this. The message says why and what to do; what was put back already stays put back."""


@dataclass(frozen=True)
class Department:
    """One service whose journal is to fill its topics again."""

    settings: Settings
    topics: tuple[Topic, ...]
    """Those of the list of topics that it owns and that shall be filled."""
    archive: Path | None = None

    @property
    def name(self) -> str:
        return self.settings.service


@dataclass(frozen=True)
class Created:
    """A topic was created; its name with the prefix."""

    topic: str


@dataclass
class Refilled:
    """What was done for one service.

    `events` were put back; `waited` had to be published anyhow; `archived` were published from the archive. The relay has
    published all when none up to `last_position` waits.
    """

    service: str
    events: int = 0
    waited: int = 0
    archived: int = 0
    last_position: int = 0


@dataclass(frozen=True)
class Plan:
    """What a refill would do for one service.

    `left_out` are events of topics that are not to be filled; `archived_months` lie in the archive.
    """

    service: str
    by_topic: dict[str, int]
    left_out: dict[str, int]
    archived_months: int


async def missing_topics(departments: Sequence[Department]) -> list[str]:
    """Which of the topics Kafka does not have, without prefix."""
    settings = departments[0].settings
    admin = AIOKafkaAdminClient(**kafka.connection(settings))
    try:
        await admin.start()
        present = set(await admin.list_topics())
    finally:
        await admin.close()
    names = [topic.name for department in departments for topic in department.topics]
    return [name for name in names if settings.topic_prefix + name not in present]


async def plan(department: Department) -> Plan:
    """Count what a refill of `department` would put back."""
    connection = await _connect(department)
    try:
        by_topic = await _by_topic(connection)
        left = await retention.archived(connection)
    finally:
        await connection.close()
    names = {topic.name for topic in department.topics}
    return Plan(
        department.name,
        {topic: count for topic, count in by_topic.items() if topic in names},
        {topic: count for topic, count in by_topic.items() if topic not in names},
        len(left),
    )


async def refill(
    departments: Sequence[Department], *, by: str, why: str, replication_factor: int = 1
) -> AsyncIterator[str | Created | Refilled]:
    """Put all events of `departments` back, and create the topics that Kafka does not have.

    Done twice it does the same again: what waits already stays as it is.

    Yields:
        What happens, in words; each topic that is created; and at the end for each service what was done.

    Raises:
        RefillError: another refill is at work.
        ArchiveError: the archive is not complete; nothing has happened yet.
    """
    missing = await missing_topics(departments)
    archives = {department.name: await _archive_of(department) for department in departments}
    done = {department.name: Refilled(department.name) for department in departments}
    async with contextlib.AsyncExitStack() as stack:
        held = {d.name: await stack.enter_async_context(_relay_at_rest(d)) for d in departments}
        rested = asyncio.get_running_loop().time()
        for department in departments:
            yield f"{department.name}: the relay rests, events are put back"
            await _put_back(held[department.name], department, done[department.name], missing, by=by, why=why)
        if missing or any(archives.values()):
            remaining = rested + SETTLE_SECONDS - asyncio.get_running_loop().time()
            if remaining > 0:
                yield f"waiting {remaining:.0f} s for what relays may still have in hand"
                await asyncio.sleep(remaining)
        for department in departments:
            created = await create_missing(
                topics=department.topics,
                prefix=department.settings.topic_prefix,
                replication_factor=replication_factor,
                **kafka.connection(department.settings),
            )
            for topic in created:
                yield Created(topic)
        for department in departments:
            async for told in _publish_archive(
                held[department.name], department, archives[department.name], done[department.name]
            ):
                yield told
    for refilled in done.values():
        yield refilled


async def waiting(department: Department, up_to: int) -> int:
    """How many events up to a position the relay has still to publish on the department's topics."""
    connection = await _connect(department)
    try:
        count: int = await connection.fetchval(
            "SELECT count(*) FROM amtsbus.unpublished WHERE position <= $1 AND topic = ANY($2::text[])",
            up_to,
            [topic.name for topic in department.topics],
        )
        return count
    finally:
        await connection.close()


async def _connect(department: Department) -> "asyncpg.Connection[Row]":
    return await asyncpg.connect(
        department.settings.database_url.get_secret_value(),
        timeout=10,
        server_settings={
            "application_name": _APPLICATION,
            "timezone": "UTC",
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
        },
    )


@contextlib.asynccontextmanager
async def _relay_at_rest(department: Department) -> "AsyncIterator[asyncpg.Connection[Row]]":
    """Hold the relay's lock while the block runs; a relay that has it loses its session.

    Raises:
        RefillError: another refill holds it.
    """
    connection = await _connect(department)
    other = await _connect(department)
    # It waits in the queue of the lock, so no other relay comes in between.
    locking = asyncio.ensure_future(connection.execute("SELECT pg_advisory_lock($1)", LOCK, timeout=60))
    try:
        while not locking.done():
            holder = await leading_session(other)
            if holder is not None and holder.pid != connection.get_server_pid():
                if holder.application == _APPLICATION:
                    raise RefillError(f"another refill of {department.name} is at work")
                await other.execute("SELECT pg_terminate_backend($1)", holder.pid)
            await asyncio.wait([locking], timeout=0.1)
        await locking
        yield connection
    finally:
        if not locking.done():
            await other.execute("SELECT pg_cancel_backend($1)", connection.get_server_pid())
            await asyncio.wait([locking])
        with contextlib.suppress(asyncpg.PostgresError, TimeoutError):
            locking.result()
        connection.terminate()
        other.terminate()


async def _by_topic(connection: "asyncpg.Connection[Row]") -> dict[str, int]:
    rows = await connection.fetch(
        "SELECT topic, count(*) AS events FROM amtsbus.events GROUP BY topic ORDER BY topic", timeout=QUERY_SECONDS
    )
    return {row["topic"]: row["events"] for row in rows}


async def _archive_of(department: Department) -> list[Path]:
    if department.archive is None:
        return []
    connection = await _connect(department)
    try:
        left = await retention.archived(connection)
    finally:
        await connection.close()
    return await asyncio.to_thread(retention.files_of, department.name, left, department.archive)


async def _put_back(
    connection: "asyncpg.Connection[Row]",
    department: Department,
    done: Refilled,
    missing: Sequence[str],
    *,
    by: str,
    why: str,
) -> None:
    names = [topic.name for topic in department.topics]
    async with connection.transaction():
        tag = await connection.execute(
            "INSERT INTO amtsbus.unpublished (position, appended_at, topic, stream_id) "
            "SELECT position, appended_at, topic, stream_id FROM amtsbus.events WHERE topic = ANY($1::text[]) "
            "ORDER BY position ON CONFLICT DO NOTHING",
            names,
            timeout=QUERY_SECONDS,
        )
        done.events = affected(tag)
        [row] = await connection.fetch(
            "SELECT count(*) AS waiting, coalesce(max(position), 0) AS last FROM amtsbus.unpublished "
            "WHERE topic = ANY($1::text[])",
            names,
            timeout=QUERY_SECONDS,
        )
        done.waited, done.last_position = row["waiting"] - done.events, row["last"]
        own_missing = [name for name in names if name in missing]
        await operations.record(
            Tx(connection, SystemClock()),
            by=by,
            action="refill",
            about=f"{done.events} events of {', '.join(names)} up to position {done.last_position}; "
            f"topics that Kafka did not have: {', '.join(own_missing) or 'none'}",
            why=why,
        )


async def _publish_archive(
    connection: "asyncpg.Connection[Row]", department: Department, files: Sequence[Path], done: Refilled
) -> AsyncIterator[str]:
    if not files:
        return
    names = {topic.name for topic in department.topics}
    found = retention.events(files, lambda event: event["topic"] in names)
    yield f"{department.name}: {len(files)} months of the archive are published first"
    async for progress in publish(retention.pages(found), department.settings, rate_per_second=1_000_000):
        await connection.fetchval("SELECT 1")  # our lock: without it the relay would overtake us
        done.archived = progress.events
