"""The journal's archive: months that the city no longer keeps in the database, each in a file of its own.

A file is gzip of JSON lines. The first line says what the file holds (`Description`), each further line is one event in the
journal's order, with everything that the journal knew about it. A month leaves the database in the transaction that records
who did it, after its file was written, made durable, read back and found to hold what the database holds.

Months leave oldest first and only as a whole; the heads of their streams (`amtsbus.streams`) stay, so a stream goes on counting.
"""

import asyncio
import contextlib
import gzip
import hashlib
import heapq
import json
import os
import re
import secrets
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import asyncpg

from amtsbus import operations
from amtsbus.clock import SystemClock
from amtsbus.postgres import Row, Tx
from amtsbus.replay import PAGE, Selection, following, months

FORMAT = 1
_LINES_AT_ONCE = 2000
_LEAVE_ATTEMPTS = 60

Event = Mapping[str, Any]
"""One event of an archive file, with the names and types of a row of the journal."""


class ArchiveError(Exception):
    """A file is not what it says, or a month cannot leave. The message says why and what to do."""


@dataclass(frozen=True)
class Description:
    """What an archive file holds; its first line.

    `sha256` is the hash of all lines after the first one, uncompressed.
    """

    service: str
    month: date
    events: int
    first_position: int | None
    last_position: int | None
    sha256: str
    format: int = FORMAT

    def line(self) -> bytes:
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(content | {"month": f"{self.month:%Y-%m}"}).encode() + b"\n"

    @classmethod
    def of(cls, line: bytes) -> Self:
        """Parse the first line of a file.

        Raises:
            ValueError: it is none.
        """
        content = json.loads(line)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError("not an archive of a journal")
        try:
            return cls(**content | {"month": datetime.strptime(content["month"], "%Y-%m").replace(tzinfo=UTC).date()})
        except (KeyError, TypeError) as error:
            raise ValueError("its first line is not that of an archive") from error


# -- files --------------------------------------------------------------------------------------------------------


def file_name(service: str, month: date) -> str:
    """How the file of a month is called."""
    return f"{service}.{month:%Y-%m}.jsonl.gz"


def line_of(row: Event | Row) -> bytes:
    """An event as a line; the same event is always the same line."""
    content = {
        "position": row["position"],
        "event_id": str(row["event_id"]),
        "topic": row["topic"],
        "stream_id": str(row["stream_id"]),
        "sequence": row["sequence"],
        "type": row["type"],
        "occurred_at": row["occurred_at"].astimezone(UTC).isoformat(),
        "appended_at": row["appended_at"].astimezone(UTC).isoformat(),
        "traceparent": row["traceparent"],
        "data": row["data"],  # a string: the very bytes that were published
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def event_of(line: bytes) -> Event:
    """The event of a line."""
    content: dict[str, Any] = json.loads(line)
    return content | {
        "event_id": UUID(content["event_id"]),
        "stream_id": UUID(content["stream_id"]),
        "occurred_at": datetime.fromisoformat(content["occurred_at"]),
        "appended_at": datetime.fromisoformat(content["appended_at"]),
    }


def describe(path: Path) -> Description:
    """What a file says that it holds; see `verify`.

    Raises:
        ArchiveError: it cannot be read.
    """
    with _reading(path), gzip.open(path) as file:
        return Description.of(file.readline())


def verify(path: Path) -> Description:
    """Read a whole file and check that it holds what it says.

    Raises:
        ArchiveError: it does not.
    """
    digest, count, last = hashlib.sha256(), 0, 0
    first: int | None = None
    with _reading(path), gzip.open(path) as file:
        said = Description.of(file.readline())
        for line in file:
            digest.update(line)
            event = event_of(line)
            if event["position"] <= last:
                raise ValueError(f"position {event['position']} comes after {last}")
            if _month_of(event["appended_at"]) != said.month:
                raise ValueError(f"position {event['position']} is of another month")
            count, last = count + 1, event["position"]
            first = last if first is None else first
    found = Description(said.service, said.month, count, first, last if count else None, digest.hexdigest())
    if found != said:
        raise ArchiveError(f"{path.name} is damaged: it does not hold what its first line says. Use another copy.")
    return said


def events(paths: Iterable[Path], keep: Callable[[Event], bool] = lambda _: True) -> Iterator[Event]:
    """The events of several files in the journal's order.

    Raises:
        ArchiveError: a file cannot be read.
    """
    # Two that append at the turn of a month may have taken their positions the other way round, so files overlap a little.
    for event in heapq.merge(*(_events(path) for path in paths), key=lambda event: event["position"]):
        if keep(event):
            yield event


async def pages(found: Iterator[Event]) -> AsyncIterator[Sequence[Event]]:
    """Events page by page, for `amtsbus.replay.publish`."""
    page: list[Event] = []
    for event in found:
        page.append(event)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


def matches(event: Event, selection: Selection) -> bool:
    """Whether `selection` means this event."""
    return (
        event["position"] > selection.after_position
        and (selection.up_to_position is None or event["position"] <= selection.up_to_position)
        and selection.topic in (None, event["topic"])
        and selection.stream_id in (None, event["stream_id"])
        and selection.event_type in (None, event["type"])
        and (selection.since is None or event["occurred_at"] >= selection.since)
        and (selection.until is None or event["occurred_at"] < selection.until)
        and (selection.first_sequence is None or event["sequence"] >= selection.first_sequence)
        and (selection.last_sequence is None or event["sequence"] <= selection.last_sequence)
    )


def _events(path: Path) -> Iterator[Event]:
    with _reading(path), gzip.open(path) as file:
        Description.of(file.readline())
        for line in file:
            yield event_of(line)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say which file it is that cannot be read."""
    try:
        yield
    except FileNotFoundError as error:
        raise ArchiveError(f"{path} does not exist") from error
    except (OSError, EOFError, zlib.error, ValueError, KeyError) as error:
        raise ArchiveError(f"{path.name} cannot be read: {error or 'it ends too early'}") from error


def _month_of(instant: datetime) -> date:
    return instant.astimezone(UTC).date().replace(day=1)


# -- the city's rule ----------------------------------------------------------------------------------------------

_RULE = re.compile(r"P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?")


def months_of_rule(rule: str) -> int:
    """How many months a rule such as `P10Y` or `P1Y6M` (ISO 8601, years and months) keeps.

    Raises:
        ValueError: it is no such rule.
    """
    found = _RULE.fullmatch(rule.strip().upper())
    kept = int(found["years"] or 0) * 12 + int(found["months"] or 0) if found else 0
    if not kept:
        raise ValueError("write years and months, for example P10Y or P1Y6M")
    return kept


def first_kept(today: date, kept_months: int) -> date:
    """The first month that stays: a month is older than the rule when its last day is."""
    number = today.year * 12 + today.month - 1 - kept_months
    return date(number // 12, number % 12 + 1, 1)


# -- months leave -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Month:
    """A month of the journal that may leave."""

    month: date
    events: int
    unpublished: int


@dataclass(frozen=True)
class Archived:
    """A month that has left."""

    description: Description
    file: Path


async def leaving(connection: "asyncpg.Connection[Row]", kept_months: int) -> list[Month]:
    """The months of the journal that are older than the rule, oldest first, by the database's own clock."""
    today = await connection.fetchval("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date")
    found = []
    for month in await months(Tx(connection, SystemClock())):
        if month < first_kept(today, kept_months):
            events_there = await connection.fetchval(f"SELECT count(*) FROM {_table(month)}")  # noqa: S608 - a date
            found.append(Month(month, events_there, await _unpublished(connection, month)))
    return found


async def archive_month(
    connection: "asyncpg.Connection[Row]", service: str, month: date, folder: Path, *, by: str, why: str
) -> Archived:
    """Write one month to its file in `folder`, verify the file, and let the month leave the database.

    The oldest month leaves first. Appending and reading go on; at the very end a moment's lock is taken, and nobody waits
    for it longer than a second at a time.

    Args:
        connection: as the owner of the tables.

    Raises:
        ArchiveError: it must not leave yet, or the file is not what it should be. Nothing has changed in the database.
    """
    file = folder / file_name(service, month)
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = '10s'")
        # Readers and whoever appends to the present month do not notice; nobody can append to this one any more.
        await connection.execute(f"LOCK TABLE {_table(month)} IN SHARE ROW EXCLUSIVE MODE")
        await _refuse_out_of_turn(connection, month)
        description = await _described(connection, service, month)
        await _write(connection, description, file)
        await _leave(connection, month)
        await _refuse_unpublished(connection, month)  # nobody can put a row back any more
        await connection.execute(f"DROP TABLE {_table(month)}")
        await connection.execute(
            "INSERT INTO amtsbus.archived_months (month, events, first_position, last_position, sha256) "
            "VALUES ($1, $2, $3, $4, $5)",
            month,
            description.events,
            description.first_position,
            description.last_position,
            description.sha256,
        )
        await operations.record(
            Tx(connection, SystemClock()),
            by=by,
            action="archive a month of the journal",
            about=f"{month:%Y-%m}: {description.events} events, {file.name}, sha256 {description.sha256}",
            why=why,
        )
    return Archived(description, file)


async def archived(connection: "asyncpg.Connection[Row]") -> dict[date, str]:
    """The months that have left, with the SHA-256 of their files' content."""
    rows = await connection.fetch("SELECT month, sha256 FROM amtsbus.archived_months ORDER BY month")
    return {row["month"]: row["sha256"] for row in rows}


def files_of(service: str, left: Mapping[date, str], folder: Path) -> list[Path]:
    """The files of the months that have left, each verified.

    Args:
        left: what `archived` says.

    Raises:
        ArchiveError: one is missing, damaged, or another than the one that was written.
    """
    paths = []
    for month, sha256 in left.items():
        path = folder / file_name(service, month)
        said = verify(path)
        if (said.service, said.month, said.sha256) != (service, month, sha256):
            raise ArchiveError(f"{path.name} is not the file with which {month:%Y-%m} left the journal of {service}")
        paths.append(path)
    return paths


def _table(month: date) -> str:
    return f"amtsbus_journal.events_{month:%Y_%m}"


def _bounds(month: date) -> tuple[datetime, datetime]:
    first, last = month, following(month)
    return datetime(first.year, first.month, 1, tzinfo=UTC), datetime(last.year, last.month, 1, tzinfo=UTC)


async def _unpublished(connection: "asyncpg.Connection[Row]", month: date) -> int:
    found: int = await connection.fetchval(
        "SELECT count(*) FROM amtsbus.unpublished WHERE appended_at >= $1 AND appended_at < $2", *_bounds(month)
    )
    return found


async def _refuse_unpublished(connection: "asyncpg.Connection[Row]", month: date) -> None:
    if waiting := await _unpublished(connection, month):
        raise ArchiveError(f"{waiting} events of {month:%Y-%m} are not published; it stays until they are")


async def _refuse_out_of_turn(connection: "asyncpg.Connection[Row]", month: date) -> None:
    await _refuse_unpublished(connection, month)
    oldest = (await months(Tx(connection, SystemClock())))[0]
    if oldest != month:
        raise ArchiveError(f"{oldest:%Y-%m} is older and has to leave first")
    _, end = _bounds(month)
    # A clock that was set back at the turn of a month has put a later event of a stream into the earlier month.
    overtaken = await connection.fetchval(
        f"SELECT e.stream_id FROM {_table(month)} e "  # noqa: S608 - a date
        "WHERE e.position > (SELECT min(position) FROM amtsbus.events WHERE appended_at >= $1) "
        "AND EXISTS (SELECT FROM amtsbus.events l WHERE l.appended_at >= $1 AND l.topic = e.topic "
        "AND l.stream_id = e.stream_id AND l.position < e.position) LIMIT 1",
        end,
    )
    if overtaken is not None:
        raise ArchiveError(
            f"the clock was set back at the end of {month:%Y-%m}: an earlier event of stream {overtaken} lies in the month "
            "after, so this month stays"
        )


async def _lines(connection: "asyncpg.Connection[Row]", month: date) -> AsyncIterator[bytes]:
    async for row in connection.cursor(f"SELECT * FROM {_table(month)} ORDER BY position", prefetch=_LINES_AT_ONCE):  # noqa: S608 - a date
        yield line_of(row)


async def _described(connection: "asyncpg.Connection[Row]", service: str, month: date) -> Description:
    digest, count = hashlib.sha256(), 0
    async for line in _lines(connection, month):
        digest.update(line)
        count += 1
    [ends] = await connection.fetch(
        f"SELECT min(position) AS first, max(position) AS last FROM {_table(month)}"  # noqa: S608 - a date
    )
    return Description(service, month, count, ends["first"], ends["last"], digest.hexdigest())


async def _write(connection: "asyncpg.Connection[Row]", description: Description, file: Path) -> None:
    """Write the file and read it back; a file of this name that holds the same already is left alone."""
    if await asyncio.to_thread(file.exists):
        if verify(file) != description:
            raise ArchiveError(f"{file} exists and holds something else")
        return
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("xb") as raw:
            os.fchmod(raw.fileno(), 0o600)
            with gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed:
                packed.write(description.line())
                async for line in _lines(connection, description.month):
                    packed.write(line)
            raw.flush()
            os.fsync(raw.fileno())
        if verify(draft) != description:
            raise ArchiveError(f"{file} was written and reads differently: is the disk in order?")
        draft.rename(file)
        _make_durable(file.parent)
    except OSError as error:
        raise ArchiveError(f"{file} cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)


def _make_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _leave(connection: "asyncpg.Connection[Row]", month: date) -> None:
    """Detach the month: its lock on the whole journal is asked for again and again, for a second at a time."""
    for _ in range(_LEAVE_ATTEMPTS):
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '1s'")
                await connection.execute(f"ALTER TABLE amtsbus.events DETACH PARTITION {_table(month)}")
                return
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(1)
    raise ArchiveError(f"{month:%Y-%m} cannot leave: somebody holds a lock on the journal for minutes (pg_locks)")
