"""Noting what is missing while the reader goes on reading."""

import asyncio
import time

from amtsbus.ids import new_id
from amtsbus.offsets import Offsets
from amtsbus.reconcile import Finding, JournalHeads, Kind, Reconciliation
from amtsbus.settings import Settings

from .conftest import TOPIC, eventually


def comparison(library, settings: Settings) -> Reconciliation:
    reader = library.bus.workers[1].service.readers[0]
    return Reconciliation(reader, library.reminders, Offsets(settings), deadline=time.monotonic())


async def newest(library, loan) -> Finding:
    async with library.lending.transaction() as tx:
        row = await tx.fetchrow(
            "SELECT sequence, event_id, occurred_at FROM amtsbus.events WHERE stream_id = $1 ORDER BY sequence DESC LIMIT 1",
            loan,
        )
    place = row["sequence"]
    return Finding(Kind.MISSING, TOPIC, loan, place, place, None, row["event_id"], row["occurred_at"])


async def gaps(library) -> list[int]:
    async with library.reminders.transaction() as tx:
        return [row["sequence"] for row in await tx.fetch("SELECT sequence FROM amtsbus.gaps ORDER BY sequence")]


async def test_an_event_that_is_handled_at_the_moment_of_noting_is_handled_once_and_leaves_no_gap(library, settings_of):
    reader = library.bus.workers[1].service.readers[0]
    subscription = reader.handlers["lending.book-lent.v1"]
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(event, tx):
        if event.title == "second":
            arrived.set()
            await go_on.wait()
        await subscription.handler(event, tx)

    loan = await library.lend("first")
    await library.bus.settled()
    reader.handlers["lending.book-lent.v1"] = type(subscription)(subscription.model, slow)
    await library.lend("second", loan)
    await arrived.wait()
    compared = comparison(library, settings_of(library.bus.workers[1].service, library.reminders))
    noted = await compared.note([await newest(library, loan)], by="op-17", why="topic was lost")
    assert (noted, await gaps(library)) == (1, [2])
    go_on.set()
    await library.bus.settled()
    assert await library.effects(loan) == ["first", "second"]
    assert await gaps(library) == []


async def test_a_case_that_begins_at_the_moment_of_noting_leaves_no_gap(library, settings_of):
    loan = new_id()
    compared = comparison(library, settings_of(library.bus.workers[1].service, library.reminders))
    await library.lend("first", loan)
    finding = await newest(library, loan)
    await compared.note([finding], by="op-17", why="topic was lost")
    await library.lend("second", loan)
    await eventually(lambda: _effects(library, loan, {"first", "second"}))
    await library.bus.settled()
    assert await gaps(library) == []


async def _effects(library, loan, expected) -> bool:
    found: set[str] = set(await library.effects(loan))
    return bool(found == expected)


async def test_a_case_of_which_the_reader_has_begun_to_handle_the_first_event_is_left_alone(library, settings_of):
    """Its mark is written and not committed: there is nothing to lock yet."""
    loan = await library.lend("first")
    await library.bus.settled()
    compared = comparison(library, settings_of(library.bus.workers[1].service, library.reminders))
    finding = await newest(library, loan)
    async with library.reminders.transaction() as tx:
        await tx.execute("DELETE FROM amtsbus.high_water_marks")
    async with library.reminders.transaction() as tx:
        await tx.execute(
            "INSERT INTO amtsbus.high_water_marks VALUES ('reminders.loans', $1, $2, 1, $3, now())",
            TOPIC,
            loan,
            finding.event_id,
        )
        noting = asyncio.create_task(compared.note([finding], by="op-17", why="topic was lost"))
        await eventually(lambda: _somebody_waits(library))
    assert await noting == 0
    assert await gaps(library) == []


async def _somebody_waits(library) -> bool:
    async with library.reminders.transaction() as tx:
        waiting: int = await tx.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
    return waiting > 0


async def test_a_compacted_topic_lacks_the_newest_event_alone(library, settings_of):
    loan = await library.lend("first")
    await library.lend("second", loan)
    await library.lend("third", loan)
    await library.bus.settled()
    service = library.bus.workers[1].service
    reader = service.readers[0]
    async with library.reminders.transaction() as tx:
        await tx.execute("UPDATE amtsbus.high_water_marks SET sequence = 1")
        await tx.execute("DELETE FROM amtsbus.inbox")
    compacted = type(reader)(reader.topic, reader.group, compacted=True)
    async with Offsets(settings_of(service, library.reminders)) as offsets:
        compared = Reconciliation(compacted, library.reminders, offsets, deadline=time.monotonic() + 20)
        found = [finding async for finding in compared.heads(JournalHeads(library.lending))]
        assert [(f.kind, f.first, f.last) for f in found] == [(Kind.MISSING, 3, 3)]
        await compared.note(found, by="op-17", why="topic was lost")
        assert [f async for f in compared.heads(JournalHeads(library.lending))] == []
        assert [(f.kind, f.first) async for f in compared.events(library.lending)] == []
    assert await gaps(library) == [3]


async def test_a_mark_that_only_a_newer_head_explains_is_no_finding(library, settings_of):
    """The heads were read, then the stream went on, then the marks were read."""
    loan = await library.lend("first")
    await library.lend("second", loan)
    await library.bus.settled()
    service = library.bus.workers[1].service

    class Stale(JournalHeads):
        async def of(self, topic):
            async for head in super().of(topic):
                yield type(head)(head.stream_id, 1, 1, head.event_id, head.occurred_at)

    async with Offsets(settings_of(service, library.reminders)) as offsets:
        compared = Reconciliation(service.readers[0], library.reminders, offsets, deadline=time.monotonic())
        assert [finding async for finding in compared.heads(Stale(library.lending))] == []
        assert compared.tally.streams == 1
