"""Fixtures for tests on real servers; load them with `pytest_plugins = ["amtsbus.testing.fixtures"]`.

PostgreSQL and Kafka are those of `AMTSBUS_TEST_POSTGRES_URL` and `KAFKA_BOOTSTRAP_SERVERS` where set, else embedded ones
that live as long as the test run. Each test has databases and topics of its own.
"""

import asyncio
import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from amtsbus import migrate
from amtsbus.clock import FixedClock
from amtsbus.postgres import Database
from amtsbus.relay import leading_session
from amtsbus.service import Service
from amtsbus.settings import Environment, Settings
from amtsbus.testing.servers import FAST_AND_FORGETFUL, EmbeddedKafka, EmbeddedPostgres, throw_away_folder
from amtsbus.topics import EACH_OFFICE
from amtsbus.worker import Worker


class DatabaseFactory(Protocol):
    """Makes a fresh, migrated, started database of a service; `settings_of` it has the settings to go with it."""

    async def __call__(self, service: Service) -> Database: ...


@pytest.fixture
def clock() -> FixedClock:
    """Monday, 2 March 2026, 10:00 in Germany."""
    return FixedClock(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server, as its superuser."""
    url = os.environ.get("AMTSBUS_TEST_POSTGRES_URL")
    if url:
        yield url
        return
    with throw_away_folder("amtsbus-postgres-") as folder:
        server = EmbeddedPostgres(folder / "postgres", settings=FAST_AND_FORGETFUL | {"max_connections": "300"})
        server.start()
        try:
            yield server.url()
        finally:
            server.stop()


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """A Kafka cluster's bootstrap servers."""
    servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if servers:
        yield servers
        return
    with tempfile.TemporaryDirectory(prefix="amtsbus-kafka-") as folder:
        node = EmbeddedKafka(Path(folder) / "kafka")
        node.start()
        try:
            yield node.bootstrap_servers
        finally:
            node.stop()


@pytest.fixture
def topic_prefix() -> str:
    """What this test puts before its topics and consumer groups."""
    return f"test-{secrets.token_hex(4)}."


def with_database(url: str, database: str, user: str | None = None, password: str | None = None) -> str:
    """The same server's URL with another database, and with another user where given."""
    parts = urlsplit(url)
    host = parts.netloc.rsplit("@", 1)[-1]
    credentials = f"{user}:{password}" if user else parts.netloc.rsplit("@", 1)[0]
    return urlunsplit(parts._replace(netloc=f"{credentials}@{host}", path=f"/{database}"))


ROLE = "amtsbus_test_service"
PASSWORD = "only-for-tests"  # noqa: S105 - the role exists in throw-away servers only


async def _template(admin: "asyncpg.Connection[Any]", postgres_url: str, service: Service) -> str:
    """A migrated database to clone from; made once per state of the migrations."""
    name = f"template_{service.name}_{migrate.fingerprint(service.name, service.migrations)}"
    await admin.execute("SELECT pg_advisory_lock(42)")
    try:
        if await admin.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", ROLE) is None:
            await admin.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
        if await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate", name) is None:
            await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            await admin.execute(f'CREATE DATABASE "{name}"')
            settings = Settings.load(
                service.name,
                database_url=with_database(postgres_url, name, ROLE, PASSWORD),
                migrator_database_url=with_database(postgres_url, name),
                environment=Environment.DEVELOPMENT,
            )
            await migrate.migrate(settings, service.migrations)
            await admin.execute(f'ALTER DATABASE "{name}" WITH IS_TEMPLATE true')
    finally:
        await admin.execute("SELECT pg_advisory_unlock(42)")
    return name


@pytest.fixture
async def service_database(postgres_url: str, clock: FixedClock) -> AsyncIterator[DatabaseFactory]:
    """Makes databases: fresh, migrated, with the rights of the role that a service runs as, and the test's clock."""
    admin = await asyncpg.connect(postgres_url)
    made: list[tuple[str, Database]] = []

    async def make(service: Service) -> Database:
        template = await _template(admin, postgres_url, service)
        name = f"test_{service.name}_{secrets.token_hex(6)}"
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        database = Database(with_database(postgres_url, name, ROLE, PASSWORD), clock)
        made.append((name, database))
        await database.start()
        return database

    yield make
    for name, database in made:
        await database.stop()
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await admin.close()


@pytest.fixture
def owner_url(postgres_url: str) -> Callable[[Database], str]:
    """The URL with which the server's superuser connects to a test's database."""
    return lambda database: with_database(postgres_url, urlsplit(database.url).path.lstrip("/"))


@pytest.fixture
def settings_of(kafka: str, topic_prefix: str, tmp_path: Path) -> Callable[[Service, Database], Settings]:
    """The settings of a service on one of this test's databases and on this test's topics; what its pages load is empty."""

    def make(service: Service, database: Database, **overrides: Any) -> Settings:
        if service.web is not None:
            from amtsbus.testing.browsing import stub_assets

            overrides = {"assets": stub_assets(tmp_path / "assets", service.web)} | overrides
        return service.settings.load(
            service.name,
            database_url=database.url,
            environment=Environment.DEVELOPMENT,
            kafka_bootstrap_servers=kafka,
            topic_prefix=topic_prefix,
            oidc_issuer="http://127.0.0.1/issuer",
            **overrides,
        )

    return make


@pytest.fixture
async def api(settings_of: Callable[..., Settings]) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Makes clients of a service's API: `client = await api(SERVICE, database)`; see `amtsbus.testing.tokens`."""
    from amtsbus.http import create_app
    from amtsbus.testing.tokens import TestIssuer, make_client

    async with AsyncExitStack() as stack:
        issuer = TestIssuer()

        async def make(service: Service, database: Database, **overrides: Any) -> Any:
            app = create_app(
                service, settings_of(service, database, **overrides), database=database, verifier=issuer.verifier
            )
            return await stack.enter_async_context(make_client(app, issuer))

        yield make


@pytest.fixture
async def browse(settings_of: Callable[..., Settings]) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Makes browsers of a service's pages: `browser = await browse(SERVICE, database)`; see `amtsbus.testing.browsing`."""
    from amtsbus.http import create_app
    from amtsbus.testing.browsing import Browser
    from amtsbus.testing.tokens import TestIssuer

    async with AsyncExitStack() as stack:
        issuer = TestIssuer()

        async def make(service: Service, database: Database, *, language: str = "de", **overrides: Any) -> Any:
            settings = settings_of(service, database, **overrides)
            app = create_app(service, settings, database, verifier=issuer.verifier, login=issuer.login_client())
            return await stack.enter_async_context(Browser(app, issuer, language=language))

        yield make


@pytest.fixture
async def clara(desk: Any) -> Any:
    """A clerk at `desk`, a browser that a department's tests have in front of its desk."""
    from amtsbus.auth import Role

    await desk.log_in(Role.CLERK, sub="clara-clerk", name="Clara Demo")
    return desk


@pytest.fixture
async def lena(clara: Any) -> AsyncIterator[Any]:
    """A lead at a desk of her own."""
    from amtsbus.auth import Role

    async with clara.another() as browser:
        await browser.log_in(Role.LEAD, sub="lena-lead", name="Lena Demo")
        yield browser


class Bus:
    """Workers of services on this test's Kafka; `settled` waits until every event has had its effects."""

    def __init__(self, kafka: str, prefix: str, workers: list[Worker]) -> None:
        self.kafka = kafka
        self.prefix = prefix
        self.workers = workers

    async def settled(self, *, seconds: float = 30.0) -> None:
        """Wait until all journals are published and all readers have handled (or parked) everything.

        Raises:
            TimeoutError: they had not within `seconds`; the message says what was open.
        """
        deadline = time.monotonic() + seconds
        async with AsyncExitStack() as stack:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
            await admin.start()
            stack.push_async_callback(admin.close)
            consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka)
            await consumer.start()
            stack.push_async_callback(consumer.stop)
            calm = 0
            while True:
                open_things = [thing for worker in self.workers async for thing in self._open(worker, admin, consumer)]
                # Twice in a row: an effect may have appended new events while the others were looked at.
                calm = 0 if open_things else calm + 1
                if calm == 2:
                    return
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not settled after {seconds} s: {', '.join(open_things)}")
                await asyncio.sleep(0.05)

    async def _open(self, worker: Worker, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> AsyncIterator[str]:
        unpublished = await worker.database.pool.fetchval("SELECT count(*) FROM amtsbus.unpublished")
        if unpublished:
            yield f"{worker.service.name}: {unpublished} unpublished"
        for consumption in worker.readers.consumptions:
            if consumption.stopped_by_limit:
                continue
            reader = consumption.reader
            topic = self.prefix + reader.topic
            committed = await admin.list_consumer_group_offsets(self.prefix + reader.group)
            partitions = [TopicPartition(topic, p) for p in await admin_partitions(admin, topic)]
            ends = await consumer.end_offsets(partitions)
            lag = sum(ends[tp] - (committed[tp].offset if tp in committed else 0) for tp in partitions)
            if lag:
                yield f"{reader.group}: lag {lag}"


async def end_relay_session(url: str) -> bool:
    """End the database session of the relay at work, as a router or an operator may; returns whether there was one."""
    owner = await asyncpg.connect(url)
    try:
        leading = await leading_session(owner)
        return leading is not None and await owner.fetchval("SELECT pg_terminate_backend($1)", leading.pid)
    finally:
        await owner.close()


async def admin_partitions(admin: AIOKafkaAdminClient, topic: str) -> list[int]:
    """The partitions of a topic."""
    [description] = await admin.describe_topics([topic])
    return [partition["partition"] for partition in description["partitions"]]


async def create_topics(kafka: str, names: list[str], *, partitions: int = 3) -> None:
    """Create topics, and wait until the broker knows them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
        for name, code, *_ in answer.topic_errors:
            if code:
                raise for_code(code)(name)
    finally:
        await admin.close()


@pytest.fixture
async def town_bus(
    kafka: str, topic_prefix: str, settings_of: Callable[..., Settings]
) -> AsyncIterator[Callable[..., Awaitable[Bus]]]:
    """Runs workers: `bus = await town_bus((SERVICE, database), …)` creates their topics and starts them in this process."""
    async with AsyncExitStack() as stack:

        async def make(*services: tuple[Service, Database], **overrides: Any) -> Bus:
            topics = {event.topic for service, _ in services for event in service.published}
            topics |= {reader.topic for service, _ in services for reader in service.readers}
            # Whoever reads the topic of one office names it; the pattern for all of them is none.
            named = sorted(topic for topic in topics if EACH_OFFICE not in topic)
            await create_topics(kafka, [topic_prefix + topic for topic in named])
            workers = []
            for service, database in services:
                worker = Worker(service, settings_of(service, database, **overrides), database)
                await stack.enter_async_context(worker.running())
                workers.append(worker)
            return Bus(kafka, topic_prefix, workers)

        yield make
