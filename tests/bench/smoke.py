"""How fast the chassis is, as a ratio to the raw limit of the same machine in the same minute.

    make bench-smoke                     2 rounds of 5,000 events
    uv run python -m tests.bench.smoke --events 20000 --rounds 3

Both ways do the same work for each event: one transaction that writes a state row and an event row, a record on Kafka
with the event's key and headers, one row as the effect in another database. The raw way is plain asyncpg and aiokafka,
as well as one can write it, with one transaction and one offset commit per fetched batch and no promise at all: no
envelope, no sequence, no inbox, no retries, no parking. It prints and does not judge.
"""

import argparse
import asyncio
import json
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from amtsbus import logs, migrate
from amtsbus.events import Consumed, Published
from amtsbus.ids import new_id
from amtsbus.postgres import Database, Tx
from amtsbus.reader import Reader
from amtsbus.service import Service
from amtsbus.settings import Environment, Settings
from amtsbus.testing.fixtures import create_topics, with_database
from amtsbus.testing.servers import EmbeddedKafka, EmbeddedPostgres
from amtsbus.worker import Worker
from pydantic import Field
from rich.console import Console
from rich.table import Table

PARTITIONS = 6
WRITERS = 8
PADDING = "x" * 300

Run = Callable[[int], Awaitable[float]]


class ParcelPostedV1(Published, type="posting.parcel-posted.v1", topic="posting.parcel.events"):
    """A parcel was posted."""

    parcel_id: UUID = Field(description="The parcel", examples=["0190a0a0-0000-7000-8000-000000000001"])
    label: str = Field(description="Its label", examples=["A"])


class ParcelPosted(Consumed, type="posting.parcel-posted.v1"):
    parcel_id: UUID
    label: str


parcels = Reader("posting.parcel.events", group="delivery.parcels")


@parcels(ParcelPosted)
async def on_parcel_posted(event: ParcelPosted, tx: Tx) -> None:
    """The effect: one row."""
    await tx.execute("INSERT INTO effects (parcel_id, label) VALUES ($1, $2)", event.parcel_id, event.label)


STATE = "CREATE TABLE parcels (parcel_id uuid PRIMARY KEY, label text NOT NULL)"
EFFECTS = "CREATE TABLE effects (parcel_id uuid PRIMARY KEY, label text NOT NULL)"
RAW_EVENTS = """
CREATE TABLE raw_events (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid NOT NULL,
    topic text NOT NULL, key uuid NOT NULL, data text NOT NULL, occurred_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz);
CREATE INDEX raw_events_unpublished ON raw_events (position) WHERE published_at IS NULL
"""


async def _write(pool: "asyncpg.Pool[asyncpg.Record]", events: int, write_one: Callable[[], Awaitable[None]]) -> None:
    """`events` transactions from `WRITERS` writers at once."""
    left = iter(range(events))

    async def writer() -> None:
        for _ in left:
            await write_one()

    await asyncio.gather(*(writer() for _ in range(WRITERS)))


async def _all_effects(pool: "asyncpg.Pool[asyncpg.Record]", events: int) -> None:
    while await pool.fetchval("SELECT count(*) FROM effects") < events:
        await asyncio.sleep(0.02)


class Bench:
    """Fresh databases and topics for every run, on the same servers."""

    def __init__(self, postgres: str, kafka: str) -> None:
        self.postgres = postgres
        self.kafka = kafka

    @asynccontextmanager
    async def _databases(self, *names: str) -> AsyncIterator[list[str]]:
        admin = await asyncpg.connect(self.postgres)
        made = [f"bench_{name}_{secrets.token_hex(4)}" for name in names]
        try:
            for name in made:
                await admin.execute(f'CREATE DATABASE "{name}"')
            yield [with_database(self.postgres, name) for name in made]
        finally:
            for name in made:
                await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            await admin.close()

    async def raw(self, events: int) -> float:
        """Events per second of the raw loop."""
        topic = f"raw-{secrets.token_hex(4)}"
        await create_topics(self.kafka, [topic], partitions=PARTITIONS)
        async with self._databases("raw_out", "raw_in") as (out_url, in_url), AsyncExitStack() as stack:
            out = await stack.enter_async_context(asyncpg.create_pool(out_url, min_size=WRITERS, max_size=WRITERS + 2))
            into = await stack.enter_async_context(asyncpg.create_pool(in_url, min_size=2, max_size=4))
            await out.execute(STATE)
            await out.execute(RAW_EVENTS)
            await into.execute(EFFECTS)
            tasks = [
                asyncio.create_task(_raw_relay(out, self.kafka)),
                asyncio.create_task(_raw_reader(into, self.kafka, topic)),
            ]

            async def write_one() -> None:
                parcel = new_id()
                data = json.dumps({"parcel_id": str(parcel), "label": PADDING})
                async with out.acquire() as connection, connection.transaction():
                    await connection.execute("INSERT INTO parcels VALUES ($1, $2)", parcel, "A")
                    await connection.execute(
                        "INSERT INTO raw_events (event_id, topic, key, data) VALUES ($1, $2, $3, $4)",
                        new_id(), topic, parcel, data,
                    )  # fmt: skip

            started = time.perf_counter()
            await _write(out, events, write_one)
            await _all_effects(into, events)
            seconds = time.perf_counter() - started
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            return events / seconds

    async def amtsbus(self, events: int) -> float:
        """Events per second of the chassis."""
        prefix = f"bench-{secrets.token_hex(4)}."
        await create_topics(self.kafka, [prefix + parcels.topic], partitions=PARTITIONS)
        async with self._databases("posting", "delivery") as (posting_url, delivery_url), AsyncExitStack() as stack:
            posting = Service("posting", "Posting", published=(ParcelPostedV1,), routers=(), migrations=Path("/none"))
            delivery = Service(
                "delivery", "Delivery", published=(), routers=(), readers=(parcels,), migrations=Path("/none")
            )
            databases = []
            for service, url, table in ((posting, posting_url, STATE), (delivery, delivery_url, EFFECTS)):
                settings = Settings.load(
                    service.name,
                    database_url=url,
                    environment=Environment.DEVELOPMENT,
                    kafka_bootstrap_servers=self.kafka,
                    topic_prefix=prefix,
                    log_level="WARNING",
                )
                logs.configure(settings, "bench")
                await migrate.migrate(settings, service.migrations)
                database = Database(url, settings.clock(), pool_size=WRITERS + 2)
                await stack.enter_async_context(Worker(service, settings, database).running())
                await database.pool.execute(table)
                databases.append(database)

            async def write_one() -> None:
                parcel = new_id()
                async with databases[0].transaction() as tx:
                    await tx.execute("INSERT INTO parcels VALUES ($1, $2)", parcel, "A")
                    await tx.append(parcel, ParcelPostedV1(parcel_id=parcel, label=PADDING))

            started = time.perf_counter()
            await _write(databases[0].pool, events, write_one)
            await _all_effects(databases[1].pool, events)
            return events / (time.perf_counter() - started)


async def _raw_relay(pool: "asyncpg.Pool[asyncpg.Record]", kafka: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, acks="all", max_batch_size=262_144)
    await producer.start()
    try:
        async with pool.acquire() as connection:
            while True:
                rows = await connection.fetch(
                    "SELECT * FROM raw_events WHERE published_at IS NULL ORDER BY position LIMIT 1000"
                )
                if not rows:
                    await asyncio.sleep(0.002)
                    continue
                futures = [
                    await producer.send(
                        row["topic"],
                        row["data"].encode(),
                        key=str(row["key"]).encode(),
                        headers=[("id", str(row["event_id"]).encode())],
                    )
                    for row in rows
                ]
                await asyncio.gather(*futures)
                await connection.execute(
                    "UPDATE raw_events SET published_at = now() WHERE position = ANY($1::bigint[])",
                    [row["position"] for row in rows],
                )
    finally:
        await producer.stop()


async def _raw_reader(pool: "asyncpg.Pool[asyncpg.Record]", kafka: str, topic: str) -> None:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka, group_id=topic, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        async with pool.acquire() as connection:
            while True:
                batches = await consumer.getmany(timeout_ms=250, max_records=500)
                if not batches:
                    continue
                async with connection.transaction():
                    for records in batches.values():
                        for record in records:
                            event = json.loads(record.value or b"")
                            await connection.execute(
                                "INSERT INTO effects VALUES ($1, $2)", UUID(event["parcel_id"]), event["label"]
                            )
                await consumer.commit()
    finally:
        await consumer.stop()


async def measure(postgres: str, kafka: str, events: int, rounds: int) -> dict[str, object]:
    """Alternate both ways and compare their medians."""
    bench = Bench(postgres, kafka)
    ways: dict[str, Run] = {"raw": bench.raw, "amtsbus": bench.amtsbus}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    console = Console(stderr=True)
    for name in ways:
        await ways[name](500)  # caches, plans, leaders
    for number in range(rounds):
        for name, run in ways.items():
            console.print(f"round {number + 1} of {rounds}: {name} …")
            rates[name].append(await run(events))
    median = {name: statistics.median(found) for name, found in rates.items()}
    return {
        "measurement": "journal-to-effect",
        "events": events,
        "rounds": rounds,
        "raw_per_second": round(median["raw"]),
        "amtsbus_per_second": round(median["amtsbus"]),
        "ratio": round(median["amtsbus"] / median["raw"], 2),
        "spread": {name: [round(min(found)), round(max(found))] for name, found in rates.items()},
    }


def main() -> None:
    """Start servers unless they are given, measure, print a table and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    postgres, kafka = os.environ.get("AMTSBUS_TEST_POSTGRES_URL"), os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    with tempfile.TemporaryDirectory(prefix="amtsbus-bench-") as folder:
        servers: list[EmbeddedPostgres | EmbeddedKafka] = []
        try:
            if postgres is None:
                server = EmbeddedPostgres(Path(folder) / "postgres")
                server.start()
                servers.append(server)
                postgres = server.url()
            if kafka is None:
                node = EmbeddedKafka(Path(folder) / "kafka")
                node.start()
                servers.append(node)
                kafka = node.bootstrap_servers
            result = asyncio.run(measure(postgres, kafka, arguments.events, arguments.rounds))
        finally:
            for started in servers:
                started.stop()
    table = Table(title="From the journal to an effect in another service")
    for column in ("", "events/s", "ratio"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("raw asyncpg + aiokafka, no promises", str(result["raw_per_second"]), "1.00")
    table.add_row("Amtsbus", str(result["amtsbus_per_second"]), str(result["ratio"]))
    Console().print(table)
    print(json.dumps(result))  # noqa: T201 - the last line is for programs


if __name__ == "__main__":
    main()
