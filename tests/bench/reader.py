"""The reader: a prepared backlog becomes effects, one row each.

Three ways read the same records, with the envelope that the relay writes, and run the same statement for each event:

* ours: `Reader` with inbox, marks, gaps, retries and parking, its handler called once for each event;
* raw: aiokafka and asyncpg, one transaction per fetched batch of a partition, one offset commit per fetch, no promise;
* plain: a FastStream subscriber as its documentation shows it, with a transaction and an offset commit per message.

Each run is a process of its own with an empty database and a new consumer group. Time and CPU count from the first event that
is handled until the last effect is committed.
"""

import asyncio
import json
import logging
import statistics
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from amtsbus import kafka, logs, migrate
from amtsbus.consumption import Readers
from amtsbus.events import Consumed, EventMeta
from amtsbus.ids import new_id
from amtsbus.postgres import Database, Tx
from amtsbus.reader import Reader
from amtsbus.settings import Environment, Settings
from amtsbus.telemetry import new_traceparent
from amtsbus.worker import collect_garbage_rarely
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from pydantic import BaseModel

from .measurement import Cpu, Measurement, Servers, alternate, databases, fresh_topic, ratio_of, resident_mb

TOPIC = "posting.parcel.events"
PADDING = "x" * 300
EVENTS_PER_PARCEL = 2
EFFECTS = "CREATE TABLE effects (effect_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parcel_id uuid, label text)"
EFFECT = "INSERT INTO effects (parcel_id, label) VALUES ($1, $2)"


class ParcelPosted(Consumed, type="posting.parcel-posted.v1"):
    parcel_id: UUID
    label: str


class PlainParcelPosted(BaseModel):
    """The same for FastStream alone."""

    parcel_id: UUID
    label: str


@dataclass(frozen=True)
class Task:
    """What one run has to do."""

    way: str
    kafka: str
    database: str
    prefix: str
    group: str
    events: int


@dataclass(frozen=True)
class Outcome:
    """What one run took."""

    seconds: float
    cpu: float
    memory_mb: float


class Stopwatch:
    """Runs from the first event to the last effect; `done` says that the handler has seen every event."""

    def __init__(self, events: int) -> None:
        self._left = events
        self._started = 0.0
        self._cpu = Cpu()
        self.done = asyncio.Event()

    def count(self) -> None:
        """Note one event at the moment when its effect begins."""
        if not self._started:
            self._started, self._cpu = time.perf_counter(), Cpu()
        self._left -= 1
        if self._left == 0:
            self.done.set()

    async def stop(self, task: Task) -> Outcome:
        """Wait for the last effect's commit.

        Raises:
            TimeoutError: not all events were handled within two minutes.
            ValueError: there are more effects than events.
        """
        await asyncio.wait_for(self.done.wait(), 120)
        connection = await asyncpg.connect(task.database)
        while (effects := await connection.fetchval("SELECT count(*) FROM effects")) < task.events:
            await asyncio.sleep(0.002)
        seconds, cpu = time.perf_counter() - self._started, self._cpu.seconds()
        await connection.close()
        if effects > task.events:
            raise ValueError(f"{effects} effects of {task.events} events")
        return Outcome(seconds, cpu, resident_mb())


async def publish(servers: Servers, prefix: str, events: int) -> None:
    """Put `events` records on the topic as the relay would: several for each parcel, those of many parcels in between."""
    producer = AIOKafkaProducer(
        bootstrap_servers=servers.kafka, enable_idempotence=True, acks="all", max_batch_size=262_144, linger_ms=5
    )
    await producer.start()
    try:
        parcels = [new_id() for _ in range(events // EVENTS_PER_PARCEL)]
        sent = []
        for number in range(events):
            parcel, sequence = parcels[number % len(parcels)], number // len(parcels) + 1
            meta = EventMeta(
                new_id(),
                "/posting",
                ParcelPosted.event_type,
                parcel,
                datetime.now(UTC),
                sequence,
                TOPIC,
                new_traceparent(),
            )
            value = json.dumps({"parcel_id": str(parcel), "label": PADDING}, separators=(",", ":")).encode()
            headers = kafka.headers_of(meta, "de.amtsbus")
            sent.append(await producer.send(prefix + TOPIC, value, key=str(parcel).encode(), headers=headers))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def ours(task: Task) -> Outcome:
    """The chassis, with what a worker runs beside its reader for it."""
    watch = Stopwatch(task.events)
    parcels = Reader(TOPIC, group=task.group)

    @parcels(ParcelPosted)
    async def on_parcel_posted(event: ParcelPosted, tx: Tx) -> None:
        watch.count()
        await tx.execute(EFFECT, event.parcel_id, event.label)

    settings = Settings.load(
        "delivery",
        database_url=task.database,
        environment=Environment.DEVELOPMENT,
        kafka_bootstrap_servers=task.kafka,
        topic_prefix=task.prefix,
    )
    logs.configure(settings, "worker")
    await migrate.migrate(settings, Path("/none"))
    database = Database(task.database, settings.clock(), pool_size=settings.database_pool_size)
    await database.start()
    await database.pool.execute(EFFECTS)
    reading = asyncio.create_task(Readers([parcels], settings, database).run())
    outcome = await watch.stop(task)
    await _end(reading)
    await database.stop()
    return outcome


async def raw(task: Task) -> Outcome:
    """No promise at all, and as quick as it gets with a statement for each event."""
    watch = Stopwatch(task.events)
    consumer = AIOKafkaConsumer(
        task.prefix + TOPIC,
        bootstrap_servers=task.kafka,
        group_id=task.prefix + task.group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )

    async def handle(records: list["ConsumerRecord[bytes, bytes]"]) -> None:
        async with pool.acquire() as connection, connection.transaction():
            effect = await connection.prepare(EFFECT)
            for record in records:
                event = json.loads(record.value)
                watch.count()
                await effect.fetch(UUID(event["parcel_id"]), event["label"])

    async def read() -> None:
        while True:
            fetched = await consumer.getmany(timeout_ms=250)
            await asyncio.gather(*(handle(records) for records in fetched.values()))
            if fetched:
                await consumer.commit()

    async with asyncpg.create_pool(task.database, min_size=6, max_size=6) as pool:
        await pool.execute(EFFECTS)
        await consumer.start()
        reading = asyncio.create_task(read())
        outcome = await watch.stop(task)
        await _end(reading)
        await consumer.stop()
    return outcome


async def plain(task: Task) -> Outcome:
    """FastStream alone; at least once, and an effect for each time."""
    watch = Stopwatch(task.events)
    broker = KafkaBroker(task.kafka, logger=None)
    pool = await asyncpg.create_pool(task.database, min_size=1, max_size=6)
    await pool.execute(EFFECTS)

    @broker.subscriber(
        task.prefix + TOPIC,
        group_id=task.prefix + task.group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def on_parcel_posted(event: PlainParcelPosted) -> None:
        if watch.done.is_set():
            return
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(EFFECT, event.parcel_id, event.label)
        watch.count()

    await broker.start()
    outcome = await watch.stop(task)
    await broker.stop()
    await pool.close()
    return outcome


async def _end(reading: "asyncio.Task[None]") -> None:
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading


WAYS: dict[str, Callable[[Task], Coroutine[Any, Any, Outcome]]] = {"ours": ours, "raw": raw, "plain": plain}


async def run(servers: Servers, prefix: str, way: str, events: int) -> Outcome:
    """One run in a process of its own."""
    async with databases(servers, f"reader_{way}") as [url]:
        task = Task(way, servers.kafka, url, prefix, f"delivery.{new_id()}", events)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, json.dumps(asdict(task)), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"the run of {way} ended with {process.returncode}")
        return Outcome(**json.loads(next(line for line in reversed(output.splitlines()) if line.startswith(b"{"))))


async def measure(servers: Servers, *, quick: bool) -> list[Measurement]:
    """Ours against the raw loop, and against FastStream alone."""
    events, plain_events, rounds = (6_000, 1_000, 1) if quick else (30_000, 2_000, 5)
    prefix = await fresh_topic(servers, TOPIC)
    await publish(servers, prefix, events)
    outcomes: dict[str, list[Outcome]] = {way: [] for way in WAYS}

    async def rate(way: str, count: int) -> float:
        outcome = await run(servers, prefix, way, count)
        outcomes[way].append(outcome)
        return count / outcome.seconds

    raw_rates, our_rates = await alternate(lambda: rate("raw", events), lambda: rate("ours", events), rounds)
    plain_rates = [await rate("plain", plain_events) for _ in range(1 if quick else 2)]

    def cpu(way: str, count: int) -> float:
        return statistics.median(outcome.cpu for outcome in outcomes[way]) / count * 1000

    memory = max(outcome.memory_mb for outcome in outcomes["ours"])
    return [
        Measurement(
            name="reader",
            goal=0.7,
            ratio=ratio_of(our_rates, raw_rates),
            ours=our_rates,
            raw=raw_rates,
            cpu_ours_per_1000=cpu("ours", events),
            cpu_raw_per_1000=cpu("raw", events),
            memory_mb=memory,
            detail={"events": events, "partitions": 6, "memory_raw_mb": max(o.memory_mb for o in outcomes["raw"])},
        ),
        Measurement(
            name="reader-to-faststream",
            goal=3.0,
            ratio=statistics.median(our_rates) / statistics.median(plain_rates),
            ours=our_rates,
            raw=plain_rates,
            cpu_ours_per_1000=cpu("ours", events),
            cpu_raw_per_1000=cpu("plain", plain_events),
            memory_mb=memory,
            detail={"events": plain_events, "partitions": 6},
        ),
    ]


def main() -> None:
    """The process of one run: does the task in its argument, prints the outcome as its last line."""
    logging.disable(logging.WARNING)
    collect_garbage_rarely()
    task = Task(**json.loads(sys.argv[1]))
    outcome = uvloop.run(WAYS[task.way](task))
    sys.stdout.write(json.dumps(asdict(outcome)) + "\n")


if __name__ == "__main__":
    main()
