"""What the witness has seen, against what the departments' journals say."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

import asyncpg

from tests.proof import topics_of_the_city
from tests.proof.checker import REUSED, Finding
from tests.proof.city import WITNESS, Excuse, ProofCity

LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a journal."""

    topic: str
    stream_id: UUID
    sequence: int
    event_id: UUID
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A row that the witness has written, in the order of writing."""

    topic: str
    stream_id: UUID
    sequence: int
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Parked:
    """A dead letter of the witness that is not resolved."""

    topic: str
    event_id: UUID | None
    reason: str
    failed: bool


@dataclass(frozen=True)
class Evidence:
    """Both sides."""

    journal: Sequence[Event]
    seen: Sequence[Seen]
    parked: Sequence[Parked]
    compacted: Collection[str] = ()


def judge(told: Evidence, excuses: Sequence[Excuse]) -> list[Finding]:
    """Each event was seen exactly once, each stream in its order; nothing else was seen.

    An owner whose database was set back has forgotten events that the witness has seen, and what took their places is parked.
    The streams of a topic that was emptied may come in another order.
    """
    restored = {excuse.service for excuse in excuses if excuse.kind == "restored"}
    emptied = {excuse.topic for excuse in excuses if excuse.kind == "topic-lost"}

    def set_back(topic: str) -> bool:
        return topic.partition(".")[0] in restored

    findings = []
    counts: dict[UUID, int] = defaultdict(int)
    streams: dict[tuple[str, UUID], list[int]] = defaultdict(list)
    for row in told.seen:
        counts[row.event_id] += 1
        streams[row.topic, row.stream_id].append(row.sequence)
    parked = {letter.event_id: letter for letter in told.parked}
    known = {event.event_id for event in told.journal}
    latest = {(event.topic, event.stream_id): event.event_id for event in told.journal}  # a journal is in order

    def broken(promise: str, event: Event, what: str) -> None:
        where = f"event {event.sequence} of {event.stream_id} on {event.topic}"
        findings.append(Finding(promise, f"the witness {what}: {where}", str(event.stream_id), event.trace_id))

    for event in told.journal:
        count = counts[event.event_id]
        if count > 1:
            broken("doubled", event, f"has seen it {count} times")
        elif count == 0 and event.event_id in parked:
            letter = parked[event.event_id]
            if not (set_back(event.topic) and (REUSED in letter.reason or not letter.failed)):
                broken("dead_letter", event, f"has parked it ({letter.reason})")
        elif count == 0 and not (
            event.topic in told.compacted and latest[event.topic, event.stream_id] != event.event_id
        ):
            broken("lost", event, "has not seen it")
    for row in told.seen:
        if row.event_id not in known and not set_back(row.topic):
            broken(
                "doubled", Event(row.topic, row.stream_id, row.sequence, row.event_id), "has seen what no journal has"
            )
    for (topic, stream_id), sequences in streams.items():
        firsts = list(dict.fromkeys(sequences))
        if firsts != sorted(firsts) and topic not in emptied and not set_back(topic):
            at = next(later for earlier, later in pairwise(firsts) if later < earlier)
            broken("out_of_order", Event(topic, stream_id, at, stream_id), f"has seen it after later ones, {firsts}")
    return findings


async def heard(city: ProofCity, *, seconds: float) -> list[str]:
    """Wait until the witness has every event of every journal, seen or parked, for at most `seconds`.

    Returns:
        What it does not have then.
    """
    deadline = time.monotonic() + seconds
    while True:
        told = await evidence(city)
        have = {row.event_id for row in told.seen} | {letter.event_id for letter in told.parked}
        missing = sum(event.event_id not in have and event.topic not in told.compacted for event in told.journal)
        if not missing:
            return []
        if time.monotonic() > deadline:
            return [f"{WITNESS}: {missing} events to be seen"]
        await asyncio.sleep(LOOK_SECONDS)


async def check(city: ProofCity) -> list[Finding]:
    """Judge what the witness has seen, once the city is drained."""
    return judge(await evidence(city), city.excuses)


async def evidence(city: ProofCity) -> Evidence:
    """Read both sides: the witness first, so that an event which is appended meanwhile is not taken for one too many."""
    listed = topics_of_the_city()
    facts = {topic.name for topic in listed if topic.name.endswith(".events")}
    journal = []
    for service in city.services:
        journal += [
            Event(row["topic"], row["stream_id"], row["sequence"], row["event_id"], _trace_id(row["traceparent"]))
            for row in await _fetch(
                city,
                service,
                "SELECT topic, stream_id, sequence, event_id, traceparent FROM amtsbus.events ORDER BY position",
            )
            if row["topic"] in facts
        ]
    seen = await _fetch(city, WITNESS, "SELECT topic, stream_id, sequence, event_id FROM effects ORDER BY effect_id")
    parked = await _fetch(
        city,
        WITNESS,
        "SELECT topic, event_id, reason, failed FROM amtsbus.dead_letters WHERE state = 'parked'",
    )
    return Evidence(
        journal,
        [Seen(**row) for row in seen],
        [Parked(**row) for row in parked],
        {topic.name for topic in listed if topic.cleanup == "compact"},
    )


async def _fetch(city: ProofCity, database: str, sql: str) -> "list[asyncpg.Record]":
    connection = await asyncpg.connect(city.owner_url(database), timeout=10)
    try:
        return await connection.fetch(sql)
    finally:
        await connection.close()


def _trace_id(traceparent: str | None) -> str | None:
    return traceparent.split("-")[1] if traceparent else None
