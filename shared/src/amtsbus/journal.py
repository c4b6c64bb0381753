"""The journal: one table that is outbox, history and source of replays.

A use case appends its events in the transaction that changes its state; the relay (`amtsbus.relay`) publishes what was
appended. Rows never change. They lie in monthly partitions (schema `amtsbus_journal`), which leave for the archive when they are
older than the city's rule (`amtsbus.retention`); the heads of their streams stay. What is still to be published is listed in
`amtsbus.unpublished`, in the same statement.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from amtsbus import failpoints
from amtsbus.errors import ConflictError
from amtsbus.events import Published
from amtsbus.ids import new_id
from amtsbus.telemetry import current_traceparent

# One statement: the stream's head moves on, the events take the places up to it, and the relay finds them. A concurrent
# writer reads the same head, waits for the first one's end, and then finds the head elsewhere: it gets no row. That is what
# makes the sequence gapless and a lock at once.
_APPEND = """
WITH arriving AS (
    SELECT * FROM unnest($2::uuid[], $3::text[], $4::integer[], $5::text[], $6::text[]) AS a (event_id, topic, nth, type, data)
), growth AS (
    SELECT topic, max(nth) AS added FROM arriving GROUP BY topic
), heads AS (
    INSERT INTO amtsbus.streams AS s (topic, stream_id, sequence)
    SELECT g.topic, $1, g.added + coalesce(
        (SELECT h.sequence FROM amtsbus.streams h WHERE h.topic = g.topic AND h.stream_id = $1), 0)
    FROM growth g ORDER BY g.topic
    ON CONFLICT (stream_id, topic) DO UPDATE SET sequence = excluded.sequence
    WHERE s.sequence = excluded.sequence - (SELECT g.added FROM growth g WHERE g.topic = excluded.topic)
    RETURNING topic, sequence
), appended AS (
    INSERT INTO amtsbus.events (event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at)
    SELECT a.event_id, a.topic, $1, h.sequence - g.added + a.nth, a.type, a.data, $7, $8
    FROM arriving a JOIN heads h USING (topic) JOIN growth g USING (topic)
    ORDER BY a.topic, a.nth
    RETURNING position, appended_at, topic, sequence
), waiting AS (
    INSERT INTO amtsbus.unpublished (position, appended_at, topic, stream_id)
    SELECT position, appended_at, topic, $1 FROM appended
)
SELECT sequence FROM appended ORDER BY topic, sequence
"""


async def append(
    connection: Any,
    stream_id: UUID,
    events: Sequence[Published],
    now: datetime,
    *,
    expected: int | None = None,
) -> list[UUID]:
    """Append `events` of the aggregate `stream_id`; see `amtsbus.postgres.Tx.append`, which is how use cases call it."""
    if not events:
        return []
    topics = [event.topic for event in events]
    if expected is not None and len(set(topics)) > 1:
        raise ValueError("expected= is the sequence of one stream; append the events of each topic by themselves")
    nth: dict[str, int] = {}
    numbers = []
    for topic in topics:
        nth[topic] = nth.get(topic, 0) + 1
        numbers.append(nth[topic])
    ids = [new_id() for _ in events]
    rows = await connection.fetch(
        _APPEND,
        stream_id,
        ids,
        topics,
        numbers,
        [event.event_type for event in events],
        [event.model_dump_json() for event in events],
        current_traceparent(),
        now,
    )
    if len(rows) != len(events):
        raise ConflictError(f"another change of {stream_id} was recorded at the same time")
    if expected is not None and rows[0]["sequence"] != expected + 1:
        raise ConflictError(f"{stream_id} has changed since it was read (event {expected})")
    if failpoints.ON:
        await failpoints.reached("journal.appended")
    return ids
