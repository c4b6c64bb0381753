"""The witness's evidence: what is a broken promise, and what a fault has made impossible."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from tests.proof.city import Excuse
from tests.proof.witness.check import Event, Evidence, Parked, Seen, judge

TOPIC = "permits.application.events"
REUSED = (
    "sequence 2 of this stream was another event before; was the publisher's database restored to an earlier state?"
)
RESTORED = [Excuse("restored", service="permits", since=datetime.now(UTC), until=datetime.now(UTC))]
EMPTIED = [Excuse("topic-lost", topic=TOPIC, at=datetime.now(UTC))]
CASE = UUID(int=1)


def journal(count: int = 3, topic: str = TOPIC) -> list[Event]:
    return [Event(topic, CASE, sequence, uuid4(), "ab" * 16) for sequence in range(1, count + 1)]


def seen(*events: Event) -> list[Seen]:
    return [Seen(event.topic, event.stream_id, event.sequence, event.event_id) for event in events]


def broken(told: Evidence, excuses: list[Excuse] | None = None) -> list[str]:
    return [finding.promise for finding in judge(told, excuses or [])]


def test_what_was_seen_once_and_in_order_is_as_promised() -> None:
    events = journal()
    assert judge(Evidence(events, seen(*events), []), []) == []


def test_an_event_that_was_not_seen_is_lost_and_named_with_its_trace() -> None:
    first, second, third = journal()
    [finding] = judge(Evidence([first, second, third], seen(first, third), []), [])
    assert finding.promise == "lost"
    assert "event 2 of" in finding.what
    assert (finding.case_id, finding.trace_id) == (str(CASE), "ab" * 16)


def test_an_event_that_was_seen_twice_is_doubled() -> None:
    first, second, third = journal()
    assert broken(Evidence([first, second, third], seen(first, second, second, third), [])) == ["doubled"]


def test_events_that_were_seen_in_another_order_are_out_of_order() -> None:
    first, second, third = journal()
    assert broken(Evidence([first, second, third], seen(first, third, second), [])) == ["out_of_order"]


def test_a_topic_that_was_emptied_may_come_in_another_order_but_complete() -> None:
    first, second, third = journal()
    assert broken(Evidence([first, second, third], seen(first, third, second), []), EMPTIED) == []
    assert broken(Evidence([first, second, third], seen(first, third), []), EMPTIED) == ["lost"]


def test_a_parked_event_needs_an_explanation() -> None:
    first, second, third = journal()
    parked = [Parked(TOPIC, second.event_id, REUSED, True), Parked(TOPIC, third.event_id, "waits behind", False)]
    told = Evidence([first, second, third], seen(first), parked)
    assert broken(told) == ["dead_letter", "dead_letter"]
    assert broken(told, RESTORED) == []


def test_a_restored_owner_explains_no_other_reason() -> None:
    [only] = journal(1)
    told = Evidence([only], [], [Parked(TOPIC, only.event_id, "KeyError in the handler", True)])
    assert broken(told, RESTORED) == ["dead_letter"]


def test_what_no_journal_has_can_only_come_from_an_owner_that_was_set_back() -> None:
    [first, forgotten] = journal(2)
    told = Evidence([first], seen(first, forgotten), [])
    assert broken(told) == ["doubled"]
    assert broken(told, RESTORED) == []


@pytest.mark.parametrize("missing", [0, 1])
def test_of_a_compacted_topic_only_the_latest_event_of_a_key_has_to_come(missing: int) -> None:
    events = journal(2)
    told = Evidence(events, seen(events[1 - missing]), [], compacted={TOPIC})
    assert broken(told) == (["lost"] if missing == 1 else [])
