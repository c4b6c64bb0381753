"""A plain Kafka client that watches the city's events: no line of our own chassis reads or parses anything here."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer

TYPE_PREFIX = "de.amtsbus."


@dataclass(frozen=True)
class Event:
    """One event as it lies on Kafka. `type` is without the reverse-DNS prefix."""

    topic: str
    partition: int
    offset: int
    key: str
    event_id: str
    type: str
    sequence: int
    data: dict[str, Any]
    headers: dict[str, str]


@dataclass
class Watcher:
    """Collects every event that is published while the block runs, on all `topics` and without a consumer group."""

    bootstrap_servers: str
    topics: tuple[str, ...]
    prefix: str = ""
    events: list[Event] = field(default_factory=list)
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)
    _reading: asyncio.Task[None] | None = None
    _consumer: Any = None

    async def __aenter__(self) -> Self:
        topics = [self.prefix + topic for topic in self.topics]
        self._consumer = AIOKafkaConsumer(*topics, bootstrap_servers=self.bootstrap_servers, group_id=None)
        await self._consumer.start()
        # From the present end of each partition on, fixed before anything of the day happens.
        partitions = self._consumer.assignment()
        for partition, end in (await self._consumer.end_offsets(partitions)).items():
            self._consumer.seek(partition, end)
        self._reading = asyncio.create_task(self._read(), name="watch events")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        await self._consumer.stop()

    async def _read(self) -> None:
        async for record in self._consumer:
            event = _event(record, self.prefix)
            if event is not None:
                async with self._arrived:
                    self.events.append(event)
                    self._arrived.notify_all()

    async def first(self, wanted: Callable[[Event], bool], *, seconds: float) -> Event | None:
        """The first event that is `wanted`, among those that have come or as soon as it comes; None after `seconds`."""
        async with self._arrived:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._arrived.wait_for(lambda: any(wanted(event) for event in self.events))
            return next((event for event in self.events if wanted(event)), None)


def _event(record: Any, prefix: str) -> Event | None:
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    try:
        return Event(
            topic=record.topic.removeprefix(prefix),
            partition=record.partition,
            offset=record.offset,
            key=(record.key or b"").decode(errors="replace"),
            event_id=headers["ce_id"],
            type=headers["ce_type"].removeprefix(TYPE_PREFIX),
            sequence=int(headers["ce_sequence"]),
            data=json.loads(record.value),
            headers=headers,
        )
    except (KeyError, ValueError, TypeError):  # not an event; the journey about broken ones looks elsewhere
        return None
