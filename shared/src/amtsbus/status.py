"""How a service is: its relay, its readers, its clock, and what of it needs a human."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg
from aiokafka.errors import KafkaError

from amtsbus import deadletters, gaps
from amtsbus.offsets import Offsets
from amtsbus.postgres import NO_ANSWER, Database, Tx
from amtsbus.reader import Reader
from amtsbus.relay import leading_session
from amtsbus.service import Service
from amtsbus.settings import Settings

PATIENCE_SECONDS = 60.0
"""What waits longer than this needs a human."""
CONNECT_SECONDS = 6.0
KAFKA_SECONDS = 15.0

UNREACHABLE = (*NO_ANSWER, KafkaError)


@dataclass(frozen=True)
class Leader:
    """The relay that is at work, as PostgreSQL sees its session."""

    address: str
    since: datetime | None


@dataclass(frozen=True)
class RelayStatus:
    """What is not published yet, and who publishes it; None where nobody does."""

    backlog: int
    oldest_seconds: float | None
    leader: Leader | None


@dataclass(frozen=True)
class Parked:
    """What one reader has parked, and the operator's requests to retry it."""

    keys: int = 0
    events: int = 0
    retries_requested: int = 0
    oldest_request_seconds: float | None = None


@dataclass(frozen=True)
class ReaderStatus:
    """How far a reader is, and what it could not handle; what only Kafka knows is None while Kafka is away."""

    group: str
    topic: str
    members: int | None
    lag: int | None
    oldest_unread_seconds: float | None
    parked: Parked
    missing: int
    missing_since: datetime | None


@dataclass(frozen=True)
class ClockStatus:
    """The business clock, and announcements of deadlines that are due.

    `late` were due before today, `failed` have been tried.
    """

    now: datetime
    ahead_seconds: float
    due: int
    late: int
    failed: int


@dataclass(frozen=True)
class ServiceStatus:
    """One service at this moment. `database` and `kafka` are "reachable", or the name of what went wrong."""

    service: str
    database: str
    kafka: str
    relay: RelayStatus | None = None
    readers: tuple[ReaderStatus, ...] = ()
    clock: ClockStatus | None = None
    needs: tuple[str, ...] = field(default=())
    """What needs a human, one line each, with the command that shows or mends it."""


REACHABLE = "reachable"


async def of_service(service: Service, settings: Settings) -> ServiceStatus:
    """How `service` is. Servers that are away are part of the answer and raise nothing."""
    progress, database = await asyncio.gather(_kafka(service, settings), _database(service, settings))
    kafka, read = progress
    state, known = database
    readers = tuple(
        ReaderStatus(
            reader.group,
            reader.topic,
            *read.get(reader.group, (None, None, None)),
            known.parked.get(reader.group, Parked()),
            known.missing[reader.group].events if reader.group in known.missing else 0,
            known.missing[reader.group].since if reader.group in known.missing else None,
        )
        for reader in service.readers
    )
    needs = [*_of_servers(service, state, kafka), *_of_relay(service, known.relay)]
    for reader in readers:
        needs += _of_reader(service, reader)
    needs += _of_clock(service, known.clock)
    return ServiceStatus(
        service.name,
        state,
        kafka,
        known.relay,
        readers if state == REACHABLE or kafka == REACHABLE else (),
        known.clock,
        tuple(needs),
    )


# -- Kafka ------------------------------------------------------------------------------------------------------------

_Read = tuple[int | None, int | None, float | None]
"""Members of the group, lag, age of the oldest unread record in seconds."""


async def _kafka(service: Service, settings: Settings) -> tuple[str, Mapping[str, _Read]]:
    """("reachable" or what went wrong, what is known of each reader)."""
    read: dict[str, _Read] = {}
    trouble = REACHABLE
    try:
        async with asyncio.timeout(KAFKA_SECONDS), Offsets(settings) as offsets:
            for reader in service.readers:
                try:
                    read[reader.group] = await _read(offsets, reader)
                except KafkaError as error:
                    # A topic that is missing or that we may not look at says nothing of the others.
                    trouble = f"{type(error).__name__}: {reader.topic}"
    except UNREACHABLE as error:
        return type(error).__name__, read
    return trouble, read


async def _read(offsets: Offsets, reader: Reader) -> _Read:
    progress = await offsets.progress(reader)
    oldest = await offsets.oldest_unread(reader, progress) if progress.lag else None
    age = None if oldest is None else max(0.0, (datetime.now(UTC) - oldest).total_seconds())
    return progress.members, progress.lag, age


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Known:
    relay: RelayStatus | None = None
    parked: Mapping[str, Parked] = field(default_factory=dict)
    missing: Mapping[str, gaps.OpenGaps] = field(default_factory=dict)
    clock: ClockStatus | None = None


async def _database(service: Service, settings: Settings) -> tuple[str, _Known]:
    """("reachable" or what went wrong, what the database knows)."""
    database = Database(settings.database_url.get_secret_value(), settings.clock(), pool_size=2)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await database.start()
        async with database.transaction() as tx:
            return REACHABLE, _Known(await _relay(tx), await _parked(tx), await gaps.by_consumer(tx), await _clock(tx))
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError, asyncpg.InvalidSchemaNameError):
        return f"not at this version: amtsbus migrate {service.name}", _Known()
    except UNREACHABLE as error:
        return type(error).__name__, _Known()
    finally:
        await database.stop()


_RELAY = """
SELECT (SELECT count(*) FROM amtsbus.unpublished) AS backlog,
       (SELECT extract(epoch FROM clock_timestamp() - appended_at) FROM amtsbus.unpublished
        ORDER BY position LIMIT 1)::float8 AS oldest
"""


async def _relay(tx: Tx) -> RelayStatus:
    [waiting] = await tx.fetch(_RELAY)
    leader = await leading_session(tx.connection)
    return RelayStatus(
        waiting["backlog"],
        waiting["oldest"],
        Leader(leader.address or "on the database's own host", leader.since) if leader else None,
    )


async def _parked(tx: Tx) -> dict[str, Parked]:
    keys = await tx.fetch(
        "SELECT consumer, count(*) AS keys, count(retry_requested_at) AS requested, "
        "extract(epoch FROM clock_timestamp() - min(retry_requested_at))::float8 AS oldest "
        "FROM amtsbus.parked_keys GROUP BY consumer"
    )
    events = await deadletters.waiting_events(tx)
    return {
        row["consumer"]: Parked(row["keys"], events.get(row["consumer"], 0), row["requested"], row["oldest"])
        for row in keys
    }


_CLOCK = """
SELECT count(*) AS due, count(*) FILTER (WHERE rings_on < $1) AS late, count(*) FILTER (WHERE clock_failures > 0) AS failed
FROM amtsbus.case_periods WHERE rings_on <= $1
"""


async def _clock(tx: Tx) -> ClockStatus:
    [row] = await tx.fetch(_CLOCK, tx.clock.today())
    now = tx.clock.now()
    ahead = (now - datetime.now(UTC)).total_seconds()
    return ClockStatus(now, round(ahead) if abs(ahead) >= 1 else 0.0, row["due"], row["late"], row["failed"])


# -- what needs a human -----------------------------------------------------------------------------------------------


def _of_servers(service: Service, database: str, kafka: str) -> list[str]:
    needs = []
    if database != REACHABLE:
        needs.append(f"{service.name}: its database: {database}")
    if kafka != REACHABLE:
        needs.append(f"{service.name}: Kafka: {kafka}")
    return needs


def _of_relay(service: Service, relay: RelayStatus | None) -> list[str]:
    if relay is None:
        return []
    needs = []
    if relay.leader is None:
        needs.append(f"{service.name}: nobody publishes: is its worker running?")
    if relay.oldest_seconds is not None and relay.oldest_seconds > PATIENCE_SECONDS:
        needs.append(
            f"{service.name}: {relay.backlog} events are not published, the oldest for {relay.oldest_seconds:.0f} s: "
            "is Kafka away, or does it refuse one (event_refused_by_kafka in the worker's log)?"
        )
    return needs


def _of_reader(service: Service, reader: ReaderStatus) -> list[str]:
    needs = []
    where = f"{service.name}: {reader.group}"
    if reader.members == 0:
        needs.append(
            f"{where} does not read {reader.topic}: is its worker running, or has the reader stopped (/readyz)?"
        )
    if reader.oldest_unread_seconds is not None and reader.oldest_unread_seconds > PATIENCE_SECONDS:
        needs.append(f"{where} has {reader.lag} events unread, the oldest for {reader.oldest_unread_seconds:.0f} s")
    if reader.parked.keys:
        needs.append(
            f"{where} has parked {reader.parked.keys} keys with {reader.parked.events} events: "
            f"amtsbus deadletters list {service.name} --consumer {reader.group}"
        )
    if (reader.parked.oldest_request_seconds or 0.0) > PATIENCE_SECONDS:
        needs.append(
            f"{where} was asked for {reader.parked.retries_requested} retries and has not tried them: is its worker running?"
        )
    if reader.missing:
        needs.append(
            f"{where} misses {reader.missing} events: amtsbus gaps list {service.name} --consumer {reader.group}"
        )
    return needs


def _of_clock(service: Service, clock: ClockStatus | None) -> list[str]:
    if clock is None:
        return []
    needs = []
    if clock.failed:
        needs.append(
            f"{service.name}: {clock.failed} deadlines could not be announced (announcement_failed in the worker's log)"
        )
    if clock.late > clock.failed:
        needs.append(
            f"{service.name}: {clock.late - clock.failed} deadlines should have been announced before today: "
            "is its worker running?"
        )
    return needs
