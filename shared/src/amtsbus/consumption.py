"""Consumption: how the events of one reader become effects, once each and in order per key.

*Fast path*: the events of a fetched batch of one partition are handled in one transaction, then the offset is committed.
*Slow path*: where anything raises, the transaction is rolled back and the batch is handled event by event. What fails
for the moment is tried again with growing pauses; what fails for good is parked with all later events of its key, and
every other key goes on. Where nearly everything fails it is our fault, and the reader stops.

One poller fetches for all partitions of the reader and each partition has a worker of its own, so a partition that waits
holds up no other. The poller never stops polling while a handler works: Kafka's `max_poll_interval_ms` cannot be missed,
and a partition in trouble need not be given back.
"""

import asyncio
import contextlib
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from pydantic import ValidationError

from amtsbus import deadletters, failpoints, inbox, kafka, telemetry
from amtsbus.errors import ConflictError, RuleViolationError, TransientError
from amtsbus.events import EventMeta
from amtsbus.inbox import Entry, Mark, Verdict
from amtsbus.kafka import MalformedRecordError, Record
from amtsbus.postgres import Database, Tx
from amtsbus.reader import Reader
from amtsbus.security import broker_security
from amtsbus.settings import Settings

log = structlog.get_logger("amtsbus.consumption")

TRANSIENT = (
    TransientError,
    ConflictError,
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InternalServerError,
)
"""Failures that may be over in a moment: retried in place, never parked."""

MAX_BATCH = 500
MAX_QUEUED = 1000
LOGGED_BATCH = 20
COMMIT_SECONDS = 0.1
BATCH_TARGET_SECONDS = 1.0
BATCH_TIMEOUT_SECONDS = 120.0
SESSION_TIMEOUT_MS = 10_000
"""Kafka gives the partitions of a member that was silent for so long to the others."""
GRACE_SECONDS = 20.0
"""A batch at work has so long to end when its partition is taken away or the worker stops; then it is rolled back."""
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between the attempts of a transient failure; the last one repeats."""

MAX_REMEMBERED_GAP = 10_000


class StoppedByLimitError(Exception):
    """Nearly everything failed, so the reader stopped instead of emptying its topic into the dead letters."""


class ReusedSequenceError(Exception):
    """Another event already has this place in its stream: the publisher's database was set back in time."""


@dataclass
class FailureLimit:
    """Says when failures are so many that the fault must be ours: most of the latest events, and not just a few."""

    window: int = 50
    least: int = 20
    share: float = 0.8
    outcomes: deque[bool] = field(default_factory=deque)

    def note(self, failures: Iterable[bool]) -> None:
        """Add the outcomes of events, oldest first.

        Raises:
            StoppedByLimitError: the limit is reached.
        """
        for failed in failures:
            self.outcomes.append(failed)
            if len(self.outcomes) > self.window:
                self.outcomes.popleft()
        failed_count = sum(self.outcomes)
        if failed_count >= self.least and failed_count >= self.share * len(self.outcomes):
            raise StoppedByLimitError(f"{failed_count} of the latest {len(self.outcomes)} events failed")


@dataclass(frozen=True, slots=True)
class _Parsed:
    record: Record
    meta: EventMeta


def reason_of(error: BaseException) -> str:
    """Why an event failed, in one line without any content of the event."""
    if isinstance(error, ValidationError):
        problems = [
            f"{'.'.join(map(str, e['loc'])) or 'event'}: {e['type']}" for e in error.errors(include_input=False)
        ]
        return f"the event does not have the fields that this reader needs ({'; '.join(problems[:10])})"
    if isinstance(error, MalformedRecordError | RuleViolationError | ReusedSequenceError):
        return str(error)
    if isinstance(error, asyncpg.PostgresError):
        constraint = getattr(error, "constraint_name", None)
        return f"{type(error).__name__} (SQLSTATE {error.sqlstate}{f', {constraint}' if constraint else ''})"
    return f"{type(error).__name__} in the handler"


def _where(error: BaseException) -> str:
    """The stack of an error without its message, which may quote what the event contains."""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__


class Consumption:
    """One reader at work. `run` ends when it is cancelled, and raises where the reader must not go on."""

    def __init__(
        self, reader: Reader, settings: Settings, database: Database, *, pauses: Sequence[float] = PAUSES
    ) -> None:
        self.reader = reader
        self.settings = settings
        self.database = database
        self.pauses = pauses
        self.consumer_name = reader.group
        self.limit = FailureLimit()
        self.stopped_by_limit = False
        self.joined = False
        self._workers: dict[TopicPartition, _PartitionWorker] = {}
        self._effective: dict[TopicPartition, int] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self._gave_up: asyncio.Future[None] | None = None

    # -- the loop -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read until cancelled; then the batches at work are finished, their offsets committed, and the group is left.

        Raises:
            StoppedByLimitError: nearly everything failed.
        """
        self._gave_up = asyncio.get_running_loop().create_future()
        broker = KafkaBroker(
            self.settings.kafka_bootstrap_servers,
            security=broker_security(self.settings),
            consumer_only=True,
            allow_auto_create_topics=False,
            logger=None,
            client_id=f"{self.settings.service}-worker",
        )
        subscriber = broker.subscriber(
            self.settings.topic_prefix + self.reader.topic,
            group_id=self.settings.topic_prefix + self.reader.group,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            max_poll_records=MAX_BATCH,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=SESSION_TIMEOUT_MS // 5,
            listener=_Rebalance(self),
        )
        try:
            await broker.start()
            if subscriber.consumer is None:
                raise KafkaError("the consumer did not start")
            self._consumer = subscriber.consumer
            self.joined = True
            committing = asyncio.create_task(self._commit_for_ever())
            try:
                await self._poll(self._consumer)
            finally:
                committing.cancel()
        finally:
            self.joined = False
            await self.revoke(list(self._workers))
            with contextlib.suppress(Exception):
                await asyncio.wait_for(broker.stop(), 10)
            self._consumer = None

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            if self._gave_up is not None and self._gave_up.done():
                self._gave_up.result()
            open_partitions = [tp for tp, worker in self._workers.items() if worker.queued < MAX_QUEUED - MAX_BATCH]
            if not open_partitions:
                await asyncio.sleep(0.01)
                continue
            # A partition that is at work wants its next batch soon, so the poller looks after it often; while all are
            # idle it sleeps in Kafka's long poll.
            at_work = any(not worker.idle for worker in self._workers.values())
            fetched = await consumer.getmany(*open_partitions, timeout_ms=10 if at_work else 250)
            for tp, records in fetched.items():
                worker = self._workers.get(tp)
                if worker is not None:
                    worker.put(records)
                    telemetry.READ_LAG.labels(self.consumer_name, str(tp.partition)).set(
                        max(0, (consumer.highwater(tp) or 0) - records[-1].offset - 1)
                    )

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Begin to work on `partitions`."""
        for tp in partitions:
            if tp not in self._workers:
                self._workers[tp] = _PartitionWorker(tp, self)

    async def revoke(self, partitions: Iterable[TopicPartition]) -> None:
        """Finish the batches at work on `partitions` and commit their offsets; what is only queued is dropped."""
        workers = [worker for tp in partitions if (worker := self._workers.pop(tp, None))]
        if workers:
            await asyncio.gather(*(worker.stop() for worker in workers))
            await self._commit()

    def give_up(self, error: BaseException) -> None:
        """End `run` with `error`."""
        if self._gave_up is not None and not self._gave_up.done():
            self._gave_up.set_exception(error)

    def effective(self, tp: TopicPartition, offset: int) -> None:
        """Note that everything before `offset` has had its effect; it is committed soon, after and never before."""
        self._effective[tp] = offset

    async def _commit(self) -> None:
        """Commit the offsets of what has had its effect.

        A failure is not fatal: the events come again and have no second effect.
        """
        offsets, self._effective = self._effective, {}
        if not offsets or self._consumer is None:
            return
        try:
            await self._consumer.commit(offsets)
        except (KafkaError, ConsumerStoppedError, ValueError) as error:
            log.warning("offsets_not_committed", consumer=self.consumer_name, error=type(error).__name__)

    async def _commit_for_ever(self) -> None:
        # One request for all partitions a few times a second: a commit per batch would cost more than the batch.
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            await self._commit()

    # -- one batch ----------------------------------------------------------------------------------------------

    async def handle(self, records: Sequence[Record]) -> None:
        """Make the effects of consecutive records of one partition, each once.

        Returns when every record is handled, repeated, skipped or parked; keeps trying while the database is away.

        Raises:
            StoppedByLimitError: nearly everything failed.
        """
        started = time.perf_counter()
        try:
            async with asyncio.timeout(BATCH_TIMEOUT_SECONDS), self.database.transaction() as tx:
                outcomes = await self._apply(tx, [self._parse(record) for record in records])
                if failpoints.ON:
                    await failpoints.reached("reader.handled")
        except Exception as error:
            log.info(
                "batch_falls_apart",
                consumer=self.consumer_name,
                events=len(records),
                error=type(error).__name__,
            )
            for record in records:
                self.limit.note([await self._handle_one(record)])
        else:
            self._count(outcomes)
            self.limit.note([False] * min(len(records), self.limit.window))
        telemetry.READ_BATCH.labels(self.consumer_name).observe(time.perf_counter() - started)

    def _parse(self, record: Record) -> _Parsed:
        return _Parsed(record, kafka.meta_of(record, self.reader.topic, self.settings.event_type_prefix))

    async def _handle_one(self, record: Record) -> bool:
        """One event in its own transaction, with retries and parking; returns whether it failed for good."""
        attempt = 0
        while True:
            try:
                try:
                    async with asyncio.timeout(BATCH_TIMEOUT_SECONDS), self.database.transaction() as tx:
                        outcomes = await self._apply(tx, [self._parse(record)])
                        if failpoints.ON:
                            await failpoints.reached("reader.handled")
                    self._count(outcomes)
                    return False
                except TRANSIENT:
                    raise
                except Exception as error:
                    return await self._park(record, error)
            except TRANSIENT as error:
                pause = self.pauses[min(attempt, len(self.pauses) - 1)]
                attempt += 1
                telemetry.READ_RETRIES.labels(self.consumer_name).inc()
                if attempt <= len(self.pauses) or attempt % 10 == 0:
                    log.warning(
                        "event_waits",
                        consumer=self.consumer_name,
                        partition=record.partition,
                        offset=record.offset,
                        attempt=attempt,
                        pause_seconds=pause,
                        error=type(error).__name__,
                    )
                await asyncio.sleep(pause)

    async def _park(self, record: Record, error: Exception) -> bool:
        """Park a failed record; returns whether it failed by itself and not only behind an earlier one of its key."""
        try:
            parsed = self._parse(record)
        except MalformedRecordError:
            parsed = None
        key = record.key or b""
        async with self.database.transaction() as tx:
            behind = bool(await deadletters.parked_among(tx, self.consumer_name, self.reader.topic, [key]))
            await deadletters.park(
                tx,
                self.consumer_name,
                self.reader.topic,
                record,
                reason=reason_of(error),
                failed=True,
                traceback=_where(error),
                event_id=parsed.meta.id if parsed else None,
                event_type=parsed.meta.type if parsed else None,
            )
        if failpoints.ON:
            await failpoints.reached("reader.parked")
        if isinstance(error, ReusedSequenceError):
            telemetry.READ_REUSED.labels(self.consumer_name).inc()
        telemetry.READ_EVENTS.labels(self.consumer_name, "parked").inc()
        log.error(
            "event_parked",
            consumer=self.consumer_name,
            partition=record.partition,
            offset=record.offset,
            event_id=str(parsed.meta.id) if parsed else None,
            event_type=parsed.meta.type if parsed else None,
            reason=reason_of(error),
        )
        return not behind

    async def _apply(self, tx: Tx, events: Sequence[_Parsed], *, retry: bool = False) -> dict[str, int]:
        """Handle events in order in one transaction; returns how many had which outcome."""
        outcomes = {"handled": 0, "repeated": 0, "unknown_type": 0, "parked_behind": 0}
        entry = await inbox.enter(
            tx,
            self.consumer_name,
            self.reader.topic,
            [(event.meta, event.record.key or b"") for event in events],
            retry=retry,
        )
        open_events = [event for event in events if (event.record.key or b"") not in entry.parked]
        for event in events:
            if (event.record.key or b"") in entry.parked:
                await deadletters.park(
                    tx,
                    self.consumer_name,
                    self.reader.topic,
                    event.record,
                    reason="waits behind an earlier event of the same key",
                    failed=False,
                    event_id=event.meta.id,
                    event_type=event.meta.type,
                )
                outcomes["parked_behind"] += 1
        if open_events:
            await self._take_effect(tx, open_events, entry, outcomes)
        return outcomes

    async def _take_effect(self, tx: Tx, events: Sequence[_Parsed], entry: Entry, outcomes: dict[str, int]) -> None:
        name, topic = self.consumer_name, self.reader.topic
        fresh, marks = entry.fresh, entry.marks
        reached: dict[UUID, Mark] = {}
        missing: list[tuple[UUID, int]] = []
        for event in events:
            meta = event.meta
            mark = reached.get(meta.subject) or marks.get(meta.subject)
            is_fresh = meta.id in fresh
            fresh.discard(meta.id)  # a second copy in the same batch is a repeat
            known_gaps: frozenset[int] = frozenset()
            if is_fresh and mark and meta.sequence <= mark.sequence:
                known_gaps = await inbox.gaps(tx, name, topic, meta.subject, meta.sequence)
            judgement = inbox.judge(meta, recorded_before=not is_fresh, mark=mark, gaps=known_gaps)
            if judgement.verdict is Verdict.REUSED:
                raise ReusedSequenceError(
                    f"sequence {meta.sequence} of this stream was another event before; "
                    "was the publisher's database restored to an earlier state?"
                )
            if judgement.verdict is Verdict.REPEATED:
                outcomes["repeated"] += 1
                continue
            if judgement.mark:
                reached[meta.subject] = judgement.mark
            if judgement.healed:
                await inbox.heal(tx, name, topic, meta.subject, meta.sequence)
            if judgement.missing and not self.reader.compacted:
                self._note_gap(meta, judgement.missing)
                missing += [(meta.subject, sequence) for sequence in judgement.missing[-MAX_REMEMBERED_GAP:]]
            # One line per event is what an operator follows a case by; a catch-up of thousands would only drown it.
            outcomes[await self._call_handler(tx, event, log_each=len(events) <= LOGGED_BATCH)] += 1
        if missing:
            await inbox.remember_missing(tx, name, topic, missing)
        if reached:
            await inbox.advance(tx, name, topic, reached)

    def _note_gap(self, meta: EventMeta, missing: range) -> None:
        telemetry.READ_GAPS.labels(self.consumer_name).inc(len(missing))
        log.error(
            "events_missing",
            consumer=self.consumer_name,
            stream_id=str(meta.subject),
            first=missing.start,
            last=missing.stop - 1,
        )

    async def _call_handler(self, tx: Tx, event: _Parsed, *, log_each: bool) -> str:
        subscription = self.reader.handlers.get(event.meta.type)
        if subscription is None:
            return "unknown_type"
        with (
            telemetry.trace(event.meta.traceparent),
            structlog.contextvars.bound_contextvars(
                event_id=str(event.meta.id), event_type=event.meta.type, case_id=str(event.meta.subject)
            ),
        ):
            if event.record.value is None:
                raise MalformedRecordError("the event has no value")
            await subscription.handler(subscription.model.from_record(event.record.value, event.meta), tx)
            if log_each:
                log.info("event_handled", consumer=self.consumer_name)
        return "handled"

    def _count(self, outcomes: dict[str, int]) -> None:
        for outcome, count in outcomes.items():
            if count:
                telemetry.READ_EVENTS.labels(self.consumer_name, outcome).inc(count)

    # -- retries of parked keys ---------------------------------------------------------------------------------

    async def retry_parked(self, topic: str, key: bytes, by: str | None) -> None:
        """Handle the parked events of one key in order, until one fails again or none is left."""
        while await self._retry_first_parked(topic, key, by):
            if failpoints.ON:
                await failpoints.reached("retry.handled")

    async def _retry_first_parked(self, topic: str, key: bytes, by: str | None) -> bool:
        """Handle the first parked event of one key; returns whether the next one may follow."""
        async with self.database.transaction() as tx:
            letter = await deadletters.next_waiting(tx, self.consumer_name, topic, key)
            if letter is None:
                return False
            error: Exception | None = None
            try:
                async with tx.connection.transaction():
                    await self._apply(tx, [self._parse(letter.record)], retry=True)
            except TRANSIENT:
                raise
            except Exception as failure:
                error = failure
            if error is None:
                await deadletters.mark_handled(tx, letter.dead_letter_id, by=by)
                log.info(
                    "dead_letter_handled",
                    consumer=self.consumer_name,
                    dead_letter_id=letter.dead_letter_id,
                    by=by,
                )
                return True
            await deadletters.mark_failed_again(tx, letter, reason=reason_of(error), traceback=_where(error))
            log.error(
                "dead_letter_failed_again",
                consumer=self.consumer_name,
                dead_letter_id=letter.dead_letter_id,
                reason=reason_of(error),
            )
            return False


class _PartitionWorker:
    """Handles the records of one partition, in order, batch by batch."""

    def __init__(self, tp: TopicPartition, consumption: Consumption) -> None:
        self.tp = tp
        self.consumption = consumption
        self.idle = True
        self._queue: deque[Record] = deque()
        self._arrived = asyncio.Event()
        self._stopping = False
        self._batch_size = MAX_BATCH
        self._task = asyncio.create_task(self._run(), name=f"{consumption.consumer_name}[{tp.partition}]")

    @property
    def queued(self) -> int:
        return len(self._queue)

    def put(self, records: Iterable["ConsumerRecord[bytes, bytes]"]) -> None:
        """Queue fetched records."""
        self._queue.extend(
            Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers) for r in records
        )
        self.idle = False
        self._arrived.set()

    async def stop(self) -> None:
        """Let the batch at work end and commit; past the grace it is rolled back, and comes again."""
        self._stopping = True
        if self.idle:
            self._task.cancel()
        _, pending = await asyncio.wait([self._task], timeout=GRACE_SECONDS)
        if pending:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=5)

    async def _run(self) -> None:
        try:
            while not self._stopping:
                if not self._queue:
                    self.idle = True
                    self._arrived.clear()
                    await self._arrived.wait()
                    continue
                batch = [self._queue.popleft() for _ in range(min(self._batch_size, len(self._queue)))]
                started = time.perf_counter()
                try:
                    await self.consumption.handle(batch)
                finally:
                    self._fit_batch_size(len(batch), time.perf_counter() - started)
                if failpoints.ON:
                    await failpoints.reached("reader.committed")
                self.consumption.effective(self.tp, batch[-1].offset + 1)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.consumption.give_up(error)

    def _fit_batch_size(self, handled: int, seconds: float) -> None:
        """Keep transactions short where a handler is slow, and large where it is quick."""
        if seconds > BATCH_TARGET_SECONDS:
            self._batch_size = max(1, int(handled * BATCH_TARGET_SECONDS / seconds))
        elif handled == self._batch_size:
            self._batch_size = min(MAX_BATCH, self._batch_size * 2)


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka ships no types
    """Starts and stops partition workers as Kafka assigns and revokes."""

    def __init__(self, consumption: Consumption) -> None:
        self._consumption = consumption

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        await self._consumption.revoke(revoked)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        self._consumption.assign(assigned)


class Readers:
    """All readers of a worker: started, started again when Kafka was away, watched by readiness."""

    def __init__(self, readers: Sequence[Reader], settings: Settings, database: Database) -> None:
        self.consumptions = [Consumption(reader, settings, database) for reader in readers]
        self._database = database

    @property
    def stopped(self) -> list[str]:
        """The readers that their limit has stopped."""
        return [c.consumer_name for c in self.consumptions if c.stopped_by_limit]

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            for consumption in self.consumptions:
                group.create_task(self._keep_running(consumption))
            if self.consumptions:
                group.create_task(self._retry_on_request())

    async def _keep_running(self, consumption: Consumption) -> None:
        pauses = _pauses()
        telemetry.READ_STOPPED.labels(consumption.consumer_name).set(0)
        while True:
            try:
                await consumption.run()
            except StoppedByLimitError as error:
                consumption.stopped_by_limit = True
                telemetry.READ_STOPPED.labels(consumption.consumer_name).set(1)
                log.critical("reader_stopped", consumer=consumption.consumer_name, reason=str(error))
                return
            except Exception as error:
                pause = pauses()
                log.warning(
                    "reader_restarts",
                    consumer=consumption.consumer_name,
                    error=type(error).__name__,
                    pause_seconds=pause,
                )
                await asyncio.sleep(pause)

    async def _retry_on_request(self) -> None:
        by_name = {c.consumer_name: c for c in self.consumptions}
        while True:
            await asyncio.sleep(0.5)
            try:
                async with self._database.transaction() as tx:
                    requested = await deadletters.requested_retries(tx, list(by_name))
                    parked = await deadletters.parked_keys(tx)
                for name in by_name:
                    telemetry.PARKED_KEYS.labels(name).set(parked.get(name, 0))
                for name, topic, key, by in requested:
                    await by_name[name].retry_parked(topic, key, by)
            except Exception as error:
                log.warning("retry_waits", error=type(error).__name__)
                await asyncio.sleep(2)


def _pauses(first: float = 0.5, longest: float = 10.0) -> Callable[[], float]:
    """Growing pauses; begins anew after five quiet minutes."""
    state = {"pause": first, "last": 0.0}

    def following() -> float:
        now = time.monotonic()
        pause = first if now - state["last"] > 300 else min(longest, state["pause"] * 2)
        state["pause"], state["last"] = pause, now
        return pause

    return following
