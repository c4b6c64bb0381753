"""Asking for a replay over the bus: a reader that misses events tells their publisher, and the publisher sends them again.

The asking service publishes `<service>.replay-requested.v1` on `<service>.replay.requests`. Each service that it reads
listens there: its handler puts the events that are asked for back among those which its relay has to publish, so they go
out again in order, with their ids and sequences. Whoever has handled them ignores them; the reader's gap closes.

Both ends are one line of a service's declaration::

    SERVICE = Service(
        published=(*PUBLISHED, replay_requests.asked_by("notifications")),
        readers=(*READERS, *replay_requests.answered_by("permits", notifications=["permits.application.events"])),
    )
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict, Field

from amtsbus import operations
from amtsbus.events import Consumed, Published
from amtsbus.postgres import Tx
from amtsbus.reader import Reader

log = structlog.get_logger("amtsbus.replay_requests")

MOST_RANGES = 100
"""So many ranges of sequences are asked for in one event; a stream with more holes asks in several."""

_HIGHEST = 2**31 - 1

_STREAM = "01980a52-7c1e-7d40-9a3b-52d1f5a0e001"


def event_type(service: str) -> str:
    """The type of the event with which `service` asks."""
    return f"{service}.replay-requested.v1"


def topic_of(service: str) -> str:
    """Where `service` asks."""
    return f"{service}.replay.requests"


def asked_by(service: str, *, kind: str = "") -> type[Published]:
    """The event with which `service` (an instance of the package `kind`) asks the publishers that it reads for a replay."""

    class SequenceRangeV1(BaseModel):
        """Consecutive places of a stream, both ends included."""

        model_config = ConfigDict(frozen=True, extra="forbid")

        first: int = Field(ge=1, le=_HIGHEST, description="The first sequence that is asked for", examples=[4])
        last: int = Field(ge=1, le=_HIGHEST, description="The last sequence that is asked for", examples=[6])

    class ReplayRequestedV1(Published, type=event_type(kind or service), topic=topic_of(service)):
        """A reader of this service misses events and asks their publisher to publish them again."""

        stream_id: UUID = Field(description="The aggregate whose events are missing", examples=[_STREAM])
        from_topic: str = Field(
            description="The topic on which they were published", examples=["permits.application.events"]
        )
        ranges: tuple[SequenceRangeV1, ...] = Field(
            min_length=1, max_length=MOST_RANGES, description="Which of its sequences, lowest first"
        )
        consumer: str = Field(description="The consumer group that misses them", examples=[f"{service}.applications"])

    return ReplayRequestedV1


@dataclass
class ReplayRequests(Reader):
    """Reads the requests of `asker` and answers those for one of `topics`, which it may read.

    A request that never came is no loss: the asker still sees its gap, and asks again.
    """

    asker: str = ""
    topics: frozenset[str] = frozenset()

    @property
    def remembers_gaps(self) -> bool:
        return False


def answered_by(publisher: str, *, kind: str = "", **askers: Sequence[str]) -> tuple[Reader, ...]:
    """The readers with which `publisher` answers the requests of those who read it: each asker with the topics it may read.

    Args:
        kind: the package of which the askers are instances, if they are.
    """
    return tuple(_answering(publisher, asker, frozenset(topics), kind or asker) for asker, topics in askers.items())


def _answering(publisher: str, asker: str, topics: frozenset[str], kind: str) -> Reader:
    if foreign := sorted(topic for topic in topics if not topic.startswith(f"{publisher}.")):
        raise ValueError(f"{publisher} does not publish on {', '.join(foreign)}")

    class SequenceRange(BaseModel):
        model_config = ConfigDict(frozen=True, extra="ignore")

        first: int
        last: int

    class ReplayRequested(Consumed, type=event_type(kind)):
        """Which events are asked for: of one stream of one topic, in ranges of sequences."""

        stream_id: UUID
        from_topic: str
        ranges: tuple[SequenceRange, ...]
        consumer: str

    requests = ReplayRequests(
        topic_of(asker), group=f"{publisher}.replay-requests-of-{asker}", asker=asker, topics=topics
    )

    @requests(ReplayRequested)
    async def on_replay_requested(event: ReplayRequested, tx: Tx) -> None:
        if not event.from_topic.startswith(f"{publisher}."):
            return  # another publisher's: everybody whom the asker reads hears all of its requests
        about = f"{event.from_topic}, stream {event.stream_id}"
        why = f"{event.consumer} misses them (event {event.meta.id})"
        if event.from_topic not in topics:
            # Neither parked nor tried again: a wrong declaration elsewhere must not stop what others ask for.
            log.error("replay_refused", asker=asker, topic=event.from_topic, stream_id=str(event.stream_id))
            await operations.record(
                tx, by=asker, action="replay on request refused: not a reader", about=about, why=why
            )
            return
        ranges = [(max(wanted.first, 1), min(wanted.last, _HIGHEST)) for wanted in event.ranges]
        found = await _publish_again(tx, event.from_topic, event.stream_id, ranges)
        log.info("replay_on_request", asker=asker, topic=event.from_topic, stream_id=str(event.stream_id), events=found)
        await operations.record(tx, by=asker, action="replay on request", about=f"{found} events of {about}", why=why)

    return requests


async def _publish_again(tx: Tx, topic: str, stream_id: UUID, ranges: Sequence[tuple[int, int]]) -> int:
    """Have the relay publish events of one stream again, in order; returns how many of them the journal has."""
    from amtsbus.replay import Selection, put_back  # here, because the api has the same declaration and knows no Kafka

    found = 0
    for first, last in ranges:
        selection = Selection(topic=topic, stream_id=stream_id, first_sequence=first, last_sequence=last)
        found += (await put_back(tx, selection, limit=_HIGHEST)).chosen
    return found
