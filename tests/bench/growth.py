"""Growth: what a clerk, a citizen and the worker wait for, at 10,000, 100,000 and 1,000,000 cases.

The databases are those of the building authority and of the register, filled (`tests.bench.filled`) on a server of its own
that waits for no disk, and measured after a restart with PostgreSQL's defaults. Each operation is done on all sizes in turn,
many times; its costs are the medians.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from aiokafka import AIOKafkaProducer
from amtsbus import kafka, logs, telemetry
from amtsbus.auth import Role
from amtsbus.consumption import Readers
from amtsbus.events import EventMeta
from amtsbus.http import create_app
from amtsbus.ids import new_id
from amtsbus.postgres import Database, Tx
from amtsbus.reader import Reader
from amtsbus.relay import CHANNEL, Relay
from amtsbus.service import load_service
from amtsbus.settings import Environment
from amtsbus.testing.fixtures import create_topics, with_database
from amtsbus.testing.servers import FAST_AND_FORGETFUL, EmbeddedPostgres
from amtsbus.testing.tokens import ApiClient, TestIssuer, make_client

from tests.bench.filled import FAMILY, GIVEN, TOPIC, fill_permits, fill_register
from tests.bench.measurement import Measurement, Servers, note, until
from tests.bench.process import EFFECT, EFFECTS, ParcelPosted

FILLING = FAST_AND_FORGETFUL | {
    "shared_buffers": "512MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "1h",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
}
MEASURING = {"shared_buffers": "128MB"}
PARCELS = "posting.parcel.events"
BATCH = 200
"""Events of a pass of the relay, or of the reader."""

FORM = {
    "kind": "new-building",
    "description": "A house for one family with a garage",
    "site": {
        "parcel": {"district": "Wiesdorf", "section": "12", "number": "345/6"},
        "address": {"street": "Hauptstraße", "house_number": "12 a", "postal_code": "51373", "locality": "Leverkusen"},
    },
    "gross_building_sum_cents": 30_000_000,
    "documents": [{"code": "site-plan", "name": "site-plan.pdf", "sha256": "ab" * 32, "size": 482_133}],
}

APPEND = f"""
WITH appended AS (
    INSERT INTO amtsbus.events (position, event_id, topic, stream_id, sequence, type, data, occurred_at)
    SELECT nextval('amtsbus.event_positions'), uuidv7(), '{TOPIC}', uuidv7(), 1, 'permits.application-submitted.v1',
           '{{"description": "' || repeat('.', 300) || '"}}', now()
    FROM generate_series(1, {BATCH})
    RETURNING position, appended_at, topic, stream_id
)
INSERT INTO amtsbus.unpublished SELECT * FROM appended
"""


@dataclass
class City:
    """One size: the API of both services, and the building authority's relay and a reader at work, in this process."""

    size: int
    permits: ApiClient
    registration: ApiClient
    databases: tuple[Database, Database]
    prefix: str
    out: AIOKafkaProducer
    known: list[UUID]
    """Streams of which the reader has handled one event."""
    random: Random = field(default_factory=lambda: Random(1))

    async def post(self) -> float:
        """A citizen hands in an application."""
        headers = self.permits.as_(Role.CITIZEN, person_id=uuid4())
        started = time.perf_counter()
        answer = await self.permits.post("/v1/applications", json=FORM, headers=headers)
        return _seconds(started, answer, 201)

    async def work_list(self) -> float:
        """A clerk opens the list of what is most urgent, of all or of their own."""
        own = self.random.random() < 0.5
        parameters = {"assignee": f"clerk-{self.random.randrange(40)}"} if own else {}
        headers = self.permits.as_(Role.CLERK)
        started = time.perf_counter()
        answer = await self.permits.get("/v1/applications", params=parameters, headers=headers)
        return _seconds(started, answer, 200)

    async def search(self) -> float:
        """A clerk looks for a person by given name and family name."""
        name = await self.databases[1].pool.fetchval(
            f"SELECT {GIVEN} || ' ' || {FAMILY} FROM (SELECT $1::bigint AS n) AS one",
            self.random.randrange(self.size) + 1,
        )
        headers = self.registration.as_(Role.CLERK)
        started = time.perf_counter()
        answer = await self.registration.get("/v1/persons", params={"name": name}, headers=headers)
        seconds = _seconds(started, answer, 200)
        if not answer.json()["items"]:
            raise RuntimeError(f"nobody is called {name}")
        return seconds

    async def relay(self) -> float:
        """A pass of the relay: from the commit of 200 events to the moment when they are marked."""
        published = telemetry.RELAY_PUBLISHED.labels(TOPIC)
        async with self.databases[0].pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(APPEND)
            await connection.execute(f"NOTIFY {CHANNEL}")
            before, started = published._value.get(), time.perf_counter()
            await transaction.commit()
        await until(_reached(published, before + BATCH), pause=0.001)
        return time.perf_counter() - started

    async def reader(self) -> float:
        """A reader: from 200 events in the topic, half of them of known streams, to their committed effects."""
        streams = [(self.known.pop(), 2) for _ in range(BATCH // 2)] + [(new_id(), 1) for _ in range(BATCH // 2)]
        handled = telemetry.READ_EVENTS.labels("delivery.parcels", "handled")
        before, started = handled._value.get(), time.perf_counter()
        for stream_id, sequence in streams:
            now = self.databases[0].clock.now()
            meta = EventMeta(new_id(), "/posting", ParcelPosted.event_type, stream_id, now, sequence, PARCELS)
            value = f'{{"parcel_id":"{stream_id}","label":"A"}}'.encode()
            headers = kafka.headers_of(meta, "de.amtsbus")
            await self.out.send(self.prefix + PARCELS, value, key=str(stream_id).encode(), headers=headers)
        await until(_reached(handled, before + BATCH), pause=0.001)
        return time.perf_counter() - started


OPERATIONS: dict[str, tuple[Callable[[City], Awaitable[float]], int]] = {
    "growth-post": (City.post, 300),
    "growth-work-list": (City.work_list, 300),
    "growth-search": (City.search, 300),
    "growth-relay": (City.relay, 45),
    "growth-reader": (City.reader, 45),
}
"""Each with how often it is done on each size."""


def _seconds(started: float, answer: Any, status: int) -> float:
    seconds = time.perf_counter() - started
    if answer.status_code != status:
        raise RuntimeError(f"{answer.status_code}: {answer.text[:300]}")
    return seconds


def _reached(counter: Any, count: float) -> Callable[[], Awaitable[bool]]:
    async def reached() -> bool:
        return bool(counter._value.get() >= count)

    return reached


@asynccontextmanager
async def city(servers: Servers, urls: tuple[str, str], size: int) -> AsyncIterator[City]:
    """The services of one size, at work."""
    prefix = f"growth-{uuid4().hex[:8]}."
    told = {event.topic for event in load_service("permits").published}
    await create_topics(servers.kafka, [prefix + topic for topic in (*sorted(told), PARCELS)], partitions=6)
    issuer = TestIssuer()
    async with AsyncExitStack() as stack:
        clients, databases, loaded = [], [], []
        for name, url in zip(("permits", "registration"), urls, strict=True):
            service = load_service(name)
            settings = service.settings.load(
                name,
                database_url=url,
                environment=Environment.DEVELOPMENT,
                kafka_bootstrap_servers=servers.kafka,
                topic_prefix=prefix,
                log_level="CRITICAL",
            )
            logs.configure(settings, "bench")
            database = Database(url, settings.clock())
            await database.start()
            stack.push_async_callback(database.stop)
            app = create_app(service, settings, database=database, verifier=issuer.verifier)
            clients.append(await stack.enter_async_context(make_client(app, issuer)))
            databases.append(database)
            loaded.append(settings)
        await databases[0].pool.execute(EFFECTS)
        known = await databases[0].pool.fetch(
            f"SELECT case_id FROM amtsbus.cases TABLESAMPLE BERNOULLI ({min(100.0, 100 * 6000 / size)})"
        )
        out = AIOKafkaProducer(bootstrap_servers=servers.kafka)
        await out.start()
        stack.push_async_callback(out.stop)
        parcels = Reader(PARCELS, group="delivery.parcels")

        @parcels(ParcelPosted)
        async def on_parcel_posted(event: ParcelPosted, tx: Tx) -> None:
            await tx.execute(EFFECT, event.parcel_id, event.label)

        for work in (Relay(loaded[0]).run(), Readers([parcels], loaded[0], databases[0]).run()):
            task = asyncio.create_task(work)
            stack.push_async_callback(asyncio.wait, [task])
            stack.callback(task.cancel)
        yield City(
            size, clients[0], clients[1], (databases[0], databases[1]), prefix, out, [row["case_id"] for row in known]
        )


async def _fill(server: EmbeddedPostgres, sizes: tuple[int, ...]) -> dict[int, tuple[str, str]]:
    """Make the databases of all sizes; returns their names."""
    names = {size: (f"permits_{size}", f"registration_{size}") for size in sizes}
    admin = await asyncpg.connect(server.url())
    for pair in names.values():
        for name in pair:
            await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    for size, pair in names.items():
        started = time.monotonic()
        work = []
        for service_name, name, fill in zip(
            ("permits", "registration"), pair, (fill_permits, fill_register), strict=True
        ):
            service, url = load_service(service_name), with_database(server.url(), name)
            settings = service.settings.load(service_name, database_url=url, environment=Environment.DEVELOPMENT)
            work.append(fill(url, service, settings, size))
        await asyncio.gather(*work)
        note(f"filled with {size:,} cases and persons in {time.monotonic() - started:.0f} s")
    return names


async def _idle(cities: list[City]) -> bool:
    empty = "SELECT NOT EXISTS (SELECT FROM amtsbus.unpublished)"
    return all([await one.databases[0].pool.fetchval(empty) for one in cities])


async def measure(servers: Servers, *, quick: bool) -> list[Measurement]:
    """Fill, restart, and do everything on all sizes in turn."""
    sizes = (1_000, 5_000, 10_000) if quick else (10_000, 100_000, 1_000_000)
    server = EmbeddedPostgres(servers.folder / "growth", settings=FILLING)
    await asyncio.to_thread(server.start)
    try:
        names = await _fill(server, sizes)
    finally:
        await asyncio.to_thread(server.stop)
    server = EmbeddedPostgres(servers.folder / "growth", settings=MEASURING)
    await asyncio.to_thread(server.start)
    try:
        async with AsyncExitStack() as stack:
            cities = []
            for size in sizes:
                permits, registration = (with_database(server.url(), name) for name in names[size])
                cities.append(await stack.enter_async_context(city(servers, (permits, registration), size)))
            return [await _compare(name, cities, quick) for name in OPERATIONS]
    finally:
        await asyncio.to_thread(server.stop)


async def _compare(name: str, cities: list[City], quick: bool) -> Measurement:
    operation, rounds = OPERATIONS[name]
    rounds = rounds // 15 if quick else rounds
    await until(lambda: _idle(cities), pause=0.1)
    costs: dict[int, list[float]] = {one.size: [] for one in cities}
    for number in range(-max(2, rounds // 20), rounds):
        for one in cities if number % 2 else reversed(cities):
            milliseconds = await operation(one) * 1000
            if number >= 0:  # before that, caches and plans
                costs[one.size].append(milliseconds)
    smallest, largest = costs[cities[0].size], costs[cities[-1].size]
    third = rounds // 3
    thirds = [slice(0, third), slice(third, 2 * third), slice(2 * third, None)]
    medians = {f"{size:,}": statistics.median(found) for size, found in costs.items()}
    note(f"{name}: {', '.join(f'{size} {cost:.1f} ms' for size, cost in medians.items())}")
    return Measurement(
        name,
        goal=1.3,
        ratio=statistics.median(largest) / statistics.median(smallest),
        higher_is_better=False,
        ours=[statistics.median(largest[part]) for part in thirds],
        raw=[statistics.median(smallest[part]) for part in thirds],
        detail={"figure": "ms", "raw_is": f"{cities[0].size:,} cases", "chart": medians, "rounds": rounds},
    )
