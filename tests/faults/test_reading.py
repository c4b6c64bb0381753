"""Facts enter: whatever happens to a reader, its database, its group and the desk. Scenarios 7 to 12 of the fault list.

The half of scenario 10 that is about e-mails (killed after SMTP accepted, before it is recorded) is proven in
services/notifications/tests/integration/test_sender.py.
"""

from datetime import UTC, datetime, timedelta

import pytest
from amtsbus import deadletters, inbox
from amtsbus.testing.proxy import Proxy

from .conftest import OfficeFactory
from .lost_property import LOST_PROPERTY, WRITING
from .office import Office, eventually

pytestmark = pytest.mark.timeout(240)  # the first one of a run also waits for Kafka to start


@pytest.fixture
async def one_partition(open_office: OfficeFactory) -> Office:
    """The office, with all items on one partition."""
    return await open_office(partitions=1)


async def test_while_its_database_is_away_a_reader_gets_no_offset_ahead_of_its_effects(
    one_partition: Office, database_line: Proxy
):
    """Scenario 7 (Wolverine #1708, #3767): away in the middle of a batch, with records prefetched; it resumes alone."""
    office = one_partition
    worker = await office.worker("notices")
    async with office.at_work(LOST_PROPERTY):
        office.arm("notices", "reader.handled", "wait 0.5")
        for number in range(10):
            await office.find(f"umbrella {number}")
        await eventually(lambda: office.hit("notices", "reader.handled"))
        for number in range(10, 200):
            await office.find(f"umbrella {number}")
        database_line.cut()
        await eventually(lambda: len(worker.logged("event_waits")) >= 3)
        assert await office.lag() > 0
        assert sum((await office.committed()).values()) <= len(await office.written())
        assert await worker.metric("amtsbus_reader_retries_total") >= 3
        database_line.heal()
        await office.settled()
    assert await office.written() == [f"umbrella {number}" for number in range(200)]
    assert await office.parked() == 0
    assert worker.is_alive


async def test_a_handler_that_outlives_the_grace_of_a_stop_is_rolled_back_and_its_event_comes_again(
    one_partition: Office,
):
    """Scenario 8 (FastStream #2999): SIGTERM during a handler that takes longer than the worker may still have."""
    office = one_partition
    async with office.at_work(LOST_PROPERTY):
        worker = await office.worker("notices", constants={"amtsbus.consumption.GRACE_SECONDS": 0.5})
        await office.find("glove")
        await office.settled()
        heavy = await office.find("heavy 3 piano")
        await eventually(lambda: in_a_transaction(office))
        worker.terminate()
        await worker.ended(seconds=10)
        assert await office.written() == ["glove"]
        assert await office.lag() == 1

        await office.worker("notices")
        await office.settled()
        assert await office.written(heavy) == ["heavy 3 piano"]


async def test_a_handler_at_work_ends_within_the_grace_of_a_stop_and_is_not_repeated(one_partition: Office):
    """Scenario 8, the other half: SIGTERM leaves a short handler the time that it needs."""
    office = one_partition
    async with office.at_work(LOST_PROPERTY):
        worker = await office.worker("notices")
        heavy = await office.find("heavy 1 trunk")
        await eventually(lambda: in_a_transaction(office))
        worker.terminate()
        await worker.ended(seconds=10)
    assert await office.written(heavy) == ["heavy 1 trunk"]
    assert await office.lag() == 0


async def test_a_member_that_joins_while_a_handler_works_finds_it_done(open_office: OfficeFactory):
    """Scenario 9 (aiokafka #929): the partition moves only when the handler's transaction has ended; one effect."""
    office = await open_office(partitions=2)
    async with office.at_work(LOST_PROPERTY):
        first = await office.worker("notices")
        heavy = await office.find("heavy 3 wardrobe")
        await eventually(lambda: in_a_transaction(office))
        second = await office.worker("notices")
        await eventually(lambda: group_is(office, "PreparingRebalance"))
        assert await in_a_transaction(office), "the group waits while the handler works"
        others = [await office.find(f"umbrella {number}") for number in range(20)]
        await eventually(lambda: group_is(office, "Stable", members=2))
        others += [await office.find(f"hat {number}") for number in range(20)]
        await office.settled()
    assert await office.written(heavy) == ["heavy 3 wardrobe"]
    assert {len(await office.written(item)) for item in others} == {1}
    handled = [await worker.metric("amtsbus_reader_events_total", outcome="handled") for worker in (first, second)]
    assert all(handled), handled
    assert sum(handled) == 41


async def group_is(office: Office, state: str, *, members: int | None = None) -> bool:
    [answer] = await office.admin.describe_consumer_groups([office.prefix + WRITING])
    [(_, _, current, _, _, present, *_)] = answer.groups
    return bool(current == state and members in (None, len(present)))


async def test_a_member_that_was_thought_dead_with_an_open_transaction_makes_no_second_effect(
    one_partition: Office, kafka_lines: list[Proxy]
):
    """Scenario 9 (NServiceBus #4086): its group gives the partition away meanwhile; that its commit fails is not fatal."""
    office = one_partition
    async with office.at_work(LOST_PROPERTY):
        cut_off = await office.worker("notices")
        await office.find("glove")
        await office.settled()
        heavy = await office.find("heavy 6 cupboard")
        await eventually(lambda: in_a_transaction(office))
        kafka_lines[0].freeze()
        heir = await office.worker("notices", KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{kafka_lines[1].port}")
        await eventually(lambda: waits_for_a_lock(office))  # the heir has the same event, and waits for its outcome
        await office.settled()
        assert await office.written(heavy) == ["heavy 6 cupboard"]
        assert await heir.metric("amtsbus_reader_events_total", outcome="repeated") >= 1

        kafka_lines[0].heal()
        heir.terminate()
        await heir.ended()
        item = await office.find("umbrella")
        await office.settled()
    assert await office.written(item) == ["umbrella"], "the one that was cut off works on"
    assert cut_off.is_alive
    await office.nothing_twice()


async def test_a_worker_killed_between_its_database_and_its_offset_makes_no_second_effect(one_partition: Office):
    """Scenario 10 (OpenCRVS #10361): the event comes again and is known."""
    office = one_partition
    async with office.at_work(LOST_PROPERTY):
        worker = await office.worker("notices")
        office.arm("notices", "reader.committed", "kill")
        item = await office.find()
        await worker.ended()
        assert await office.written(item) == ["umbrella"]
        assert await office.lag() == 1
        successor = await office.worker("notices")
        await office.settled()
    assert await office.written(item) == ["umbrella"]
    assert await successor.metric("amtsbus_reader_events_total", outcome="repeated") >= 1


async def test_a_worker_killed_before_its_database_has_the_effect_makes_it_when_it_is_back(one_partition: Office):
    """Scenario 10, one step earlier: handled, but not committed."""
    office = one_partition
    async with office.at_work(LOST_PROPERTY):
        worker = await office.worker("notices")
        office.arm("notices", "reader.handled", "kill")
        item = await office.find()
        await worker.ended()
        assert await office.written(item) == []
        await office.worker("notices")
        await office.settled()
    assert await office.written(item) == ["umbrella"]


async def test_a_poisoned_key_is_parked_once_and_never_overtaken_whoever_dies_meanwhile(one_partition: Office):
    """Scenario 11 (Wolverine #3476): killed between parking and offset, and in the middle of the desk's retry."""
    office = one_partition
    async with office.at_work(LOST_PROPERTY):
        worker = await office.worker("notices")
        office.arm("notices", "reader.parked", "kill")
        poisoned = await office.find("unreadable letter")
        await office.move(poisoned, 1, 2)
        other = await office.find("umbrella")
        await worker.ended()

        worker = await office.worker("notices")
        await office.settled()
        assert await office.written(other) == ["umbrella"]
        assert await office.written(poisoned) == []
        letters = await office.notices.pool.fetch(
            "SELECT failed FROM amtsbus.dead_letters ORDER BY dead_letter_id",
        )
        assert [letter["failed"] for letter in letters] == [True, False, False]
        assert await worker.metric("amtsbus_parked_keys") == 1

        await office.notices.pool.execute("INSERT INTO mended DEFAULT VALUES")
        office.arm("notices", "retry.handled", "kill")
        await ask_for_retry(office)
        await office.move(poisoned, 3)
        await worker.ended()
        await office.move(poisoned, 4)
        await office.worker("notices")
        await eventually(lambda: nothing_parked(office))
        await office.move(poisoned, 5)
        await office.settled()
    assert await office.written(poisoned) == ["unreadable letter", *(f"moved {nth}" for nth in range(1, 6))]


async def test_after_the_inbox_was_cleaned_up_nothing_old_has_an_effect(one_partition: Office):
    """Scenario 12 (NServiceBus docs #3947): clean-up, then the retry of an old dead letter, a replay and a rebalance."""
    office = one_partition
    async with office.at_work(LOST_PROPERTY):
        worker = await office.worker("notices")
        item = await office.find()
        await office.move(item, 1, 2)
        poisoned = await office.find("unreadable letter")
        await eventually(lambda: parked_letters(office, 1))
        await office.publish_again()
        await eventually(lambda: parked_letters(office, 2))  # the same event twice, behind itself
        await office.notices.pool.execute("INSERT INTO mended DEFAULT VALUES")
        office.arm("notices", "retry.handled", "kill")
        await ask_for_retry(office)
        await worker.ended()  # with the first copy handled and the second one still parked

        async with office.notices.transaction() as tx:
            assert await inbox.sweep(tx, datetime.now(UTC) + timedelta(hours=1)) == 4
        worker = await office.worker("notices")
        await eventually(lambda: nothing_parked(office))
        await office.publish_again()
        await office.worker("notices")
        await office.settled()
        await office.publish_again()
        await office.settled()
    assert await office.written(item) == ["umbrella", "moved 1", "moved 2"]
    assert await office.written(poisoned) == ["unreadable letter"]
    assert await office.notices.pool.fetchval("SELECT count(*) FROM amtsbus.dead_letters WHERE state = 'parked'") == 0


async def ask_for_retry(office: Office) -> None:
    """As the desk does with `amtsbus deadletters retry notices --all`, which would wait for the outcome."""
    async with office.notices.transaction() as tx:
        keys = await deadletters.list_parked(tx)
        assert await deadletters.request_retry(tx, keys, by="desk", why="the letter was deciphered") == 1


async def in_a_transaction(office: Office) -> bool:
    """Whether a handler of the writer is at work: a transaction with an inbox row that waits for it."""
    return bool(
        await office.notices.pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND state = 'idle in transaction' AND xact_start < clock_timestamp() - interval '0.1 s'"
        )
    )


async def waits_for_a_lock(office: Office) -> bool:
    return bool(
        await office.notices.pool.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    )


async def nothing_parked(office: Office) -> bool:
    return await office.parked() == 0


async def parked_letters(office: Office, count: int) -> bool:
    return bool(count == await office.notices.pool.fetchval("SELECT count(*) FROM amtsbus.dead_letters"))
