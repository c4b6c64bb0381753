"""The relay: one at work, nothing lost when it or Kafka fails, one stream's trouble is not another's."""

import asyncio

import asyncpg
import pytest
from amtsbus import relay as relay_module
from amtsbus.relay import LOCK, Relay
from amtsbus.testing.fixtures import create_topics
from amtsbus.testing.servers import EmbeddedKafka

from .conftest import TOPIC, Library, eventually
from .lending import LENDING


async def _end_session_of_the_leader(url: str) -> int:
    """What a router, an operator or a restart of PostgreSQL does to the relay at work."""
    owner = await asyncpg.connect(url)
    try:
        ended: int = await owner.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_locks JOIN pg_database d ON d.oid = pg_locks.database "
            "WHERE locktype = 'advisory' AND granted AND objid = $1 AND d.datname = current_database()",
            LOCK,
        )
        return ended
    finally:
        await owner.close()


async def test_when_the_relay_loses_its_session_another_takes_over_within_five_seconds(library, settings_of, owner_url):
    first, second = library.bus.workers[0].relay, Relay(settings_of(LENDING, library.lending))
    await eventually(lambda: _is(first.leads))
    running = asyncio.create_task(second.run())
    try:
        await library.lend("before")
        await library.bus.settled()
        assert not second.leads
        assert await _end_session_of_the_leader(owner_url(library.lending)) == 1
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


async def test_more_refused_events_than_a_batch_do_not_stop_the_relay(library, monkeypatch):
    monkeypatch.setattr(relay_module, "BATCH", 3)
    for _ in range(5):
        await library.lend("x" * 1_100_000)
    loan = await library.lend("small")

    async def arrived():
        return await library.effects(loan)

    assert await eventually(arrived) == ["small"]


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


@pytest.mark.timeout(180)
async def test_while_kafka_is_away_facts_are_kept_and_published_in_order_when_it_returns(
    service_database, settings_of, tmp_path, topic_prefix
):
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
        await asyncio.to_thread(node.start)
        await eventually(lambda: _none_unpublished(library), seconds=40)
        running.cancel()
        await asyncio.wait([running])
        sequences = [int(dict(record.headers)["ce_sequence"]) for record in await library.records()]
        # Duplicates are allowed, an overtaking is not: the first appearances are in order.
        assert list(dict.fromkeys(sequences)) == list(range(1, 12))
    finally:
        await asyncio.to_thread(node.stop)


async def _none_unpublished(library):
    return await library.unpublished() == 0


async def _is(value):
    return value
