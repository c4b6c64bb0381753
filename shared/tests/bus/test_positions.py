"""Where a reader is in its topic: taken up, committed, measured, and handed over between members of its group."""

import asyncio
import random
from contextlib import AsyncExitStack
from functools import partial

import pytest
from aiokafka.errors import KafkaError
from amtsbus import consumption, telemetry
from amtsbus.consumption import Consumption
from amtsbus.ids import new_id
from amtsbus.kafka import Record
from amtsbus.worker import Worker
from prometheus_client import REGISTRY

from .conftest import envelope, eventually, lent_value
from .lending import reminders_service


def lag(consumer="reminders.loans"):
    """What the readers of this process have still before them."""
    samples = (sample for metric in REGISTRY.collect() for sample in metric.samples)
    return sum(
        sample.value
        for sample in samples
        if sample.name == "amtsbus_reader_lag_events" and sample.labels["consumer"] == consumer
    )


async def test_a_reader_that_comes_a_year_later_reads_its_topic_from_the_beginning(
    library, service_database, settings_of
):
    loans = [await library.lend(f"book {number}") for number in range(100)]
    await library.bus.settled()
    service = reminders_service()
    service.readers[0].group = "statistics.loans"
    database = await service_database(service)
    worker = Worker(service, settings_of(service, database), database)
    async with worker.running():

        async def all_arrived():
            return await database.pool.fetchval("SELECT count(DISTINCT loan_id) FROM effects") == len(loans)

        await eventually(all_arrived)
        assert await database.pool.fetchval("SELECT count(*) FROM effects") == len(loans)
    for direction in ("back", "ahead"):
        labels = {"consumer": "statistics.loans", "direction": direction}
        assert REGISTRY.get_sample_value("amtsbus_reader_resets_total", labels) == 0


async def test_a_commit_that_failed_is_made_up_for_without_a_new_event(library, monkeypatch):
    [reading] = library.bus.workers[1].readers.consumptions
    await eventually(lambda: _is_joined(reading))
    commit, failures = reading._consumer.commit, iter([KafkaError(), KafkaError()])

    async def fails_twice(offsets):
        for failure in failures:
            raise failure
        await commit(offsets)

    monkeypatch.setattr(reading._consumer, "commit", fails_twice)
    await library.lend("Faust")
    await library.bus.settled()  # by the offsets that Kafka has
    assert next(failures, None) is None


async def test_the_lag_counts_what_had_no_effect_yet_and_is_nothing_in_the_end(library, monkeypatch):
    monkeypatch.setattr(consumption, "LAG_SECONDS", 0.1)
    reader = library.bus.workers[1].service.readers[0]
    original, release = reader.handlers["lending.book-lent.v1"].handler, asyncio.Event()

    async def waits(event, tx):
        await release.wait()
        await original(event, tx)

    object.__setattr__(reader.handlers["lending.book-lent.v1"], "handler", waits)
    for number in range(10):
        await library.lend(f"book {number}")

    async def all_are_before_it():
        return lag() == 10

    async def none_is():
        return lag() == 0

    await eventually(all_are_before_it)
    release.set()
    await eventually(none_is)


async def test_a_partition_that_was_given_away_is_no_longer_told_of(library):
    [reading] = library.bus.workers[1].readers.consumptions
    await library.lend("Faust")
    await library.bus.settled()
    await reading._measure_lag()
    assert any("reminders.loans" in labels for labels in _labels_of_lag())
    await reading.revoke(list(reading._workers))
    assert not any("reminders.loans" in labels for labels in _labels_of_lag())


async def test_members_that_come_and_go_make_each_effect_once_and_in_order(library, settings_of):
    """The group's first member stays; two more join and leave at random while the library lends."""
    loans = [await library.lend("begin") for _ in range(12)]
    chance = random.Random(4)
    lending = asyncio.create_task(_lend_on(library, loans))
    service = reminders_service()
    for _ in range(3):
        async with AsyncExitStack() as stack:
            for _ in range(2):
                reading = Consumption(service.readers[0], settings_of(service, library.reminders), library.reminders)
                task = asyncio.create_task(reading.run())
                stack.push_async_callback(_ended, task)
                await eventually(partial(_is_joined, reading))
                await asyncio.sleep(chance.uniform(0, 0.5))
    await lending
    await library.bus.settled(seconds=60)
    for loan in loans:
        assert await library.effects(loan) == ["begin", *(f"step {number}" for number in range(30))]
    async with library.reminders.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM amtsbus.gaps") == 0


async def test_a_reader_without_partitions_still_hears_what_goes_wrong_in_its_group(library, settings_of, monkeypatch):
    """The client tells only whoever fetches; one that hears nothing would never join its group again."""
    service = reminders_service()
    async with AsyncExitStack() as stack:
        members = {}
        for _ in range(4):  # with the library's own they are five, for three partitions
            reading = Consumption(service.readers[0], settings_of(service, library.reminders), library.reminders)
            members[reading] = task = asyncio.create_task(reading.run())
            stack.push_async_callback(_ended, task)

        async def some_are_left_over():
            partitions = [reading.assigned for reading in (*library.bus.workers[1].readers.consumptions, *members)]
            # One that has not come to its group yet has no partition either.
            return sorted(partitions) == [0, 0, 1, 1, 1] and all(one._consumer for one in members)

        await eventually(some_are_left_over)
        idle = next(one for one in members if not one.assigned)

        async def tells(*_, **__):
            raise KafkaError("the topic was deleted while the group found together")

        monkeypatch.setattr(idle._consumer, "getmany", tells)
        async with asyncio.timeout(5):
            with pytest.raises(KafkaError, match="found together"):
                await asyncio.shield(members[idle])


@pytest.mark.parametrize(("pool_size", "at_once"), [(2, 1), (4, 3)])
async def test_batches_wait_for_their_turn_so_that_a_connection_stays_free(library, settings_of, pool_size, at_once):
    service = reminders_service()
    settings = settings_of(service, library.reminders, database_pool_size=pool_size)
    reading = Consumption(service.readers[0], settings, library.reminders)
    original = service.readers[0].handlers["lending.book-lent.v1"].handler
    at_work, most, full = 0, 0, asyncio.Event()

    async def counted(event, tx):
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        if at_work == at_once:
            full.set()
        await full.wait()
        await original(event, tx)
        at_work -= 1

    object.__setattr__(service.readers[0].handlers["lending.book-lent.v1"], "handler", counted)
    loans = [new_id() for _ in range(12)]
    await asyncio.gather(*(reading.handle([_first_of(loan)]) for loan in loans))
    assert [await library.effects(loan) for loan in loans] == [["Faust"]] * 12
    assert most == at_once


def _first_of(loan):
    key, headers = str(loan).encode(), envelope(loan, "lending.book-lent.v1", 1)
    return Record("t", 0, 0, 0, key, lent_value(loan, "Faust"), headers)


def _labels_of_lag():
    return list(telemetry.READ_LAG._metrics)


async def _is_joined(reading):
    return reading.joined and reading._workers


async def _lend_on(library, loans):
    for number in range(30):
        await asyncio.gather(*(library.lend(f"step {number}", loan) for loan in loans))
        await asyncio.sleep(0.05)


async def _ended(task):
    task.cancel()
    await asyncio.wait([task])
