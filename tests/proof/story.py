"""The whole story of a case through all services, in the order of time: for whoever wants to know what went wrong.

It is put together from everything that there is: the ledger, journals, topics, inboxes, dead letters, messages, mails, the
logs of all processes, and the faults that happened meanwhile. Instants are the machine's; the city's own clock may be ahead.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from town.home import Home

from tests.proof import ledger as ledgers
from tests.proof import topics_of_the_city
from tests.proof.ledger import Book
from tests.proof.records import Copy, RecordingCity, as_uuid, copies, database
from tests.proof.unseen import Fault

MOST_LINES = 400
LEDGER_FOLDER = "ledger"
AROUND = timedelta(seconds=5)
_TOLD_ELSEWHERE = frozenset({"timestamp", "level", "event", "service", "process", "trace_id", "case_id"})


class ToldCity(RecordingCity, Protocol):
    """What has to be known of a city to tell a story of it."""

    @property
    def home(self) -> Home: ...
    @property
    def happened(self) -> Sequence[Fault]: ...


@dataclass
class _Story:
    case_id: str
    lines: list[tuple[datetime, str, str]] = field(default_factory=list)
    """(when, where, what)"""
    stands: list[str] = field(default_factory=list)
    """How things stand now."""
    traces: set[str] = field(default_factory=set)
    events: set[str] = field(default_factory=set)
    messages: set[str] = field(default_factory=set)

    def is_told_by(self, copy: Copy) -> bool:
        """Whether a record belongs to the story."""
        return copy.key == self.case_id or copy.event_id in self.events or copy.trace_id in self.traces

    def add(self, at: datetime, where: str, what: str) -> None:
        self.lines.append((at, where, what))


async def story(city: ToldCity, case_id: str, *, ledger: Path | None = None) -> str:
    """Tell it, as text.

    Args:
        case_id: the id of a case, or of whatever a stream is about: a person, a child, a message.
        ledger: the ledger's folder; default: the one in the city's folder.
    """
    told = _Story(case_id)
    file = (ledger or city.home.folder / LEDGER_FOLDER) / ledgers.FILE
    book = ledgers.book_of(ledgers.lines_of(file)) if file.exists() else Book((), ())
    _from_ledger(told, book)
    # What the journals say of the case names traces, what they say of those names events, and these name messages.
    for _ in range(3):
        told.lines = [line for line in told.lines if not line[1].startswith("journal")]
        for service in city.services:
            await _from_journal(told, city, service)
        if "notifications" in city.services:
            await _find_messages(told, city)
    for service in city.services:
        await _from_inbox(told, city, service)
    _from_mails(told, book)
    for copy in await copies(city, [topic.name for topic in topics_of_the_city()], told.is_told_by):
        what = f"{copy.type} number {copy.sequence} lies at {copy.partition}/{copy.offset} ({copy.event_id})"
        told.add(copy.timestamp, f"topic {copy.topic}", what)
    for at, where, what in _from_logs(told, city.home.logs):
        told.add(at, where, what)
    _from_faults(told, city.happened)
    return _as_text(told)


def _from_ledger(told: _Story, book: Book) -> None:
    for deed in book.deeds:
        asked, answered = deed.asked, deed.answered
        if told.case_id not in (deed.case_id, asked.about, *((answered.told.get("persons") or ()) if answered else ())):
            continue
        told.traces.add(asked.trace_id)
        told.add(
            asked.at, "ledger", f"{asked.by} asks {asked.service}: {asked.method} {asked.path} (trace {asked.trace_id})"
        )
        if answered is None:
            told.add(asked.at, "ledger", f"request {asked.number} was never answered")
        else:
            failures = f" after {dict(answered.failures)}" if answered.failures else ""
            told.add(answered.at, "ledger", f"answered {answered.status} {dict(answered.told)}{failures}")


async def _from_journal(told: _Story, city: ToldCity, service: str) -> None:
    async with database(city, service) as connection:
        for row in await connection.fetch(
            "SELECT e.*, u.position IS NOT NULL AS waits FROM amtsbus.events e LEFT JOIN amtsbus.unpublished u "
            "USING (position) WHERE e.stream_id = ANY($1::uuid[]) OR split_part(e.traceparent, '-', 2) = ANY($2::text[])",
            [as_uuid(stream_id) for stream_id in (told.case_id, *sorted(told.messages))],
            sorted(told.traces),
        ):
            told.events.add(str(row["event_id"]))
            if row["traceparent"] and str(row["stream_id"]) == told.case_id:
                told.traces.add(row["traceparent"].split("-")[1])
            waits = ", still to be published" if row["waits"] else ""
            told.add(
                row["appended_at"],
                f"journal {service}",
                f"{row['type']} number {row['sequence']} of {row['stream_id']} at {row['position']} ({row['event_id']}){waits}",
            )
        for row in await connection.fetch("SELECT * FROM amtsbus.cases WHERE case_id = $1", as_uuid(told.case_id)):
            line = f"case {row['reference']} at {service}: {row['state']}, version {row['version']}"
            if line not in told.stands:
                told.stands.append(line)


async def _from_inbox(told: _Story, city: ToldCity, service: str) -> None:
    events = [as_uuid(event_id) for event_id in sorted(told.events)]
    async with database(city, service) as connection:
        for row in await connection.fetch("SELECT * FROM amtsbus.inbox WHERE event_id = ANY($1::uuid[])", events):
            told.add(row["handled_at"], f"inbox {service}", f"{row['consumer']} has handled {row['event_id']}")
        for row in await connection.fetch(
            "SELECT * FROM amtsbus.dead_letters WHERE key = $1 OR event_id = ANY($2::uuid[])",
            told.case_id.encode(),
            events,
        ):
            where = f"dead letters {service}"
            told.add(row["parked_at"], where, f"{row['consumer']} parks {row['event_type']}: {row['reason']}")
            if row["resolved_at"]:
                by = f"{row['resolved_by']}: {row['resolved_why']}"
                told.add(row["resolved_at"], where, f"{row['event_type']} is {row['state']} ({by})")
        for row in await connection.fetch(
            "SELECT * FROM amtsbus.gaps WHERE stream_id = $1 ORDER BY sequence", as_uuid(told.case_id)
        ):
            told.add(row["seen_at"], f"gaps {service}", f"{row['consumer']} misses number {row['sequence']}")
        for row in await connection.fetch(
            "SELECT * FROM amtsbus.high_water_marks WHERE stream_id = $1", as_uuid(told.case_id)
        ):
            told.stands.append(f"{row['consumer']} has handled the stream up to number {row['sequence']}")


async def _find_messages(told: _Story, city: ToldCity) -> None:
    events = [as_uuid(event_id) for event_id in sorted(told.events)]
    async with database(city, "notifications") as connection:
        for row in await connection.fetch(
            "SELECT m.*, e.state AS email_state, e.attempts FROM messages m LEFT JOIN emails e USING (message_id) "
            "WHERE m.case_id = $1 OR m.message_id = $1 OR m.caused_by = ANY($2::uuid[]) ORDER BY m.position",
            as_uuid(told.case_id),
            events,
        ):
            told.messages.add(str(row["message_id"]))
            email = f", e-mail {row['email_state']} after {row['attempts']} attempts" if row["email_state"] else ""
            line = (
                f"message {row['kind']} to {row['person_id']} at {row['position']}: {row['state']}{email} "
                f"({row['message_id']}, because of {row['caused_by']})"
            )
            if line not in told.stands:
                told.stands.append(line)


def _from_mails(told: _Story, book: Book) -> None:
    for mail in book.mails:
        if mail.message_id in told.messages:
            told.add(mail.arrived_at, "mail", f"an e-mail about the message {mail.message_id} arrives")


def _from_logs(told: _Story, logs: Path) -> Iterator[tuple[datetime, str, str]]:
    """Log lines that name the case, one of its traces, events or messages."""
    names = {told.case_id, *told.traces, *told.events, *told.messages}
    for file in sorted((*logs.glob("*.log"), *logs.glob("*.log.previous"))):
        with file.open(errors="replace") as lines:
            for line in lines:
                if not line.startswith("{") or not any(name in line for name in names):
                    continue
                try:
                    said: dict[str, Any] = json.loads(line)
                    at = datetime.fromisoformat(said["timestamp"])
                except (ValueError, KeyError):  # cut off where its writer was killed
                    continue
                more = ", ".join(f"{name} {value}" for name, value in said.items() if name not in _TOLD_ELSEWHERE)
                yield at, f"log {file.name.partition('.')[0]}", f"{said.get('level')} {said.get('event')}: {more}"


def _from_faults(told: _Story, happened: Sequence[Fault]) -> None:
    if not told.lines:
        return
    first, last = min(at for at, _, _ in told.lines), max(at for at, _, _ in told.lines)
    for fault in happened:
        if fault.ended_at >= first - AROUND and fault.began_at <= last + AROUND:
            name = f"fault #{fault.number} {fault.kind} {fault.target}"
            told.add(fault.began_at, "FAULT", f"{name} begins {fault.note}".rstrip())
            told.add(fault.ended_at, "FAULT", f"{name} is over")


def _as_text(told: _Story) -> str:
    lines = sorted(told.lines)
    shown = [f"{at:%H:%M:%S.%f}"[:-3] + f"  {where:<32} {what}" for at, where, what in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        shown.append(f"… and {len(lines) - MOST_LINES} more lines")
    stands = told.stands or ["nothing is on record"]
    return "\n".join([*shown, "How it stands:", *(f"  {one}" for one in stands)])
