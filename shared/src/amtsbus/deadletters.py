"""Dead letters: events that cannot be handled, parked with everything that came after them for the same key.

A parked key keeps its order: later events wait behind the failed one until an operator retries (the worker then handles
them in order) or skips the failed one with a reason. All other keys go on.
"""

import base64
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from amtsbus import inbox, operations
from amtsbus.kafka import MalformedRecordError, Record, meta_of
from amtsbus.postgres import Row, Tx, affected


@dataclass(frozen=True)
class DeadLetter:
    """One parked event."""

    dead_letter_id: int
    consumer: str
    record: Record
    event_id: UUID | None
    event_type: str | None
    reason: str
    traceback: str | None
    failed: bool
    attempts: int
    parked_at: datetime
    state: str
    resolved_at: datetime | None
    resolved_by: str | None
    resolved_why: str | None


Place = tuple[str, str, bytes]
"""Consumer, topic and key."""


@dataclass(frozen=True)
class ParkedKey:
    """A key whose events wait, and why: `dead_letter_id`, `event_type` and `reason` are those of the first one."""

    consumer: str
    topic: str
    raw_key: bytes
    waiting: int
    dead_letter_id: int
    event_type: str | None
    reason: str
    parked_at: datetime
    retry_requested: bool

    @property
    def key(self) -> str:
        """The key as text; bytes that are none are written as `\\xff`."""
        return self.raw_key.decode("utf-8", "backslashreplace")

    @property
    def place(self) -> Place:
        return self.consumer, self.topic, self.raw_key


@dataclass(frozen=True)
class Choice:
    """Which parked keys, by the event for which each of them waits; what is None does not restrict.

    `reason` is a part of the reason's text, in upper or lower case; `dead_letter_id` means the key of that dead letter.
    """

    consumer: str | None = None
    key: str | None = None
    reason: str | None = None
    event_type: str | None = None
    older_than: timedelta | None = None
    dead_letter_id: int | None = None


EVERYTHING = Choice()


async def parked_among(tx: Tx, consumer: str, topic: str, keys: Sequence[bytes]) -> set[bytes]:
    """Those of `keys` that are parked. Waits for a retry of one of them that runs at this moment."""
    rows = await tx.fetch(
        "SELECT key FROM amtsbus.parked_keys WHERE consumer = $1 AND topic = $2 AND key = ANY($3::bytea[]) FOR SHARE",
        consumer,
        topic,
        keys,
    )
    return {row["key"] for row in rows}


async def park(
    tx: Tx,
    consumer: str,
    topic: str,
    record: Record,
    *,
    reason: str,
    failed: bool,
    traceback: str | None = None,
    event_id: UUID | None = None,
    event_type: str | None = None,
) -> None:
    """Park one record, raw, and its key with it. Parking the same record again changes nothing."""
    key = record.key or b""
    await tx.execute(
        "INSERT INTO amtsbus.parked_keys (consumer, topic, key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        consumer,
        topic,
        key,
    )
    headers = [[name, base64.b64encode(value or b"").decode()] for name, value in record.headers]
    await tx.execute(
        "INSERT INTO amtsbus.dead_letters (consumer, topic, partition, record_offset, record_timestamp, key, headers, "
        "value, event_id, event_type, reason, traceback, failed) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
        consumer,
        topic,
        record.partition,
        record.offset,
        record.timestamp,
        key,
        json.dumps(headers),
        record.value,
        event_id,
        event_type,
        reason,
        traceback,
        failed,
    )


_COLUMNS = """dead_letter_id, consumer, topic, partition, record_offset, record_timestamp, key, headers, value, event_id,
    event_type, reason, traceback, failed, attempts, parked_at, state, resolved_at, resolved_by, resolved_why"""


def _dead_letter(row: Row) -> DeadLetter:
    headers = [(name, base64.b64decode(value)) for name, value in json.loads(row["headers"])]
    record = Record(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["record_offset"],
        timestamp=row["record_timestamp"],
        key=row["key"] or None,
        value=row["value"],
        headers=headers,
    )
    fields = {name: row[name] for name in DeadLetter.__dataclass_fields__ if name != "record"}
    return DeadLetter(record=record, **fields)


_PARKED = """
SELECT k.consumer, k.topic, k.key, k.parked_at, k.retry_requested_at, d.dead_letter_id, d.event_type, d.reason, n.waiting
FROM amtsbus.parked_keys k
CROSS JOIN LATERAL (
    SELECT dead_letter_id, event_type, reason FROM amtsbus.dead_letters
    WHERE consumer = k.consumer AND topic = k.topic AND key = k.key AND state = 'parked'
    ORDER BY dead_letter_id LIMIT 1
) d
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting FROM amtsbus.dead_letters
    WHERE consumer = k.consumer AND topic = k.topic AND key = k.key AND state = 'parked'
) n
"""

_CHOSEN = """
WHERE ($1::text IS NULL OR k.consumer = $1) AND ($2::bytea IS NULL OR k.key = $2)
  AND ($3::text IS NULL OR position(lower($3) IN lower(d.reason)) > 0) AND ($4::text IS NULL OR d.event_type = $4)
  AND ($5::interval IS NULL OR k.parked_at < clock_timestamp() - $5)
  AND ($6::bigint IS NULL OR (k.consumer, k.topic, k.key) =
      (SELECT consumer, topic, key FROM amtsbus.dead_letters WHERE dead_letter_id = $6))
ORDER BY k.parked_at LIMIT $7
"""

_THESE = """
WHERE (k.consumer, k.topic, k.key) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[]))
ORDER BY k.parked_at
"""


async def list_parked(tx: Tx, choice: Choice = EVERYTHING, *, limit: int = 100) -> list[ParkedKey]:
    """The parked keys of `choice`, the longest waiting first."""
    rows = await tx.fetch(
        _PARKED + _CHOSEN,
        choice.consumer,
        choice.key.encode() if choice.key is not None else None,
        choice.reason,
        choice.event_type,
        choice.older_than,
        choice.dead_letter_id,
        limit,
    )
    return [_parked_key(row) for row in rows]


async def still_parked(tx: Tx, keys: Sequence[ParkedKey]) -> dict[Place, ParkedKey]:
    """Those of `keys` that are parked, as they are now, by their place."""
    rows = await tx.fetch(_PARKED + _THESE, *_columns([key.place for key in keys]))
    return {found.place: found for found in map(_parked_key, rows)}


def _columns(places: Sequence[Place]) -> tuple[list[str], list[str], list[bytes]]:
    return [consumer for consumer, _, _ in places], [topic for _, topic, _ in places], [key for _, _, key in places]


def _parked_key(row: Row) -> ParkedKey:
    return ParkedKey(
        consumer=row["consumer"],
        topic=row["topic"],
        raw_key=row["key"],
        waiting=row["waiting"],
        dead_letter_id=row["dead_letter_id"],
        event_type=row["event_type"],
        reason=row["reason"],
        parked_at=row["parked_at"],
        retry_requested=row["retry_requested_at"] is not None,
    )


async def get(tx: Tx, dead_letter_id: int) -> DeadLetter | None:
    """One dead letter, whatever its state."""
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM amtsbus.dead_letters WHERE dead_letter_id = $1",  # noqa: S608 - a constant
        dead_letter_id,
    )
    return _dead_letter(row) if row else None


async def waiting(
    tx: Tx, consumer: str, topic: str, key: bytes, *, after: int = 0, limit: int = 100
) -> list[DeadLetter]:
    """The parked events of one key, in order, those that follow the dead letter `after`."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM amtsbus.dead_letters "  # noqa: S608 - a constant
        "WHERE consumer = $1 AND topic = $2 AND key = $3 AND state = 'parked' AND dead_letter_id > $4 "
        "ORDER BY dead_letter_id LIMIT $5",
        consumer,
        topic,
        key,
        after,
        limit,
    )
    return [_dead_letter(row) for row in rows]


async def request_retry(tx: Tx, keys: Sequence[ParkedKey], *, by: str, why: str) -> int:
    """Ask the worker to handle parked keys again, and record who asked.

    Returns:
        How many keys will be retried. The worker takes them within a second.
    """
    requested = await _have_retried(tx, [key.place for key in keys], by)
    if requested:
        groups = ", ".join(sorted({key.consumer for key in keys}))
        about = f"dead letter {keys[0].dead_letter_id}" if len(keys) == 1 else f"{requested} keys"
        await operations.record(tx, by=by, action="retry dead letters", about=f"{about} of {groups}", why=why)
    return requested


async def _have_retried(tx: Tx, places: Sequence[Place], by: str) -> int:
    tag = await tx.execute(
        "UPDATE amtsbus.parked_keys k SET retry_requested_at = clock_timestamp(), retry_requested_by = $4 "
        "FROM unnest($1::text[], $2::text[], $3::bytea[]) AS a (consumer, topic, key) "
        "WHERE k.consumer = a.consumer AND k.topic = a.topic AND k.key = a.key",
        *_columns(places),
        by,
    )
    return affected(tag)


async def skip(tx: Tx, dead_letter_id: int, *, by: str, why: str, remembers_gaps: bool = True) -> bool:
    """Give up one parked event for good, have those behind it retried, and record who did it.

    To its reader the event counts as seen: it leaves no gap, and a later copy of it has no effect.

    Args:
        remembers_gaps: whether the reader does; if not, what is missing before the event is no loss.

    Returns:
        Whether it was parked.
    """
    letter = await get(tx, dead_letter_id)
    if letter is None:
        return False
    topic, key = letter.record.topic, letter.record.key or b""
    await _lock_key(tx, letter.consumer, topic, key)
    tag = await tx.execute(
        "UPDATE amtsbus.dead_letters SET state = 'skipped', resolved_at = clock_timestamp(), resolved_by = $2, "
        "resolved_why = $3 WHERE dead_letter_id = $1 AND state = 'parked'",
        dead_letter_id,
        by,
        why,
    )
    if tag != "UPDATE 1":
        return False
    with contextlib.suppress(MalformedRecordError):
        await inbox.give_up(tx, letter.consumer, topic, meta_of(letter.record, topic), remembers_gaps=remembers_gaps)
    await _have_retried(tx, [(letter.consumer, topic, key)], by)
    about = f"dead letter {dead_letter_id} of {letter.consumer}"
    await operations.record(tx, by=by, action="skip dead letter", about=about, why=why)
    return True


async def _lock_key(tx: Tx, consumer: str, topic: str, key: bytes) -> bool:
    row: Any = await tx.fetchrow(
        "SELECT 1 FROM amtsbus.parked_keys WHERE consumer = $1 AND topic = $2 AND key = $3 FOR UPDATE",
        consumer,
        topic,
        key,
    )
    return row is not None


async def requested_retries(tx: Tx, consumers: Sequence[str]) -> list[tuple[str, str, bytes, str]]:
    """(consumer, topic, key, who asked) of the keys that are to be retried."""
    rows = await tx.fetch(
        "SELECT consumer, topic, key, retry_requested_by FROM amtsbus.parked_keys "
        "WHERE retry_requested_at IS NOT NULL AND consumer = ANY($1::text[]) ORDER BY retry_requested_at LIMIT 100",
        consumers,
    )
    return [(row["consumer"], row["topic"], row["key"], row["retry_requested_by"]) for row in rows]


async def next_waiting(tx: Tx, consumer: str, topic: str, key: bytes) -> DeadLetter | None:
    """Lock a parked key and give its next event; frees the key and gives None where nothing waits any more.

    While the lock is held, new events of the key wait: they can never overtake the parked ones.
    """
    if not await _lock_key(tx, consumer, topic, key):
        return None
    events = await waiting(tx, consumer, topic, key, limit=1)
    if events:
        return events[0]
    await tx.execute(
        "DELETE FROM amtsbus.parked_keys WHERE consumer = $1 AND topic = $2 AND key = $3",
        consumer,
        topic,
        key,
    )
    return None


async def mark_handled(tx: Tx, dead_letter_id: int, *, by: str | None) -> None:
    """Record that a retry succeeded."""
    await tx.execute(
        "UPDATE amtsbus.dead_letters SET state = 'handled', resolved_at = clock_timestamp(), resolved_by = $2, "
        "attempts = attempts + 1 WHERE dead_letter_id = $1",
        dead_letter_id,
        by,
    )


async def mark_failed_again(tx: Tx, letter: DeadLetter, *, reason: str, traceback: str | None) -> None:
    """Record that a retry failed; the key stays parked and is not tried again until somebody asks."""
    await tx.execute(
        "UPDATE amtsbus.dead_letters SET reason = $2, traceback = $3, failed = true, attempts = attempts + 1 "
        "WHERE dead_letter_id = $1",
        letter.dead_letter_id,
        reason,
        traceback,
    )
    await tx.execute(
        "UPDATE amtsbus.parked_keys SET retry_requested_at = NULL, retry_requested_by = NULL "
        "WHERE consumer = $1 AND topic = $2 AND key = $3",
        letter.consumer,
        letter.record.topic,
        letter.record.key or b"",
    )


async def parked_keys(tx: Tx) -> dict[str, int]:
    """How many keys are parked, by consumer."""
    rows = await tx.fetch("SELECT consumer, count(*) AS parked FROM amtsbus.parked_keys GROUP BY consumer")
    return {row["consumer"]: row["parked"] for row in rows}


async def waiting_events(tx: Tx) -> dict[str, int]:
    """How many events are parked, by consumer."""
    rows = await tx.fetch(
        "SELECT consumer, count(*) AS waiting FROM amtsbus.dead_letters WHERE state = 'parked' GROUP BY consumer"
    )
    return {row["consumer"]: row["waiting"] for row in rows}
