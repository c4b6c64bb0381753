"""From the journal through Kafka to an effect in another service."""

import asyncio

import pytest
from amtsbus.consumption import Consumption
from amtsbus.ids import new_id
from amtsbus.kafka import Record
from amtsbus.telemetry import current_traceparent, trace

from .conftest import envelope, eventually, lent_value
from .lending import BookLent, BookLentV1, ShelfMovedV1


async def test_an_event_has_its_effect_in_the_other_service(library):
    loan = await library.lend("Faust")
    await library.give_back(loan)
    await library.bus.settled()
    assert await library.effects(loan) == ["Faust", "returned"]


async def test_events_travel_as_cloudevents_in_binary_mode(library):
    with trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"):
        loan = await library.lend("Faust")
    await library.bus.settled()
    [record] = await library.records()
    headers = dict(record.headers)
    assert record.key == str(loan).encode()
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_type"] == b"de.amtsbus.lending.book-lent.v1"
    assert headers["ce_source"] == b"/lending"
    assert headers["ce_subject"] == str(loan).encode()
    assert headers["ce_sequence"] == b"1"
    assert headers["ce_time"].endswith(b"Z")
    assert headers["content-type"] == b"application/json"
    assert headers["traceparent"].split(b"-")[1] == b"4bf92f3577b34da6a3ce929d0e0e4736"
    assert record.value == b'{"loan_id":"' + str(loan).encode() + b'","title":"Faust"}'


async def test_the_order_of_each_key_is_kept_under_load(library):
    loans = [await library.lend("begin") for _ in range(20)]
    for number in range(20):
        await asyncio.gather(*(library.lend(f"step {number}", loan) for loan in loans))
    await library.bus.settled()
    expected = ["begin", *(f"step {number}" for number in range(20))]
    for loan in loans:
        assert await library.effects(loan) == expected


async def test_an_unknown_event_type_is_skipped_and_leaves_no_gap(library):
    loan = await library.lend("Faust")
    async with library.lending.transaction() as tx:
        await tx.append(loan, ShelfMovedV1(loan_id=loan))
    await library.give_back(loan)
    await library.bus.settled()
    assert await library.effects(loan) == ["Faust", "returned"]
    async with library.reminders.transaction() as tx:
        assert await tx.fetchval("SELECT count(*) FROM amtsbus.gaps") == 0


async def test_a_transaction_that_commits_late_is_never_skipped(library):
    early, late = asyncio.Event(), asyncio.Event()

    async def slow_use_case():
        loan = new_id()
        async with library.lending.transaction() as tx:
            await tx.append(loan, BookLentV1(loan_id=loan, title="late"))
            early.set()
            await late.wait()
        return loan

    slow = asyncio.create_task(slow_use_case())
    await early.wait()
    quick = await library.lend("quick")

    async def quick_arrived():
        return await library.effects(quick)

    await eventually(quick_arrived)
    late.set()
    loan = await slow
    await library.bus.settled()
    assert await library.effects(loan) == ["late"]


async def test_each_event_of_a_batch_is_handled_in_its_own_trace(library, settings_of):
    service = library.bus.workers[1].service
    seen = []

    async def handler(event, tx):
        seen.append((event.meta.subject, current_traceparent(), current_traceparent()))

    object.__setattr__(service.readers[0].handlers["lending.book-lent.v1"], "handler", handler)
    reading = Consumption(service.readers[0], settings_of(service, library.reminders), library.reminders)
    loans = [new_id() for _ in range(3)]
    parents = [f"00-{number:032x}-00f067aa0ba902b7-01" for number in (1, 2, 3)]
    await reading.handle([
        Record("t", 0, 0, 0, str(loan).encode(), lent_value(loan, "Faust"),
               envelope(loan, "lending.book-lent.v1", 1, traceparent=parent))
        for loan, parent in zip(loans, parents, strict=True)
    ])  # fmt: skip
    assert [loan for loan, *_ in seen] == loans
    assert [(trace or "").split("-")[1] for _, trace, _ in seen] == [parent.split("-")[1] for parent in parents]
    assert all(first == again and first not in parents for _, first, again in seen)
    assert current_traceparent() is None


def test_an_event_that_was_made_by_hand_has_no_envelope():
    with pytest.raises(ValueError, match="has no envelope"):
        _ = BookLent(loan_id=new_id(), title="Faust").meta
