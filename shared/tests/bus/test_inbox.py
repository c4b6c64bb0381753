"""The inbox: one effect per event and reader, whatever arrives twice, late or never."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from amtsbus import inbox
from amtsbus.consumption import Consumption
from amtsbus.events import EventMeta
from amtsbus.ids import new_id
from amtsbus.inbox import Mark, Verdict, judge
from amtsbus.kafka import Record
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from .conftest import envelope, eventually, lent_value

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def meta(sequence, *, event_id=None, at=NOON):
    return EventMeta(
        id=event_id or new_id(), source="/x", type="x.y.v1", subject=new_id(), time=at, sequence=sequence, topic="t"
    )


def record(loan, sequence, *, title=None):
    headers = envelope(loan, "lending.book-lent.v1", sequence)
    return Record("t", 0, 0, 0, str(loan).encode(), lent_value(loan, title or f"book {sequence}"), headers)


@pytest.fixture
def reading(library, settings_of):
    """The reminder service's reader, fed by hand."""
    service = library.bus.workers[1].service
    return Consumption(service.readers[0], settings_of(service, library.reminders), library.reminders)


def test_the_next_event_of_a_stream_is_new():
    judgement = judge(meta(4), recorded_before=False, mark=Mark(3, new_id(), NOON))
    assert (judgement.verdict, list(judgement.missing)) == (Verdict.NEW, [])


def test_a_jump_in_the_sequence_is_seen():
    judgement = judge(meta(7), recorded_before=False, mark=Mark(3, new_id(), NOON))
    assert (judgement.verdict, list(judgement.missing)) == (Verdict.NEW, [4, 5, 6])


def test_an_old_event_is_a_repeat_even_when_the_inbox_has_forgotten_it():
    judgement = judge(meta(2, at=NOON - timedelta(1)), recorded_before=False, mark=Mark(3, new_id(), NOON))
    assert judgement.verdict is Verdict.REPEATED


def test_an_event_that_was_missing_is_new_when_it_comes_after_all():
    judgement = judge(meta(2), recorded_before=False, mark=Mark(3, new_id(), NOON), gaps=frozenset({2}))
    assert (judgement.verdict, judgement.healed, judgement.mark) == (Verdict.NEW, True, None)


@pytest.mark.parametrize("sequence", [2, 3])
def test_a_sequence_that_another_event_had_is_reported(sequence):
    later = NOON + timedelta(minutes=10)
    judgement = judge(meta(sequence, at=later), recorded_before=False, mark=Mark(3, new_id(), NOON))
    assert judgement.verdict is Verdict.REUSED


@given(st.lists(st.integers(1, 6), max_size=40))
def test_in_any_order_and_with_any_repeats_each_event_of_a_stream_is_new_exactly_once(arrivals):
    ids = {sequence: new_id() for sequence in range(1, 7)}
    recorded, mark, effects = set(), None, []
    gaps: set[int] = set()
    for sequence in arrivals:
        event = meta(sequence, event_id=ids[sequence], at=NOON + timedelta(seconds=sequence))
        judgement = judge(event, recorded_before=event.id in recorded, mark=mark, gaps=frozenset(gaps))
        recorded.add(event.id)
        if judgement.verdict is Verdict.NEW:
            effects.append(sequence)
            mark = judgement.mark or mark
            gaps |= set(judgement.missing)
            gaps.discard(sequence)
    assert sorted(effects) == sorted(set(arrivals))


@given(st.lists(st.integers(1, 6), max_size=40))
def test_after_the_inbox_was_cleaned_up_no_repeat_has_an_effect(arrivals):
    mark = Mark(6, new_id(), NOON)
    for sequence in arrivals:
        event = meta(sequence, at=NOON - timedelta(seconds=7 - sequence))
        if event.id != mark.event_id and sequence == 6:
            continue
        assert judge(event, recorded_before=False, mark=mark).verdict is Verdict.REPEATED


async def test_two_readers_that_handle_the_same_record_at_once_make_one_effect(library, settings_of):
    service = library.bus.workers[1].service
    consumptions = [
        Consumption(service.readers[0], settings_of(service, library.reminders), library.reminders) for _ in range(2)
    ]
    loan = new_id()
    records = [
        Record("t", 0, 0, 0, str(loan).encode(), lent_value(loan, "Faust"), envelope(loan, "lending.book-lent.v1", 1))
    ]
    await asyncio.gather(*(consumption.handle(records) for consumption in consumptions))
    assert await library.effects(loan) == ["Faust"]


async def test_a_replay_after_the_inbox_was_cleaned_up_has_no_effect(library):
    loan = await library.lend("Faust")
    await library.give_back(loan)
    await library.bus.settled()
    async with library.reminders.transaction() as tx:
        assert await inbox.sweep(tx, datetime.now(UTC) + timedelta(days=1)) == 2
    async with library.lending.transaction() as tx:
        await tx.execute(
            "INSERT INTO amtsbus.unpublished SELECT position, appended_at, topic, stream_id FROM amtsbus.events"
        )
    await library.bus.settled()
    assert await library.effects(loan) == ["Faust", "returned"]


async def test_a_missing_event_is_noted_and_heals_when_it_is_replayed(library):
    loan = new_id()
    key = str(loan).encode()
    first, second = (envelope(loan, "lending.book-lent.v1", n) for n in (1, 2))
    await library.publish_raw(lent_value(loan, "two"), key, second)

    async def gaps():
        async with library.reminders.transaction() as tx:
            return [row["sequence"] for row in await tx.fetch("SELECT sequence FROM amtsbus.gaps")]

    assert await eventually(gaps) == [1]
    await library.publish_raw(lent_value(loan, "one"), key, first)
    await library.publish_raw(lent_value(loan, "one"), key, first)
    await library.bus.settled()
    assert await gaps() == []
    assert await library.effects(loan) == ["two", "one"]


async def test_an_event_that_comes_late_but_in_the_same_batch_is_not_missing(library, reading):
    loan = new_id()
    await reading.handle([record(loan, sequence) for sequence in (1, 4, 2, 3, 3)])
    assert await library.effects(loan) == ["book 1", "book 4", "book 2", "book 3"]
    async with library.reminders.transaction() as tx:
        assert await tx.fetch("SELECT sequence FROM amtsbus.gaps") == []


async def test_a_gap_is_told_once_even_when_its_batch_falls_apart(library, reading):
    def told():
        return REGISTRY.get_sample_value("amtsbus_reader_gaps_total", {"consumer": "reminders.loans"}) or 0

    before, loan, broken = told(), new_id(), new_id()
    await reading.handle([record(loan, 3), record(broken, 1, title="unreadable")])
    assert await library.effects(loan) == ["book 3"]
    assert told() - before == 2


async def test_the_inbox_is_cleaned_up_in_portions(library):
    for _ in range(5):
        await library.lend()
    await library.bus.settled()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    async with library.reminders.transaction() as tx:
        assert await inbox.sweep(tx, tomorrow, at_most=2) == 2
        assert await inbox.sweep(tx, tomorrow, at_most=2) == 2
        assert await inbox.sweep(tx, tomorrow, at_most=2) == 1


async def test_a_publisher_that_was_set_back_in_time_is_reported_and_its_stream_stops(library):
    loan = await library.lend("Faust")
    await library.bus.settled()
    other_event = envelope(loan, "lending.book-lent.v1", 1, ce_time="2027-01-01T00:00:00Z")
    await library.publish_raw(lent_value(loan, "another past"), str(loan).encode(), other_event)
    await library.give_back(loan)
    await library.bus.settled()
    assert await library.effects(loan) == ["Faust"]
    async with library.reminders.transaction() as tx:
        reasons = [row["reason"] for row in await tx.fetch("SELECT reason FROM amtsbus.dead_letters ORDER BY 1")]
    assert len(reasons) == 2
    assert "was another event before" in reasons[0]
