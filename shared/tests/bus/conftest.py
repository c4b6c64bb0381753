"""The lending library and its reminder service at work on this test's servers."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from amtsbus.ids import new_id
from amtsbus.postgres import Database
from amtsbus.testing.fixtures import Bus

from .lending import LENDING, BookLentV1, BookReturnedV1, reminders_service

TOPIC = "lending.loan.events"


@dataclass
class Library:
    """Both services' databases, the bus between them, and shorthands for what tests do all the time."""

    lending: Database
    reminders: Database
    bus: Bus | None = None
    bootstrap: str = ""
    prefix: str = ""

    async def lend(self, title: str = "Faust", loan_id: UUID | None = None) -> UUID:
        loan_id = loan_id or new_id()
        async with self.lending.transaction() as tx:
            await tx.append(loan_id, BookLentV1(loan_id=loan_id, title=title))
        return loan_id

    async def give_back(self, loan_id: UUID) -> None:
        async with self.lending.transaction() as tx:
            await tx.append(loan_id, BookReturnedV1(loan_id=loan_id))

    async def effects(self, loan_id: UUID | None = None) -> list[str]:
        async with self.reminders.transaction() as tx:
            rows = await tx.fetch(
                "SELECT what FROM effects WHERE $1::uuid IS NULL OR loan_id = $1 ORDER BY effect_id", loan_id
            )
        return [row["what"] for row in rows]

    async def unpublished(self) -> int:
        async with self.lending.transaction() as tx:
            count: int = await tx.fetchval("SELECT count(*) FROM amtsbus.unpublished")
        return count

    async def records(self) -> list[ConsumerRecord]:
        """Everything on the topic, in order per partition."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            topic = self.prefix + TOPIC
            partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or {0, 1, 2})]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            found = []
            while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    found += batch
            return found
        finally:
            await consumer.stop()

    async def publish_raw(self, value: bytes | None, key: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        """Put a record on the topic that our services would never write."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        await producer.start()
        try:
            await producer.send_and_wait(self.prefix + TOPIC, value, key=key, headers=headers)
        finally:
            await producer.stop()


@pytest.fixture
async def library(service_database, town_bus, kafka, topic_prefix) -> Library:
    """The two services with their workers running."""
    lending = await service_database(LENDING)
    service = reminders_service()
    reminders = await service_database(service)
    bus = await town_bus((LENDING, lending), (service, reminders))
    return Library(lending, reminders, bus, kafka, topic_prefix)


async def eventually(condition: Callable[[], Awaitable[object]], *, seconds: float = 20.0) -> object:
    """Wait until `condition` holds and return what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = await condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{condition} did not hold within {seconds} s")
        await asyncio.sleep(0.05)


def envelope(loan_id: UUID, event_type: str, sequence: int, **changes: str | None) -> list[tuple[str, bytes]]:
    """The headers of an event, some of them changed or (None) left out."""
    attributes: dict[str, str | None] = {
        "ce_specversion": "1.0",
        "ce_id": str(new_id()),
        "ce_source": "/lending",
        "ce_type": f"de.amtsbus.{event_type}",
        "ce_subject": str(loan_id),
        "ce_time": "2026-03-02T09:00:00Z",
        "ce_sequence": str(sequence),
    }
    attributes |= changes
    return [(name, value.encode()) for name, value in attributes.items() if value is not None]


def lent_value(loan_id: UUID, title: str) -> bytes:
    return json.dumps({"loan_id": str(loan_id), "title": title}).encode()
