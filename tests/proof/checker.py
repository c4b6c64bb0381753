"""The checker: holds the ledger against what the services and Kafka have on record.

It knows by definition what happens exactly once (cases, events, their effects in the database of each reader, messages)
and what at most once (the e-mail that announces a message: an unknown outcome is shown, and not sent again). What a fault
makes impossible (see `Excuse` of the city) is no broken promise, but then it has to be reported by the product itself.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import asyncpg
from aiokafka.errors import KafkaError
from amtsbus.topics import Topic, TopicReader
from town.clock import TownClock
from town.home import Home

from tests.proof import topics_of_the_city, unseen
from tests.proof.ledger import Book, Deed, Ledger, Mail
from tests.proof.records import (
    Copy,
    Event,
    Message,
    RecordingCity,
    Records,
    ServiceRecords,
    Stream,
    database,
    lags,
    read,
)

LOOK_SECONDS = 0.5
CALM_LOOKS = 2
"""So often in a row nothing is open before the city counts as drained: an effect may append new events."""
LOOKS = 3
AGAIN_AFTER_SECONDS = 3.0
SLACK = timedelta(seconds=2)
"""Between the clock that stamps a record or an answer and the moment that a fault is noted."""
IN_THE_POST = timedelta(seconds=30)
"""So long a mail that was handed over may take to the sink, where the line to it is slow or stands still."""

_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError)


class Excused(Protocol):
    """What a fault makes impossible by definition."""

    @property
    def kind(self) -> str: ...
    @property
    def service(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def since(self) -> datetime | None: ...
    @property
    def until(self) -> datetime | None: ...
    @property
    def at(self) -> datetime | None: ...


class CheckedCity(RecordingCity, Protocol):
    """What has to be known of a city to check it."""

    @property
    def home(self) -> Home: ...
    @property
    def clock(self) -> TownClock: ...
    @property
    def excuses(self) -> Sequence[Excused]: ...
    @property
    def happened(self) -> Sequence[unseen.Fault]: ...
    @property
    def metrics_samples(self) -> Path: ...
    async def operate(self, *arguments: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken promise: which one, in words, and where."""

    promise: str
    what: str
    case_id: str | None = None
    trace_id: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What the comparison came to. The counters are numbers of findings; `findings` has each of them."""

    accepted: int
    events: int
    effects: int
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    """What is no broken promise and worth knowing."""

    def _count(self, promise: str) -> int:
        return sum(finding.promise == promise for finding in self.findings)

    @property
    def lost(self) -> int:
        return self._count("lost")

    @property
    def doubled(self) -> int:
        return self._count("doubled")

    @property
    def out_of_order(self) -> int:
        return self._count("out_of_order")

    @property
    def stuck(self) -> int:
        return self._count("stuck")

    @property
    def unexplained_dead_letters(self) -> int:
        return self._count("dead_letter")

    @property
    def unseen_failures(self) -> int:
        return self._count("unseen")


# -- is anything still on its way? ---------------------------------------------------------------------------------


async def drained(city: CheckedCity, *, seconds: float) -> list[str]:
    """Wait until nothing is on its way any more, for at most `seconds`.

    Returns:
        What is still open then; nothing where the city is drained.
    """
    topic_list = topics_of_the_city()
    deadline = time.monotonic() + seconds
    calm = 0
    while True:
        try:
            left = await _open(city, topic_list)
        except _AWAY as error:
            left = [f"a server does not answer: {type(error).__name__}"]
        calm = 0 if left else calm + 1
        if calm == CALM_LOOKS:
            return []
        if time.monotonic() > deadline:
            return left or ["it was calm only for a moment"]
        await asyncio.sleep(LOOK_SECONDS)


WAITING = "messages waiting for an address"

# What a service has still to do by itself. A partition, key or e-mail in here moves without anybody's help.
_OPEN = {
    "events to be published": "SELECT count(*) FROM amtsbus.unpublished",
    "parked keys to be retried": "SELECT count(*) FROM amtsbus.parked_keys WHERE retry_requested_at IS NOT NULL",
    "periods to be announced": "SELECT count(*) FROM amtsbus.case_periods WHERE rings_on <= $1",
}
_OPEN_OF = {
    "notifications": {
        "e-mails under way": "SELECT count(*) FROM emails WHERE state IN ('queued', 'claimed', 'sending')",
        WAITING: "SELECT count(*) FROM messages WHERE state = 'waiting-for-address'",
    },
    "registration": {
        "declarations to be entered": "SELECT count(*) FROM declarations WHERE enter_on <= $1",
    },
    "schooling": {
        "children to be invited": "SELECT count(*) FROM uninvited_children u JOIN cohort_invitations USING (school_year) "
        "WHERE make_date(u.school_year, 8, 1) > $1",
    },
}


async def _open(city: CheckedCity, topic_list: Sequence[Topic]) -> list[str]:
    left = []
    today = city.clock.today()
    forgotten = {excuse.service for excuse in city.excuses if excuse.kind == "restored"}
    for service in city.services:
        async with database(city, service) as connection:
            for what, sql in (_OPEN | _OPEN_OF.get(service, {})).items():
                if what == WAITING and "registration" in forgotten:
                    continue  # perhaps for an address that the register has forgotten
                count = await connection.fetchval(sql, *([today] if "$1" in sql else []))
                if count:
                    left.append(f"{service}: {count} {what}")
    left += [f"{group}: {lag} records to be read" for group, lag in (await lags(city, topic_list)).items()]
    return left


# -- the comparison ------------------------------------------------------------------------------------------------


async def check(city: CheckedCity, ledger: Ledger) -> Verdict:
    """Compare, once everything runs and is drained.

    What looks lost or stuck is looked at again a moment later: the city goes on living while it is read (its clock rings, an
    operator's last command takes effect), and what is really gone does not come back.
    """
    await unseen.sampled_since(datetime.now(UTC), city.metrics_samples)
    looks = 0
    while True:
        looks += 1
        ledger.collect_mails(city.home.mail)
        verdict = await _compare(city, ledger.book())
        if looks == LOOKS or not any(finding.promise in ("lost", "stuck") for finding in verdict.findings):
            return verdict
        await asyncio.sleep(AGAIN_AFTER_SECONDS)


async def _compare(city: CheckedCity, book: Book) -> Verdict:
    today = city.clock.today()
    records = await read(city, today=today)
    comparison = Comparison(book, records, Excuses.of(city.excuses, records.topics), today)
    comparison.judge_everything()
    findings = list(comparison.findings)
    findings += [
        Finding("stuck", f"{group} has {lag} records of its topic still to read")
        for group, lag in (await lags(city, records.topics)).items()
    ]
    findings += await _unreported(city, comparison)
    samples = unseen.Samples.read(city.metrics_samples)
    findings += [Finding("doubled", what) for what in unseen.handled_too_often(samples, comparison.handled_at_most())]
    findings += [Finding("unseen", what) for what in unseen.without_a_trace(city.happened, samples, city.home.logs)]
    return Verdict(
        accepted=sum(deed.accepted for deed in book.deeds),
        events=sum(len(of.journal) for of in records.services.values()),
        effects=sum(len(ids) for of in records.services.values() for ids in of.inbox.values())
        + len(records.messages)
        + len(book.mails),
        findings=tuple(findings),
        notes=tuple(comparison.notes),
    )


@dataclass(frozen=True)
class Excuses:
    """What faults have made impossible: windows that are gone from a service's memory, and topics that were emptied."""

    windows: Mapping[str, Sequence[tuple[datetime, datetime]]]
    emptied: Mapping[str, datetime]
    """Topic → when it was emptied for the first time."""
    owners: Mapping[str, str]

    @classmethod
    def of(cls, excuses: Iterable[Excused], topic_list: Sequence[Topic]) -> "Excuses":
        windows = defaultdict(list)
        emptied: dict[str, datetime] = {}
        for excuse in excuses:
            if excuse.kind == "restored" and excuse.since and excuse.until:
                windows[excuse.service].append((excuse.since, excuse.until))
            if excuse.kind == "topic-lost" and excuse.at:
                emptied[excuse.topic] = min(excuse.at, emptied.get(excuse.topic, excuse.at))
        return cls(dict(windows), emptied, {topic.name: topic.owner for topic in topic_list})

    def was_restored(self, service: str) -> bool:
        """Whether the service's database was ever set back."""
        return service in self.windows

    def forgot(self, service: str, at: datetime) -> bool:
        """Whether what was on record with `service` at this moment may be gone."""
        return any(since - SLACK <= at <= until + SLACK for since, until in self.windows.get(service, ()))

    def forgot_mail(self, at: datetime) -> bool:
        """Whether notifications may have forgotten that it sent a mail which arrived at this moment."""
        return any(since - SLACK <= at <= until + IN_THE_POST for since, until in self.windows.get("notifications", ()))

    def counts_anew(self, service: str, at: datetime) -> bool:
        """Whether at this moment the service may have gone on from an earlier state."""
        return any(since - SLACK <= at for since, _ in self.windows.get(service, ()))

    def breaks_order(self, topic: str, reader: str, handled_at: datetime) -> bool:
        """Whether an event that was handled at this moment may have come too late: it was gone, and was brought back."""
        emptied_at = self.emptied.get(topic)
        return (
            (emptied_at is not None and emptied_at - SLACK <= handled_at)
            or self.counts_anew(self.owners[topic], handled_at)
            or self.counts_anew(reader, handled_at)
        )


REUSED = "of this stream was another event before"
"""What a reader says that parks an event whose place was taken by another one."""

_RESIDENTS = "registration.resident.events"
_ADDRESSES = "registration.postal-address.events"
_CHILDREN = "registration.school-age-child.events"
_APPLICATIONS = "permits.application.events"
_ENROLMENTS = "schooling.enrolment.events"
_DELIVERIES = "notifications.message.events"
_TELLING = {"registration": _RESIDENTS, "permits": _APPLICATIONS, "schooling": _ENROLMENTS}
"""The topics of whose events somebody is told, by their owner."""


def _applicant(data: Mapping[str, Any]) -> set[str]:
    return {data["applicant_id"]}


def _custodians(data: Mapping[str, Any]) -> set[str]:
    return set(data["custodian_ids"])


def _adult(data: Mapping[str, Any]) -> set[str]:
    return {data["person_id"]} if data["adult"] else set()


TOLD: Mapping[str, Callable[[Mapping[str, Any]], set[str]]] = {
    **dict.fromkeys(
        (f"registration.{what}.v1" for what in ("resident-registered", "resident-moved", "resident-moved-away")), _adult
    ),
    **dict.fromkeys(
        (
            f"permits.{what}.v1"
            for what in (
                "application-submitted",
                "documents-requested",
                "application-lapsed",
                "application-complete",
                "application-approved",
                "application-refused",
                "fee-noticed",
                "application-withdrawn",
            )
        ),
        _applicant,
    ),
    **dict.fromkeys((f"schooling.{what}.v1" for what in ("answers-requested", "application-refused")), _applicant),
    **dict.fromkeys(
        (
            f"schooling.{what}.v1"
            for what in (
                "parents-invited",
                "enrolment-received",
                "documents-requested",
                "enrolment-confirmed",
                "child-accepted",
                "child-not-accepted",
                "entry-deferred",
                "early-entry-requested",
                "enrolment-withdrawn",
            )
        ),
        _custodians,
    ),
}
"""Who gets a letter because of which event. Written down here once more: a checker does not ask those whom it checks."""

FINAL = frozenset({"approved", "refused", "withdrawn", "closed", "accepted", "lapsed"})


@dataclass
class Comparison:
    """One comparison of the ledger with the records."""

    book: Book
    records: Records
    excuses: Excuses
    today: date
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unknown_to_publisher: list[Copy] = field(default_factory=list)
    """Events that are on a topic, and whose publisher has forgotten them with an excuse."""

    def __post_init__(self) -> None:
        self._by_id = {event.event_id: event for of in self.records.services.values() for event in of.journal}
        self._published: dict[str, list[Event]] = {topic.name: [] for topic in self.records.topics}
        for of in self.records.services.values():
            for event in of.journal:
                self._published[event.topic].append(event)
        self._readers = [(topic, reader) for topic in self.records.topics for reader in topic.readers]
        self._groups = {(topic.name, reader.service): reader.group for topic, reader in self._readers}

    def judge_everything(self) -> None:
        """All comparisons, from the request to the mail."""
        self.judge_requests()
        self.judge_cases()
        for of in self.records.services.values():
            self.judge_journal(of)
        for topic in self.records.topics:
            self.judge_topic(topic)
        for topic, reader in self._readers:
            self.judge_reader(topic, reader)
        self.judge_dead_letters()
        self.judge_messages()
        self.judge_mails()
        self.judge_what_readers_know()
        self.judge_what_is_open()

    def broken(self, promise: str, what: str, case_id: str | None = None, trace_id: str | None = None) -> None:
        """Note a broken promise."""
        self.findings.append(Finding(promise, what, case_id, trace_id))

    # -- requests, cases ----------------------------------------------------------------------------------------

    def judge_requests(self) -> None:
        """Each accepted request has led to its events, once; a refused one to none."""
        happened: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for service, of in self.records.services.items():
            for event in of.journal:
                if event.trace_id is not None:
                    happened[service, event.trace_id][event.type] += 1
        for deed in self.book.deeds:
            asked = deed.asked
            found = happened[asked.service, asked.trace_id]
            expected = Counter(asked.expects)
            about = f"{asked.method} {asked.path} at {asked.service}"
            forgotten = deed.answered is not None and self.excuses.forgot(asked.service, deed.answered.at)
            surplus, missing = found - expected, expected - found
            if deed.accepted:
                if missing and not forgotten:
                    self._broken_deed("lost", f"{about} was accepted, but not on record: {_told(missing)}", deed)
            elif deed.is_certain:
                surplus = found
            elif found and missing:
                self._broken_deed("lost", f"{about} was done in part; not on record: {_told(missing)}", deed)
            if surplus:
                answer = "was refused" if deed.is_certain and not deed.accepted else "was asked once"
                self._broken_deed("doubled", f"{about} {answer}, but on record: {_told(surplus)}", deed)
        self._note_inner_errors()

    def _note_inner_errors(self) -> None:
        errors = Counter(
            f"{deed.asked.method} {_shape(deed.asked.path)} at {deed.asked.service}"
            for deed in self.book.deeds
            if deed.answered is not None and "500" in deed.answered.failures
        )
        self.notes += [
            f"answered with 500 before it was accepted: {what}, {count} times" for what, count in errors.items()
        ]

    def _broken_deed(self, promise: str, what: str, deed: Deed) -> None:
        self.broken(promise, what, deed.case_id, deed.asked.trace_id)

    def judge_cases(self) -> None:
        """Each 201 has its case, each Idempotency-Key at most one, and each case stands where the ledger says."""
        for service, of in self.records.services.items():
            deeds = [deed for deed in self.book.deeds if deed.asked.service == service]
            self._judge_openings(of, deeds)
            self._judge_states(of, deeds)

    def _judge_openings(self, of: ServiceRecords, deeds: Sequence[Deed]) -> None:
        for deed in deeds:
            if deed.asked.method != "POST" or deed.asked.about is not None:
                continue
            opened = of.opened_by.get(deed.asked.key, [])
            if len(opened) > 1:
                self._broken_deed(
                    "doubled", f"one Idempotency-Key opened {len(opened)} cases: {', '.join(opened)}", deed
                )
            if not deed.accepted or deed.answered is None:
                if opened and deed.is_certain:
                    self._broken_deed("doubled", f"a refused request opened the case {opened[0]}", deed)
                continue
            case_id = deed.answered.told.get("case_id")
            if case_id is None or self.excuses.forgot(of.service, deed.answered.at):
                continue
            if case_id not in of.cases:
                self._broken_deed("lost", f"{of.service} answered {deed.answered.status} and has no such case", deed)
            elif opened and case_id not in opened:
                self._broken_deed(
                    "doubled", f"the answer names another case than the request opened: {opened[0]}", deed
                )

    def _judge_states(self, of: ServiceRecords, deeds: Sequence[Deed]) -> None:
        steps: dict[str, list[Deed]] = defaultdict(list)
        for deed in deeds:
            if deed.accepted and deed.case_id is not None and deed.answered and deed.answered.told.get("version"):
                steps[deed.case_id].append(deed)
        for case_id, taken in steps.items():
            if any(deed.answered and self.excuses.forgot(of.service, deed.answered.at) for deed in taken):
                continue
            case = of.cases.get(case_id)
            if case is None:
                continue  # said above of the request that opened it
            states = {version: state for version, _, state in case.history}
            for deed in taken:
                assert deed.answered is not None
                version, state = deed.answered.told["version"], deed.answered.told.get("state")
                if case.version < version or version not in states:
                    self._broken_deed("lost", f"version {version} of the case was answered and is not on record", deed)
                elif state is not None and states[version] != state:
                    self._broken_deed(
                        "lost", f"version {version} was answered as {state} and is on record as {states[version]}", deed
                    )
            last = max(taken, key=lambda deed: deed.answered.told["version"] if deed.answered else 0)
            assert last.answered is not None
            told = last.answered.told
            ended = told.get("state") in FINAL and case.state != told["state"]
            differs = case.version == told["version"] and told.get("state") not in (None, case.state)
            if differs or ended:
                self._broken_deed("stuck", f"the case was answered as {told['state']} and stands as {case.state}", last)
        for case in of.cases.values():
            versions = [version for version, _, _ in case.history]
            if versions and (versions[0] != 1 or versions[-1] > case.version):
                self.broken(
                    "out_of_order", "the history of the case does not go from its beginning to now", case.case_id
                )
            times = [at for _, at, _ in case.history]
            if times != sorted(times):
                self.broken("out_of_order", "the history of the case is not in the order of time", case.case_id)

    # -- journals and topics ------------------------------------------------------------------------------------

    def judge_journal(self, of: ServiceRecords) -> None:
        """Each stream counts from 1 without holes, in the order in which it is published."""
        streams: dict[Stream, list[Event]] = defaultdict(list)
        for event in of.journal:
            streams[event.stream].append(event)
        for stream, events in streams.items():
            sequences = [event.sequence for event in events]  # in the order of position
            last = events[-1]
            if sorted(sequences) != list(range(1, len(sequences) + 1)):
                missing = sorted(set(range(1, max(sequences) + 1)) - set(sequences))
                if missing:
                    self.broken(
                        "out_of_order", f"{_name(stream)} has no {missing} in the journal", stream[1], last.trace_id
                    )
                if len(set(sequences)) < len(sequences):
                    self.broken(
                        "doubled", f"{_name(stream)} has a sequence twice in the journal", stream[1], last.trace_id
                    )
            elif sequences != sorted(sequences):
                self.broken(
                    "out_of_order", f"{_name(stream)} lies in the journal as {sequences}", stream[1], last.trace_id
                )
            if of.heads.get(stream, 0) != max(sequences):
                self.broken(
                    "out_of_order",
                    f"{_name(stream)} ends at {max(sequences)} and is counted to {of.heads.get(stream)}",
                    stream[1],
                    last.trace_id,
                )
        for stream in of.heads.keys() - streams.keys():
            self.broken("lost", f"{_name(stream)} is counted to {of.heads[stream]} and has no event", stream[1])

    def judge_topic(self, topic: Topic) -> None:
        """Each event of the journal is on its topic as it was written; each key's first appearances are in order."""
        copies = self.records.copies.get(topic.name, [])
        on_topic = {copy.event_id for copy in copies}
        newest: dict[str, int] = defaultdict(int)
        for copy in copies:
            newest[copy.key] = max(newest[copy.key], copy.sequence)
        compacted = topic.cleanup == "compact"
        unpublished = self.records.services[topic.owner].unpublished
        for event in self._published[topic.name]:
            superseded = compacted and newest[event.stream_id] > event.sequence
            if event.event_id not in on_topic and not superseded and event.position not in unpublished:
                self._broken_event("lost", "is in the journal and not on its topic", event)
        for copy in copies:
            self._judge_copy(topic, copy)
        if topic.name not in self.excuses.emptied:
            self._judge_order(topic, copies, compacted=compacted)

    def _judge_copy(self, topic: Topic, copy: Copy) -> None:
        if copy.event_id not in self._by_id:
            if self.excuses.forgot(topic.owner, copy.timestamp):
                self.unknown_to_publisher.append(copy)
            else:
                self.broken("lost", f"{_place(copy)} is on the topic and not in the journal", copy.key, copy.trace_id)
        elif copy.written is not None:
            self.broken("lost", f"{_place(copy)} says something else than the journal", copy.key, copy.trace_id)

    def _judge_order(self, topic: Topic, copies: Sequence[Copy], *, compacted: bool) -> None:
        seen: dict[str, set[tuple[int, str]]] = defaultdict(set)
        reached: dict[str, int] = defaultdict(int)
        partitions: dict[str, int] = {}
        for copy in copies:
            if partitions.setdefault(copy.key, copy.partition) != copy.partition:
                self.broken(
                    "out_of_order", f"{_place(copy)} is in another partition than before", copy.key, copy.trace_id
                )
            if (copy.sequence, copy.event_id) in seen[copy.key]:
                continue  # at least once: a repeat
            seen[copy.key].add((copy.sequence, copy.event_id))
            following = reached[copy.key] + 1
            if copy.sequence == following or (compacted and copy.sequence > following):
                reached[copy.key] = copy.sequence
            elif self.excuses.counts_anew(topic.owner, copy.timestamp):
                reached[copy.key] = copy.sequence  # the publisher counts anew from where it was set back to
            elif any(sequence == copy.sequence for sequence, event_id in seen[copy.key] if event_id != copy.event_id):
                self.broken("doubled", f"{_place(copy)}: another event has the same place", copy.key, copy.trace_id)
            else:
                self.broken(
                    "out_of_order",
                    f"{_place(copy)} appears first after number {following - 1}",
                    copy.key,
                    copy.trace_id,
                )
                reached[copy.key] = max(reached[copy.key], copy.sequence)

    def _broken_event(self, promise: str, what: str, event: Event) -> None:
        self.broken(
            promise, f"{event.type} number {event.sequence} ({event.event_id}) {what}", event.stream_id, event.trace_id
        )

    # -- readers ------------------------------------------------------------------------------------------------

    def judge_reader(self, topic: Topic, reader: TopicReader) -> None:
        """Each event of the topic has been handled by the reader, or is shown as parked."""
        of = self.records.services[reader.service]
        inbox, parked = of.inbox.get(reader.group, {}), self._parked(of, reader.group)
        compacted = topic.cleanup == "compact"
        unpublished = self.records.services[topic.owner].unpublished
        for event in self._published[topic.name]:
            if event.event_id in inbox or event.event_id in parked or event.position in unpublished:
                continue
            mark = of.marks.get((reader.group, *event.stream))
            if compacted and mark is not None and mark.sequence > event.sequence:
                continue  # a newer one of the same key was there before the reader came
            missing = (reader.group, *event.stream, event.sequence) in of.gaps
            shown = "; it is shown as missing" if missing else ""
            self._broken_event("lost", f"never had its effect at {reader.group}{shown}", event)
        for consumer, name, stream_id, sequence in of.gaps:
            stream = (name, stream_id)
            if consumer != reader.group or sequence <= self.records.services[topic.owner].heads.get(stream, 0):
                continue  # said above
            if not self.excuses.was_restored(topic.owner):
                self.broken("lost", f"{reader.group} misses number {sequence} of {_name(stream)}", stream_id)

    @staticmethod
    def _parked(of: ServiceRecords, group: str) -> set[str]:
        return {
            letter.event_id
            for letter in of.dead_letters
            if letter.consumer == group and letter.state != "handled" and letter.event_id is not None
        }

    def judge_dead_letters(self) -> None:
        """Nothing is parked or given up but what a set-back publisher has published under places already taken."""
        for of in self.records.services.values():
            explained = {
                (letter.consumer, letter.topic, letter.key)
                for letter in of.dead_letters
                if REUSED in letter.reason
                and self.excuses.counts_anew(self.excuses.owners[letter.topic], letter.parked_at)
            }
            for letter in of.dead_letters:
                if letter.state == "handled" or (letter.consumer, letter.topic, letter.key) in explained:
                    continue
                event = self._by_id.get(letter.event_id or "")
                self.broken(
                    "dead_letter",
                    f"{letter.consumer} has {letter.state} {letter.event_type}: {letter.reason}",
                    letter.key,
                    event.trace_id if event else None,
                )

    def handled_at_most(self) -> dict[str, int]:
        """How many events each reader can have handled at the most, if each had its effect once.

        Readers are left out whose memory was set back, since they handle again what they have forgotten, and those of events
        that their publisher has forgotten and Kafka has lost: nobody can count them.
        """
        bounds = {}
        for topic, reader in self._readers:
            uncountable = topic.name in self.excuses.emptied and self.excuses.was_restored(topic.owner)
            if self.excuses.was_restored(reader.service) or uncountable:
                continue
            ids = {copy.event_id for copy in self.records.copies.get(topic.name, [])}
            bounds[reader.group] = len(ids | {event.event_id for event in self._published[topic.name]})
        return bounds

    # -- effects ------------------------------------------------------------------------------------------------

    def judge_messages(self) -> None:
        """Each event has told each person whom it concerns, once, and in order per case."""
        notifications = self.records.services["notifications"]
        told: dict[tuple[str, str, str], list[Message]] = defaultdict(list)
        for message in self.records.messages:
            told[message.caused_by, message.person_id, message.kind].append(message)
        expected = set()
        for name in _TELLING.values():
            inbox = notifications.inbox.get(self._groups[name, "notifications"], {})
            for event in self._published[name]:
                if event.type not in TOLD:
                    continue
                for person_id in TOLD[event.type](event.data):
                    place = (event.event_id, person_id, event.type.rpartition(".")[0])
                    expected.add(place)
                    # An event that has not reached notifications is said above; its letters are not said once more.
                    if place not in told and event.event_id in inbox:
                        self._broken_event("lost", f"was handled, but {person_id} was not told", event)
        forgotten = {copy.event_id for copy in self.unknown_to_publisher}
        for (caused_by, _, _), messages in told.items():
            if len(messages) > 1:
                self._broken_message("doubled", f"there {len(messages)} times for one fact", messages[1])
            place = (messages[0].caused_by, messages[0].person_id, messages[0].kind)
            if place not in expected and caused_by not in forgotten and not self._is_from_a_lost_record(messages[0]):
                self._broken_message("doubled", "there without a fact that it tells", messages[0])
        self._judge_deliveries(notifications)
        self._judge_order_of_messages(notifications)

    def _is_from_a_lost_record(self, message: Message) -> bool:
        """Whether its event can have been forgotten by its publisher and be gone from its topic as well."""
        topic = _TELLING[message.kind.partition(".")[0]]
        return topic in self.excuses.emptied and self.excuses.was_restored(self.excuses.owners[topic])

    def _judge_deliveries(self, notifications: ServiceRecords) -> None:
        delivered: Counter[tuple[str, str]] = Counter()
        for event in self._published[_DELIVERIES]:
            if event.type == "notifications.message-delivered.v1":
                delivered[event.stream_id, event.data["channel"]] += 1
        for message in self.records.messages:
            if message.state == "waiting-for-address":
                if not self._waits_for_what_was_forgotten(message, notifications):
                    self._broken_message("stuck", "waiting for an address", message)
                continue
            if not message.has_letter:
                self._broken_message("lost", "without its letter", message)
            for channel, is_there in (("inbox", True), ("email", message.email_state == "sent")):
                times = delivered[message.message_id, channel]
                if times < is_there:
                    self._broken_message("lost", f"delivered ({channel}), but nobody was told so", message)
                elif times > 1 + message.resends * (channel == "email"):
                    self._broken_message("doubled", f"told {times} times as delivered ({channel})", message)

    def _waits_for_what_was_forgotten(self, message: Message, notifications: ServiceRecords) -> bool:
        """Whether the address that a message waits for was forgotten by the register before it was published, or is parked."""
        if not self.excuses.was_restored(self.excuses.owners[_ADDRESSES]):
            return False
        addresses = [event for event in self._published[_ADDRESSES] if event.stream_id == message.person_id]
        inbox = notifications.inbox.get(self._groups[_ADDRESSES, "notifications"], {})
        is_known = any(event.event_id in inbox for event in addresses)
        return not is_known or message.kind == "registration.resident-moved"

    def _judge_order_of_messages(self, notifications: ServiceRecords) -> None:
        inboxes = {name: notifications.inbox.get(self._groups[name, "notifications"], {}) for name in _TELLING.values()}
        reached: dict[tuple[str, Stream], tuple[int, str]] = {}
        for message in self.records.messages:  # in the order of position
            event = self._by_id.get(message.caused_by)
            if event is None:
                continue
            last, before = reached.get((message.person_id, event.stream), (0, ""))
            if event.sequence < last:
                handled_at = inboxes[event.topic].get(event.event_id)
                if handled_at is not None and self.excuses.breaks_order(event.topic, "notifications", handled_at):
                    continue
                self._broken_message("out_of_order", f"after {before}, which happened later", message)
            else:
                reached[message.person_id, event.stream] = (event.sequence, message.kind)

    def _broken_message(self, promise: str, what: str, message: Message) -> None:
        event = self._by_id.get(message.caused_by)
        self.broken(
            promise,
            f"the message {message.kind} ({message.message_id}) is {what}",
            message.case_id,
            event.trace_id if event else None,
        )

    def judge_mails(self) -> None:
        """Each e-mail was accepted by the mail server once, or is shown as not sent or unknown; never twice."""
        forgets = self.excuses.was_restored("notifications")
        arrived: dict[str, list[Mail]] = defaultdict(list)
        for mail in self.book.mails:
            if mail.message_id is not None:
                arrived[mail.message_id].append(mail)
        by_id = {message.message_id: message for message in self.records.messages}
        for message in self.records.messages:
            mails = arrived.get(message.message_id, [])
            # One that was sent before the service forgot that it was is sent again.
            remembered = [mail for mail in mails if not self.excuses.forgot_mail(mail.arrived_at)]
            match message.email_state:
                case "queued" | "claimed" | "sending":
                    self._broken_message("stuck", f"there with its e-mail still {message.email_state}", message)
                case "sent" if not mails:
                    self._broken_message("lost", "there with an e-mail that is sent and never arrived", message)
                case "failed" | "bounced" if remembered and not message.resends:
                    self._broken_message(
                        "doubled", f"there with an e-mail that is {message.email_state} and arrived", message
                    )
                case None if remembered:
                    self._broken_message("doubled", "there without an e-mail, and one arrived", message)
            if len(remembered) > 1 + message.resends:
                self._broken_message("doubled", f"announced by {len(remembered)} e-mails", message)
        for message_id, mails in arrived.items():
            if message_id not in by_id and not all(self.excuses.forgot_mail(mail.arrived_at) for mail in mails):
                self.broken("lost", f"an e-mail announces the message {message_id}, which is not there")
        self._judge_wishes(by_id)
        if not forgets:
            self._judge_order_of_mails(arrived)

    def _judge_wishes(self, by_id: Mapping[str, Message]) -> None:
        """Whoever had asked for e-mails by the time that a letter lay in the inbox has one for it."""
        wishes: dict[str, tuple[datetime, str]] = {}
        for deed in self.book.deeds:
            if not deed.accepted or deed.answered is None or "email" not in deed.asked.said:
                continue
            person_id, email = deed.asked.said["person_id"], deed.asked.said["email"]
            if self.excuses.forgot("notifications", deed.answered.at):
                continue
            wishes[person_id] = (deed.answered.at, email)
            addressee = self.records.addressees.get(person_id)
            if addressee is None or addressee.email != email:
                self._broken_deed("lost", "a wish for e-mails was accepted and is not on record", deed)
        for event in self._published[_DELIVERIES]:
            if event.type != "notifications.message-delivered.v1" or event.data["channel"] != "inbox":
                continue
            message, wish = by_id.get(event.stream_id), wishes.get(event.data["person_id"])
            if message is not None and wish is not None and event.appended_at > wish[0] and message.email_state is None:
                self._broken_message("lost", "there without the e-mail that its addressee has asked for", message)

    def _judge_order_of_mails(self, arrived: Mapping[str, Sequence[Mail]]) -> None:
        """A person's second e-mail waits until the outcome of the first is known, from the moment that both are to be sent.

        A letter that waits for an address lies before later ones, and has its e-mail when the address has come.
        """
        queued = {
            event.stream_id: event.position
            for event in self._published[_DELIVERIES]
            if event.type == "notifications.message-delivered.v1" and event.data["channel"] == "inbox"
        }
        sent: dict[str, list[tuple[int, datetime]]] = defaultdict(list)
        for message in self.records.messages:  # in the order of position
            # Of an unknown outcome nobody can say when the mail server took it.
            mails = arrived.get(message.message_id, ())
            if message.email_state != "sent" or message.resends or len(mails) != 1 or message.message_id not in queued:
                continue
            at, since = mails[0].arrived_at, queued[message.message_id]
            if any(earlier < since and before > at for earlier, before in sent[message.person_id]):
                self._broken_message("out_of_order", "announced before an earlier one of the same person", message)
            sent[message.person_id].append((since, at))

    def judge_what_readers_know(self) -> None:
        """What readers keep of others is what their newest event said: nothing old has overwritten it."""
        notifications, schooling = self.records.services["notifications"], self.records.services["schooling"]
        for event in self._newest(_ADDRESSES, notifications):
            known, said = self.records.addressees.get(event.stream_id), event.data
            if known is None or (known.given_names, known.family_name) != (said["given_names"], said["family_name"]):
                self._broken_event("lost", "is not what notifications knows of the person", event)
            elif (known.address or {}).get("street") != (said["address"] or {}).get("street"):
                self._broken_event("out_of_order", "is not the address that notifications knows", event)
        for event in self._newest(_CHILDREN, schooling):
            child, said = self.records.children.get(event.stream_id), event.data
            if child is None:
                self._broken_event("lost", "is of a child that schooling does not know", event)
            elif "moved_out_on" in said:
                if child.moved_out_on != said["moved_out_on"]:
                    self._broken_event(
                        "out_of_order", "is not when schooling believes that the child moved away", event
                    )
            elif (child.given_names, child.family_name, child.date_of_birth, set(child.custodian_ids)) != (
                said["given_names"],
                said["family_name"],
                said["date_of_birth"],
                set(said["custodian_ids"]),
            ):
                self._broken_event("out_of_order", "is not what schooling knows of the child", event)

    def _newest(self, topic: str, reader: ServiceRecords) -> Iterator[Event]:
        """The newest event of each stream that the reader has handled; streams with forgotten events are left out."""
        inbox = reader.inbox.get(self._groups[topic, reader.service], {})
        forgotten = {copy.key for copy in self.unknown_to_publisher if copy.topic == topic}
        if topic in self.excuses.emptied and self.excuses.was_restored(self.excuses.owners[topic]):
            return
        newest = {event.stream_id: event for event in self._published[topic]}
        yield from (event for key, event in newest.items() if event.event_id in inbox and key not in forgotten)

    def judge_what_is_open(self) -> None:
        """Nothing waits for ever."""
        for of in self.records.services.values():
            for event in of.journal:
                if event.position in of.unpublished:
                    self._broken_event("stuck", "is still to be published", event)
            for consumer, topic, key in of.retries:
                self.broken("stuck", f"{consumer} was asked to retry a key of {topic} and has not", key)
            if of.ringing:
                self.broken("stuck", f"{of.service} has {of.ringing} periods that it should have announced")
        for child_id, year in self.records.uninvited.items():
            self.broken("stuck", f"the child {child_id} of the invited cohort {year} is not invited")


def _told(types: Counter[str]) -> str:
    return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in sorted(types.items()))


def _name(stream: Stream) -> str:
    return f"the stream {stream[1]} of {stream[0]}"


def _place(copy: Copy) -> str:
    return f"{copy.type} number {copy.sequence} ({copy.topic} {copy.partition}/{copy.offset})"


def _shape(path: str) -> str:
    """A path without its ids."""
    return "/".join("…" if len(part) == 36 and part.count("-") == 4 else part for part in path.split("/"))


# -- what was forgotten has to be reported -------------------------------------------------------------------------


async def _unreported(city: CheckedCity, comparison: Comparison) -> list[Finding]:
    """Where a publisher has forgotten events that a reader has handled, `reconcile` of that reader names each of them."""
    findings = []
    by_topic: dict[str, list[Copy]] = defaultdict(list)
    for copy in comparison.unknown_to_publisher:
        by_topic[copy.topic].append(copy)
    for topic in comparison.records.topics:
        for reader in topic.readers:
            inbox = comparison.records.services[reader.service].inbox.get(reader.group, {})
            forgotten = {copy.event_id: copy for copy in by_topic.get(topic.name, []) if copy.event_id in inbox}
            if not forgotten:
                continue
            asked = ("reconcile", reader.service, "--publisher", topic.owner, "--limit", "1000000", "--json")
            said = await city.operate(*asked)
            findings += [
                Finding(
                    "unseen",
                    f"{topic.owner} has forgotten {_place(copy)}, {reader.service} has handled it, and reconcile does not say so",
                    copy.key,
                    copy.trace_id,
                )
                for event_id, copy in forgotten.items()
                if event_id not in said and copy.key not in said
            ]
    return findings
