"""Fixtures of the notifications tests: a mail server, the departments that publish, and the service itself."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from amtsbus.clock import FixedClock
from amtsbus.postgres import Database
from amtsbus.service import Service
from amtsbus.settings import Settings
from amtsbus.testing.fixtures import Bus, create_topics
from amtsbus.worker import Worker
from notifications.main import SERVICE

from ..towns import Departments, Post, Sending

AtWork = Callable[..., AbstractAsyncContextManager[Bus]]


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    """A real SMTP server on loopback, in this process."""
    async with Post().open() as server:
        yield server


@pytest.fixture
async def database(service_database: Callable[[Service], Awaitable[Database]]) -> Database:
    """The service's database, fresh."""
    return await service_database(SERVICE)


@pytest.fixture
async def departments(kafka: str, topic_prefix: str) -> AsyncIterator[Departments]:
    """The departments that this service listens to, with their topics and ours."""
    topics = {event.topic for event in SERVICE.published} | {reader.topic for reader in SERVICE.readers}
    await create_topics(kafka, [topic_prefix + topic for topic in sorted(topics)])
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, acks="all")
    await producer.start()
    yield Departments(producer, topic_prefix)
    await producer.stop()


@pytest.fixture
def at_work(
    kafka: str,
    topic_prefix: str,
    database: Database,
    departments: Departments,
    clock: FixedClock,
    settings_of: Callable[..., Settings],
) -> AtWork:
    """`async with at_work(**settings) as bus`: this service's worker, running while the block does."""

    @asynccontextmanager
    async def run(**overrides: Any) -> AsyncIterator[Bus]:
        own = Database(database.url, clock)  # a worker closes its database when it ends
        worker = Worker(SERVICE, settings_of(SERVICE, own, **overrides), own)
        async with worker.running():
            yield Bus(kafka, topic_prefix, [worker])

    return run


@pytest.fixture
async def sending(
    database: Database, post: Post, settings_of: Callable[..., Settings]
) -> AsyncIterator[Callable[..., Sending]]:
    """`sending(**settings)`: one more sender at work, until `stop` or the test's end."""
    async with AsyncExitStack() as stack:

        def start(**overrides: Any) -> Sending:
            running = Sending(settings_of(SERVICE, database, **(post.settings | overrides)), database)
            stack.push_async_callback(running.stop)
            return running

        yield start
