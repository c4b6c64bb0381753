"""Asking for a replay over the bus: who reads a topic gets its events again, and nobody else makes a publisher work."""

from dataclasses import replace
from uuid import UUID

import pytest
from amtsbus import gaps, replay_requests
from amtsbus.gaps import MissingEvents
from amtsbus.ids import new_id

from .conftest import TOPIC, Library, eventually
from .lending import LENDING, reminders_service

REQUESTED = replay_requests.asked_by("reminders")


@pytest.fixture
async def asking(service_database, town_bus, kafka, topic_prefix):
    """Makes the library with its workers; the library lends, and answers requests of reminders for the given topics."""

    async def make(*topics: str) -> Library:
        lending = replace(LENDING, readers=replay_requests.answered_by("lending", reminders=topics))
        reminders = replace(reminders_service(), published=(REQUESTED,))
        databases = await service_database(lending), await service_database(reminders)
        bus = await town_bus((lending, databases[0]), (reminders, databases[1]))
        return Library(*databases, bus, kafka, topic_prefix)

    return make


async def settled(library: Library) -> None:
    assert library.bus is not None
    await library.bus.settled()


async def ask(library: Library, stream_id: UUID, *ranges: tuple[int, int], topic: str = TOPIC) -> None:
    async with library.reminders.transaction() as tx:
        missing = MissingEvents("reminders.loans", topic, stream_id, ranges, tx.clock.now())
        await gaps.ask(tx, REQUESTED, [missing], by="op-17", why="ticket 4711")
    await settled(library)


async def sequences(library: Library, loan: UUID) -> list[int]:
    """The sequences of a loan as they lie on the topic."""
    records = [record for record in await library.records() if record.key == str(loan).encode()]
    return [int(dict(record.headers)["ce_sequence"]) for record in records]


async def answers(library: Library) -> list[tuple[str, str]]:
    async with library.lending.transaction() as tx:
        rows = await tx.fetch("SELECT action, about FROM amtsbus.operator_actions ORDER BY operator_action_id")
    return [(row["action"], row["about"]) for row in rows]


async def four_events(library: Library) -> UUID:
    loan = await library.lend("first")
    for title in ("second", "third", "fourth"):
        await library.lend(title, loan)
    await settled(library)
    return loan


async def test_what_is_asked_for_is_published_again_in_order_and_the_newest_goes_last(asking):
    library = await asking(TOPIC)
    loan = await four_events(library)
    await ask(library, loan, (3, 3), (1, 1))
    assert await sequences(library, loan) == [1, 2, 3, 4, 1, 3, 4]
    assert await library.effects(loan) == ["first", "second", "third", "fourth"]
    assert await answers(library) == [("replay on request", f"2 events of {TOPIC}, stream {loan}")]


async def test_a_range_without_end_brings_what_there_is(asking):
    library = await asking(TOPIC)
    loan = await four_events(library)
    await ask(library, loan, (3, 2**31 - 1))
    assert await sequences(library, loan) == [1, 2, 3, 4, 3, 4]


async def test_what_the_journal_does_not_have_is_not_published_and_on_record(asking):
    library = await asking(TOPIC)
    loan = await library.lend("first")
    await ask(library, loan, (7, 9))
    assert await sequences(library, loan) == [1]
    assert await answers(library) == [("replay on request", f"0 events of {TOPIC}, stream {loan}")]


async def test_who_does_not_read_a_topic_gets_nothing_of_it(asking):
    library = await asking("lending.fee.events")
    loan = await library.lend("first")
    await ask(library, loan, (1, 1))
    assert await sequences(library, loan) == [1]
    assert await answers(library) == [
        ("replay on request refused: not a reader", f"{TOPIC}, stream {loan}"),
    ]
    async with library.lending.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM amtsbus.parked_keys") == 0


async def test_what_another_publisher_is_asked_for_is_none_of_our_business(asking):
    library = await asking(TOPIC)
    loan = await library.lend("first")
    await ask(library, loan, (1, 1), topic="parks.tree.events")
    assert await answers(library) == []


async def test_a_stream_with_many_holes_is_asked_for_in_several_events(asking):
    library = await asking(TOPIC)
    loan = new_id()
    await ask(library, loan, *((n, n) for n in range(1, 500, 2)))
    async with library.reminders.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM amtsbus.events") == 3
        assert await tx.fetchval("SELECT about FROM amtsbus.operator_actions") == (
            f"250 events of stream {loan} of {TOPIC}"
        )


async def test_a_request_that_was_lost_is_asked_again_and_leaves_no_gap(asking):
    library = await asking(TOPIC)
    loan = await library.lend("first")
    await ask(library, loan, (1, 1))
    async with library.reminders.transaction() as tx:
        missing = MissingEvents("reminders.loans", TOPIC, loan, ((1, 1),), tx.clock.now())
        await gaps.ask(tx, REQUESTED, [missing], by="op-17", why="lost")
        await tx.execute("DELETE FROM amtsbus.unpublished")
    await ask(library, loan, (1, 1))
    await eventually(lambda: _answered(library, 2))
    async with library.lending.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM amtsbus.gaps") == 0


async def _answered(library: Library, count: int) -> bool:
    return len(await answers(library)) == count


def test_a_publisher_cannot_answer_for_somebody_elses_topic():
    with pytest.raises(ValueError, match=r"lending does not publish on parks\.tree\.events"):
        replay_requests.answered_by("lending", reminders=["parks.tree.events"])
