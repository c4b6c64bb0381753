"""The operator's view of the journal: how far it is published, and publishing parts of it again."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from amtsbus.postgres import Database, Tx
from amtsbus.relay import producer, record_of
from amtsbus.settings import Settings

PAGE = 500


@dataclass(frozen=True)
class JournalStatus:
    """How far the journal of a service is published."""

    events: int
    unpublished: int
    oldest_unpublished_seconds: float | None
    newest_position: int | None
    by_topic: dict[str, int]


@dataclass(frozen=True)
class Selection:
    """Which events of the journal; what is None does not restrict."""

    topic: str | None = None
    stream_id: UUID | None = None
    event_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after_position: int = 0


async def status(tx: Tx) -> JournalStatus:
    """Count the journal."""
    topics = await tx.fetch("SELECT topic, count(*) AS events FROM amtsbus.events GROUP BY topic ORDER BY topic")
    [row] = await tx.fetch(
        """
        SELECT (SELECT max(position) FROM amtsbus.events) AS newest,
               count(*) AS unpublished,
               extract(epoch FROM clock_timestamp() - min(appended_at))::float8 AS oldest
        FROM amtsbus.unpublished
        """
    )
    by_topic = {topic["topic"]: topic["events"] for topic in topics}
    return JournalStatus(sum(by_topic.values()), row["unpublished"], row["oldest"], row["newest"], by_topic)


_WHERE = """
WHERE position > $1 AND NOT EXISTS (SELECT 1 FROM amtsbus.unpublished u WHERE u.position = events.position)
  AND ($2::text IS NULL OR topic = $2) AND ($3::uuid IS NULL OR stream_id = $3)
  AND ($4::text IS NULL OR type = $4)
  AND ($5::timestamptz IS NULL OR occurred_at >= $5) AND ($6::timestamptz IS NULL OR occurred_at < $6)
"""


def _arguments(selection: Selection, after: int) -> tuple[object, ...]:
    return (
        after,
        selection.topic,
        selection.stream_id,
        selection.event_type,
        selection.since,
        selection.until,
    )


async def count(tx: Tx, selection: Selection) -> int:
    """How many published events `selection` means."""
    counted: int = await tx.fetchval(
        f"SELECT count(*) FROM amtsbus.events {_WHERE}",  # noqa: S608 - a constant
        *_arguments(selection, selection.after_position),
    )
    return counted


async def replay(
    database: Database,
    settings: Settings,
    selection: Selection,
    *,
    to_topic: str | None = None,
    rate_per_second: int = 2000,
) -> AsyncIterator[tuple[int, int]]:
    """Publish the selected events again with their original ids and sequences, in the journal's order.

    Only what was published before is published again: the rest is the relay's, and must not overtake it.

    Args:
        to_topic: another topic, for example one that was made for a single subscriber.
        rate_per_second: the most events per second.

    Yields:
        (how many so far, the journal position reached); begin at a position with `selection.after_position`.
    """
    out = producer(settings)
    await out.start()
    try:
        sent, position = 0, selection.after_position
        while True:
            started = asyncio.get_running_loop().time()
            async with database.transaction() as tx:
                rows = await tx.fetch(
                    f"SELECT * FROM amtsbus.events {_WHERE} ORDER BY position LIMIT {PAGE}",  # noqa: S608 - constants
                    *_arguments(selection, position),
                )
            if not rows:
                return
            futures = []
            for row in rows:
                record = record_of(row, settings)
                if to_topic is not None:
                    record["topic"] = settings.topic_prefix + to_topic
                futures.append(await out.send(**record))
            await asyncio.gather(*futures)
            sent, position = sent + len(rows), rows[-1]["position"]
            yield sent, position
            spent = asyncio.get_running_loop().time() - started
            await asyncio.sleep(max(0.0, len(rows) / rate_per_second - spent))
    finally:
        await out.stop()
