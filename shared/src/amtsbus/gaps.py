"""What readers miss: sequences of a stream that never came, and asking their publisher for them over the bus."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from amtsbus import operations
from amtsbus.events import Published
from amtsbus.postgres import Tx
from amtsbus.replay_requests import MOST_RANGES, event_type
from amtsbus.service import Service

_ASKING = 0x61736B73  # "asks": two operators who ask at once


@dataclass(frozen=True)
class MissingEvents:
    """What one reader misses of one stream: ranges of sequences, both ends included, lowest first."""

    consumer: str
    topic: str
    stream_id: UUID
    ranges: tuple[tuple[int, int], ...]
    since: datetime

    @property
    def count(self) -> int:
        """How many events that are."""
        return sum(last - first + 1 for first, last in self.ranges)

    @property
    def sequences(self) -> str:
        """The ranges as one writes them: `4, 6-9`."""
        return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in self.ranges)


Place = tuple[str, str, UUID]
"""Where a page of streams ended: consumer, topic, stream."""

_BEGINNING: Place = ("", "", UUID(int=0))

_MISSING = """
WITH page AS (
    SELECT DISTINCT consumer, topic, stream_id FROM amtsbus.gaps
    WHERE (consumer, topic, stream_id) > ($1, $2, $3) AND ($4::text IS NULL OR consumer = $4)
    ORDER BY consumer, topic, stream_id LIMIT $5
), numbered AS (
    SELECT g.*, g.sequence - row_number() OVER (PARTITION BY consumer, topic, stream_id ORDER BY g.sequence) AS island
    FROM amtsbus.gaps g JOIN page USING (consumer, topic, stream_id)
), islands AS (
    SELECT consumer, topic, stream_id, min(sequence) AS first, max(sequence) AS last, min(seen_at) AS since
    FROM numbered GROUP BY consumer, topic, stream_id, island
)
SELECT consumer, topic, stream_id, array_agg(first ORDER BY first) AS firsts, array_agg(last ORDER BY first) AS lasts,
       min(since) AS since
FROM islands GROUP BY consumer, topic, stream_id ORDER BY consumer, topic, stream_id
"""


async def missing(
    tx: Tx, *, consumer: str | None = None, after: Place | None = None, limit: int = 1000
) -> list[MissingEvents]:
    """What the service's readers miss, stream by stream; the next page begins `after` the last one's `place_of`."""
    rows = await tx.fetch(_MISSING, *(after or _BEGINNING), consumer, limit)
    return [
        MissingEvents(
            row["consumer"],
            row["topic"],
            row["stream_id"],
            tuple(zip(row["firsts"], row["lasts"], strict=True)),
            row["since"],
        )
        for row in rows
    ]


def place_of(events: MissingEvents) -> Place:
    """Where a page that ends with `events` ends."""
    return events.consumer, events.topic, events.stream_id


@dataclass(frozen=True)
class OpenGaps:
    """How much one reader misses, and for how long."""

    events: int
    since: datetime


async def by_consumer(tx: Tx) -> dict[str, OpenGaps]:
    """How much each reader misses; a reader that misses nothing is not listed."""
    rows = await tx.fetch(
        "SELECT consumer, count(*) AS events, min(seen_at) AS since FROM amtsbus.gaps GROUP BY consumer"
    )
    return {row["consumer"]: OpenGaps(row["events"], row["since"]) for row in rows}


def request_of(service: Service) -> type[Published] | None:
    """The event with which `service` asks for a replay; None where it does not declare one."""
    return next((event for event in service.published if event.event_type == event_type(service.name)), None)


async def ask(tx: Tx, request: type[Published], events: Sequence[MissingEvents], *, by: str, why: str) -> None:
    """Ask the publishers of `events` for a replay, and record who asked and why."""
    if not events:
        return
    await tx.execute("SELECT pg_advisory_xact_lock($1)", _ASKING)
    for one in events:
        await tx.append(
            one.stream_id,
            *(
                request.model_validate(
                    {
                        "stream_id": one.stream_id,
                        "from_topic": one.topic,
                        "ranges": [{"first": first, "last": last} for first, last in ranges],
                        "consumer": one.consumer,
                    }
                )
                for ranges in (
                    one.ranges[start : start + MOST_RANGES] for start in range(0, len(one.ranges), MOST_RANGES)
                )
            ),
        )
    streams = f"stream {events[0].stream_id}" if len(events) == 1 else f"{len(events)} streams"
    topics = ", ".join(sorted({one.topic for one in events}))
    await operations.record(
        tx,
        by=by,
        action="ask for missing events",
        about=f"{sum(one.count for one in events)} events of {streams} of {topics}",
        why=why,
    )
