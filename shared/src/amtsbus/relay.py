"""The relay: publishes what the journal holds, in order per key, at least once.

One relay per service is at work, elected by a session advisory lock. It reads and marks through the very session that
holds the lock, so a relay that has lost its lock cannot mark anything. It looks for what is listed as unpublished, never for
positions above the last one: a transaction that commits late is found as well.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from amtsbus import failpoints, kafka, telemetry
from amtsbus.events import EventMeta
from amtsbus.postgres import Row
from amtsbus.settings import Settings

log = structlog.get_logger("amtsbus.relay")

CHANNEL = "amtsbus_relay"
LOCK = 0x616D7473  # "amts": one relay per database
BATCH = 1000
POLL_SECONDS = 0.2
FOLLOW_SECONDS = 1.0
DEADLINE_SECONDS = 15.0
"""Past it a producer is thrown away: after a batch has expired inside aiokafka its sequence numbers are spent and the
broker refuses everything that follows (aiokafka #1017)."""
BLOCK_SECONDS = 30.0
LEASE_MS = 4000
"""PostgreSQL ends the relay's session when it was silent for this long, so that a relay which hangs loses its lock."""
METRICS_SECONDS = 2.0
BACKLOG_COUNTED = 100_000

REFUSED = (
    MessageSizeTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    InvalidTopicError,
)
"""Kafka refuses this record or this topic: its stream waits, all others go on."""

# LATERAL with LIMIT holds the planner to one look into one month for each row, however long the backlog.
_UNPUBLISHED = """
SELECT e.position, e.event_id, e.topic, e.stream_id, e.sequence, e.type, e.data, e.traceparent, e.occurred_at
FROM (
    SELECT position, appended_at FROM amtsbus.unpublished
    WHERE NOT (topic = ANY($2::text[])) AND NOT (stream_id = ANY($3::uuid[]))
    ORDER BY position LIMIT $1
) AS u
CROSS JOIN LATERAL (
    SELECT * FROM amtsbus.events WHERE position = u.position AND appended_at = u.appended_at LIMIT 1
) AS e
ORDER BY e.position
"""

_BACKLOG = f"""
SELECT (SELECT count(*) FROM (SELECT 1 FROM amtsbus.unpublished LIMIT {BACKLOG_COUNTED}) AS b) AS backlog,
       (SELECT extract(epoch FROM clock_timestamp() - appended_at) FROM amtsbus.unpublished
        ORDER BY position LIMIT 1)::float8 AS oldest
"""  # noqa: S608 - a constant

Stream = tuple[str, UUID]


class LostLeadershipError(Exception):
    """The session that held the relay's lock is gone."""


def producer(settings: Settings) -> AIOKafkaProducer:
    """An idempotent producer that waits for all in-sync replicas."""
    return AIOKafkaProducer(
        **kafka.connection(settings),
        client_id=f"{settings.service}-relay",
        enable_idempotence=True,
        acks="all",
        request_timeout_ms=int(DEADLINE_SECONDS * 1000),
        max_batch_size=262_144,
        max_request_size=1_000_000,
    )


async def session(url: str, name: str, **server_settings: str) -> "asyncpg.Connection[Row]":
    """A dedicated direct connection (a pooler would lose the lock); the server notices within seconds if we vanish."""
    return await asyncpg.connect(
        url,
        timeout=10,
        command_timeout=DEADLINE_SECONDS,
        server_settings={
            "application_name": name,
            "tcp_keepalives_idle": "2",
            "tcp_keepalives_interval": "1",
            "tcp_keepalives_count": "2",
            **server_settings,
        },
    )


def record_of(row: Row, settings: Settings) -> dict[str, Any]:
    """The Kafka record of a journal row, as arguments of the producer."""
    meta = EventMeta(
        id=row["event_id"],
        source=f"/{settings.service}",
        type=row["type"],
        subject=row["stream_id"],
        time=row["occurred_at"],
        sequence=row["sequence"],
        topic=row["topic"],
        traceparent=row["traceparent"],
    )
    return {
        "topic": settings.topic_prefix + row["topic"],
        "key": str(row["stream_id"]).encode(),
        "value": row["data"].encode(),
        "headers": kafka.headers_of(meta, settings.event_type_prefix),
    }


class Relay:
    """The relay of one service. Every worker runs one; the one with the lock is at work."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = settings.database_url.get_secret_value()
        self._wake = asyncio.Event()
        self._blocked: dict[Stream, float] = {}
        self._blocked_topics: dict[str, float] = {}
        self._known_topics: set[str] = set()
        self._metrics_at = 0.0
        self.leads = False

    async def run(self) -> None:
        """Publish until cancelled; takes over within five seconds of the end of another relay."""
        pause = 0.1
        while True:
            started = time.monotonic()
            try:
                await self._lead()
            except Exception as error:
                # Kafka or PostgreSQL is away, or the lock is lost: begin anew, with new connections.
                telemetry.RELAY_FAILURES.labels(type(error).__name__).inc()
                pause = 0.1 if time.monotonic() - started > 60 else min(3.0, pause * 2)
                log.warning("relay_restarts", error=type(error).__name__, pause_seconds=pause)
                await asyncio.sleep(pause)

    async def _lead(self) -> None:
        connection = await session(self._url, "amtsbus-relay", idle_session_timeout=str(LEASE_MS))
        try:
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):  # noqa: ASYNC110 - the lock is in PostgreSQL
                await asyncio.sleep(FOLLOW_SECONDS)
            await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
            self.leads = True
            telemetry.RELAY_LEADER.set(1)
            log.info("relay_leads")
            await self._publish_for_ever(connection)
        finally:
            self.leads = False
            telemetry.RELAY_LEADER.set(0)
            with contextlib.suppress(Exception):
                await asyncio.wait_for(connection.close(), 2)
            connection.terminate()

    async def _publish_for_ever(self, connection: "asyncpg.Connection[Row]") -> None:
        out: AIOKafkaProducer | None = None
        self._known_topics.clear()
        try:
            while True:
                self._wake.clear()
                await self._measure(connection)
                rows = await self._unpublished(connection)
                if rows and out is None:
                    out = await self._started_producer(connection)
                if rows and out is not None:
                    await self._publish(connection, out, rows)
                if len(rows) < BATCH:
                    # Not wait_for: before Python 3.12 it forgets a cancellation that comes together with the wake-up.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_SECONDS):
                            await self._wake.wait()
        finally:
            if out is not None:
                await _discard(out)

    async def _started_producer(self, connection: "asyncpg.Connection[Row]") -> AIOKafkaProducer:
        out = producer(self._settings)
        starting = asyncio.ensure_future(out.start())
        try:
            await self._keep_lock_while(connection, [starting])
            starting.result()
        except BaseException:
            starting.cancel()
            await _discard(out)
            raise
        return out

    async def _unpublished(self, connection: "asyncpg.Connection[Row]") -> list[Row]:
        now = time.monotonic()
        self._blocked = {stream: until for stream, until in self._blocked.items() if until > now}
        self._blocked_topics = {topic: until for topic, until in self._blocked_topics.items() if until > now}
        telemetry.RELAY_BLOCKED.set(len(self._blocked) + len(self._blocked_topics))
        return await connection.fetch(
            _UNPUBLISHED,
            BATCH,
            list(self._blocked_topics),
            list({stream_id for _, stream_id in self._blocked}),
        )

    async def _publish(self, connection: "asyncpg.Connection[Row]", out: AIOKafkaProducer, rows: Sequence[Row]) -> None:
        """Send `rows` pipelined and mark those that Kafka has; of a stream, only those before its first failure."""
        if failpoints.ON:
            await failpoints.reached("relay.read")
        sent: list[tuple[Row, asyncio.Future[Any]]] = []
        refused: set[Stream] = set()
        for row in rows:
            stream = (row["topic"], row["stream_id"])
            if stream in refused or row["topic"] in self._blocked_topics:
                continue
            try:
                await self._know_topic(out, row["topic"])
                async with asyncio.timeout(DEADLINE_SECONDS):
                    sent.append((row, await out.send(**record_of(row, self._settings))))
            except REFUSED as error:
                self._refuse(row, error)
                refused.add(stream)
        if failpoints.ON:
            await failpoints.reached("relay.sent")
        await self._keep_lock_while(connection, [future for _, future in sent])
        if failpoints.ON:
            await failpoints.reached("relay.acknowledged")
        published, failure = [], None
        for row, future in sent:
            stream = (row["topic"], row["stream_id"])
            outcome = future.exception()
            if outcome is None and stream not in refused:
                published.append(row)
            elif outcome is not None:
                refused.add(stream)
                if isinstance(outcome, REFUSED):
                    self._refuse(row, outcome)
                else:
                    failure = outcome
        await connection.execute(
            "DELETE FROM amtsbus.unpublished WHERE position = ANY($1::bigint[])",
            [row["position"] for row in published],
        )
        for row in published:
            telemetry.RELAY_PUBLISHED.labels(row["topic"]).inc()
        if failure is not None:
            raise failure

    async def _know_topic(self, out: AIOKafkaProducer, topic: str) -> None:
        """Find out in a moment, not after the request's timeout, that a topic does not exist."""
        if topic in self._known_topics:
            return
        try:
            async with asyncio.timeout(2):
                await out.partitions_for(self._settings.topic_prefix + topic)
        except TimeoutError:
            raise UnknownTopicOrPartitionError(f"topic {topic} does not answer") from None
        self._known_topics.add(topic)

    def _refuse(self, row: Row, error: BaseException) -> None:
        until = time.monotonic() + BLOCK_SECONDS
        if isinstance(error, MessageSizeTooLargeError | RecordTooLargeError):
            self._blocked[(row["topic"], row["stream_id"])] = until
        else:
            self._blocked_topics[row["topic"]] = until
            self._known_topics.discard(row["topic"])
        log.error(
            "event_refused_by_kafka",
            topic=row["topic"],
            stream_id=str(row["stream_id"]),
            event_id=str(row["event_id"]),
            error=type(error).__name__,
        )

    async def _keep_lock_while(
        self, connection: "asyncpg.Connection[Row]", futures: Sequence["asyncio.Future[Any]"]
    ) -> None:
        """Wait for `futures` and keep the session alive meanwhile.

        Raises:
            TimeoutError: they took longer than the relay's deadline.
        """
        pending: set[asyncio.Future[Any]] = set(futures)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while pending:
            _, pending = await asyncio.wait(pending, timeout=1.0)
            if pending:
                await connection.fetchval("SELECT 1")
                if time.monotonic() > deadline:
                    raise TimeoutError("Kafka did not confirm within the relay's deadline")

    async def _measure(self, connection: "asyncpg.Connection[Row]") -> None:
        if time.monotonic() - self._metrics_at < METRICS_SECONDS:
            return
        self._metrics_at = time.monotonic()
        [row] = await connection.fetch(_BACKLOG)
        telemetry.RELAY_BACKLOG.set(row["backlog"])
        telemetry.RELAY_OLDEST.set(row["oldest"] or 0.0)


async def _discard(out: AIOKafkaProducer) -> None:
    """Stop a producer that may hang: what it did not deliver is still in the journal."""
    stopping = asyncio.ensure_future(out.stop())
    await asyncio.wait([stopping], timeout=3)
    if not stopping.done():
        stopping.cancel()
    with contextlib.suppress(BaseException):
        stopping.exception()


class WakeUp:
    """Tells the relay that something was appended: after the commit, debounced, on a connection of its own.

    `NOTIFY` takes a lock of the whole instance at commit, so it has no place in a business transaction. Losing a wake-up
    costs one poll interval and nothing else.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._rung = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="wake-up")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def ring(self) -> None:
        """Wake the relay soon; returns at once."""
        self._rung.set()

    async def _run(self) -> None:
        while True:
            connection: asyncpg.Connection[Row] | None = None
            try:
                connection = await session(self._url, "amtsbus-wake-up")
                while True:
                    await self._rung.wait()
                    self._rung.clear()
                    await connection.execute(f"NOTIFY {CHANNEL}")
                    await asyncio.sleep(0.002)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await asyncio.sleep(1)
            finally:
                if connection is not None:
                    connection.terminate()
