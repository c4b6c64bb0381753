"""Parking: a broken event stops its own case and no other, and nothing overtakes it."""

import asyncio
import json

import pytest
from amtsbus import deadletters
from amtsbus.consumption import Consumption, FailureLimit, StoppedByLimitError
from amtsbus.errors import TransientError
from amtsbus.ids import new_id
from amtsbus.kafka import Record

from .conftest import envelope, eventually, lent_value
from .lending import BookLentV1


async def parked(library):
    async with library.reminders.transaction() as tx:
        return await deadletters.list_parked(tx)


async def mend(library):
    async with library.reminders.transaction() as tx:
        await tx.execute("INSERT INTO mended DEFAULT VALUES")


async def retry(library):
    async with library.reminders.transaction() as tx:
        keys = await deadletters.list_parked(tx)
        return await deadletters.request_retry(tx, keys, by="operator", why="the cause is mended")


async def test_a_broken_event_parks_its_case_and_every_other_goes_on(library):
    broken = await library.lend("unreadable")
    await library.give_back(broken)
    others = [await library.lend(f"book {n}") for n in range(10)]
    await library.bus.settled()
    assert await library.effects(broken) == []
    assert [await library.effects(loan) for loan in others] == [[f"book {n}"] for n in range(10)]
    [key] = await parked(library)
    assert (key.key, key.waiting, key.event_type) == (str(broken), 2, "lending.book-lent.v1")


async def test_the_reason_names_the_error_and_nothing_that_the_event_contains(library):
    await library.lend("unreadable diary of a named person")
    await library.bus.settled()
    [key] = await parked(library)
    async with library.reminders.transaction() as tx:
        letter = await deadletters.get(tx, key.dead_letter_id)
    assert letter is not None
    assert letter.reason == "LookupError in the handler"
    assert "named person" not in (letter.traceback or "")
    assert "on_book_lent" in (letter.traceback or "")


async def test_after_the_cause_is_mended_a_retry_handles_the_parked_events_in_order(library):
    broken = await library.lend("unreadable")
    await library.give_back(broken)
    await library.bus.settled()
    await mend(library)
    assert await retry(library) == 1
    await eventually(lambda: _nothing_parked(library))
    await library.lend("afterwards", broken)
    await library.bus.settled()
    assert await library.effects(broken) == ["unreadable", "returned", "afterwards"]


async def test_a_retry_that_fails_again_keeps_the_case_parked(library):
    broken = await library.lend("unreadable")
    await library.bus.settled()
    await retry(library)

    async def tried_twice():
        async with library.reminders.transaction() as tx:
            return await tx.fetchval("SELECT attempts FROM amtsbus.dead_letters") == 2

    await eventually(tried_twice)
    [key] = await parked(library)
    assert (key.key, key.retry_requested) == (str(broken), False)


async def test_an_event_that_arrives_during_a_retry_never_overtakes_the_parked_ones(library):
    broken = await library.lend("unreadable")
    for number in range(30):
        await library.lend(f"step {number}", broken)
    await library.bus.settled()
    await mend(library)
    await retry(library)
    for number in range(30, 60):
        await library.lend(f"step {number}", broken)
    await library.bus.settled()
    await eventually(lambda: _nothing_parked(library))
    assert await library.effects(broken) == ["unreadable", *(f"step {number}" for number in range(60))]


async def test_a_skipped_event_needs_a_reason_and_lets_the_others_follow(library):
    broken = await library.lend("unreadable")
    await library.give_back(broken)
    await library.bus.settled()
    [key] = await parked(library)
    async with library.reminders.transaction() as tx:
        assert await deadletters.skip(tx, key.dead_letter_id, by="operator", why="the loan was entered by hand")
    await eventually(lambda: _nothing_parked(library))
    assert await library.effects(broken) == ["returned"]
    async with library.reminders.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM amtsbus.gaps") == 0


async def test_skipping_an_event_that_waits_takes_nothing_from_those_before_it(library):
    broken = await library.lend("unreadable")
    await library.lend("second", broken)
    await library.give_back(broken)
    await library.bus.settled()
    async with library.reminders.transaction() as tx:
        [key] = await deadletters.list_parked(tx)
        [_, second, _] = await deadletters.waiting(tx, *key.place)
        assert await deadletters.skip(tx, second.dead_letter_id, by="operator", why="entered twice")
    await mend(library)
    await retry(library)
    await eventually(lambda: _nothing_parked(library))
    assert await library.effects(broken) == ["unreadable", "returned"]
    assert await missing(library) == []


async def test_a_skip_remembers_what_was_missing_before_the_skipped_event(library):
    loan = await library.lend("first")
    await library.bus.settled()
    async with library.lending.transaction() as tx:  # a second event that never comes
        await tx.append(loan, BookLentV1(loan_id=loan, title="second"))
        await tx.execute("DELETE FROM amtsbus.unpublished")
    await library.lend("unreadable", loan)
    await library.bus.settled()
    async with library.reminders.transaction() as tx:
        [key] = await deadletters.list_parked(tx)
        assert await deadletters.skip(tx, key.dead_letter_id, by="operator", why="entered by hand")
    await eventually(lambda: _nothing_parked(library))
    assert await missing(library) == [2]
    async with library.lending.transaction() as tx:
        await tx.execute(
            "INSERT INTO amtsbus.unpublished SELECT position, appended_at, topic, stream_id FROM amtsbus.events"
        )
    await eventually(lambda: _effects_are(library, loan, ["first", "second"]))
    assert await missing(library) == []


async def test_a_skipped_event_that_once_was_missing_is_missing_no_more(library):
    loan = await library.lend("first")
    await library.bus.settled()
    async with library.lending.transaction() as tx:
        await tx.append(loan, BookLentV1(loan_id=loan, title="unreadable"))
        await tx.execute("DELETE FROM amtsbus.unpublished")
    await library.lend("third", loan)
    await library.bus.settled()
    assert await missing(library) == [2]
    async with library.lending.transaction() as tx:
        await tx.execute(
            "INSERT INTO amtsbus.unpublished SELECT position, appended_at, topic, stream_id FROM amtsbus.events"
        )
    await library.bus.settled()
    async with library.reminders.transaction() as tx:
        [key] = await deadletters.list_parked(tx)
        assert await deadletters.skip(tx, key.dead_letter_id, by="operator", why="entered by hand")
    assert await missing(library) == []


async def missing(library) -> list[int]:
    async with library.reminders.transaction() as tx:
        return [row["sequence"] for row in await tx.fetch("SELECT sequence FROM amtsbus.gaps ORDER BY sequence")]


@pytest.mark.parametrize(
    ("changes", "value", "reason"),
    [
        ({"ce_id": None}, b"{}", "the header ce_id is missing"),
        ({"ce_sequence": "soon"}, b"{}", "a CloudEvents header does not parse"),
        ({"ce_specversion": "9"}, b"{}", "ce_specversion is not 1.0"),
        ({}, b"{ broken", "the event does not have the fields that this reader needs (event: json_invalid)"),
        ({}, b'{"loan_id": "1"}', "the event does not have the fields"),
        ({}, None, "the event has no value"),
    ],
)
async def test_a_record_that_is_not_a_proper_event_is_parked_with_its_reason(library, changes, value, reason):
    loan = new_id()
    headers = envelope(loan, "lending.book-lent.v1", 1, **changes)
    await library.publish_raw(value, str(loan).encode(), headers)
    good = await library.lend("Faust")
    await library.bus.settled()
    assert await library.effects(good) == ["Faust"]
    [key] = await parked(library)
    assert key.reason.startswith(reason)


async def test_a_record_without_key_is_parked(library):
    loan = new_id()
    await library.publish_raw(lent_value(loan, "Faust"), None, envelope(loan, "lending.book-lent.v1", 1))
    await library.bus.settled()
    [key] = await parked(library)
    assert key.reason == "the key is not the event's subject"


async def test_an_event_of_a_future_version_is_skipped(library):
    loan = new_id()
    await library.publish_raw(b'{"new": 1}', str(loan).encode(), envelope(loan, "lending.book-lent.v2", 1))
    await library.bus.settled()
    assert await parked(library) == []


async def test_the_raw_record_is_kept_with_all_its_headers(library):
    loan = new_id()
    headers = [*envelope(loan, "lending.book-lent.v1", 1), ("x-odd", b"\xff\x00"), ("x-odd", b"again")]
    await library.publish_raw(b"\xff not json", str(loan).encode(), headers)
    await library.bus.settled()
    [key] = await parked(library)
    async with library.reminders.transaction() as tx:
        letter = await deadletters.get(tx, key.dead_letter_id)
    assert letter is not None
    assert letter.record.value == b"\xff not json"
    assert list(letter.record.headers) == headers


async def test_a_transient_failure_is_retried_in_place_and_never_parked(library, settings_of):
    service = library.bus.workers[1].service
    reader = service.readers[0]
    outcomes = iter([TransientError(), TransientError(), TransientError(), None])
    original = reader.handlers["lending.book-lent.v1"].handler

    async def sometimes_away(event, tx):
        error = next(outcomes)
        if error:
            raise error
        await original(event, tx)

    consumption = Consumption(reader, settings_of(service, library.reminders), library.reminders, pauses=(0.01,))
    object.__setattr__(reader.handlers["lending.book-lent.v1"], "handler", sometimes_away)
    loan = new_id()
    value, headers = lent_value(loan, "Faust"), envelope(loan, "lending.book-lent.v1", 1)
    await consumption.handle([Record("t", 0, 0, 0, str(loan).encode(), value, headers)])
    assert await library.effects(loan) == ["Faust"]
    assert await parked(library) == []


def test_the_limit_is_reached_when_nearly_everything_fails():
    limit = FailureLimit(window=50, least=20, share=0.8)
    limit.note([True] * 19)
    with pytest.raises(StoppedByLimitError):
        limit.note([True])


def test_the_limit_is_not_reached_by_a_few_failures_among_many():
    limit = FailureLimit(window=50, least=20, share=0.8)
    for _ in range(200):
        limit.note([True, False, True])


async def test_a_reader_stops_when_nearly_everything_fails_and_the_worker_becomes_unready(library):
    for _ in range(60):
        await library.lend("unreadable")
    worker = library.bus.workers[1]

    async def stopped():
        return worker.readers.stopped

    assert await eventually(stopped) == ["reminders.loans"]
    async with library.reminders.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM amtsbus.dead_letters") < 60
    response = await worker._ready(None)
    assert response.status_code == 503
    assert json.loads(response.body)["stopped_readers"] == ["reminders.loans"]


async def _effects_are(library, loan, effects):
    return await library.effects(loan) == effects


async def _nothing_parked(library):
    return not await parked(library)


async def test_a_partition_that_waits_holds_up_no_other(library):
    reader = library.bus.workers[1].service.readers[0]
    original = reader.handlers["lending.book-lent.v1"].handler
    release = asyncio.Event()

    async def waits_for_the_slow_one(event, tx):
        if event.title == "slow":
            await release.wait()
        await original(event, tx)

    object.__setattr__(reader.handlers["lending.book-lent.v1"], "handler", waits_for_the_slow_one)
    slow = await library.lend("slow")
    for number in range(30):
        await library.lend(f"book {number}")

    async def some_arrived():
        return len(await library.effects()) >= 10

    await eventually(some_arrived)
    assert await library.effects(slow) == []
    release.set()
    await library.bus.settled()
    assert len(await library.effects()) == 31
