"""A small city with a short history, for tests of the checker: real databases, topics and mails, all of it in this process.

It lives through a minute of load once; each test then breaks one promise in copies of what it has left behind.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiosmtpd.smtp import SMTP
from amtsbus import migrate
from amtsbus.auth import Role
from amtsbus.clock import SystemClock
from amtsbus.http import create_app
from amtsbus.postgres import Database
from amtsbus.service import Service, load_service
from amtsbus.settings import Environment, Settings
from amtsbus.testing.fixtures import create_topics, with_database
from amtsbus.testing.tokens import TestIssuer
from amtsbus.worker import Worker
from town.addresses import Addresses, MailAddresses, ServiceAddresses
from town.clock import TownClock
from town.configuration import DEPARTMENTS
from town.home import Home
from town.mail import Mailbox, Reception
from town.people import Person

from tests.proof import checker, topics_of_the_city
from tests.proof.ledger import FILE, Ledger, lines_of
from tests.proof.load import Load, Mix

TREE = Path(__file__).parents[3]
PARTITIONS = 2
LEAST_ACCEPTED = 100
MUST_HAVE_HAPPENED = frozenset(
    {
        "permits.application-approved.v1",
        "permits.application-refused.v1",
        "schooling.child-accepted.v1",
        "registration.resident-moved.v1",
        "notifications.message-read.v1",
    }
)
"""The city lives until all of this has happened."""


@dataclass(frozen=True)
class Excuse:
    """What a fault has made impossible; see `tests.proof.city.Excuse`."""

    kind: str
    service: str = ""
    topic: str = ""
    since: datetime | None = None
    until: datetime | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Happened:
    """A fault that has happened; see `tests.proof.city.Happened`."""

    number: int
    kind: str
    target: str
    began_at: datetime
    ended_at: datetime
    note: str = ""


@dataclass(frozen=True)
class Raw:
    """A record as it lies on a topic."""

    partition: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int

    def header(self, name: str) -> str:
        return dict(self.headers)[name].decode()

    def with_header(self, name: str, value: str) -> "Raw":
        return replace(self, headers=tuple((n, value.encode() if n == name else v) for n, v in self.headers))


@dataclass
class SmallCity:
    """The city as the checker sees it. `broken` and `retold` give a test copies of its own to break."""

    home: Home
    kafka: str
    topic_prefix: str
    urls: dict[str, str]
    server: str
    addresses: Addresses
    services: Sequence[str] = DEPARTMENTS
    excuses: list[Excuse] = field(default_factory=list)
    happened: list[Happened] = field(default_factory=list)
    said: str = ""
    """What the operator's commands print."""
    operations: list[tuple[str, ...]] = field(default_factory=list)
    _copies: list[str] = field(default_factory=list)

    @property
    def clock(self) -> TownClock:
        return TownClock(self.home.clock)

    @property
    def metrics_samples(self) -> Path:
        return self.home.folder / "metrics.jsonl"

    def owner_url(self, service: str) -> str:
        return self.urls[service]

    async def operate(self, *arguments: str) -> str:
        self.operations.append(arguments)
        return self.said

    # -- what tests do to it ------------------------------------------------------------------------------------

    @asynccontextmanager
    async def broken(self, service: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """A superuser's connection to a copy of a service's database, past all triggers and foreign keys."""
        name = f"broken_{service}_{secrets.token_hex(5)}"
        admin = await asyncpg.connect(self.server)
        try:
            template = self.urls[service].rpartition("/")[2]
            await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY WAL_LOG')
        finally:
            await admin.close()
        self.urls = self.urls | {service: with_database(self.server, name)}
        self._copies.append(name)
        connection = await asyncpg.connect(self.urls[service])
        try:
            await connection.execute("SET session_replication_role = replica")
            yield connection
        finally:
            await connection.close()

    async def retold(
        self, topic: str, change: Callable[[list[Raw]], list[Raw]], *, unread_by: frozenset[str] = frozenset()
    ) -> None:
        """Have all topics anew, with the records of `topic` changed; all groups but `unread_by` have read them."""
        names = [one.name for one in topics_of_the_city()]
        told = {name: await _read_raw(self.kafka, self.topic_prefix + name) for name in names}
        told[topic] = change(told[topic])
        self.topic_prefix = f"broken-{secrets.token_hex(4)}."
        await create_topics(self.kafka, [self.topic_prefix + name for name in names], partitions=PARTITIONS)
        async with AIOKafkaProducer(bootstrap_servers=self.kafka) as producer:
            for name, records in told.items():
                for raw in records:
                    await producer.send(
                        self.topic_prefix + name,
                        raw.value,
                        key=raw.key,
                        partition=raw.partition,
                        headers=list(raw.headers),
                        timestamp_ms=raw.timestamp,
                    )
        for one in topics_of_the_city():
            for reader in one.readers:
                if reader.group not in unread_by:
                    await _commit_all(self.kafka, self.topic_prefix + one.name, self.topic_prefix + reader.group)

    def rewrite(self, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
        """Change the ledger, line by line; None leaves a line out."""
        file = self.home.folder / "ledger" / FILE
        lines = [changed for line in lines_of(file) if (changed := change(line)) is not None]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def note(self, **line: Any) -> None:
        """Add a line to the ledger."""
        with (self.home.folder / "ledger" / FILE).open("a") as file:
            file.write(json.dumps(line) + "\n")

    async def verdict(self) -> checker.Verdict:
        """What the checker finds."""
        ledger = Ledger(self.home.folder / "ledger")
        try:
            return await checker.check(self, ledger)
        finally:
            ledger.close()

    async def end(self) -> None:
        """Remove the copies."""
        admin = await asyncpg.connect(self.server)
        for name in self._copies:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.close()


async def _read_raw(kafka: str, topic: str) -> list[Raw]:
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    async with AIOKafkaConsumer(bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[Raw] = []
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                found += [Raw(partition.partition, r.key, r.value, tuple(r.headers), r.timestamp) for r in records]
    return found


async def _commit_all(kafka: str, topic: str, group: str) -> None:
    """Note that a group has read all that is there."""
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    async with AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False) as consumer:
        consumer.assign(partitions)
        await consumer.commit(await consumer.end_offsets(partitions))


class SmallTown:
    """Everybody who can log in, for a city without an issuer of its own."""

    def __init__(self) -> None:
        self.issuer = TestIssuer()
        self._claims: dict[str, dict[str, Any]] = {}

    async def add_staff(self, services: Any) -> None:
        for service in services:
            for role in (Role.CLERK, Role.LEAD):
                name = f"{role}-{service}"
                self._claims[name] = {"roles": [role], "department": service, "sub": name}

    async def add_citizen(self, name: str, person_id: UUID, email: str, language: str = "de") -> Person:
        self._claims[name] = {"roles": [Role.CITIZEN], "person_id": person_id, "sub": f"citizen-{person_id}"}
        return Person(name, person_id, email)

    async def token(self, name: str) -> str:
        claims = dict(self._claims[name])
        return self.issuer.token(*claims.pop("roles"), **claims)


async def build(folder: Path, postgres_url: str, kafka: str) -> SmallCity:
    """Let the city live for a moment, and give what it has left behind."""
    home = Home(folder, TREE)
    home.prepare()
    prefix = f"small-{secrets.token_hex(4)}."
    declared = {name: load_service(name) for name in DEPARTMENTS}
    urls = {name: with_database(postgres_url, f"small_{name}_{secrets.token_hex(5)}") for name in DEPARTMENTS}
    city = SmallCity(home, kafka, prefix, urls, postgres_url, _addresses())
    await _make_databases(city, declared)
    names = {reader.topic for service in declared.values() for reader in service.readers}
    names |= {topic.name for topic in topics_of_the_city()}
    await create_topics(kafka, [prefix + name for name in sorted(names)], partitions=PARTITIONS)
    async with AsyncExitStack() as stack:
        smtp_port = await stack.enter_async_context(_mail_sink(home.mail))
        town, mounts = SmallTown(), {}
        for name, service in declared.items():
            mail = {"smtp_host": "127.0.0.1", "smtp_port": smtp_port, "email_poll_seconds": 0.05}
            mail |= {"smtp_connections": 6}
            settings = _settings(service, city, **(mail if name == "notifications" else {}))
            worker = Worker(service, settings, Database(urls[name], SystemClock(), pool_size=4))
            await stack.enter_async_context(worker.running())
            database = Database(urls[name], SystemClock(), pool_size=4)
            await database.start()
            stack.push_async_callback(database.stop)
            app = create_app(service, settings, database, verifier=town.issuer.verifier)
            mounts[city.addresses.services[name].api] = httpx.ASGITransport(app)
        http = await stack.enter_async_context(httpx.AsyncClient(mounts=mounts))
        ledger = Ledger(folder / "ledger")
        mix = Mix(families=2, builders=3, parents=2, movers=1, readers=1)
        load = Load(city, ledger, Random("a small city"), per_second=40, mix=mix, http=http, people=town)
        await load.prepare(families=4)
        stop = asyncio.Event()
        ending = asyncio.create_task(_stop_when_enough_has_happened(ledger, stop))
        await load.run(stop)
        ending.cancel()
        left_open = await checker.drained(city, seconds=30)
        ledger.collect_mails(home.mail)
        ledger.close()
        assert not left_open
    return city


async def _stop_when_enough_has_happened(ledger: Ledger, stop: asyncio.Event) -> None:
    while True:
        await asyncio.sleep(0.3)
        happened = {event for deed in ledger.book().deeds if deed.accepted for event in deed.asked.expects}
        if ledger.accepted >= LEAST_ACCEPTED and happened >= MUST_HAVE_HAPPENED:
            stop.set()
            return


def _addresses() -> Addresses:
    nowhere = "http://nowhere.test"
    return Addresses(
        kafka="",
        issuer=nowhere,
        mail=MailAddresses(smtp="", http=nowhere),
        services={
            name: ServiceAddresses(api=f"http://{name}.test", worker=nowhere, database="") for name in DEPARTMENTS
        },
    )


def _settings(service: Service, city: SmallCity, **more: Any) -> Settings:
    return service.settings.load(
        service.name,
        database_url=city.urls[service.name],
        migrator_database_url=city.urls[service.name],
        environment=Environment.DEVELOPMENT,
        kafka_bootstrap_servers=city.kafka,
        topic_prefix=city.topic_prefix,
        oidc_issuer="http://127.0.0.1/issuer",
        **more,
    )


async def _make_databases(city: SmallCity, declared: dict[str, Service]) -> None:
    admin = await asyncpg.connect(city.server)
    try:
        for name, service in declared.items():
            await admin.execute(f'CREATE DATABASE "{city.urls[name].rpartition("/")[2]}"')
            await migrate.migrate(_settings(service, city), service.migrations)
    finally:
        await admin.close()


@asynccontextmanager
async def _mail_sink(folder: Path) -> AsyncIterator[int]:
    """The town's mail sink, in this process; gives its port."""
    mailbox = Mailbox(folder)
    mailbox.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Reception(mailbox), loop=loop), host="127.0.0.1", port=0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def demolish(city: SmallCity) -> None:
    """Remove the databases."""
    admin = await asyncpg.connect(city.server)
    try:
        for url in city.urls.values():
            await admin.execute(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')
    finally:
        await admin.close()
