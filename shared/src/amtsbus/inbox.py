"""The inbox: a consumed event is recorded in the transaction of its effect, so the effect happens once.

Two memories decide whether a record is new. The inbox knows every event id that was handled and is cleaned up after a
while. The high-water mark knows the last sequence handled of every stream and is kept for ever, so that a replay after
the clean-up still has no effect. Sequences that never came are remembered as gaps, and heal when they come after all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from amtsbus.events import EventMeta
from amtsbus.postgres import Tx


class Verdict(Enum):
    """What a record is to this reader."""

    NEW = auto()
    REPEATED = auto()
    REUSED = auto()
    """Its place in the stream was taken by another event: the publisher's database was set back in time."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest event of a stream that was handled."""

    sequence: int
    event_id: UUID
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Judgement:
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


@dataclass(frozen=True, slots=True)
class Entry:
    """What the memories say of a batch of events."""

    parked: frozenset[bytes]
    fresh: set[UUID]
    marks: dict[UUID, Mark]


# One statement, because a reader at its ease gets its events one by one and every round trip counts. The lock on a
# parked key waits for a retry that runs at this moment; the insert waits for another transaction with the same event.
_ENTER = """
WITH arrived AS (
    SELECT * FROM unnest($3::uuid[], $4::bytea[]) AS a (event_id, key)
), parked AS MATERIALIZED (
    SELECT key FROM amtsbus.parked_keys
    WHERE consumer = $1 AND topic = $2 AND key = ANY($4::bytea[]) AND NOT $6 FOR SHARE
), fresh AS (
    INSERT INTO amtsbus.inbox (consumer, event_id)
    SELECT $1, event_id FROM arrived WHERE key NOT IN (SELECT key FROM parked)
    ON CONFLICT DO NOTHING RETURNING event_id
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

    Where another transaction is recording the same event at this moment, it waits for that one's end: of two readers
    that handle the same event, the second finds it recorded.

    Args:
        retry: handle parked events; the caller holds the lock of their key.
    """
    ids = [meta.id for meta, _ in events]
    streams = list({meta.subject for meta, _ in events})
    [row] = await tx.fetch(_ENTER, consumer, topic, ids, [key for _, key in events], streams, retry)
    parked, fresh = frozenset(row["parked"] or ()), set(row["fresh"] or ())
    known = zip(row["streams"] or (), row["sequences"] or (), row["event_ids"] or (), row["times"] or (), strict=True)
    marks = {stream_id: Mark(sequence, event_id, at) for stream_id, sequence, event_id, at in known}
    if len(fresh) < len(set(ids)):
        # Some were recorded before, perhaps by a transaction that ended after this statement began: its marks are not
        # in the statement's snapshot.
        marks = await _marks(tx, consumer, topic, streams)
    return Entry(parked, fresh, marks)


async def _marks(tx: Tx, consumer: str, topic: str, stream_ids: Sequence[UUID]) -> dict[UUID, Mark]:
    rows = await tx.fetch(
        "SELECT stream_id, sequence, event_id, occurred_at FROM amtsbus.high_water_marks "
        "WHERE consumer = $1 AND topic = $2 AND stream_id = ANY($3::uuid[])",
        consumer,
        topic,
        stream_ids,
    )
    return {row["stream_id"]: Mark(row["sequence"], row["event_id"], row["occurred_at"]) for row in rows}


async def give_up(tx: Tx, consumer: str, topic: str, meta: EventMeta) -> None:
    """Count an event as seen that will never have an effect: it leaves no gap, and a later copy has no effect."""
    await tx.execute(
        "INSERT INTO amtsbus.inbox (consumer, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", consumer, meta.id
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


async def advance(tx: Tx, consumer: str, topic: str, reached: Mapping[UUID, Mark]) -> None:
    """Raise high-water marks; one that is already higher stays."""
    # Sorted, so that two transactions that touch the same streams take the row locks in the same order.
    ordered = sorted(reached.items())
    await tx.execute(
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


async def sweep(tx: Tx, older_than: datetime) -> int:
    """Remove inbox rows handled before `older_than`; returns how many. The high-water marks stay."""
    tag = await tx.execute("DELETE FROM amtsbus.inbox WHERE handled_at < $1", older_than)
    return int(tag.split()[-1])
