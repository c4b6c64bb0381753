"""The journal: one table that is outbox, history and source of replays.

A use case appends its events in the transaction that changes its state; the relay (`amtsbus.relay`) publishes what was
appended. Rows never change and never leave, except for the mark that says when they were published.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from amtsbus.errors import ConflictError
from amtsbus.events import Published
from amtsbus.ids import new_id
from amtsbus.telemetry import current_traceparent

# The next sequence comes from the stream's last row; a concurrent writer computes the same one and meets the unique
# constraint, which is what makes the sequence gapless and a lock at once.
_APPEND = """
INSERT INTO amtsbus.events (event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at)
SELECT n.event_id, n.topic, $1,
       coalesce((SELECT max(e.sequence) FROM amtsbus.events e WHERE e.topic = n.topic AND e.stream_id = $1), 0) + n.nth,
       n.type, n.data, $7, $8
FROM unnest($2::uuid[], $3::text[], $4::integer[], $5::text[], $6::text[]) AS n (event_id, topic, nth, type, data)
ORDER BY n.topic, n.nth
RETURNING sequence
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
    try:
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
    except asyncpg.UniqueViolationError as error:
        raise ConflictError(f"another change of {stream_id} was recorded at the same time") from error
    if expected is not None and rows[0]["sequence"] != expected + 1:
        raise ConflictError(f"{stream_id} has changed since it was read (event {expected})")
    return ids
