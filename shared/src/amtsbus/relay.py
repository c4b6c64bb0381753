"""The relay: publishes what the journal holds, in order per key, at least once.

One relay per service is at work, elected by a session advisory lock. It reads and marks through the very session that
holds the lock, so a relay that has lost its lock cannot mark anything. It looks for what is listed as unpublished, never for
positions above the last one: a transaction that commits late is found as well.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain
from struct import Struct
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidTopicError,
    MessageSizeTooLargeError,
    ProducerClosed,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from amtsbus import failpoints, kafka, telemetry
from amtsbus.postgres import NO_ANSWER, Row
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
LARGEST_VALUE = 1_000_000
"""Bytes. A little under what Kafka takes as it comes (`message.max.bytes`), since key and headers are added."""
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


def producer(settings: Settings) -> AIOKafkaProducer:
    """An idempotent producer that waits for all in-sync replicas."""
    return AIOKafkaProducer(
        **kafka.connection(settings),
        client_id=f"{settings.service}-relay",
        enable_idempotence=True,
        acks="all",
        request_timeout_ms=int(DEADLINE_SECONDS * 1000),
        max_batch_size=262_144,
        max_request_size=LARGEST_VALUE + 40_000,
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


class LeadingSession(NamedTuple):
    """The session that holds the relay's lock, as PostgreSQL sees it."""

    pid: int
    application: str | None
    address: str | None
    """None where it comes from the database's own host."""
    since: datetime | None


_LEADING = """
SELECT l.pid, a.application_name, host(a.client_addr), a.backend_start
FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.classid = 0 AND l.objid = $1 AND l.objsubid = 1 AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


async def leading_session(connection: "asyncpg.Connection[Row]") -> LeadingSession | None:
    """Which session of the connection's database holds the relay's lock: a relay's, or that of a refill; None: nobody's."""
    row = await connection.fetchrow(_LEADING, LOCK)
    return LeadingSession(*row) if row else None


def record_of(row: Row | Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The Kafka record of a journal row, as arguments of the producer."""
    key = str(row["stream_id"]).encode()
    return {
        "topic": settings.topic_prefix + row["topic"],
        "key": key,
        "value": row["data"].encode(),
        "headers": kafka.headers(
            f"/{settings.service}",
            settings.event_type_prefix,
            row["type"],
            row["event_id"],
            key,
            row["occurred_at"],
            row["sequence"],
            row["traceparent"],
        ),
    }


_WORDS_OF_A_KEY = Struct("<9I")  # a UUID as text


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of an event's key, as the default partitioner of Kafka's clients chooses it (murmur2 of the key).

    aiokafka's own takes four times as long and was a third of the relay's work.
    """
    mixed = 0x9747B28C ^ 36
    for word in _WORDS_OF_A_KEY.unpack(key):
        word = word * 0x5BD1E995 & 0xFFFFFFFF
        mixed = mixed * 0x5BD1E995 & 0xFFFFFFFF ^ (word ^ word >> 24) * 0x5BD1E995 & 0xFFFFFFFF
    mixed = (mixed ^ mixed >> 13) * 0x5BD1E995 & 0xFFFFFFFF
    return ((mixed ^ mixed >> 15) & 0x7FFFFFFF) % partitions


class Relay:
    """The relay of one service. Every worker runs one; the one with the lock is at work."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = settings.database_url.get_secret_value()
        self._wake = asyncio.Event()
        self._blocked: dict[Stream, float] = {}
        self._blocked_topics: dict[str, float] = {}
        self._partitions: dict[str, int] = {}
        self._progress_at = 0.0
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
        self._partitions.clear()
        self._blocked.clear()
        self._blocked_topics.clear()
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
                await discard(out)

    async def _started_producer(self, connection: "asyncpg.Connection[Row]") -> AIOKafkaProducer:
        out = producer(self._settings)
        starting = asyncio.ensure_future(out.start())
        try:
            await self._keep_lock_while(connection, starting)
            starting.result()
        except BaseException:
            starting.cancel()
            await discard(out)
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
        """Send `rows` and mark those that Kafka has."""
        if failpoints.ON:
            await failpoints.reached("relay.read")
        sending = asyncio.ensure_future(self._send(out, rows))
        try:
            await self._keep_lock_while(connection, sending)
            published, failure = sending.result()
        finally:
            sending.cancel()
        if failpoints.ON:
            await failpoints.reached("relay.acknowledged")
        await connection.execute(
            "DELETE FROM amtsbus.unpublished WHERE position = ANY($1::bigint[])",
            [row["position"] for row in published],
        )
        for topic, count in Counter(row["topic"] for row in published).items():
            telemetry.RELAY_PUBLISHED.labels(topic).inc(count)
        if failure is not None:
            raise failure

    async def _send(self, out: AIOKafkaProducer, rows: Sequence[Row]) -> tuple[list[Row], BaseException | None]:
        """Hand `rows` to the producer and wait for Kafka's answers.

        Returns:
            The rows that Kafka has, of a stream only those before its first failure; and the failure, if there was one,
            after which the producer has to be thrown away.
        """
        refused: set[Stream] = set()
        sent = await self._hand_over(out, rows, refused)
        if failpoints.ON:
            await failpoints.reached("relay.sent")
        pending = {answer for _, answer in sent}
        while pending:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            self._progress_at = time.monotonic()
        published: list[Row] = []
        failure = None
        for batch, answer in sent:
            outcome = answer.exception()
            if outcome is None:
                published += [row for row in batch if (row["topic"], row["stream_id"]) not in refused]
                continue
            if not isinstance(outcome, REFUSED):
                failure = outcome
            for row in batch:
                stream = (row["topic"], row["stream_id"])
                if stream not in refused and isinstance(outcome, REFUSED):
                    self._refuse(row, outcome)
                refused.add(stream)
        return published, failure

    async def _hand_over(
        self, out: AIOKafkaProducer, rows: Sequence[Row], refused: set[Stream]
    ) -> list[tuple[list[Row], "asyncio.Future[Any]"]]:
        """Put `rows` into batches, one for each partition unless it gets full, and give them to the producer.

        Built here and not by `send`, which makes a coroutine, a future and a callback for every record; a batch fails as
        a whole either way. The streams of rows that cannot be sent are added to `refused`.
        """
        sent: list[tuple[list[Row], asyncio.Future[Any]]] = []
        filling: dict[tuple[str, int], tuple[Any, list[Row]]] = {}

        async def give(topic: str, partition: int) -> None:
            batch, contained = filling.pop((topic, partition))
            try:
                answer = await out.send_batch(batch, self._settings.topic_prefix + topic, partition=partition)
            except REFUSED as error:
                answer = asyncio.get_running_loop().create_future()
                answer.set_exception(error)
            sent.append((contained, answer))
            self._progress_at = time.monotonic()

        for row in rows:
            topic: str = row["topic"]
            stream = (topic, row["stream_id"])
            if stream in refused or topic in self._blocked_topics:
                continue
            record = record_of(row, self._settings)
            key, value, headers = record["key"], record["value"], record["headers"]
            try:
                partitions = self._partitions.get(topic) or await self._count_partitions(out, topic)
                if len(value) > LARGEST_VALUE:
                    raise MessageSizeTooLargeError(f"{len(value)} bytes")
            except REFUSED as error:
                self._refuse(row, error)
                refused.add(stream)
                continue
            partition = partition_of(key, partitions)
            batch, contained = filling.get((topic, partition)) or (None, [])
            if batch is None or batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                if batch is not None:
                    await give(topic, partition)
                batch, contained = filling[topic, partition] = (out.create_batch(), [])
                batch.append(timestamp=None, key=key, value=value, headers=headers)  # an empty one takes any record
            contained.append(row)
        for topic, partition in list(filling):
            await give(topic, partition)
        return sent

    async def _count_partitions(self, out: AIOKafkaProducer, topic: str) -> int:
        """Find out in a moment, not after the request's timeout, that a topic does not exist."""
        try:
            async with asyncio.timeout(2):
                self._partitions[topic] = len(await out.partitions_for(self._settings.topic_prefix + topic))
        except TimeoutError:
            raise UnknownTopicOrPartitionError(f"topic {topic} does not answer") from None
        return self._partitions[topic]

    def _refuse(self, row: Row, error: BaseException) -> None:
        until = time.monotonic() + BLOCK_SECONDS
        if isinstance(error, MessageSizeTooLargeError | RecordTooLargeError):
            self._blocked[(row["topic"], row["stream_id"])] = until
        else:
            self._blocked_topics[row["topic"]] = until
            self._partitions.pop(row["topic"], None)
        log.error(
            "event_refused_by_kafka",
            topic=row["topic"],
            stream_id=str(row["stream_id"]),
            event_id=str(row["event_id"]),
            error=type(error).__name__,
        )

    async def _keep_lock_while(self, connection: "asyncpg.Connection[Row]", work: "asyncio.Future[Any]") -> None:
        """Wait for `work` and keep the session alive meanwhile.

        Raises:
            TimeoutError: nothing has moved for as long as the relay's deadline.
        """
        self._progress_at = time.monotonic()
        while not (await asyncio.wait([work], timeout=1.0))[0]:
            await connection.fetchval("SELECT 1")
            if time.monotonic() - self._progress_at > DEADLINE_SECONDS:
                raise TimeoutError("Kafka did not confirm within the relay's deadline")

    async def _measure(self, connection: "asyncpg.Connection[Row]") -> None:
        if time.monotonic() - self._metrics_at < METRICS_SECONDS:
            return
        self._metrics_at = time.monotonic()
        [row] = await connection.fetch(_BACKLOG)
        telemetry.RELAY_BACKLOG.set(row["backlog"])
        telemetry.RELAY_OLDEST.set(row["oldest"] or 0.0)


async def discard(out: AIOKafkaProducer) -> None:
    """Stop a producer at once: what it did not deliver is still in the journal, and must not go out later.

    `stop` by itself waits until everything is delivered, an idempotent producer of aiokafka tries for ever, and a cancelled
    `stop` leaves its sender at work.
    """
    if out._sender.sender_task is not None:
        out._sender.sender_task.cancel()
    accumulator = out._message_accumulator
    for batch in (*chain.from_iterable(accumulator._batches.values()), *accumulator._pending_batches):
        batch.future.add_done_callback(lambda answer: answer.cancelled() or answer.exception())  # nobody waits for it
    accumulator.fail_all(ProducerClosed())
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
            except NO_ANSWER:
                await asyncio.sleep(1)
            finally:
                if connection is not None:
                    connection.terminate()
