"""Memory: what processes of real services hold, idle and before a mountain of work.

Resident memory (RSS) of whole processes, as `amtsbus api` and `amtsbus worker` run them, in MB of 1,000,000 bytes; the
highest that was seen, for an idle one between its start and `/readyz`. The building authority has the most code of those
with a journal, notifications the most readers.

The backlog is a million events in the journal of the building authority. Its worker publishes them all; then they are the
million records that the worker of notifications, which has never read any, finds before it.
"""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
from amtsbus import migrate
from amtsbus.service import load_service
from amtsbus.settings import Environment
from amtsbus.testing.fixtures import create_topics
from amtsbus.testing.servers import free_port

from tests.bench.measurement import Measurement, Servers, databases, note, resident_mb, until

SERVICES = ("permits", "notifications")
TOPIC = "permits.application.events"
IDLE_MB, BACKLOG_MB = 90, 130
SAMPLE_SECONDS = 0.05

_BACKLOG = f"""
WITH arriving AS MATERIALIZED (SELECT n, uuidv7() AS id FROM generate_series(1, $1::integer) AS n),
appended AS (
    INSERT INTO amtsbus.events (position, event_id, topic, stream_id, sequence, type, data, occurred_at)
    SELECT nextval('amtsbus.event_positions'), uuidv7(), '{TOPIC}', id, 1, 'permits.application-submitted.v1',
           json_build_object('application_id', id, 'applicant_id', uuidv7(), 'reference', 'BA-2026-' || lpad(n::text, 7, '0'),
                             'submitted_on', '2026-03-02', 'completeness_due_on', '2026-03-16')::text,
           now()
    FROM arriving
    RETURNING position, appended_at, topic, stream_id
), heads AS (INSERT INTO amtsbus.streams (topic, stream_id, sequence) SELECT topic, stream_id, 1 FROM appended)
INSERT INTO amtsbus.unpublished SELECT * FROM appended
"""


class City:
    """The databases and topics of `SERVICES`, and their processes."""

    def __init__(self, servers: Servers, urls: list[str]) -> None:
        self.servers = servers
        self.urls = dict(zip(SERVICES, urls, strict=True))
        self.prefix = f"bench-{secrets.token_hex(4)}."

    async def prepare(self) -> None:
        """Migrated databases, and every topic that the services write to or read of."""
        topics = set()
        for name in SERVICES:
            service = load_service(name)
            settings = service.settings.load(
                name, database_url=self.urls[name], environment=Environment.DEVELOPMENT, oidc_issuer="http://127.0.0.1"
            )
            await migrate.migrate(settings, service.migrations)
            topics |= {event.topic for event in service.published} | {reader.topic for reader in service.readers}
        await create_topics(self.servers.kafka, [self.prefix + topic for topic in sorted(topics)], partitions=6)

    @asynccontextmanager
    async def process(self, kind: str, name: str) -> AsyncIterator["Watched"]:
        """`amtsbus <kind> <name>`, ready, for the block."""
        port = free_port()
        environment = os.environ | {
            f"{name.upper()}_DATABASE_URL": self.urls[name],
            f"{name.upper()}_{kind.upper()}_PORT": str(port),
            "KAFKA_BOOTSTRAP_SERVERS": self.servers.kafka,
            "AMTSBUS_TOPIC_PREFIX": self.prefix,
            "AMTSBUS_ENVIRONMENT": "development",
            "AMTSBUS_LOG_LEVEL": "WARNING",
            "OIDC_ISSUER": "http://127.0.0.1",
        }
        with (self.servers.folder / f"{kind}-{name}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(str(Path(sys.executable).with_name("amtsbus")), kind, name), env=environment, stdout=log, stderr=log
            )
        watched = Watched(process.pid)
        watching = asyncio.create_task(watched.watch())
        try:
            async with httpx.AsyncClient() as client:
                await until(lambda: _ready(client, port), seconds=60)
            yield watched
        finally:
            watching.cancel()
            await asyncio.wait([watching])
            process.terminate()
            await process.wait()

    async def ask(self, name: str, sql: str, *arguments: object) -> int:
        """A number from the database of `name`."""
        connection = await asyncpg.connect(self.urls[name])
        try:
            return int(await connection.fetchval(sql, *arguments) or 0)
        finally:
            await connection.close()


class Watched:
    """The highest resident memory of one process so far."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.highest_mb = 0.0

    async def watch(self) -> None:
        while True:
            self.highest_mb = max(self.highest_mb, resident_mb(self.pid))
            await asyncio.sleep(SAMPLE_SECONDS)


async def _ready(client: httpx.AsyncClient, port: int) -> bool:
    try:
        answer = await client.get(f"http://127.0.0.1:{port}/readyz")
    except httpx.TransportError:
        return False
    # A worker is ready without Kafka; it holds everything that it will when its readers have found their topics.
    return answer.is_success and not answer.json().get("readers_without_kafka")


def _measurement(name: str, goal: float, held: dict[str, float], **detail: object) -> Measurement:
    highest = max(held.values())
    return Measurement(
        name=name,
        goal=goal,
        ratio=highest,
        higher_is_better=False,
        unit="MB",
        memory_mb=highest,
        detail={service: round(megabytes, 1) for service, megabytes in held.items()} | detail,
    )


async def measure(servers: Servers, *, quick: bool) -> list[Measurement]:
    """Idle processes of both services, then a worker that publishes a backlog, then one that reads it."""
    backlog, enough = (30_000, 10_000) if quick else (1_000_000, 100_000)
    async with databases(servers, *SERVICES) as urls:
        city = City(servers, urls)
        await city.prepare()
        found = []
        for kind in ("api", "worker"):
            async with AsyncExitStack() as stack:
                idle = {name: await stack.enter_async_context(city.process(kind, name)) for name in SERVICES}
                found.append(
                    _measurement(f"memory: {kind} idle", IDLE_MB, {name: it.highest_mb for name, it in idle.items()})
                )
        note(f"a backlog of {backlog:,} events …")
        await _append_backlog(city, backlog)
        async with city.process("worker", "permits") as relay:
            await until(lambda: _all_published(city), seconds=300, pause=0.5)
        found.append(
            _measurement(
                "memory: worker with unpublished events", BACKLOG_MB, {"permits": relay.highest_mb}, events=backlog
            )
        )
        note(f"{backlog:,} unread records …")
        async with city.process("worker", "notifications") as reader:
            await until(lambda: _has_read(city, enough), seconds=200, pause=0.5)
        found.append(
            _measurement(
                "memory: worker with unread records",
                BACKLOG_MB,
                {"notifications": reader.highest_mb},
                events=backlog,
                watched_for_the_first=enough,
            )
        )
        return found


async def _append_backlog(city: City, events: int) -> None:
    connection = await asyncpg.connect(city.urls["permits"])
    await connection.execute("SET maintenance_work_mem = '128MB'")
    await connection.execute(_BACKLOG, events)
    await connection.execute("VACUUM (ANALYZE) amtsbus.unpublished, amtsbus.events")
    await connection.close()


async def _all_published(city: City) -> bool:
    return await city.ask("permits", "SELECT count(*) FROM (SELECT 1 FROM amtsbus.unpublished LIMIT 1) AS one") == 0


async def _has_read(city: City, events: int) -> bool:
    return await city.ask("notifications", "SELECT count(*) FROM amtsbus.inbox") >= events
