"""The relay: 50,000 waiting rows to Kafka, against a loop that reads, sends pipelined and marks by ids.

Both send the same records (key, ten headers, value of about 400 bytes) of the same rows, with an idempotent producer that
waits for all replicas. The raw loop keeps its mark in the row, as one would write it; it holds no lock, has no deadline,
and stops at the first error.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from amtsbus import logs, migrate, telemetry
from amtsbus.relay import Relay, partition_of
from amtsbus.settings import Environment, Settings
from amtsbus.testing.fixtures import with_database

from tests.bench.measurement import Cpu, Measurement, Servers, alternate, databases, fresh_topic, ratio_of, resident_mb

TOPIC = "posting.parcel.events"
TYPE = "posting.parcel-posted.v1"
Sender = Callable[[AIOKafkaProducer, str, list[asyncpg.Record]], Awaitable[None]]

ROWS = f"""
SELECT gen_random_uuid() AS event_id, '{TOPIC}' AS topic,
       md5('parcel ' || n % ($1::integer / 5))::uuid AS stream_id, n / ($1::integer / 5) + 1 AS sequence,
       '{TYPE}' AS type,
       json_build_object('parcel_id', md5('parcel ' || n % ($1::integer / 5))::uuid, 'reference', 'PO-2026-' || n,
                         'posted_on', '2026-03-02', 'fee_cents', n % 5000, 'label', repeat('x', 240))::text AS data,
       '00-' || md5('trace ' || n) || '-' || left(md5('span ' || n), 16) || '-01' AS traceparent,
       now() - n * interval '1 second' AS occurred_at
FROM generate_series(0, $1::integer - 1) AS n ORDER BY n
"""
"""Five events of each stream, the streams in turn."""

RAW_TABLE = """
CREATE TABLE raw_events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event_id uuid NOT NULL, topic text NOT NULL,
    stream_id uuid NOT NULL, sequence integer NOT NULL, type text NOT NULL, data text NOT NULL, traceparent text,
    occurred_at timestamptz NOT NULL, appended_at timestamptz NOT NULL DEFAULT clock_timestamp(), published_at timestamptz
);
CREATE INDEX raw_events_unpublished ON raw_events (position) WHERE published_at IS NULL
"""
COLUMNS = "event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at"


def settings_of(service: str, url: str, servers: Servers, prefix: str) -> Settings:
    """The settings of one of the benchmarks' services."""
    return Settings.load(
        service,
        database_url=url,
        environment=Environment.DEVELOPMENT,
        kafka_bootstrap_servers=servers.kafka,
        topic_prefix=prefix,
        log_level="WARNING",
    )


def _raw_record(row: asyncpg.Record) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    key = str(row["stream_id"]).encode()
    headers = [
        *_constant_headers(row["type"]),
        ("ce_id", str(row["event_id"]).encode()),
        ("ce_subject", key),
        ("ce_time", row["occurred_at"].isoformat().encode()),
        ("ce_sequence", str(row["sequence"]).encode()),
        ("traceparent", row["traceparent"].encode()),
    ]
    return key, row["data"].encode(), headers


@cache
def _constant_headers(event_type: str) -> tuple[tuple[str, bytes], ...]:
    return (
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_source", b"/posting"),
        ("ce_type", f"de.amtsbus.{event_type}".encode()),
        ("ce_dataschema", f"urn:de:amtsbus:{event_type.replace('.', ':')}".encode()),
    )


async def _send_each(out: AIOKafkaProducer, prefix: str, rows: list[asyncpg.Record]) -> None:
    """The usual way: pipelined, a future for each record."""
    futures = []
    for row in rows:
        key, value, headers = _raw_record(row)
        futures.append(await out.send(prefix + row["topic"], value, key=key, headers=headers))
    await asyncio.gather(*futures)


async def _send_batches(out: AIOKafkaProducer, prefix: str, rows: list[asyncpg.Record]) -> None:
    """The fastest way that aiokafka has: batches built by hand, a future for each."""
    batches: dict[tuple[str, int], Any] = {}
    answers = []
    partitions = len(await out.partitions_for(prefix + TOPIC))
    for row in rows:
        key, value, headers = _raw_record(row)
        where = (prefix + row["topic"], partition_of(key, partitions))
        batch = batches.get(where)
        if batch is None or batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
            if batch is not None:
                answers.append(await out.send_batch(batch, where[0], partition=where[1]))
            batch = batches[where] = out.create_batch()
            batch.append(timestamp=None, key=key, value=value, headers=headers)
    for (topic, partition), batch in batches.items():
        answers.append(await out.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*answers)


async def raw_relay(
    url: str, kafka: str, prefix: str, *, pause: float | None = None, send: Sender = _send_batches
) -> None:
    """Publish what is unmarked, until nothing is left, or for ever with a look every `pause` seconds."""
    connection = await asyncpg.connect(url)
    out = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, acks="all", max_batch_size=262_144)
    await out.start()
    try:
        while True:
            rows = await connection.fetch(
                f"SELECT position, {COLUMNS} FROM raw_events WHERE published_at IS NULL ORDER BY position LIMIT 1000"
            )
            if rows:
                await send(out, prefix, rows)
                await connection.execute(
                    "UPDATE raw_events SET published_at = now() WHERE position = ANY($1::bigint[])",
                    [row["position"] for row in rows],
                )
            elif pause is None:
                return
            else:
                await asyncio.sleep(pause)
    finally:
        await out.stop()
        await connection.close()


@contextlib.asynccontextmanager
async def _copy_of(servers: Servers, filled: str) -> AsyncIterator[str]:
    """A copy of the database at `filled` for one round."""
    name = filled.rsplit("/", 1)[-1]
    admin = await asyncpg.connect(servers.postgres)
    try:
        await admin.execute(f'CREATE DATABASE "{name}_copy" TEMPLATE "{name}" STRATEGY FILE_COPY')
        await admin.execute("CHECKPOINT")
        yield with_database(servers.postgres, f"{name}_copy")
        await admin.execute(f'DROP DATABASE "{name}_copy" WITH (FORCE)')
    finally:
        await admin.close()


async def fill(url: str, insert: str, rows: int) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE TEMPORARY VIEW rows AS {ROWS.replace('$1', str(rows))}")
    await connection.execute(insert)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


FILL_RAW = f"INSERT INTO raw_events ({COLUMNS}) SELECT * FROM rows"
FILL_OURS = f"""
WITH appended AS (INSERT INTO amtsbus.events (position, {COLUMNS}) SELECT nextval('amtsbus.event_positions'), r.* FROM rows r
                  RETURNING position, appended_at, topic, stream_id)
INSERT INTO amtsbus.unpublished SELECT * FROM appended
"""


async def measure(servers: Servers, *, quick: bool) -> list[Measurement]:
    """Rows per second from the journal to Kafka, marked."""
    rows, rounds = (5_000, 1) if quick else (50_000, 5)
    logs.configure(settings_of("posting", "", servers, ""), "bench")
    cpu: dict[str, list[float]] = {"raw": [], "ours": [], "each": []}
    async with databases(servers, "raw", "ours") as (raw_url, ours_url):
        raw_connection = await asyncpg.connect(raw_url)
        await raw_connection.execute(RAW_TABLE)
        await raw_connection.close()
        await fill(raw_url, FILL_RAW, rows)
        await migrate.migrate(settings_of("posting", ours_url, servers, ""), Path("/none"))
        await fill(ours_url, FILL_OURS, rows)

        async def raw(send: Sender = _send_batches) -> float:
            prefix = await fresh_topic(servers, TOPIC)
            async with _copy_of(servers, raw_url) as url:
                meter, started = Cpu(), time.perf_counter()
                await raw_relay(url, servers.kafka, prefix, send=send)
                seconds = time.perf_counter() - started
                cpu["raw" if send is _send_batches else "each"].append(meter.seconds())
            return rows / seconds

        async def ours() -> float:
            prefix = await fresh_topic(servers, TOPIC)
            async with _copy_of(servers, ours_url) as url:
                published = telemetry.RELAY_PUBLISHED.labels(TOPIC)
                before = published._value.get()
                meter, started = Cpu(), time.perf_counter()
                relay = asyncio.create_task(Relay(settings_of("posting", url, servers, prefix)).run())
                while published._value.get() - before < rows:
                    await asyncio.sleep(0.005)
                seconds = time.perf_counter() - started
                cpu["ours"].append(meter.seconds())
                relay.cancel()
                await asyncio.wait([relay])
                connection = await asyncpg.connect(url)
                left = await connection.fetchval("SELECT count(*) FROM amtsbus.unpublished")
                await connection.close()
                if left:
                    raise RuntimeError(f"the relay counted {rows} and left {left}")
            return rows / seconds

        raw_rates, ours_rates = await alternate(raw, ours, rounds)
        each = [await raw(_send_each) for _ in range(1 if quick else 3)]
    return [
        Measurement(
            "relay",
            goal=0.8,
            ratio=ratio_of(ours_rates, raw_rates),
            ours=ours_rates,
            raw=raw_rates,
            cpu_ours_per_1000=min(cpu["ours"]) / rows * 1000,
            cpu_raw_per_1000=min(cpu["raw"]) / rows * 1000,
            memory_mb=resident_mb(),
            detail={
                "rows": rows,
                "with_a_future_for_each_record": each,
                "cpu_with_a_future_for_each_record_per_1000": min(cpu["each"]) / rows * 1000,
                "chart": {
                    "ours": median(ours_rates),
                    "raw, batches by hand": median(raw_rates),
                    "raw, a future for each record": median(each),
                },
            },
        )
    ]
