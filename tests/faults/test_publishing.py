"""Facts leave: whatever happens to the relay, to Kafka and to what lies between them. Scenarios 1 to 6 of the fault list.

Scenario 1 is proven in shared/tests/bus/test_life_of_an_event.py.
"""

import asyncio
import time
from collections.abc import Callable

import pytest
from amtsbus.ids import new_id
from amtsbus.postgres import Database
from amtsbus.testing.fixtures import create_topics, end_relay_session
from amtsbus.testing.proxy import Proxy

from .lost_property import AUCTIONS, NOTICES, SHELVES, AuctionHeldV1, ShelfBuiltV1
from .office import Office, eventually

pytestmark = pytest.mark.timeout(240)  # the first one of a run also waits for Kafka to start


def first_appearances(sequences: list[int]) -> list[int]:
    return list(dict.fromkeys(sequences))


async def test_a_relay_that_dies_after_kafka_has_the_events_leaves_duplicates_and_nothing_else(office: Office):
    """Scenario 2 (Wolverine #565): killed between Kafka's acknowledgement and the mark; another takes over in 5 s."""
    workers = await asyncio.gather(office.worker("lostproperty"), office.worker("lostproperty"))
    async with office.at_work(NOTICES):
        item = await office.find()
        await office.settled()
        office.arm("lostproperty", "relay.acknowledged", "kill")
        await office.move(item, 1)
        await eventually(lambda: office.hit("lostproperty", "relay.acknowledged"))
        killed_at = time.monotonic()
        await office.move(item, 2)
        await eventually(lambda: nothing_unpublished(office))
        assert time.monotonic() - killed_at < 5
        await office.settled()
    assert await office.sequences(item) == [1, 2, 2, 3]
    assert await office.written(item) == ["umbrella", "moved 1", "moved 2"]
    assert sum([worker.is_alive for worker in workers]) == 1


async def test_a_relay_that_was_frozen_and_comes_back_late_harms_nobody(
    office: Office, owner_url: Callable[[Database], str], kafka_lines: list[Proxy]
):
    """Scenario 3: SIGSTOP with records in flight, its session ended, a second relay at work, then SIGCONT."""
    first = await office.worker("lostproperty")
    async with office.at_work(NOTICES):
        item = await office.find()
        await office.settled()
        kafka_lines[0].slow(3600)
        await office.move(item, 1, 2)
        await eventually(lambda: kafka_lines[0].held)
        first.stop()
        await first.is_stopped()
        assert await end_relay_session(owner_url(office.lost))
        second = await office.worker("lostproperty", KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{kafka_lines[1].port}")
        await office.move(item, 3)
        await office.settled()
        assert await second.metric("amtsbus_relay_leader") == 1
        assert await office.sequences(item) == [1, 2, 3, 4]

        kafka_lines[0].heal()
        late = await eventually(lambda: office.sequences_beyond(item, 4))
        assert late == [2, 3], "what the first one had in flight arrives behind what is newer"
        first.go_on()
        await eventually(lambda: first.logged("relay_restarts"))
        await office.move(item, 4)
        await office.settled()
    assert await office.written(item) == ["umbrella", *(f"moved {nth}" for nth in range(1, 5))]
    assert await office.unpublished() == 0
    assert await first.metric("amtsbus_relay_failures_total") >= 1
    assert await first.metric("amtsbus_relay_leader") == 0


async def test_a_partition_without_an_answer_for_longer_than_the_deadline_needs_no_restart(
    office: Office, kafka_line: Proxy
):
    """Scenario 4 (aiokafka #1017): after a batch has expired in the producer, the broker refuses all its later ones."""
    worker = await office.worker("lostproperty", constants={"amtsbus.relay.DEADLINE_SECONDS": 2})
    item = await office.find()
    await eventually(lambda: nothing_unpublished(office))

    kafka_line.freeze()
    await office.move(item, 1, 2, 3)
    await eventually(lambda: worker.logged("relay_restarts"))
    await office.move(item, 4)
    assert await office.unpublished() == 4
    kafka_line.heal()

    await eventually(lambda: nothing_unpublished(office), seconds=15)
    await office.move(item, 5)
    await eventually(lambda: nothing_unpublished(office))
    assert worker.is_alive
    assert first_appearances(await office.sequences(item)) == [1, 2, 3, 4, 5, 6]
    assert await worker.metric("amtsbus_relay_failures_total") >= 1


async def test_what_kafka_refuses_holds_up_its_own_key_and_raises_the_alarm(office: Office):
    """Scenario 6 (Axon #419): more refused rows than a batch of the relay has, of three kinds."""
    await create_topics(office.kafka, [office.prefix + AUCTIONS])
    await office.forbid_writing(AUCTIONS)
    worker = await office.worker("lostproperty", constants={"amtsbus.relay.BATCH": 3, "amtsbus.relay.BLOCK_SECONDS": 2})
    too_large = [await office.find("x" * 1_100_000) for _ in range(4)]
    for item in too_large:
        await office.move(item, 1)
    async with office.lost.transaction() as tx:
        for one in [new_id() for _ in range(4)]:
            await tx.append(one, ShelfBuiltV1(shelf_id=one))  # the topic does not exist
            await tx.append(one, AuctionHeldV1(auction_id=one))
    others = [await office.find() for _ in range(5)]

    async def others_published():
        return [await office.sequences(item) for item in others] == [[1]] * 5

    await eventually(others_published)
    assert await office.unpublished() == 16
    assert await worker.metric("amtsbus_relay_blocked_streams") > 0
    assert {line["error"] for line in worker.logged("event_refused_by_kafka")} == {
        "MessageSizeTooLargeError",
        "TopicAuthorizationFailedError",
        "UnknownTopicOrPartitionError",
    }

    await office.permit_writing(AUCTIONS)
    await create_topics(office.kafka, [office.prefix + SHELVES])

    await eventually(lambda: only(office, 8), seconds=15)
    assert len({record.key for record in await office.records(SHELVES)}) == 4
    assert len({record.key for record in await office.records(AUCTIONS)}) == 4
    for item in too_large:
        assert await office.sequences(item) == []


async def nothing_unpublished(office: Office) -> bool:
    return await only(office, 0)


async def only(office: Office, count: int) -> bool:
    """Whether exactly so many events are unpublished."""
    return await office.unpublished() == count
