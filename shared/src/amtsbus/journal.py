"""The journal: one table that is outbox, history and source of replays.

A use case appends its events in the transaction that changes its state; the relay (`amtsbus.relay`) publishes what was
appended. Rows never change. They lie in monthly partitions (schema `amtsbus_journal`), which leave for the archive when they are
older than the city's rule (`amtsbus.retention`); the heads of their streams stay. What is still to be published is listed in
`amtsbus.unpublished`, in the same statement.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

import asyncpg

from amtsbus import failpoints
from amtsbus.errors import ConflictError, TransientError
from amtsbus.events import Published
from amtsbus.ids import new_id
from amtsbus.telemetry import current_traceparent

# The stream's head moves on by one, the event takes that place, and the relay finds it. A concurrent writer reads the same
# head, waits for the first one's end, and then finds the head elsewhere: it gets no row. That is what makes the sequence
# gapless and a lock at once. One event a statement: a statement for many takes three times as long for one.
_APPEND = """
WITH head AS (
    INSERT INTO amtsbus.streams AS s (topic, stream_id, sequence)
    SELECT $2::text, $1::uuid, 1 + coalesce(
        (SELECT h.sequence FROM amtsbus.streams h WHERE h.topic = $2 AND h.stream_id = $1), 0)
    ON CONFLICT (stream_id, topic) DO UPDATE SET sequence = excluded.sequence
    WHERE s.sequence = excluded.sequence - 1
    RETURNING sequence
), appended AS (
    INSERT INTO amtsbus.events (position, event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at)
    SELECT nextval('amtsbus.event_positions'), $3::uuid, $2, $1, sequence, $4::text, $5::text, $6::text, $7::timestamptz
    FROM head
    RETURNING position, appended_at, sequence
), waiting AS (
    INSERT INTO amtsbus.unpublished (position, appended_at, topic, stream_id)
    SELECT position, appended_at, $2, $1 FROM appended
)
SELECT sequence FROM appended
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
    if expected is not None and len({event.own_topic for event in events}) > 1:
        raise ValueError("expected= is the sequence of one stream; append the events of each topic by themselves")
    traceparent = current_traceparent()
    ids = [new_id() for _ in events]
    arguments = [
        (stream_id, event.own_topic, event_id, event.event_type, event.model_dump_json(), traceparent, now)
        for event_id, event in zip(ids, events, strict=True)
    ]
    try:
        if len(arguments) == 1:
            rows = await connection.fetch(_APPEND, *arguments[0])
        else:
            # In one round trip; topic by topic, so that two writers who wait for each other's heads do it in the same order.
            rows = await connection.fetchmany(_APPEND, sorted(arguments, key=itemgetter(1)))
    except asyncpg.CheckViolationError as error:
        # A missing month names the table and no constraint.
        if error.table_name != "events" or error.constraint_name:
            raise
        raise TransientError("the journal has no month for today: run `amtsbus migrate` for this service") from error
    if len(rows) != len(events):
        raise ConflictError(f"another change of {stream_id} was recorded at the same time")
    if expected is not None and rows[0]["sequence"] != expected + 1:
        raise ConflictError(f"{stream_id} has changed since it was read (event {expected})")
    if failpoints.ON:
        await failpoints.reached("journal.appended")
    return ids
