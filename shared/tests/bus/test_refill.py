"""While Kafka is filled again the relays rest: what they had in hand neither overtakes nor counts as published."""

import asyncio

import pytest
from amtsbus import failpoints
from amtsbus import refill as refill_module
from amtsbus.refill import Department, RefillError, refill
from amtsbus.topics import Topic

from .conftest import TOPIC, eventually
from .lending import LENDING

LISTED = Topic(
    name=TOPIC,
    owner="lending",
    key="loan_id",
    partitions=3,
    retention="forever",
    cleanup="delete",
    purpose="Where a loan stands.",
    personal_data="pseudonymous",
    legal_basis="Library statute § 4",
    readers=(),
)


@pytest.fixture
def department(library, settings_of):
    return Department(settings_of(LENDING, library.lending), (LISTED,))


async def fill(department):
    return [told async for told in refill([department], by="op-17", why="test")]


async def test_no_relay_publishes_until_it_is_over_and_then_it_goes_on(library, department):
    relay = library.bus.workers[0].relay
    async with refill_module._relay_at_rest(department) as connection:
        loan = await library.lend("meanwhile")
        holder = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()"
        assert await connection.fetchval(holder) == 1

        async def has_noticed():
            return not relay.leads

        await eventually(has_noticed)
        with pytest.raises(RefillError, match="another refill of lending is at work"):
            await fill(department)
        assert await library.unpublished() == 1
        assert await library.effects(loan) == []
    await library.bus.settled()
    assert await library.effects(loan) == ["meanwhile"]


async def test_what_the_lost_kafka_confirmed_does_not_count_as_published_in_the_new_one(
    library, department, monkeypatch
):
    """A relay hangs between the confirmation and the mark; the topic is lost and filled; then the relay comes to itself."""
    confirmed, comes_to_itself = asyncio.Event(), asyncio.Event()

    async def hang(point):
        if point == "relay.acknowledged" and not confirmed.is_set():
            confirmed.set()
            await comes_to_itself.wait()

    monkeypatch.setattr(failpoints, "reached", hang)
    monkeypatch.setattr(failpoints, "ON", True)
    monkeypatch.setattr(refill_module, "SETTLE_SECONDS", 0.0)
    loan = await library.lend("Faust")
    await asyncio.wait_for(confirmed.wait(), 20)
    [refilled] = await fill_words_aside(department)
    assert (refilled.events, refilled.waited) == (0, 1)
    comes_to_itself.set()
    await library.bus.settled()
    assert [record.key.decode() for record in await library.records()] == [str(loan)] * 2
    assert await library.effects(loan) == ["Faust"]


async def fill_words_aside(department):
    return [told for told in await fill(department) if isinstance(told, refill_module.Refilled)]


async def test_an_event_of_a_topic_that_is_not_listed_any_more_stays_where_it_is(library, department):
    await library.lend()
    await library.bus.settled()
    retired = Department(
        department.settings, (LISTED.model_copy(update={"name": "lending.reservation.events", "partitions": 1}),)
    )
    plan = await refill_module.plan(retired)
    assert (plan.by_topic, plan.left_out) == ({}, {TOPIC: 1})
    assert await refill_module.missing_topics([retired]) == ["lending.reservation.events"]
