"""How far readers have read, as Kafka knows it: their groups' committed offsets against the ends of the partitions."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code

from amtsbus.kafka import connection
from amtsbus.reader import Reader
from amtsbus.settings import Settings

REQUEST_TIMEOUT_MS = 5000
START_SECONDS = 10.0
OLDEST_SECONDS = 3.0
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Progress:
    """How far one group has read one topic: the next offset of each partition, and where its partitions end.

    `members` counts the consumers that belong to the group at this moment.
    """

    members: int
    positions: dict[int, int]
    ends: dict[int, int]

    @property
    def lag(self) -> int:
        """How many records wait to be read."""
        return sum(end - self.positions[partition] for partition, end in self.ends.items())

    @property
    def behind(self) -> frozenset[int]:
        """The partitions in which records wait."""
        return frozenset(partition for partition, end in self.ends.items() if self.positions[partition] < end)


class Offsets:
    """Looks at offsets; changes none. To be used as an asynchronous context.

    Every method raises KafkaError or TimeoutError where Kafka does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        arguments = connection(self._settings)
        try:
            async with asyncio.timeout(START_SECONDS):
                self._admin = AIOKafkaAdminClient(**arguments, request_timeout_ms=REQUEST_TIMEOUT_MS)
                self._open.push_async_callback(self._admin.close)
                await self._admin.start()
                self._consumer = AIOKafkaConsumer(
                    **arguments,
                    request_timeout_ms=REQUEST_TIMEOUT_MS,
                    enable_auto_commit=False,
                    auto_offset_reset="earliest",
                )
                self._open.push_async_callback(self._consumer.stop)
                await self._consumer.start()
                # Whoever asks nothing stops it at once; aiokafka 0.14 fails to stop what has not begun to run.
                await asyncio.sleep(0)
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def partitions(self, topic: str) -> list[TopicPartition]:
        """The partitions of `topic` (without the city's prefix), in order.

        Raises:
            UnknownTopicOrPartitionError: there is no such topic.
        """
        name = self._settings.topic_prefix + topic
        [described] = await self._admin.describe_topics([name])
        if described["error_code"]:
            raise for_code(described["error_code"])(f"topic {name}")
        return [TopicPartition(name, number) for number in sorted(p["partition"] for p in described["partitions"])]

    async def progress(self, reader: Reader) -> Progress:
        """How far `reader` has read its topic."""
        partitions = await self.partitions(reader.topic)
        positions, ends = await self._positions(reader.group, partitions)
        return Progress(await self._members(reader.group), positions, ends)

    async def passed(self, reader: Reader, deadline: float) -> frozenset[int]:
        """Wait until `reader` has passed everything that its topic holds at this moment.

        Args:
            deadline: on the clock `time.monotonic`; past it nothing is waited for.

        Returns:
            The partitions in which it has not.
        """
        partitions = await self.partitions(reader.topic)
        ends = {tp.partition: offset for tp, offset in (await self._consumer.end_offsets(partitions)).items()}
        while True:
            positions, _ = await self._positions(reader.group, partitions)
            behind = Progress(0, positions, ends).behind
            if not behind or time.monotonic() > deadline:
                return behind
            await asyncio.sleep(POLL_SECONDS)

    async def oldest_unread(self, reader: Reader, progress: Progress) -> datetime | None:
        """When the oldest record that `reader` has not read was written; None where none can be fetched in a moment."""
        topic = self._settings.topic_prefix + reader.topic
        waiting = {TopicPartition(topic, partition) for partition in progress.behind}
        oldest: int | None = None
        self._consumer.assign(list(waiting))
        for tp in waiting:
            self._consumer.seek(tp, progress.positions[tp.partition])
        deadline = time.monotonic() + OLDEST_SECONDS
        while waiting and time.monotonic() < deadline:
            for tp, records in (await self._consumer.getmany(*waiting, timeout_ms=200)).items():
                waiting.discard(tp)
                oldest = min(oldest or records[0].timestamp, records[0].timestamp)
        self._consumer.unsubscribe()
        return None if oldest is None else datetime.fromtimestamp(oldest / 1000, UTC)

    async def _members(self, group: str) -> int:
        # One group at a time: aiokafka 0.14 misreads the answer about several.
        [answer] = await self._admin.describe_consumer_groups([self._settings.topic_prefix + group])
        [(error_code, _, _, _, _, members, *_)] = answer.groups
        if error_code:
            raise for_code(error_code)(f"group {group}")
        return len(members)

    async def _positions(self, group: str, partitions: list[TopicPartition]) -> tuple[dict[int, int], dict[int, int]]:
        """(the next offset of each partition, where it ends).

        An offset that the partition does not have, since it was cut off or the topic was made anew, makes a reader begin
        where the partition begins.
        """
        committed = await self._admin.list_consumer_group_offsets(self._settings.topic_prefix + group)
        begins = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        positions = {}
        for tp in partitions:
            offset = committed[tp].offset if tp in committed else -1
            positions[tp.partition] = offset if begins[tp] <= offset <= ends[tp] else begins[tp]
        return positions, {tp.partition: offset for tp, offset in ends.items()}
