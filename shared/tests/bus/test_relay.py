"""The relay: one at work, nothing lost when it or Kafka fails, one stream's trouble is not another's."""

import asyncio
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from amtsbus import relay as relay_module
from amtsbus.events import Published
from amtsbus.ids import new_id
from amtsbus.relay import Relay, leading_session
from amtsbus.testing.fixtures import create_topics, end_relay_session
from amtsbus.testing.servers import EmbeddedKafka
from prometheus_client import REGISTRY

from .conftest import TOPIC, Library, eventually
from .lending import LENDING, BookLentV1


async def test_when_the_relay_loses_its_session_another_takes_over_within_five_seconds(library, settings_of, owner_url):
    first, second = library.bus.workers[0].relay, Relay(settings_of(LENDING, library.lending))
    await eventually(lambda: _is(first.leads))
    running = asyncio.create_task(second.run())
    try:
        await library.lend("before")
        await library.bus.settled()
        assert not second.leads
        assert await end_relay_session(owner_url(library.lending))
        loan = await library.lend("after")

        async def published():
            return await library.unpublished() == 0

        await eventually(published, seconds=5)
        assert first.leads != second.leads
        await library.bus.settled()
        assert await library.effects(loan) == ["after"]
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_relay_that_hangs_loses_its_lock(library, owner_url):
    session = await relay_module.session(library.reminders.url, "hanging", idle_session_timeout="300")
    assert await session.fetchval("SELECT pg_try_advisory_lock(7)")

    async def free():
        async with library.reminders.transaction() as tx:
            return await tx.fetchval("SELECT pg_try_advisory_xact_lock(7)")

    await eventually(free, seconds=5)
    session.terminate()


async def test_an_event_that_kafka_refuses_holds_up_only_its_own_key(library):
    too_large = await library.lend("x" * 1_100_000)
    await library.give_back(too_large)
    others = [await library.lend(f"book {n}") for n in range(50)]

    async def others_arrived():
        return len(await library.effects()) == 50

    await eventually(others_arrived)
    assert await library.effects(too_large) == []
    assert await library.unpublished() == 2
    assert {len(await library.effects(loan)) for loan in others} == {1}


async def test_a_relay_that_begins_to_lead_tries_every_topic_again(library, kafka, topic_prefix, owner_url):
    """As after a refill, which takes the lock and makes the topic anew; the one before would wait half a minute."""

    class ShelfClosedV1(Published, type="lending.shelf-closed.v1", topic="lending.shelf.events"):
        """A fact for a topic that Kafka has lost."""

    shelf = new_id()
    async with library.lending.transaction() as tx:
        await tx.append(shelf, ShelfClosedV1())
    relay = library.bus.workers[0].relay

    async def refused():
        return "lending.shelf.events" in relay._blocked_topics

    await eventually(refused)
    await create_topics(kafka, [topic_prefix + "lending.shelf.events"])
    assert await end_relay_session(owner_url(library.lending))

    async def published():
        return await library.unpublished() == 0

    await eventually(published, seconds=relay_module.BLOCK_SECONDS / 2)


async def test_more_refused_events_than_a_batch_do_not_stop_the_relay(library, monkeypatch):
    monkeypatch.setattr(relay_module, "BATCH", 3)
    for _ in range(5):
        await library.lend("x" * 1_100_000)
    loan = await library.lend("small")

    async def arrived():
        return await library.effects(loan)

    assert await eventually(arrived) == ["small"]


def test_an_event_goes_to_the_partition_that_every_other_client_expects_it_in():
    expected = DefaultPartitioner()
    for number in range(5000):
        key = str(uuid4()).encode()
        partitions = number % 50 + 1
        assert relay_module.partition_of(key, partitions) == expected(key, list(range(partitions)), [])


async def test_more_than_a_request_holds_arrives_in_order_and_with_the_usual_key(library):
    loans = [new_id() for _ in range(7)]
    async with library.lending.transaction() as tx:
        for number in range(420):
            loan = loans[number % 7]
            await tx.append(loan, BookLentV1(loan_id=loan, title=f"{number}" + "x" * 5_000))
    await library.bus.settled()
    records = await library.records()
    assert len(records) == 420
    for loan in loans:
        own = [record for record in records if record.key == str(loan).encode()]
        assert [int(dict(record.headers)["ce_sequence"]) for record in own] == list(range(1, 61))
        assert len({record.partition for record in own}) == 1


async def test_a_relay_that_waits_for_room_in_the_producer_keeps_its_lock(library, monkeypatch):
    await library.lend("before")
    await library.bus.settled()
    send, room, waits = AIOKafkaProducer.send_batch, asyncio.Event(), asyncio.Event()

    async def send_when_there_is_room(self, batch, topic, *, partition):
        waits.set()
        await room.wait()
        return await send(self, batch, topic, partition=partition)

    monkeypatch.setattr(AIOKafkaProducer, "send_batch", send_when_there_is_room)
    [worker] = [worker for worker in library.bus.workers if worker.service is LENDING]
    async with library.lending.transaction() as tx:
        before = await leading_session(tx.connection)
    loan = await library.lend("while there is none")
    await asyncio.wait_for(waits.wait(), 10)

    async def lease_is_over():
        async with library.lending.transaction() as tx:
            return await tx.fetchval(
                "SELECT clock_timestamp() - appended_at > $1 * interval '1 millisecond' FROM amtsbus.unpublished",
                relay_module.LEASE_MS + 1000,
            )

    await eventually(lease_is_over)
    assert worker.relay.leads
    async with library.lending.transaction() as tx:
        assert await leading_session(tx.connection) == before
    room.set()
    await library.bus.settled()
    assert await library.effects(loan) == ["while there is none"]
    assert len(await library.records()) == 2


async def test_a_producer_in_which_nothing_moves_is_given_up_at_the_deadline(library, monkeypatch):
    monkeypatch.setattr(relay_module, "DEADLINE_SECONDS", 1.0)
    send = AIOKafkaProducer.send_batch
    given_up: list[AIOKafkaProducer] = []

    async def hang_once(self, batch, topic, *, partition):
        if not given_up:
            try:
                await asyncio.Event().wait()
            finally:
                given_up.append(self)
        return await send(self, batch, topic, partition=partition)

    monkeypatch.setattr(AIOKafkaProducer, "send_batch", hang_once)
    loan = await library.lend("Faust")

    async def arrived():
        return await library.effects(loan)

    assert await eventually(arrived) == ["Faust"]
    assert len(given_up) == 1


async def test_what_was_published_but_not_marked_is_published_again_and_has_one_effect(library):
    loan = await library.lend("Faust")
    await library.bus.settled()
    async with library.lending.transaction() as tx:
        # As after a crash between Kafka's confirmation and the mark.
        await tx.execute(
            "INSERT INTO amtsbus.unpublished SELECT position, appended_at, topic, stream_id FROM amtsbus.events"
        )
    await library.bus.settled()
    assert len(await library.records()) == 2
    assert await library.effects(loan) == ["Faust"]


def _given_up():
    """How often a producer was given up because Kafka did not confirm in time."""
    return REGISTRY.get_sample_value("amtsbus_relay_failures_total", {"reason": "TimeoutError"}) or 0


def _senders():
    return [task for task in asyncio.all_tasks() if "_sender_routine" in repr(task.get_coro())]


@pytest.mark.timeout(180)
async def test_while_kafka_is_away_facts_are_kept_and_published_in_order_when_it_returns(
    service_database, settings_of, tmp_path, topic_prefix, monkeypatch
):
    """A producer that was given up meanwhile sends nothing any more: what it held would overtake what is older."""
    monkeypatch.setattr(relay_module, "DEADLINE_SECONDS", 3.0)
    tmp_path.chmod(0o755)
    node = EmbeddedKafka(tmp_path / "kafka")
    await asyncio.to_thread(node.start)
    database = await service_database(LENDING)
    library = Library(database, database, None, node.bootstrap_servers, topic_prefix)
    try:
        await create_topics(node.bootstrap_servers, [topic_prefix + TOPIC])
        settings = settings_of(LENDING, database).model_copy(update={"kafka_bootstrap_servers": node.bootstrap_servers})
        relay = Relay(settings)
        running = asyncio.create_task(relay.run())
        loan = await library.lend("before")
        await eventually(lambda: _none_unpublished(library), seconds=20)
        await asyncio.to_thread(node.stop)
        for number in range(10):
            await library.lend(f"outage {number}", loan)
        assert await library.unpublished() == 10
        before = _given_up()
        await eventually(lambda: _is(_given_up() > before), seconds=30)
        await asyncio.to_thread(node.start)
        await eventually(lambda: _none_unpublished(library), seconds=60)
        assert len(_senders()) == 1
        running.cancel()
        await asyncio.wait([running])
        assert _senders() == []
        sequences = [int(dict(record.headers)["ce_sequence"]) for record in await library.records()]
        # Duplicates are allowed, an overtaking is not: the first appearances are in order.
        assert list(dict.fromkeys(sequences)) == list(range(1, 12))
    finally:
        await asyncio.to_thread(node.stop)


async def _none_unpublished(library):
    return await library.unpublished() == 0


async def _is(value):
    return value
