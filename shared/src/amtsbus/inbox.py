"""The inbox: a consumed event is recorded in the transaction of its effect, so the effect happens once.

Two memories decide whether a record is new. The inbox knows every event id that was handled and is cleaned up after a
while. The high-water mark knows the last sequence handled of every stream and is kept for ever, so that a replay after
the clean-up still has no effect. Sequences that never came are remembered as gaps, and heal when they come after all.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple
from uuid import UUID

import asyncpg

from amtsbus.errors import ConflictError
from amtsbus.events import EventMeta
from amtsbus.postgres import Tx, affected

KEPT = timedelta(days=400)
"""So long the inbox remembers an event's id: longer than any topic keeps events that is not kept for ever."""
SWEPT_AT_ONCE = 5000

MAX_REMEMBERED_GAP = 10_000
"""Of a hole in a stream so many sequences are remembered, the latest."""


class Verdict(Enum):
    """What a record is to this reader."""

    NEW = auto()
    REPEATED = auto()
    REUSED = auto()
    """Its place in the stream was taken by another event: the publisher's database was set back in time."""


class Mark(NamedTuple):
    """The newest event of a stream that was handled."""

    sequence: int
    event_id: UUID
    occurred_at: datetime


class Judgement(NamedTuple):
    """The verdict on one event, and what it does to the memory of its stream."""

    verdict: Verdict
    mark: Mark | None = None
    missing: range = range(0)
    healed: bool = False


def judge(
    meta: EventMeta, *, recorded_before: bool, mark: Mark | None, gaps: frozenset[int] = frozenset()
) -> Judgement:
    """Decide whether an event is new to its stream.

    Args:
        recorded_before: the inbox knows the event's id.
        mark: the stream's high-water mark.
        gaps: the stream's sequences that are known to be missing.
    """
    if recorded_before:
        return Judgement(Verdict.REPEATED)
    seen = mark.sequence if mark else 0
    if meta.sequence > seen:
        return Judgement(
            Verdict.NEW, mark=Mark(meta.sequence, meta.id, meta.time), missing=range(seen + 1, meta.sequence)
        )
    if meta.sequence in gaps:
        return Judgement(Verdict.NEW, healed=True)
    # A repeat from before the inbox's clean-up is older than the mark. What comes later than the mark's event and
    # claims an earlier place is not a repeat.
    if mark and meta.id != mark.event_id and (meta.sequence == mark.sequence or meta.time > mark.occurred_at):
        return Judgement(Verdict.REUSED)
    return Judgement(Verdict.REPEATED)


class Entry(NamedTuple):
    """What the memories say of a batch of events."""

    parked: frozenset[bytes]
    fresh: set[UUID]
    marks: dict[UUID, Mark]


# One statement, because a reader at its ease gets its events one by one and every round trip counts. The lock on a
# parked key waits for a retry that runs at this moment; the insert waits for another transaction with the same event. It is
# a plain one and fails then: ON CONFLICT costs three times as much for every event, for what hardly ever happens.
_ENTER = """
WITH arrived AS (
    SELECT * FROM unnest($3::uuid[], $4::bytea[]) AS a (event_id, key)
), parked AS MATERIALIZED (
    SELECT key FROM amtsbus.parked_keys
    WHERE consumer = $1 AND topic = $2 AND key = ANY($4::bytea[]) AND NOT $6 FOR SHARE
), known AS (
    SELECT event_id FROM amtsbus.inbox WHERE consumer = $1 AND event_id = ANY($3::uuid[])
), fresh AS (
    INSERT INTO amtsbus.inbox (consumer, event_id)
    SELECT $1, event_id FROM arrived
    WHERE key NOT IN (SELECT key FROM parked) AND event_id NOT IN (SELECT event_id FROM known)
    RETURNING event_id
), marks AS (
    SELECT stream_id, sequence, event_id, occurred_at FROM amtsbus.high_water_marks
    WHERE consumer = $1 AND topic = $2 AND stream_id = ANY($5::uuid[])
)
SELECT (SELECT array_agg(key) FROM parked) AS parked,
       (SELECT array_agg(event_id) FROM fresh) AS fresh,
       (SELECT array_agg(stream_id) FROM marks) AS streams,
       (SELECT array_agg(sequence) FROM marks) AS sequences,
       (SELECT array_agg(event_id) FROM marks) AS event_ids,
       (SELECT array_agg(occurred_at) FROM marks) AS times
"""


async def enter(
    tx: Tx, consumer: str, topic: str, events: Sequence[tuple[EventMeta, bytes]], *, retry: bool = False
) -> Entry:
    """Record events with their keys as handled by `consumer`, except those whose key is parked.

    Args:
        retry: handle parked events; the caller holds the lock of their key.

    Raises:
        ConflictError: another transaction has recorded one of the events in this very moment; begin anew, and it is found.
    """
    keys = {meta.id: key for meta, key in events}
    streams = list({meta.subject for meta, _ in events})
    try:
        [row] = await tx.fetch(_ENTER, consumer, topic, list(keys), list(keys.values()), streams, retry)
    except asyncpg.UniqueViolationError:
        raise ConflictError("another member of the group has handled the same event at this moment") from None
    parked, fresh = frozenset(row["parked"] or ()), set(row["fresh"] or ())
    known = zip(row["streams"] or (), row["sequences"] or (), row["event_ids"] or (), row["times"] or (), strict=True)
    marks = {stream_id: Mark(sequence, event_id, at) for stream_id, sequence, event_id, at in known}
    return Entry(parked, fresh, marks)


_STORED_MARKS = """
SELECT stream_id, sequence, event_id, occurred_at FROM amtsbus.high_water_marks
WHERE consumer = $1 AND topic = $2 AND stream_id = ANY($3::uuid[])
"""


async def stored_marks(
    tx: Tx, consumer: str, topic: str, stream_ids: Sequence[UUID], *, lock: bool = False
) -> dict[UUID, Mark]:
    """The high-water marks of streams; with `lock` they stay as they are until the transaction's end."""
    rows = await tx.fetch(
        _STORED_MARKS + (" ORDER BY stream_id FOR UPDATE" if lock else ""),
        consumer,
        topic,
        stream_ids,
    )
    return {row["stream_id"]: Mark(row["sequence"], row["event_id"], row["occurred_at"]) for row in rows}


async def has_marks(tx: Tx, consumer: str, topic: str) -> bool:
    """Whether `consumer` has handled any event of `topic`."""
    found: bool = await tx.fetchval(
        "SELECT EXISTS (SELECT FROM amtsbus.high_water_marks WHERE consumer = $1 AND topic = $2)", consumer, topic
    )
    return found


async def give_up(tx: Tx, consumer: str, topic: str, meta: EventMeta, *, remembers_gaps: bool) -> None:
    """Count an event as seen that will never have an effect: it leaves no gap, and a later copy has no effect.

    What is missing before it, or still parked, is noted as a gap, since the mark rises above it: it has its effect when it
    comes.
    """
    await tx.execute(
        "INSERT INTO amtsbus.inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", consumer, meta.id
    )
    await heal(tx, consumer, topic, meta.subject, meta.sequence)
    mark = (await stored_marks(tx, consumer, topic, [meta.subject], lock=True)).get(meta.subject)
    unseen = range((mark.sequence if mark else 0) + 1, meta.sequence)
    if unseen and remembers_gaps:
        await remember_missing(
            tx, consumer, topic, [(meta.subject, sequence) for sequence in unseen[-MAX_REMEMBERED_GAP:]]
        )
    await advance(tx, consumer, topic, {meta.subject: Mark(meta.sequence, meta.id, meta.time)})


async def gaps(tx: Tx, consumer: str, topic: str, stream_id: UUID, sequence: int) -> frozenset[int]:
    """`sequence`, if it is known to be missing in this stream; claims it, so that it heals once."""
    row = await tx.fetchrow(
        "SELECT sequence FROM amtsbus.gaps WHERE consumer = $1 AND topic = $2 AND stream_id = $3 AND sequence = $4 FOR UPDATE",
        consumer,
        topic,
        stream_id,
        sequence,
    )
    return frozenset((row["sequence"],)) if row else frozenset()


async def heal(tx: Tx, consumer: str, topic: str, stream_id: UUID, sequence: int) -> None:
    """Forget a gap whose event has come."""
    await tx.execute(
        "DELETE FROM amtsbus.gaps WHERE consumer = $1 AND topic = $2 AND stream_id = $3 AND sequence = $4",
        consumer,
        topic,
        stream_id,
        sequence,
    )


async def heal_all(tx: Tx, consumer: str, topic: str, come: Sequence[tuple[UUID, int]]) -> None:
    """Forget gaps whose events have come, as far as these were noted."""
    await tx.execute(
        "DELETE FROM amtsbus.gaps g USING unnest($3::uuid[], $4::integer[]) AS c (stream_id, sequence) "
        "WHERE g.consumer = $1 AND g.topic = $2 AND g.stream_id = c.stream_id AND g.sequence = c.sequence",
        consumer,
        topic,
        [stream_id for stream_id, _ in come],
        [sequence for _, sequence in come],
    )


async def remember_missing(tx: Tx, consumer: str, topic: str, missing: Sequence[tuple[UUID, int]]) -> None:
    """Note sequences that did not come."""
    await tx.execute(
        "INSERT INTO amtsbus.gaps (consumer, topic, stream_id, sequence) "
        "SELECT $1, $2, m.stream_id, m.sequence FROM unnest($3::uuid[], $4::integer[]) AS m (stream_id, sequence) "
        "ON CONFLICT DO NOTHING",
        consumer,
        topic,
        [stream_id for stream_id, _ in missing],
        [sequence for _, sequence in missing],
    )


async def advance(tx: Tx, consumer: str, topic: str, reached: Mapping[UUID, Mark]) -> bool:
    """Raise high-water marks; one that is already higher stays.

    Returns:
        Whether all were raised.
    """
    # Sorted, so that two transactions that touch the same streams take the row locks in the same order.
    ordered = sorted(reached.items())
    tag = await tx.execute(
        "INSERT INTO amtsbus.high_water_marks AS m (consumer, topic, stream_id, sequence, event_id, occurred_at) "
        "SELECT $1, $2, n.* FROM unnest($3::uuid[], $4::integer[], $5::uuid[], $6::timestamptz[]) AS n "
        "ON CONFLICT (consumer, topic, stream_id) DO UPDATE SET sequence = excluded.sequence, "
        "event_id = excluded.event_id, occurred_at = excluded.occurred_at WHERE m.sequence < excluded.sequence",
        consumer,
        topic,
        [stream_id for stream_id, _ in ordered],
        [mark.sequence for _, mark in ordered],
        [mark.event_id for _, mark in ordered],
        [mark.occurred_at for _, mark in ordered],
    )
    return affected(tag) == len(ordered)


async def sweep(tx: Tx, older_than: datetime, *, at_most: int = SWEPT_AT_ONCE) -> int:
    """Remove inbox rows handled before `older_than`; returns how many. The high-water marks stay."""
    tag = await tx.execute(
        "DELETE FROM amtsbus.inbox "
        "WHERE ctid = ANY (ARRAY(SELECT ctid FROM amtsbus.inbox WHERE handled_at < $1 LIMIT $2))",
        older_than,
        at_most,
    )
    return affected(tag)
