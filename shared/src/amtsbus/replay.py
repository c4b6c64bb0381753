"""The operator's view of the journal: how far it is published, and publishing parts of it again.

Again on the topics on which they were published, events go the way of all events: they are put back among those that the relay
has to publish. So nothing can overtake an older event of its stream that still waits, and there is no second producer. Into
another topic, made for one subscriber, they are written here.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from amtsbus import kafka
from amtsbus.postgres import Database, Row, Tx
from amtsbus.relay import CHANNEL, discard, producer, record_of
from amtsbus.settings import Settings

PAGE = 1000
PATIENCE_SECONDS = 60.0
"""So long a replay waits for a relay that publishes nothing, or for Kafka to confirm."""
QUERY_SECONDS = 3600.0
"""The most time for a query that goes through the whole journal."""


class RelayStandsStillError(Exception):
    """What was handed to the relay is not being published. The message says how much."""


@dataclass(frozen=True)
class JournalStatus:
    """How far the journal of a service is published, and which months it holds.

    `events` and `by_topic` count what was ever appended, that is with what lies in the archive by now.
    """

    events: int
    unpublished: int
    oldest_unpublished_seconds: float | None
    newest_position: int | None
    by_topic: dict[str, int]
    oldest_month: date
    ready_until: date
    """The first day for which there is no month yet; appending fails from then on."""
    archived_months: int


@dataclass(frozen=True)
class Selection:
    """Which events of the journal; what is None does not restrict."""

    topic: str | None = None
    stream_id: UUID | None = None
    event_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    first_sequence: int | None = None
    last_sequence: int | None = None
    after_position: int = 0
    up_to_position: int | None = None


@dataclass(frozen=True)
class PutBack:
    """Events that were put back among those that the relay has to publish.

    `waiting` are their positions, with those of events that had to go along; what waited anyhow is not among them.
    """

    chosen: int
    reached: int
    waiting: list[int]


@dataclass(frozen=True)
class Progress:
    """How far a replay has come; it goes on after `position`."""

    events: int
    position: int


async def status(tx: Tx) -> JournalStatus:
    """Describe the journal."""
    topics = await tx.fetch("SELECT topic, sum(sequence) AS events FROM amtsbus.streams GROUP BY topic ORDER BY topic")
    [row] = await tx.fetch(
        """
        SELECT (SELECT max(position) FROM amtsbus.events) AS newest,
               count(*) AS unpublished,
               extract(epoch FROM clock_timestamp() - min(appended_at))::float8 AS oldest,
               (SELECT count(*) FROM amtsbus.archived_months) AS archived
        FROM amtsbus.unpublished
        """
    )
    kept = await months(tx)
    by_topic = {topic["topic"]: int(topic["events"]) for topic in topics}
    return JournalStatus(
        sum(by_topic.values()),
        row["unpublished"],
        row["oldest"],
        row["newest"],
        by_topic,
        kept[0],
        following(kept[-1]),
        row["archived"],
    )


async def months(tx: Tx) -> list[date]:
    """The months that the journal holds or is ready for, each by its first day, oldest first."""
    rows = await tx.fetch(
        "SELECT to_date(substr(c.relname, 8), 'YYYY_MM') AS month FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'amtsbus.events'::regclass ORDER BY month"
    )
    return [row["month"] for row in rows]


def following(month: date) -> date:
    """The first day of the next month."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _where(selection: Selection) -> tuple[str, list[object]]:
    """The condition of a selection with its arguments; only what restricts is there, so that indexes fit."""
    conditions, arguments = ["position > $1"], list[object]([selection.after_position])

    def restrict(condition: str, value: object | None) -> None:
        if value is not None:
            arguments.append(value)
            conditions.append(condition.format(f"${len(arguments)}"))

    restrict("position <= {}", selection.up_to_position)
    restrict("topic = {}", selection.topic)
    restrict("stream_id = {}", selection.stream_id)
    if selection.topic is None:
        # the index of a month begins with the topic
        restrict(
            "topic = ANY(ARRAY(SELECT h.topic FROM amtsbus.streams h WHERE h.stream_id = {}))", selection.stream_id
        )
    restrict("type = {}", selection.event_type)
    restrict("occurred_at >= {}", selection.since)
    restrict("occurred_at < {}", selection.until)
    restrict("sequence >= {}", selection.first_sequence)
    restrict("sequence <= {}", selection.last_sequence)
    return " AND ".join(conditions), arguments


async def bounded(tx: Tx, selection: Selection) -> Selection:
    """`selection` up to what is in the journal now, so that a replay ends while new events are appended."""
    if selection.up_to_position is not None:
        return selection
    return replace(selection, up_to_position=await tx.fetchval("SELECT coalesce(max(position), 0) FROM amtsbus.events"))


async def count(tx: Tx, selection: Selection, *, published_only: bool) -> int:
    """How many events `selection` means."""
    where, arguments = _where(selection)
    unless = " AND NOT EXISTS (SELECT FROM amtsbus.unpublished u WHERE u.position = e.position)"
    counted: int = await tx.connection.fetchval(
        f"SELECT count(*) FROM amtsbus.events e WHERE {where}{unless if published_only else ''}",  # noqa: S608 - built from constants
        *arguments,
        timeout=QUERY_SECONDS,
    )
    return counted


_PUT_BACK = """
WITH chosen AS (
    SELECT position, appended_at, topic, stream_id FROM amtsbus.events e WHERE {where} ORDER BY position LIMIT {limit}
), newest AS (
    SELECT e.position, e.appended_at, e.topic, e.stream_id
    FROM (SELECT DISTINCT topic, stream_id FROM chosen{where_compacted}) AS c
    JOIN amtsbus.streams USING (topic, stream_id) JOIN amtsbus.events e USING (topic, stream_id, sequence)
), back AS (
    INSERT INTO amtsbus.unpublished (position, appended_at, topic, stream_id)
    SELECT * FROM (SELECT * FROM chosen UNION SELECT * FROM newest) AS b ORDER BY position
    ON CONFLICT DO NOTHING RETURNING position
)
SELECT (SELECT count(*) FROM chosen) AS chosen, (SELECT max(position) FROM chosen) AS reached,
       (SELECT array_agg(position) FROM back) AS waiting
"""


async def put_back(
    tx: Tx, selection: Selection, *, limit: int = PAGE, compacted: Collection[str] | None = None
) -> PutBack:
    """Put the first `limit` events of `selection` back among those that the relay has to publish.

    On a compacted topic the event that was published last is the one that stays, so the newest event of each stream goes
    along and is published after the older ones.

    Args:
        compacted: the topics that are compacted; None: nobody knows, so all may be.
    """
    where, arguments = _where(selection)
    where_compacted = ""
    if compacted is not None:
        arguments.append(list(compacted))
        where_compacted = f" WHERE topic = ANY(${len(arguments)}::text[])"
    row = await tx.connection.fetchrow(
        _PUT_BACK.format(where=where, limit=int(limit), where_compacted=where_compacted),
        *arguments,
        timeout=QUERY_SECONDS,
    )
    assert row is not None  # noqa: S101 - a SELECT of aggregates has one row
    return PutBack(row["chosen"], row["reached"] or selection.after_position, row["waiting"] or [])


async def replay(
    database: Database,
    selection: Selection,
    *,
    rate_per_second: int = 2000,
    compacted: Collection[str] | None = None,
) -> AsyncIterator[Progress]:
    """Have the relay publish the selected events again, with their ids and sequences and in the journal's order.

    The next ones follow when the relay has published those before, so that new facts never wait behind a long replay.

    Args:
        rate_per_second: the most events per second.
        compacted: see `put_back`.

    Raises:
        RelayStandsStillError: what was put back is not published; it will be when the relay works again.
    """
    position, events = selection.after_position, 0
    limit = min(PAGE, rate_per_second)
    while True:
        started = asyncio.get_running_loop().time()
        async with database.transaction() as tx:
            back = await put_back(tx, replace(selection, after_position=position), limit=limit, compacted=compacted)
        if not back.chosen:
            return
        position, events = back.reached, events + back.chosen
        yield Progress(events, position)
        await _until_published(database, back.waiting)
        await _keep_rate(started, back.chosen, rate_per_second)


async def _until_published(database: Database, positions: Sequence[int]) -> None:
    """Wake the relay and wait until it has published the events at `positions`."""
    await database.pool.execute(f"NOTIFY {CHANNEL}")
    left, since = len(positions), asyncio.get_running_loop().time()
    while left:
        await asyncio.sleep(0.02)
        still: int = await database.pool.fetchval(
            "SELECT count(*) FROM amtsbus.unpublished WHERE position = ANY($1::bigint[])", positions
        )
        now = asyncio.get_running_loop().time()
        if still < left:
            left, since = still, now
        elif now - since > PATIENCE_SECONDS:
            raise RelayStandsStillError(f"{still} events wait and none was published for {PATIENCE_SECONDS:.0f} s")


async def _keep_rate(started: float, events: int, rate_per_second: int) -> None:
    await asyncio.sleep(max(0.0, started + events / rate_per_second - asyncio.get_running_loop().time()))


async def pages(database: Database, selection: Selection) -> AsyncIterator[Sequence[Row]]:
    """The selected events themselves, in the journal's order."""
    position = selection.after_position
    while True:
        where, arguments = _where(replace(selection, after_position=position))
        async with database.transaction() as tx:
            rows = await tx.connection.fetch(
                f"SELECT * FROM amtsbus.events WHERE {where} ORDER BY position LIMIT {PAGE}",  # noqa: S608 - built from constants
                *arguments,
                timeout=QUERY_SECONDS,
            )
        if not rows:
            return
        yield rows
        position = rows[-1]["position"]


async def publish(
    rows_by_page: AsyncIterator[Sequence[Any]],
    settings: Settings,
    *,
    to_topic: str | None = None,
    rate_per_second: int = 2000,
) -> AsyncIterator[Progress]:
    """Write journal rows to Kafka with a producer of our own: into another topic, or where no relay is at work.

    Args:
        to_topic: instead of the topic of each event.

    Raises:
        TimeoutError: Kafka does not confirm.
    """
    out = producer(settings)
    events = 0
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await out.start()
        async for rows in rows_by_page:
            started = asyncio.get_running_loop().time()
            async with asyncio.timeout(PATIENCE_SECONDS):
                futures = []
                for row in rows:
                    record = record_of(row, settings)
                    if to_topic is not None:
                        record["topic"] = settings.topic_prefix + to_topic
                    futures.append(await out.send(**record))
                await asyncio.gather(*futures)
            events += len(rows)
            yield Progress(events, rows[-1]["position"])
            await _keep_rate(started, len(rows), rate_per_second)
    finally:
        await discard(out)


async def find_topic(settings: Settings, name: str, *, create: bool, copies: int = 1) -> bool:
    """Whether Kafka has the topic of one subscriber; with `create` it is made where it is missing.

    It has one partition, so that the subscriber reads in the journal's order, and keeps what it gets for 30 days.
    """
    full_name = settings.topic_prefix + name
    admin = AIOKafkaAdminClient(**kafka.connection(settings))
    try:
        await admin.start()
        if full_name in await admin.list_topics():
            return True
        if not create:
            return False
        kept = {"retention.ms": str(30 * 24 * 3_600_000), "cleanup.policy": "delete"}
        answer = await admin.create_topics([NewTopic(full_name, 1, copies, topic_configs=kept)])
        for _, code, *_ in answer.topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise for_code(code)(full_name)
        return True
    finally:
        await admin.close()
