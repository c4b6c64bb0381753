"""What the services and Kafka have on record, read from outside: straight from the databases and topics, past all of our code.

Everything is read whole and held in memory; a campaign of half an hour is some tens of thousands of events.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from amtsbus.topics import Topic

from tests.proof import topics_of_the_city

TYPE_PREFIX = "de.amtsbus."
CONNECT_SECONDS = 10

Connection = Any
Stream = tuple[str, str]
"""Topic and id of the aggregate."""


class RecordingCity(Protocol):
    """What has to be known of a city to read its records."""

    @property
    def services(self) -> Sequence[str]: ...
    @property
    def kafka(self) -> str: ...
    @property
    def topic_prefix(self) -> str: ...
    def owner_url(self, service: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Event:
    """A row of a journal. `written` is its data as the text that goes out."""

    position: int
    event_id: str
    topic: str
    stream_id: str
    sequence: int
    type: str
    written: str
    trace_id: str | None
    appended_at: datetime

    @property
    def stream(self) -> Stream:
        return self.topic, self.stream_id

    @property
    def data(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.written)
        return read


@dataclass(frozen=True, slots=True)
class Copy:
    """A record on a topic."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime
    key: str
    event_id: str
    type: str
    sequence: int
    trace_id: str | None
    written: str | None
    """Its value; None where it is the same as in the journal, which is not kept twice."""

    @property
    def stream(self) -> Stream:
        return self.topic, self.key


@dataclass(frozen=True, slots=True)
class Mark:
    """The last sequence of a stream that a reader has handled."""

    sequence: int
    event_id: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was parked."""

    dead_letter_id: int
    consumer: str
    topic: str
    partition: int
    offset: int
    key: str
    event_id: str | None
    event_type: str | None
    reason: str
    parked_at: datetime
    state: str
    resolved_by: str | None
    resolved_why: str | None


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case as its service has it."""

    case_id: str
    procedure: str
    reference: str
    state: str
    version: int
    history: tuple[tuple[int, datetime, str], ...]
    """(version, when, the state afterwards), in order."""


@dataclass
class ServiceRecords:
    """Everything that one service has on record."""

    service: str
    journal: list[Event] = field(default_factory=list)
    heads: dict[Stream, int] = field(default_factory=dict)
    unpublished: set[int] = field(default_factory=set)
    inbox: dict[str, dict[str, datetime]] = field(default_factory=lambda: defaultdict(dict))
    """Consumer → event → when it was handled."""
    marks: dict[tuple[str, str, str], Mark] = field(default_factory=dict)
    gaps: set[tuple[str, str, str, int]] = field(default_factory=set)
    """(consumer, topic, stream, sequence)"""
    dead_letters: list[DeadLetter] = field(default_factory=list)
    retries: list[tuple[str, str, str]] = field(default_factory=list)
    """(consumer, topic, key) of parked keys whose retry somebody has asked for."""
    cases: dict[str, CaseRow] = field(default_factory=dict)
    opened_by: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Idempotency-Key → the cases whose content names it."""
    ringing: int = 0
    """Periods that the clock has still to announce."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to a person, with its letter and its e-mail."""

    message_id: str
    position: int
    person_id: str
    kind: str
    caused_by: str
    case_id: str
    state: str
    has_letter: bool
    email_state: str | None
    resends: int


@dataclass(frozen=True, slots=True)
class Addressee:
    """A person as notifications knows them."""

    given_names: str | None
    family_name: str | None
    address: Mapping[str, Any] | None
    email: str | None


@dataclass(frozen=True, slots=True)
class Child:
    """A child as schooling knows it."""

    given_names: str
    family_name: str
    date_of_birth: str
    custodian_ids: tuple[str, ...]
    moved_out_on: str | None


@dataclass
class Records:
    """The whole city at one moment, as far as a promise has been made about it."""

    topics: tuple[Topic, ...]
    services: dict[str, ServiceRecords] = field(default_factory=dict)
    copies: dict[str, list[Copy]] = field(default_factory=dict)
    """By topic, in the order of partition and offset."""
    messages: list[Message] = field(default_factory=list)
    addressees: dict[str, Addressee] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)
    uninvited: dict[str, int] = field(default_factory=dict)
    """Child → school year, of children whose cohort's invitation was ordered and who have none."""

    def journal_of(self, topic: str) -> list[Event]:
        """The journal's events of one topic, in order of position."""
        owner = next(one.owner for one in self.topics if one.name == topic)
        return [event for event in self.services[owner].journal if event.topic == topic]


@asynccontextmanager
async def database(city: RecordingCity, service: str) -> Any:
    """A connection to a service's database as its superuser."""
    connection = await asyncpg.connect(city.owner_url(service), timeout=CONNECT_SECONDS, command_timeout=120)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


async def read(city: RecordingCity, *, today: Any) -> Records:
    """Read everything: first the databases, each in one snapshot, then the topics, so that what is on a topic and in no journal
    was there before. (What was appended meanwhile is looked up once more.)

    Args:
        today: the city's date, which decides whose deadline is due.
    """
    records = Records(topics_of_the_city())
    for service in city.services:
        async with database(city, service) as connection, connection.transaction(isolation="repeatable_read"):
            records.services[service] = await _of_service(connection, service, today)
            if service == "notifications":
                await _messages(connection, records)
            if service == "schooling":
                await _children(connection, records, today)
    await _all_copies(city, records)
    await _late_events(city, records)
    return records


_JOURNAL = """
SELECT position, event_id::text, topic, stream_id::text, sequence, type, data, traceparent, appended_at
FROM amtsbus.events WHERE position > $1 ORDER BY position
"""


async def _of_service(connection: Connection, service: str, today: Any) -> ServiceRecords:
    found = ServiceRecords(service, journal=await _journal(connection, 0))
    for row in await connection.fetch("SELECT topic, stream_id::text, sequence FROM amtsbus.streams"):
        found.heads[row["topic"], row["stream_id"]] = row["sequence"]
    found.unpublished = {row["position"] for row in await connection.fetch("SELECT position FROM amtsbus.unpublished")}
    for row in await connection.fetch("SELECT consumer, event_id::text, handled_at FROM amtsbus.inbox"):
        found.inbox[row["consumer"]][row["event_id"]] = row["handled_at"]
    for row in await connection.fetch(
        "SELECT consumer, topic, stream_id::text, sequence, event_id::text FROM amtsbus.high_water_marks"
    ):
        found.marks[row["consumer"], row["topic"], row["stream_id"]] = Mark(row["sequence"], row["event_id"])
    for row in await connection.fetch("SELECT consumer, topic, stream_id::text, sequence FROM amtsbus.gaps"):
        found.gaps.add(tuple(row))
    for row in await connection.fetch(
        "SELECT dead_letter_id, consumer, topic, partition, record_offset AS offset, key, event_id::text, event_type, reason, "
        "parked_at, state, resolved_by, resolved_why FROM amtsbus.dead_letters ORDER BY dead_letter_id"
    ):
        found.dead_letters.append(DeadLetter(**(dict(row) | {"key": row["key"].decode(errors="replace")})))
    for row in await connection.fetch(
        "SELECT consumer, topic, key FROM amtsbus.parked_keys WHERE retry_requested_at IS NOT NULL"
    ):
        found.retries.append((row["consumer"], row["topic"], row["key"].decode(errors="replace")))
    await _cases(connection, found, today)
    return found


async def _journal(connection: Connection, after: int) -> list[Event]:
    return [
        Event(
            row["position"],
            row["event_id"],
            row["topic"],
            row["stream_id"],
            row["sequence"],
            row["type"],
            row["data"],
            _trace_id(row["traceparent"]),
            row["appended_at"],
        )
        for row in await connection.fetch(_JOURNAL, after)
    ]


# Where the key of the request that opened a case stands in the case: the load writes it there.
_KEYS = {
    "permits": "SELECT application_id::text AS case_id, substring(description from '^Proof ([0-9a-f-]{36}):') AS key "
    "FROM applications",
    "registration": "SELECT case_id::text, substring(content->'address'->>'street' from '^Proof[a-z]+ ([0-9a-f-]{36})$') "
    "AS key FROM declarations",
}


async def _cases(connection: Connection, found: ServiceRecords, today: Any) -> None:
    history: dict[str, list[tuple[int, datetime, str]]] = defaultdict(list)
    for row in await connection.fetch(
        "SELECT case_id::text, version, at, state FROM amtsbus.case_history ORDER BY case_id, version, nth"
    ):
        history[row["case_id"]].append((row["version"], row["at"], row["state"]))
    for row in await connection.fetch(
        "SELECT case_id::text, procedure_key AS procedure, reference, state, version FROM amtsbus.cases"
    ):
        found.cases[row["case_id"]] = CaseRow(**row, history=tuple(history[row["case_id"]]))
    if found.service in _KEYS:
        for row in await connection.fetch(_KEYS[found.service]):
            if row["key"] is not None:
                found.opened_by[row["key"]].append(row["case_id"])
    found.ringing = await connection.fetchval("SELECT count(*) FROM amtsbus.case_periods WHERE rings_on <= $1", today)


async def _messages(connection: Connection, records: Records) -> None:
    for row in await connection.fetch(
        "SELECT m.message_id::text, m.position, m.person_id::text, m.kind, m.caused_by::text, m.case_id::text, m.state, "
        "l.message_id IS NOT NULL AS has_letter, e.state AS email_state, "
        "(SELECT count(*) FROM email_resends r WHERE r.message_id = m.message_id) AS resends "
        "FROM messages m LEFT JOIN letters l USING (message_id) LEFT JOIN emails e USING (message_id) ORDER BY m.position"
    ):
        records.messages.append(Message(*row))
    for row in await connection.fetch(
        "SELECT person_id::text, given_names, family_name, address, email FROM addressees"
    ):
        stored = row["address"]
        records.addressees[row["person_id"]] = Addressee(
            row["given_names"], row["family_name"], json.loads(stored) if stored else None, row["email"]
        )


async def _children(connection: Connection, records: Records, today: Any) -> None:
    for row in await connection.fetch(
        "SELECT child_id::text, given_names, family_name, date_of_birth::text, custodian_ids::text[], moved_out_on::text "
        "FROM children"
    ):
        records.children[row["child_id"]] = Child(
            row["given_names"],
            row["family_name"],
            row["date_of_birth"],
            tuple(row["custodian_ids"]),
            row["moved_out_on"],
        )
    # A school year that has begun invites nobody any more (AO-GS § 1): the first of August.
    for row in await connection.fetch(
        "SELECT u.child_id::text, u.school_year FROM uninvited_children u JOIN cohort_invitations USING (school_year) "
        "WHERE make_date(u.school_year, 8, 1) > $1",
        today,
    ):
        records.uninvited[row["child_id"]] = row["school_year"]


async def _late_events(city: RecordingCity, records: Records) -> None:
    """Add what was appended between the reading of a journal and of its topics."""
    known = {event.event_id for of in records.services.values() for event in of.journal}
    owners = {topic.name: topic.owner for topic in records.topics}
    late = {owners[topic] for topic, copies in records.copies.items() for copy in copies if copy.event_id not in known}
    for service in late:
        journal = records.services[service].journal
        async with database(city, service) as connection:
            journal += await _journal(connection, journal[-1].position if journal else 0)


# -- Kafka ---------------------------------------------------------------------------------------------------------


async def _all_copies(city: RecordingCity, records: Records) -> None:
    written = {event.event_id: event.written for of in records.services.values() for event in of.journal}
    names = [topic.name for topic in records.topics]
    records.copies = {name: [] for name in names}
    for copy in await copies(city, names, lambda _: True, written=written):
        records.copies[copy.topic].append(copy)


async def copies(
    city: RecordingCity,
    names: Sequence[str],
    wanted: Callable[[Copy], bool],
    *,
    written: Mapping[str, str] | None = None,
) -> list[Copy]:
    """The records on some topics that are wanted, topic by topic in the order of partition and offset.

    Args:
        written: what the journals say, by event; a record that says the same need not keep its value.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=city.kafka, group_id=None, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    found: list[Copy] = []
    try:
        partitions = await _partitions(city, names)
        for name in names:
            found += filter(wanted, await _copies_of(consumer, name, partitions[name], written or {}))
    finally:
        await consumer.stop()
    return found


async def _copies_of(
    consumer: Any, topic: str, partitions: Sequence[TopicPartition], written: Mapping[str, str]
) -> list[Copy]:
    if not partitions:
        return []
    consumer.assign(partitions)
    begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    for partition in partitions:
        consumer.seek(partition, begins[partition])
    found: list[Copy] = []
    unread = {partition for partition in partitions if begins[partition] < ends[partition]}
    while unread:
        for partition, batch in (await consumer.getmany(*unread, timeout_ms=1000)).items():
            found += [_copy(topic, record, written) for record in batch if record.offset < ends[partition]]
        # A compacted partition may end with offsets that hold nothing any more, so the position counts.
        unread = {partition for partition in unread if await consumer.position(partition) < ends[partition]}
    return sorted(found, key=lambda copy: (copy.partition, copy.offset))


async def _partitions(city: RecordingCity, names: Sequence[str]) -> dict[str, list[TopicPartition]]:
    """The partitions of each topic; none of a topic that is not there."""
    admin = AIOKafkaAdminClient(bootstrap_servers=city.kafka)
    await admin.start()
    try:
        described = await admin.describe_topics([city.topic_prefix + name for name in names])
    finally:
        await admin.close()
    return {
        one["topic"].removeprefix(city.topic_prefix): [
            TopicPartition(one["topic"], partition["partition"]) for partition in one["partitions"]
        ]
        for one in described
    }


def _copy(topic: str, record: Any, written: Mapping[str, str]) -> Copy:
    headers = {name: value.decode(errors="replace") for name, value in record.headers if value is not None}
    event_id = headers.get("ce_id", "")
    value = (record.value or b"").decode(errors="replace")
    sequence = headers.get("ce_sequence", "")
    return Copy(
        topic,
        record.partition,
        record.offset,
        datetime.fromtimestamp(record.timestamp / 1000, UTC),
        (record.key or b"").decode(errors="replace"),
        event_id,
        headers.get("ce_type", "").removeprefix(TYPE_PREFIX),
        int(sequence) if sequence.isdecimal() else 0,
        _trace_id(headers.get("traceparent")),
        None if written.get(event_id) == value else value,
    )


async def lags(city: RecordingCity, topic_list: Sequence[Topic]) -> dict[str, int]:
    """How many records each reader has not committed yet, by group; groups without a lag are left out."""
    admin = AIOKafkaAdminClient(bootstrap_servers=city.kafka)
    consumer = AIOKafkaConsumer(bootstrap_servers=city.kafka, group_id=None)
    await admin.start()
    try:
        await consumer.start()
        found: dict[str, int] = {}
        partitions_of = await _partitions(city, [topic.name for topic in topic_list])
        for topic in topic_list:
            partitions = partitions_of[topic.name]
            if not partitions or not topic.readers:
                continue
            begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
            for reader in topic.readers:
                committed = await admin.list_consumer_group_offsets(city.topic_prefix + reader.group)
                lag = sum(
                    max(0, ends[tp] - max(begins[tp], committed[tp].offset if tp in committed else 0))
                    for tp in partitions
                )
                if lag:
                    found[reader.group] = lag
        return found
    finally:
        await admin.close()
        await consumer.stop()


def _trace_id(traceparent: str | None) -> str | None:
    parts = (traceparent or "").split("-")
    return parts[1] if len(parts) == 4 else None


def as_uuid(text: str) -> UUID | None:
    """The id that `text` is, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None
