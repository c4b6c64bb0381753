"""What changes elsewhere, told to the desks that are open: server-sent events out of one look a second for each process.

A save of a case adds lines to its history, so a look at the newest lines finds every change, whoever made it: another desk, the
API, a reader, the clock. Looked for is what was written within `OVERLAP` before the last look as well, since a transaction that
took long shows lines of an earlier time.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from amtsbus.desk import history, watching
from amtsbus.desk.department import Viewer
from amtsbus.postgres import NO_ANSWER, Database, Tx

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 15.0
OVERLAP: Final = timedelta(seconds=60)
HEARTBEAT_SECONDS: Final = 15.0
LONGEST_SECONDS: Final = 1800.0
"""A stream ends after this long, and the browser begins another one: the session is looked at anew."""
MOST_STREAMS: Final = 500
MOST_OF_ONE: Final = 12
"""Streams of one person: so many tabs."""
MOST_WAITING: Final = 100
"""Changes that a slow browser can be behind; it then is told that everything may have changed."""


@dataclass(frozen=True, slots=True)
class Change:
    """A case has a new version, or others look at it (then `version` is 0). `at` is when, by the service's clock."""

    case_id: UUID
    version: int
    at: datetime


@dataclass(eq=False)
class Stream:
    """One open page: of a case, or of a list (`case_id` is None)."""

    session: bytes
    subject: str
    case_id: UUID | None
    waiting: asyncio.Queue[Change] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    over: asyncio.Event = field(default_factory=asyncio.Event)
    missed: bool = False

    def offer(self, change: Change) -> None:
        """Let the page know, without waiting for it."""
        try:
            self.waiting.put_nowait(change)
        except asyncio.QueueFull:
            self.missed = True


class TooManyStreamsError(Exception):
    """This process, or this person, has as many streams open as are allowed."""


_CHANGED = """
SELECT case_id, max(version) AS version, max(at) AS at FROM amtsbus.case_history WHERE at > $1 GROUP BY case_id ORDER BY 3, 1
"""
_ALIVE = """
SELECT web_session_id FROM amtsbus.web_sessions
WHERE web_session_id = ANY($1::bytea[]) AND idle_until > clock_timestamp() AND ends_at > clock_timestamp()
"""


_NEWEST = """
SELECT c.version, c.applicant_id, h.who
FROM amtsbus.cases c CROSS JOIN LATERAL (
    SELECT who FROM amtsbus.case_history WHERE case_id = c.case_id ORDER BY version DESC, nth DESC LIMIT 1
) AS h
WHERE c.case_id = $1
"""


class Feed:
    """Looks for changes while at least one stream is open, and ends streams whose session is over."""

    def __init__(self, database: Database, *, look_seconds: float = LOOK_SECONDS) -> None:
        self._database = database
        self._look_seconds = look_seconds
        self._streams: set[Stream] = set()
        self._task: asyncio.Task[None] | None = None
        self._seen: dict[tuple[UUID, int], datetime] | None = None
        self._renewed_at = 0.0
        self._watching: dict[UUID, list[tuple[str, str]]] = {}

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self._streams)

    def is_full(self, subject: str) -> bool:
        """Whether `subject` can open no further one."""
        of_one = sum(one.subject == subject for one in self._streams)
        return len(self._streams) >= MOST_STREAMS or of_one >= MOST_OF_ONE

    @contextlib.contextmanager
    def stream(self, session: bytes, subject: str, case_id: UUID | None) -> Iterator[Stream]:
        """A stream, while the block runs.

        Args:
            session: what the database knows of the session's token.

        Raises:
            TooManyStreamsError: there are enough.
        """
        if self.is_full(subject):
            raise TooManyStreamsError
        stream = Stream(session, subject, case_id)
        self._streams.add(stream)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="desk-feed")
        try:
            yield stream
        finally:
            self._streams.discard(stream)
            if not self._streams and self._task is not None:
                self._task.cancel()
                self._task, self._seen = None, None

    async def _run(self) -> None:
        pause = self._look_seconds
        while True:
            try:
                await self._look()
                pause = self._look_seconds
            except NO_ANSWER as error:
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                log.warning("desk_feed_waits", error=type(error).__name__, pause_seconds=pause)
            await asyncio.sleep(pause)

    async def _look(self) -> None:
        async with self._database.transaction() as tx:
            changes = await changed_since(tx, tx.clock.now() - OVERLAP)
            alive = {row["web_session_id"] for row in await tx.fetch(_ALIVE, [one.session for one in self._streams])}
            await self._renew(tx)
            watching_now = await watching.others(tx, {one.case_id for one in self._streams if one.case_id is not None})
        watched_before, self._watching = self._watching, watching_now
        for stream in self._streams:
            if stream.session not in alive:
                stream.over.set()
            elif stream.case_id and watching_now.get(stream.case_id) != watched_before.get(stream.case_id):
                stream.offer(Change(stream.case_id, 0, self._database.clock.now()))
        known, self._seen = self._seen, {(change.case_id, change.version): change.at for change in changes}
        if known is None:  # what was there before anybody listened is on their pages already
            return
        for change in changes:
            if (change.case_id, change.version) not in known:
                for stream in self._streams:
                    if stream.case_id in (None, change.case_id):
                        stream.offer(change)

    async def _renew(self, tx: Tx) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._renewed_at >= HEARTBEAT_SECONDS:
            self._renewed_at = now
            await watching.renew(tx, {(one.case_id, one.subject) for one in self._streams if one.case_id is not None})


async def changed_since(tx: Tx, since: datetime) -> list[Change]:
    """The cases that have changed since a moment of the service's clock, with their newest versions."""
    return [Change(**row) for row in await tx.fetch(_CHANGED, since)]


async def newest(tx: Tx, case_id: UUID, viewer: Viewer) -> tuple[int, str]:
    """A case's version, and the name of who made it; 0 where there is no such case."""
    row = await tx.fetchrow(_NEWEST, case_id)
    if row is None:
        return 0, ""
    return row["version"], history.who(row["who"], row["applicant_id"], viewer)


def event(name: str, data: object, identifier: str = "") -> bytes:
    """One event as it travels (HTML standard, § 9.2.5)."""
    lines = [f"id: {identifier}"] if identifier else []
    return "\n".join([*lines, f"event: {name}", f"data: {json.dumps(data, ensure_ascii=False)}", "", ""]).encode()


HEARTBEAT: Final = b":\n\n"
RETRY: Final = b"retry: 3000\n\n"
ENDED: Final = event("ended", {})


async def changes_of(stream: Stream, *, longest_seconds: float = LONGEST_SECONDS) -> AsyncIterator[list[Change] | None]:
    """What has changed, in portions; None when nothing has for a while, and an empty portion where the page was too slow and
    must take it that everything has. Ends when the session is over, or after `longest_seconds`."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + longest_seconds
    over = asyncio.create_task(stream.over.wait())
    first: asyncio.Task[Change] | None = None
    try:
        while (left := ends_at - loop.time()) > 0:
            first = first or asyncio.create_task(stream.waiting.get())
            await asyncio.wait({first, over}, timeout=min(HEARTBEAT_SECONDS, left), return_when=asyncio.FIRST_COMPLETED)
            if over.done():
                return
            if not first.done():
                yield None
                continue
            portion = [first.result()]
            first = None
            while not stream.waiting.empty():
                portion.append(stream.waiting.get_nowait())
            if stream.missed:
                stream.missed, portion = False, []
            yield portion
    finally:
        over.cancel()
        if first is not None:
            first.cancel()
