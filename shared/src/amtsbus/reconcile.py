"""Holding a publisher's journal against what a reader remembers: what was published and never seen, and what was seen and
is not in the journal.

Two comparisons, both page by page, so that hundreds of thousands of streams take no more memory than a few. *Heads*: the last
event of every stream against the reader's high-water mark; it finds what no gap shows, because nothing came after it. *Events*:
every event of the journal against the reader's inbox; it finds what neither mark nor gap betrays. What differs is looked at
once more after the reader has passed everything that Kafka held, since both sides move on meanwhile.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TextIO
from uuid import UUID

from amtsbus import gaps, inbox, operations
from amtsbus.inbox import Mark
from amtsbus.offsets import Offsets
from amtsbus.postgres import Database, Tx, affected
from amtsbus.reader import Reader
from amtsbus.relay import partition_of

PAGE = 1000
QUERY_SECONDS = 120.0


class Kind(StrEnum):
    """How publisher and reader differ about some events of a stream."""

    MISSING = "missing"
    """Published, never seen, and no gap says so."""
    NOTED = "noted"
    """Published, never seen, and the reader knows: a gap."""
    ON_THE_WAY = "on_the_way"
    """Not published yet, or not read yet."""
    PARKED = "parked"
    """Waiting among the dead letters."""
    UNKNOWN = "unknown_to_publisher"
    """Seen by the reader, and the journal has nothing or another event there: the publisher's database was restored."""
    SEEN = "noted_but_seen"
    """A gap of which the reader has seen the event after all."""


class Circumstance(StrEnum):
    """What else is to be known about a finding."""

    NOT_IN_INBOX = "later events were handled, this one is not in the inbox"
    KEY_PARKED = "its key is parked: retry first"
    NOT_IN_JOURNAL = "not, or not all of it, in the journal any more"
    OTHER_EVENT = "another event is there"
    JOURNAL_ENDS = "the journal ends before"
    NOT_PUBLISHED = "not published yet"


@dataclass(frozen=True)
class Finding:
    """Consecutive places of one stream about which publisher and reader differ."""

    kind: Kind
    topic: str
    stream_id: UUID
    first: int
    last: int
    circumstance: Circumstance | None = None
    event_id: UUID | None = None
    """Of a single event, or of the stream's newest, where `last` is its place."""
    occurred_at: datetime | None = None

    @property
    def count(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Head:
    """The newest event of a stream; its id is None where it lies in the archive. Up to `published` nothing waits."""

    stream_id: UUID
    sequence: int
    published: int
    event_id: UUID | None
    occurred_at: datetime | None


class Heads(Protocol):
    """Where the heads of a publisher's streams are read from."""

    def of(self, topic: str) -> AsyncIterator[Head]:
        """The heads of `topic`, in the order of their streams' ids."""
        ...

    async def again(self, topic: str, stream_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """The sequences of some heads as they are now."""
        ...

    def outdated(self, mark: Mark) -> bool:
        """Whether a mark that is ahead of its head may simply be newer than these heads."""
        ...


# -- the publisher's side ---------------------------------------------------------------------------------------------

_HEADS = """
WITH page AS (
    SELECT stream_id, sequence FROM amtsbus.streams WHERE topic = $1 AND stream_id > $2 ORDER BY stream_id LIMIT $3
), waiting AS (
    SELECT u.stream_id, min(e.sequence) AS first
    FROM amtsbus.unpublished u JOIN page USING (stream_id) JOIN amtsbus.events e USING (position, appended_at)
    WHERE u.topic = $1 GROUP BY u.stream_id
)
SELECT p.stream_id, p.sequence, coalesce(w.first - 1, p.sequence) AS published, e.event_id, e.occurred_at
FROM page p LEFT JOIN waiting w USING (stream_id) LEFT JOIN LATERAL (
    SELECT event_id, occurred_at FROM amtsbus.events
    WHERE topic = $1 AND stream_id = p.stream_id AND sequence = p.sequence LIMIT 1
) e ON true
ORDER BY p.stream_id
"""


class JournalHeads:
    """The heads in a publisher's database."""

    def __init__(self, publisher: Database) -> None:
        self._publisher = publisher

    async def of(self, topic: str) -> AsyncIterator[Head]:
        after = UUID(int=0)
        while True:
            async with self._publisher.transaction() as tx:
                rows = await tx.connection.fetch(_HEADS, topic, after, PAGE, timeout=QUERY_SECONDS)
            for row in rows:
                yield Head(**row)
            if len(rows) < PAGE:
                return
            after = rows[-1]["stream_id"]

    async def again(self, topic: str, stream_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        async with self._publisher.transaction() as tx:
            rows = await tx.fetch(
                "SELECT stream_id, sequence FROM amtsbus.streams WHERE topic = $1 AND stream_id = ANY($2::uuid[])",
                topic,
                stream_ids,
            )
        return {row["stream_id"]: row["sequence"] for row in rows}

    def outdated(self, mark: Mark) -> bool:  # noqa: ARG002 - a head that was read again is never outdated
        return False


async def write_heads(service: str, publisher: Database, out: TextIO) -> int:
    """Write the heads of all streams of `service` for the operator of a reader; returns how many."""
    out.write(json.dumps({"service": service, "made_at": publisher.clock.now().isoformat()}) + "\n")
    async with publisher.transaction() as tx:
        topics = [row["topic"] for row in await tx.fetch("SELECT DISTINCT topic FROM amtsbus.streams ORDER BY topic")]
    written = 0
    for topic in topics:
        async for head in JournalHeads(publisher).of(topic):
            line = {
                "topic": topic,
                "stream_id": str(head.stream_id),
                "sequence": head.sequence,
                "published": head.published,
                "event_id": str(head.event_id) if head.event_id else None,
                "occurred_at": head.occurred_at.isoformat() if head.occurred_at else None,
            }
            out.write(json.dumps(line) + "\n")
            written += 1
    return written


class HeadsFileError(Exception):
    """The file is not one that `amtsbus journal heads` has made. The message says which line and why."""


class FiledHeads:
    """The heads in a file of `amtsbus journal heads`."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._heads: dict[UUID, int] = {}
        with file.open(encoding="utf-8") as lines:
            try:
                first = json.loads(next(lines, ""))
                self.service: str = first["service"]
                self.made_at = datetime.fromisoformat(first["made_at"])
            except (ValueError, KeyError, TypeError):
                raise HeadsFileError(f"{file}: line 1 does not say whose heads these are") from None

    async def of(self, topic: str) -> AsyncIterator[Head]:
        before = UUID(int=0)
        with self._file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if number == 1:
                    continue
                try:
                    content = json.loads(line)
                    if content["topic"] != topic:
                        continue
                    head = Head(
                        UUID(content["stream_id"]),
                        int(content["sequence"]),
                        int(content["published"]),
                        UUID(content["event_id"]) if content["event_id"] else None,
                        datetime.fromisoformat(content["occurred_at"]) if content["occurred_at"] else None,
                    )
                except (ValueError, KeyError, TypeError):
                    raise HeadsFileError(f"{self._file}: line {number} is no head of a stream") from None
                if head.stream_id <= before:
                    raise HeadsFileError(f"{self._file}: line {number} is not in the order of the streams' ids")
                before = head.stream_id
                yield head

    async def again(self, topic: str, stream_ids: Sequence[UUID]) -> Mapping[UUID, int]:  # noqa: ARG002 - a file stays as it is
        return {}

    def outdated(self, mark: Mark) -> bool:
        return mark.occurred_at > self.made_at


# -- the reader's side ------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What was compared of one reader's topic, and how many events differ in which way."""

    group: str
    topic: str
    streams: int = 0
    events: int = 0
    """Events that the journal holds; 0 where only heads were compared."""
    differing: Counter[Kind] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Stream:
    stream_id: UUID
    head: Head | None
    mark: Mark | None

    @property
    def seen(self) -> int:
        return self.mark.sequence if self.mark else 0


class Reconciliation:
    """Compares one reader with the publisher of its topic; `tally` counts along.

    Args:
        deadline: on the clock `time.monotonic`: until then it waits for a reader that lags.
    """

    def __init__(self, reader: Reader, memory: Database, offsets: Offsets, *, deadline: float) -> None:
        self._reader = reader
        self._memory = memory
        self._offsets = offsets
        self._deadline = deadline
        self.tally = Tally(reader.group, reader.topic)

    def _found(self, finding: Finding) -> Finding:
        self.tally.differing[finding.kind] += finding.count
        return finding

    # -- heads ------------------------------------------------------------------------------------------------------

    async def heads(self, heads: Heads) -> AsyncIterator[Finding]:
        """Compare the newest event of every stream with the reader's high-water mark."""
        chunk: list[_Stream] = []
        async for stream in _merged(heads.of(self._reader.topic), self._marks()):
            self.tally.streams += 1
            if stream.head is None or stream.mark is None or stream.mark.sequence != stream.head.sequence:
                chunk.append(stream)
            elif stream.head.event_id is not None and stream.head.event_id != stream.mark.event_id:
                yield self._found(
                    self._finding(Kind.UNKNOWN, stream.stream_id, stream.seen, stream.seen, Circumstance.OTHER_EVENT)
                )
            if len(chunk) == PAGE:
                async for finding in self._differing(heads, chunk):
                    yield finding
                chunk = []
        async for finding in self._differing(heads, chunk):
            yield finding

    async def _marks(self) -> AsyncIterator[tuple[UUID, Mark]]:
        after = UUID(int=0)
        while True:
            async with self._memory.transaction() as tx:
                rows = await tx.fetch(
                    "SELECT stream_id, sequence, event_id, occurred_at FROM amtsbus.high_water_marks "
                    "WHERE consumer = $1 AND topic = $2 AND stream_id > $3 ORDER BY stream_id LIMIT $4",
                    self._reader.group,
                    self._reader.topic,
                    after,
                    PAGE,
                )
            for row in rows:
                yield row["stream_id"], Mark(row["sequence"], row["event_id"], row["occurred_at"])
            if len(rows) < PAGE:
                return
            after = rows[-1]["stream_id"]

    async def _differing(self, heads: Heads, streams: Sequence[_Stream]) -> AsyncIterator[Finding]:
        """What differs really, of streams that did when they were read one side after the other."""
        ahead = [s for s in streams if s.mark and s.mark.sequence > (s.head.sequence if s.head else 0)]
        now = await heads.again(self._reader.topic, [s.stream_id for s in ahead]) if ahead else {}
        for stream in ahead:
            end = max(now.get(stream.stream_id, 0), stream.head.sequence if stream.head else 0)
            if stream.mark and stream.seen > end and not heads.outdated(stream.mark):
                yield self._found(
                    self._finding(Kind.UNKNOWN, stream.stream_id, end + 1, stream.seen, Circumstance.JOURNAL_ENDS)
                )
        behind = [s.head for s in streams if s.head and s.head.sequence > s.seen]
        if behind:
            waiting = await self._offsets.passed(self._reader, self._deadline)
            partitions = len(await self._offsets.partitions(self._reader.topic))
            ids = [head.stream_id for head in behind]
            async with self._memory.transaction() as tx:
                marks = await inbox.stored_marks(tx, self._reader.group, self._reader.topic, ids)
                parked = await self._parked(tx, ids)
            for head in behind:
                mark = marks.get(head.stream_id)
                unread = bool(waiting) and partition_of(str(head.stream_id).encode(), partitions) in waiting
                for finding in self._tail(head, mark.sequence if mark else 0, parked, unread=unread):
                    yield self._found(finding)

    def _tail(self, head: Head, seen: int, parked: Mapping[UUID, set[int]], *, unread: bool) -> Iterator[Finding]:
        """What becomes of the events of one stream after the last one that was seen."""
        first = head.sequence if self._reader.compacted else seen + 1
        if first <= seen:
            return
        held = parked.get(head.stream_id, set())
        for start, end, is_parked in _runs(range(first, min(head.published, head.sequence) + 1), held):
            kind = Kind.PARKED if is_parked else Kind.ON_THE_WAY if unread else Kind.MISSING
            circumstance = None
            if kind is Kind.MISSING and held:
                circumstance = Circumstance.KEY_PARKED
            elif kind is Kind.MISSING and head.event_id is None:
                circumstance = Circumstance.NOT_IN_JOURNAL
            newest = (head.event_id, head.occurred_at) if end == head.sequence else (None, None)
            yield self._finding(kind, head.stream_id, start, end, circumstance, *newest)
        if head.published < head.sequence:
            yield self._finding(
                Kind.ON_THE_WAY,
                head.stream_id,
                max(first, head.published + 1),
                head.sequence,
                Circumstance.NOT_PUBLISHED,
            )

    async def _parked(self, tx: Tx, stream_ids: Sequence[UUID]) -> dict[UUID, set[int]]:
        """The sequences of parked events, by stream; a record without a readable sequence is not among them."""
        rows = await tx.fetch(
            r"""
            SELECT d.key, encode(decode(h.header ->> 1, 'base64'), 'escape') AS sequence
            FROM amtsbus.dead_letters d CROSS JOIN LATERAL jsonb_array_elements(d.headers) AS h (header)
            WHERE d.consumer = $1 AND d.topic = $2 AND d.key = ANY($3::bytea[]) AND d.state = 'parked'
              AND h.header ->> 0 = 'ce_sequence'
            """,
            self._reader.group,
            self._reader.topic,
            [str(stream_id).encode() for stream_id in stream_ids],
        )
        parked: dict[UUID, set[int]] = {}
        for row in rows:
            if row["sequence"].isdecimal():
                parked.setdefault(UUID(row["key"].decode()), set()).add(int(row["sequence"]))
        return parked

    # -- events -----------------------------------------------------------------------------------------------------

    async def events(self, publisher: Database, since: datetime | None = None) -> AsyncIterator[Finding]:
        """Compare every event of the journal with the reader's inbox, as far back as an inbox remembers.

        Only up to the stream's high-water mark: what comes after it is the business of `heads`.

        Args:
            since: only events that were appended at or after this.
        """
        remembered = datetime.now(UTC) - inbox.KEPT + timedelta(days=1)
        begin = max(since, remembered) if since else remembered
        after = (UUID(int=0), 0)
        while True:
            async with publisher.transaction() as tx:
                rows = await tx.connection.fetch(
                    "SELECT stream_id, sequence, event_id FROM amtsbus.events WHERE topic = $1 "
                    "AND (stream_id, sequence) > ($2, $3) AND appended_at >= $4 ORDER BY stream_id, sequence LIMIT $5",
                    self._reader.topic,
                    *after,
                    begin,
                    PAGE,
                    timeout=QUERY_SECONDS,
                )
            self.tally.events += len(rows)
            for finding in await self._unseen([(row["stream_id"], row["sequence"], row["event_id"]) for row in rows]):
                yield self._found(finding)
            if len(rows) < PAGE:
                return
            after = (rows[-1]["stream_id"], rows[-1]["sequence"])

    async def _unseen(self, events: Sequence[tuple[UUID, int, UUID]]) -> list[Finding]:
        suspects = await self._unrecorded(events)
        if not suspects:
            return []
        # A retry of a parked event, or a replay, may just have brought them.
        unread = await self._offsets.passed(self._reader, self._deadline)
        partitions = len(await self._offsets.partitions(self._reader.topic))
        found = []
        for finding in await self._unrecorded([(s.stream_id, s.first, s.event_id) for s in suspects if s.event_id]):
            on_the_way = bool(unread) and partition_of(str(finding.stream_id).encode(), partitions) in unread
            if finding.kind is Kind.MISSING and on_the_way:
                found.append(self._finding(Kind.ON_THE_WAY, finding.stream_id, finding.first, finding.last))
            else:
                found.append(finding)
        return found

    async def _unrecorded(self, events: Sequence[tuple[UUID, int, UUID]]) -> list[Finding]:
        async with self._memory.transaction() as tx:
            rows = await tx.connection.fetch(
                _UNRECORDED,
                self._reader.group,
                self._reader.topic,
                [stream_id for stream_id, _, _ in events],
                [sequence for _, sequence, _ in events],
                [event_id for _, _, event_id in events],
                timeout=QUERY_SECONDS,
            )
        found = []
        for row in rows:
            if row["seen"]:
                kind, circumstance = Kind.SEEN, None
            elif row["parked"]:
                kind, circumstance = Kind.PARKED, None
            elif row["sequence"] == row["mark"]:
                kind, circumstance = Kind.UNKNOWN, Circumstance.OTHER_EVENT
            elif self._reader.compacted:
                continue  # superseded before it was read
            else:
                kind, circumstance = Kind.MISSING, Circumstance.NOT_IN_INBOX
            place = row["sequence"]
            found.append(self._finding(kind, row["stream_id"], place, place, circumstance, row["event_id"]))
        return found

    # -- gaps -------------------------------------------------------------------------------------------------------

    async def noted(self, publisher: Database | None) -> AsyncIterator[Finding]:
        """What the reader knows that it misses, and whether the publisher's journal still holds it."""
        after: gaps.Place | None = None
        while True:
            async with self._memory.transaction() as tx:
                page = await gaps.missing(tx, consumer=self._reader.group, after=after, limit=PAGE)
            ranges = [
                (one.stream_id, first, last)
                for one in page
                if one.topic == self._reader.topic
                for first, last in one.ranges
            ]
            held = await _held(publisher, self._reader.topic, ranges) if publisher else [None] * len(ranges)
            for (stream_id, first, last), count in zip(ranges, held, strict=True):
                complete = count is None or count == last - first + 1
                circumstance = None if complete else Circumstance.NOT_IN_JOURNAL
                yield self._found(self._finding(Kind.NOTED, stream_id, first, last, circumstance))
            if len(page) < PAGE:
                return
            after = gaps.place_of(page[-1])

    def _finding(
        self,
        kind: Kind,
        stream_id: UUID,
        first: int,
        last: int,
        circumstance: Circumstance | None = None,
        event_id: UUID | None = None,
        occurred_at: datetime | None = None,
    ) -> Finding:
        return Finding(kind, self._reader.topic, stream_id, first, last, circumstance, event_id, occurred_at)

    # -- mending ----------------------------------------------------------------------------------------------------

    async def note(self, findings: Sequence[Finding], *, by: str, why: str) -> int:
        """Write what is missing into the reader's gaps, so that it can be asked for, and take out what was seen after all.

        A stream whose key is parked is left as it is: first its events are retried. So is one whose newest event is in the
        archive or on the way: the next event that comes shows the gap by itself.

        Returns:
            How many gaps were written or taken out.
        """
        name, topic = self._reader.group, self._reader.topic
        missing = [f for f in findings if f.kind is Kind.MISSING and f.event_id is not None]
        inner = [f for f in missing if f.circumstance is Circumstance.NOT_IN_INBOX]
        tails = [f for f in missing if f.circumstance is None and f.occurred_at is not None]
        seen = [f for f in findings if f.kind is Kind.SEEN]
        async with self._memory.transaction() as tx:
            written = await self._note_inner(tx, inner) + await self._note_tails(tx, tails)
            for finding in seen:
                await inbox.heal(tx, name, topic, finding.stream_id, finding.first)
            changed = written + len(seen)
            if changed:
                about = f"{written} events of {topic} that {name} misses"
                about += f"; {len(seen)} gaps taken out" if seen else ""
                await operations.record(tx, by=by, action="note missing events", about=about, why=why)
        return changed

    async def _note_inner(self, tx: Tx, findings: Sequence[Finding]) -> int:
        tag = await tx.execute(
            "INSERT INTO amtsbus.gaps (consumer, topic, stream_id, sequence) "
            "SELECT $1, $2, n.stream_id, n.sequence FROM unnest($3::uuid[], $4::integer[], $5::uuid[]) "
            "AS n (stream_id, sequence, event_id) "
            "WHERE NOT EXISTS (SELECT FROM amtsbus.inbox i WHERE i.consumer = $1 AND i.event_id = n.event_id) "
            "ON CONFLICT DO NOTHING",
            self._reader.group,
            self._reader.topic,
            [f.stream_id for f in findings],
            [f.first for f in findings],
            [f.event_id for f in findings],
        )
        return affected(tag)

    async def _note_tails(self, tx: Tx, findings: Sequence[Finding]) -> int:
        """Raise the marks to the streams' newest events and note everything below as missing.

        So the events count as gaps, which heal; the reader's own way to learn of them, a later event, stays as it is.
        """
        name, topic = self._reader.group, self._reader.topic
        parked = await self._parked(tx, [f.stream_id for f in findings])
        ends = {f.stream_id: f for f in sorted(findings, key=lambda f: f.stream_id) if f.stream_id not in parked}
        marks = await inbox.stored_marks(tx, name, topic, sorted(ends), lock=True)
        # What has no mark cannot be locked: a reader that makes one at this moment is waited for, and its stream left alone.
        begun = await tx.fetch(
            _BEGIN_MARKS, name, topic, *_columns([f for f in ends.values() if f.stream_id not in marks])
        )
        unseen = {row["stream_id"]: ends[row["stream_id"]] for row in begun}
        behind = {
            f.stream_id: f for f in ends.values() if f.stream_id in marks and marks[f.stream_id].sequence < f.last
        }
        if behind:
            await inbox.advance(
                tx,
                name,
                topic,
                {
                    f.stream_id: Mark(f.last, f.event_id, f.occurred_at)
                    for f in behind.values()
                    if f.event_id and f.occurred_at
                },
            )
        noted = [*unseen.values(), *behind.values()]
        firsts = [
            f.last if self._reader.compacted else marks[f.stream_id].sequence + 1 if f.stream_id in marks else 1
            for f in noted
        ]
        tag = await tx.execute(
            "INSERT INTO amtsbus.gaps (consumer, topic, stream_id, sequence) "
            "SELECT $1, $2, n.stream_id, generate_series(n.first, n.last) "
            "FROM unnest($3::uuid[], $4::integer[], $5::integer[]) AS n (stream_id, first, last) ON CONFLICT DO NOTHING",
            name,
            topic,
            [f.stream_id for f in noted],
            firsts,
            [f.last for f in noted],
        )
        return affected(tag)


def _columns(
    findings: Sequence[Finding],
) -> tuple[list[UUID], list[int], list[UUID | None], list[datetime | None]]:
    return (
        [f.stream_id for f in findings],
        [f.last for f in findings],
        [f.event_id for f in findings],
        [f.occurred_at for f in findings],
    )


_BEGIN_MARKS = """
INSERT INTO amtsbus.high_water_marks (consumer, topic, stream_id, sequence, event_id, occurred_at)
SELECT $1, $2, n.* FROM unnest($3::uuid[], $4::integer[], $5::uuid[], $6::timestamptz[]) AS n
ON CONFLICT DO NOTHING RETURNING stream_id
"""

_UNRECORDED = """
SELECT a.stream_id, a.sequence, a.event_id, m.sequence AS mark, i.event_id IS NOT NULL AS seen, EXISTS (
    SELECT FROM amtsbus.dead_letters d WHERE d.consumer = $1 AND d.topic = $2 AND d.state = 'parked'
    AND d.key = convert_to(a.stream_id::text, 'UTF8') AND d.event_id = a.event_id
) AS parked
FROM unnest($3::uuid[], $4::integer[], $5::uuid[]) AS a (stream_id, sequence, event_id)
JOIN amtsbus.high_water_marks m
    ON m.consumer = $1 AND m.topic = $2 AND m.stream_id = a.stream_id AND m.sequence >= a.sequence
LEFT JOIN amtsbus.inbox i ON i.consumer = $1 AND i.event_id = a.event_id
LEFT JOIN amtsbus.gaps g
    ON g.consumer = $1 AND g.topic = $2 AND g.stream_id = a.stream_id AND g.sequence = a.sequence
WHERE (i.event_id IS NULL) = (g.sequence IS NULL)
ORDER BY a.stream_id, a.sequence
"""

_HELD = """
SELECT (SELECT count(*) FROM amtsbus.events e
        WHERE e.topic = $1 AND e.stream_id = r.stream_id AND e.sequence BETWEEN r.first AND r.last) AS held
FROM unnest($2::uuid[], $3::integer[], $4::integer[]) WITH ORDINALITY AS r (stream_id, first, last, nth) ORDER BY nth
"""


async def _held(publisher: Database, topic: str, ranges: Sequence[tuple[UUID, int, int]]) -> list[int | None]:
    """How many events of each range the journal holds."""
    async with publisher.transaction() as tx:
        rows = await tx.connection.fetch(
            _HELD,
            topic,
            [stream_id for stream_id, _, _ in ranges],
            [first for _, first, _ in ranges],
            [last for _, _, last in ranges],
            timeout=QUERY_SECONDS,
        )
    return [row["held"] for row in rows]


async def _merged(heads: AsyncIterator[Head], marks: AsyncIterator[tuple[UUID, Mark]]) -> AsyncIterator[_Stream]:
    """Heads and marks side by side; both come in the order of the streams' ids."""
    head, mark = await anext(heads, None), await anext(marks, None)
    while head is not None or mark is not None:
        if mark is None or (head is not None and head.stream_id < mark[0]):
            assert head is not None  # noqa: S101 - one of the two is there
            yield _Stream(head.stream_id, head, None)
            head = await anext(heads, None)
        elif head is None or mark[0] < head.stream_id:
            yield _Stream(mark[0], None, mark[1])
            mark = await anext(marks, None)
        else:
            yield _Stream(head.stream_id, head, mark[1])
            head, mark = await anext(heads, None), await anext(marks, None)


def _runs(sequences: Iterable[int], chosen: set[int]) -> Iterator[tuple[int, int, bool]]:
    """Consecutive sequences as (first, last, whether they are among `chosen`)."""
    first = last = 0
    is_chosen = False
    for sequence in sequences:
        if first and (sequence in chosen) == is_chosen:
            last = sequence
            continue
        if first:
            yield first, last, is_chosen
        first, last, is_chosen = sequence, sequence, sequence in chosen
    if first:
        yield first, last, is_chosen
