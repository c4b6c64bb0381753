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
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from pydantic import ValidationError

from amtsbus import deadletters, failpoints, gaps, inbox, kafka, telemetry
from amtsbus.errors import ConflictError, RuleViolationError, TransientError
from amtsbus.events import Consumed, EventMeta
from amtsbus.inbox import MAX_REMEMBERED_GAP, Entry, Mark, Verdict
from amtsbus.kafka import MalformedRecordError, Record
from amtsbus.postgres import NO_ANSWER, Database, Tx
from amtsbus.reader import Handler, Reader
from amtsbus.security import broker_security
from amtsbus.settings import Settings

log = structlog.get_logger("amtsbus.consumption")

TRANSIENT = (
    TransientError,
    ConflictError,
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
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
COMMIT_TIMEOUT_SECONDS = 10.0
LAG_SECONDS = 5.0
BATCH_TARGET_SECONDS = 1.0
BATCH_TIMEOUT_SECONDS = 120.0
SESSION_TIMEOUT_MS = 10_000
"""Kafka gives the partitions of a member that was silent for so long to the others."""
NEVER_MS = 24 * 3600 * 1000
"""aiokafka would leave the group when nobody fetches for long; ours fetches nothing while every partition waits."""
METADATA_MAX_AGE_MS = 10_000
"""So soon a topic that was lost and made anew is found; until then nothing is read."""
GRACE_SECONDS = 20.0
"""A batch at work has so long to end when its partition is taken away or the worker stops; then it is rolled back."""
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds between the attempts of a transient failure; the last one repeats."""


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


class _Parsed(NamedTuple):
    record: Record
    meta: EventMeta


@dataclass
class _Outcomes:
    """What became of a batch: told when it has become true, not before."""

    handled: int = 0
    repeated: int = 0
    unknown_type: int = 0
    parked_behind: int = 0
    gaps: list[tuple[UUID, range]] = field(default_factory=list)


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
        self,
        reader: Reader,
        settings: Settings,
        database: Database,
        *,
        pauses: Sequence[float] = PAUSES,
        turns: asyncio.Semaphore | None = None,
    ) -> None:
        self.reader = reader
        self.settings = settings
        self.database = database
        self.pauses = pauses
        self.consumer_name = reader.group
        self.limit = FailureLimit()
        self.stopped_by_limit = False
        self.joined = False
        self._turns = turns or _turns(settings)
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
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
        )
        subscriber = broker.subscriber(
            self.settings.topic_prefix + self.reader.topic,
            group_id=self.settings.topic_prefix + self.reader.group,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            max_poll_records=MAX_BATCH,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=SESSION_TIMEOUT_MS // 5,
            rebalance_timeout_ms=int(GRACE_SECONDS * 1000) + SESSION_TIMEOUT_MS,
            max_poll_interval_ms=NEVER_MS,
            listener=_Rebalance(self),
        )
        try:
            await broker.start()
            if subscriber.consumer is None:
                raise KafkaError("the consumer did not start")
            self._consumer = subscriber.consumer
            self.joined = True
            beside = [asyncio.create_task(task) for task in (self._commit_for_ever(), self._measure_lag_for_ever())]
            try:
                await self._poll(self._consumer)
            finally:
                for task in beside:
                    task.cancel()
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
            if self._workers and not open_partitions:
                await asyncio.sleep(0.01)
                continue
            # Also where nothing is assigned (a topic that is away, more members than partitions): only a client that fetches
            # is told what went wrong in its group, and joins it again.
            # A partition that is at work wants its next batch soon, so the poller looks after it often; while all are
            # idle it sleeps in Kafka's long poll.
            at_work = any(not worker.idle for worker in self._workers.values())
            fetched = await consumer.getmany(*open_partitions, timeout_ms=10 if at_work else 250)
            for tp, records in fetched.items():
                worker = self._workers.get(tp)
                if worker is not None:
                    worker.put(records)

    @property
    def assigned(self) -> int:
        """How many partitions this reader has now."""
        return len(self._workers)

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Begin to work on `partitions`."""
        for tp in partitions:
            if tp not in self._workers:
                self._effective.pop(tp, None)
                self._workers[tp] = _PartitionWorker(tp, self)

    async def revoke(self, partitions: Iterable[TopicPartition]) -> None:
        """Finish the batches at work on `partitions` and commit their offsets; what is only queued is dropped."""
        workers = [worker for tp in partitions if (worker := self._workers.pop(tp, None))]
        if workers:
            await asyncio.gather(*(worker.stop() for worker in workers))
            await self._commit()
        for worker in workers:
            # Whoever has the partition next commits for it, and tells its lag.
            self._effective.pop(worker.tp, None)
            with contextlib.suppress(KeyError):
                telemetry.READ_LAG.remove(self.consumer_name, str(worker.tp.partition))

    def give_up(self, error: BaseException) -> None:
        """End `run` with `error`."""
        if self._gave_up is not None and not self._gave_up.done():
            self._gave_up.set_exception(error)

    def effective(self, tp: TopicPartition, offset: int) -> None:
        """Note that everything before `offset` has had its effect; it is committed soon, after and never before."""
        self._effective[tp] = offset

    async def take_up(self, tp: TopicPartition) -> int:
        """Find out where a partition goes on.

        Kafka forgets how far a group has read together with the topic. Before anything of a partition is handled its beginning is
        committed; so where no partition has a position, yet the reader has marks of the topic, its positions were lost.

        Raises:
            KafkaError: Kafka is away, or the partition is no longer ours.
        """
        if self._consumer is None:
            raise ConsumerStoppedError
        async with asyncio.timeout(COMMIT_TIMEOUT_SECONDS):
            committed: int | None = await self._consumer.committed(tp)
        if committed is not None:
            return committed
        async with self._transaction() as tx:
            has_marks = await inbox.has_marks(tx, self.consumer_name, self.reader.topic)
        async with asyncio.timeout(COMMIT_TIMEOUT_SECONDS):
            # After the marks: another member, which handles the first events of a new reader now, has committed before.
            partitions = [TopicPartition(tp.topic, p) for p in self._consumer.partitions_for_topic(tp.topic) or ()]
            positions = [await self._consumer.committed(partition) for partition in partitions]
            # Not this partition's position, which is past what was fetched meanwhile.
            beginning: int = (await self._consumer.beginning_offsets([tp]))[tp]
            await self._consumer.commit({tp: beginning})
        if has_marks and not any(position is not None for position in positions):
            self.note_lost_position(tp, None, beginning)
        return beginning

    def note_lost_position(self, tp: TopicPartition, expected: int | None, found: int) -> None:
        """Report that a partition goes on at another place than where it was read to.

        `back`: the topic was made anew, or lost its end; what comes again has no second effect. `ahead`: records were
        removed before they were read, which in a compacted topic is normal.
        """
        direction = "back" if expected is None or found < expected else "ahead"
        if direction == "ahead" and self.reader.compacted:
            return
        if direction == "back":
            self._effective.pop(tp, None)  # in a new topic it would skip records
        telemetry.READ_RESETS.labels(self.consumer_name, direction).inc()
        log.error(
            "position_lost",
            consumer=self.consumer_name,
            partition=tp.partition,
            direction=direction,
            expected_offset=expected,
            found_offset=found,
        )

    async def _commit(self) -> None:
        """Commit the offsets of what has had its effect.

        A failure is not fatal: it is tried again as long as the partition is ours, and after that the events come again
        and have no second effect.
        """
        offsets = dict(self._effective)
        if not offsets or self._consumer is None:
            return
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_SECONDS):
                await self._consumer.commit(offsets)
        except (KafkaError, ConsumerStoppedError, TimeoutError, ValueError) as error:
            log.warning("offsets_not_committed", consumer=self.consumer_name, error=type(error).__name__)
            return
        for tp, offset in offsets.items():
            if self._effective.get(tp) == offset:
                del self._effective[tp]

    async def _commit_for_ever(self) -> None:
        # One request for all partitions a few times a second: a commit per batch would cost more than the batch.
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            await self._commit()

    async def _measure_lag_for_ever(self) -> None:
        # Asked for, not taken from what is fetched: a partition that waits is not fetched from.
        while True:
            await asyncio.sleep(LAG_SECONDS)
            with contextlib.suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(COMMIT_TIMEOUT_SECONDS):
                    await self._measure_lag()

    async def _measure_lag(self) -> None:
        workers = dict(self._workers)
        if not workers or self._consumer is None:
            return
        ends = await self._consumer.end_offsets(list(workers))
        for tp, worker in workers.items():
            done = await self._consumer.position(tp) if worker.done is None else worker.done
            if self._workers.get(tp) is worker:
                telemetry.READ_LAG.labels(self.consumer_name, str(tp.partition)).set(max(0, ends[tp] - done))

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Tx]:
        async with self._turns, self.database.transaction(deadline_seconds=BATCH_TIMEOUT_SECONDS) as tx:
            yield tx

    # -- one batch ----------------------------------------------------------------------------------------------

    async def handle(self, records: Sequence[Record]) -> None:
        """Make the effects of consecutive records of one partition, each once.

        Returns when every record is handled, repeated, skipped or parked; keeps trying while the database is away.

        Raises:
            StoppedByLimitError: nearly everything failed.
        """
        started = time.perf_counter()
        try:
            async with self._transaction() as tx:
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
            self._tell(outcomes)
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
                    async with self._transaction() as tx:
                        outcomes = await self._apply(tx, [self._parse(record)])
                        if failpoints.ON:
                            await failpoints.reached("reader.handled")
                    self._tell(outcomes)
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

    async def _apply(self, tx: Tx, events: Sequence[_Parsed], *, retry: bool = False) -> _Outcomes:
        """Handle events in order in one transaction."""
        outcomes = _Outcomes()
        entry = await inbox.enter(
            tx,
            self.consumer_name,
            self.reader.topic,
            [(meta, record.key or b"") for record, meta in events],
            retry=retry,
        )
        open_events = [event for event in events if (event.record.key or b"") not in entry.parked]
        for record, meta in events:
            if (record.key or b"") in entry.parked:
                await deadletters.park(
                    tx,
                    self.consumer_name,
                    self.reader.topic,
                    record,
                    reason="waits behind an earlier event of the same key",
                    failed=False,
                    event_id=meta.id,
                    event_type=meta.type,
                )
                outcomes.parked_behind += 1
        if open_events:
            await self._take_effect(tx, open_events, entry, outcomes)
        return outcomes

    async def _take_effect(self, tx: Tx, events: Sequence[_Parsed], entry: Entry, outcomes: _Outcomes) -> None:
        name, topic = self.consumer_name, self.reader.topic
        fresh, marks = entry.fresh, entry.marks
        reached: dict[UUID, Mark] = {}
        missing: set[tuple[UUID, int]] = set()
        new: list[tuple[UUID, int]] = []
        due: list[tuple[Handler, Consumed, EventMeta]] = []
        for record, meta in events:
            mark, place = marks.get(meta.subject), (meta.subject, meta.sequence)
            is_fresh = meta.id in fresh
            fresh.discard(meta.id)  # a second copy in the same batch is a repeat
            known_gaps: frozenset[int] = frozenset()
            if place in missing:
                known_gaps = frozenset((meta.sequence,))
            elif is_fresh and mark and meta.sequence <= mark.sequence:
                known_gaps = await inbox.gaps(tx, name, topic, *place)
            judgement = inbox.judge(meta, recorded_before=not is_fresh, mark=mark, gaps=known_gaps)
            if judgement.verdict is Verdict.REUSED:
                raise ReusedSequenceError(
                    f"sequence {meta.sequence} of this stream was another event before; "
                    "was the publisher's database restored to an earlier state?"
                )
            if judgement.verdict is Verdict.REPEATED:
                outcomes.repeated += 1
                continue
            new.append(place)
            if judgement.mark:
                marks[meta.subject] = reached[meta.subject] = judgement.mark
            if judgement.healed and place in missing:
                missing.remove(place)
            elif judgement.healed:
                await inbox.heal(tx, name, topic, *place)
            if judgement.missing and self.reader.remembers_gaps:
                outcomes.gaps.append((meta.subject, judgement.missing))
                missing.update((meta.subject, sequence) for sequence in judgement.missing[-MAX_REMEMBERED_GAP:])
            subscription = self.reader.handlers.get(meta.type)
            if subscription is None:
                outcomes.unknown_type += 1
                continue
            if record.value is None:
                raise MalformedRecordError("the event has no value")
            due.append((subscription.handler, subscription.model.from_record(record.value, meta), meta))
        await self._call_handlers(tx, due)
        outcomes.handled += len(due)
        if missing:
            await inbox.remember_missing(tx, name, topic, sorted(missing))
        if reached and not await inbox.advance(tx, name, topic, reached):
            # An operator noted meanwhile that some of these were missing (`amtsbus reconcile --note`); they have come.
            await inbox.heal_all(tx, name, topic, new)

    async def _call_handlers(self, tx: Tx, due: Sequence[tuple[Handler, Consumed, EventMeta]]) -> None:
        # One line per event is what an operator follows a case by; a catch-up of thousands would only drown it.
        log_each = len(due) <= LOGGED_BATCH
        try:
            for handler, event, meta in due:
                telemetry.work_on(meta)
                await handler(event, tx)
                if log_each:
                    log.info("event_handled", consumer=self.consumer_name)
        finally:
            telemetry.work_on(None)

    def _tell(self, outcomes: _Outcomes) -> None:
        for outcome in ("handled", "repeated", "unknown_type", "parked_behind"):
            if count := getattr(outcomes, outcome):
                telemetry.READ_EVENTS.labels(self.consumer_name, outcome).inc(count)
        self._tell_gaps(outcomes)

    def _tell_gaps(self, outcomes: _Outcomes) -> None:
        for stream_id, missing in outcomes.gaps:
            telemetry.READ_GAPS.labels(self.consumer_name).inc(len(missing))
            log.error(
                "events_missing",
                consumer=self.consumer_name,
                stream_id=str(stream_id),
                first=missing.start,
                last=missing.stop - 1,
            )

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
            outcomes = _Outcomes()
            try:
                async with tx.connection.transaction():
                    outcomes = await self._apply(tx, [self._parse(letter.record)], retry=True)
            except TRANSIENT:
                raise
            except Exception as failure:
                error = failure
                await deadletters.mark_failed_again(tx, letter, reason=reason_of(error), traceback=_where(error))
            else:
                await deadletters.mark_handled(tx, letter.dead_letter_id, by=by)
        if error is None:
            self._tell_gaps(outcomes)
            log.info(
                "dead_letter_handled",
                consumer=self.consumer_name,
                dead_letter_id=letter.dead_letter_id,
                by=by,
            )
            return True
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
        self.done: int | None = None
        """Everything before this offset had its effect; None before the first record came."""
        self._next: int | None = None
        self._queue: deque[Record] = deque()
        self._arrived = asyncio.Event()
        self._stopping = False
        self._batch_size = MAX_BATCH
        self._task = asyncio.create_task(self._run(), name=f"{consumption.consumer_name}[{tp.partition}]")

    @property
    def queued(self) -> int:
        return len(self._queue)

    def put(self, records: Sequence["ConsumerRecord[bytes, bytes]"]) -> None:
        """Queue fetched records; they have all that a `Record` has."""
        first = records[0].offset
        if self._next is None:
            self.done = first
        elif first != self._next:
            self.consumption.note_lost_position(self.tp, self._next, first)
        self._next = records[-1].offset + 1
        self._queue.extend(records)
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
            await self._take_up()
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
                self.done = batch[-1].offset + 1
                self.consumption.effective(self.tp, self.done)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.consumption.give_up(error)

    async def _take_up(self) -> None:
        expected: int | None = None
        while expected is None and not self._stopping:
            try:
                expected = await self.consumption.take_up(self.tp)
            except (KafkaError, ConsumerStoppedError, *TRANSIENT):
                await asyncio.sleep(0.1)
        await self._arrived.wait()
        if expected is not None and expected != self._queue[0].offset:
            self.consumption.note_lost_position(self.tp, expected, self._queue[0].offset)

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
        turns = _turns(settings)
        self.consumptions = [Consumption(reader, settings, database, turns=turns) for reader in readers]
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
                group.create_task(self._measure_for_ever())

    async def _keep_running(self, consumption: Consumption) -> None:
        pauses = _pauses()
        _tell_zero(consumption.consumer_name)
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

    async def _measure_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LAG_SECONDS)
            for consumption in self.consumptions:
                telemetry.READ_PARTITIONS.labels(consumption.consumer_name).set(consumption.assigned)
            with contextlib.suppress(*NO_ANSWER):
                async with self._database.transaction() as tx:
                    missing = await gaps.by_consumer(tx)
                for consumption in self.consumptions:
                    found = missing.get(consumption.consumer_name)
                    telemetry.READ_OPEN_GAPS.labels(consumption.consumer_name).set(found.events if found else 0)


def _tell_zero(consumer: str) -> None:
    """Show every counter before it counts: an alert on its increase does not see one that begins with 1."""
    telemetry.READ_STOPPED.labels(consumer).set(0)
    for outcome in ("handled", "repeated", "unknown_type", "parked", "parked_behind"):
        telemetry.READ_EVENTS.labels(consumer, outcome)
    for direction in ("back", "ahead"):
        telemetry.READ_RESETS.labels(consumer, direction)
    for counter in (telemetry.READ_GAPS, telemetry.READ_REUSED, telemetry.READ_RETRIES):
        counter.labels(consumer)


def _turns(settings: Settings) -> asyncio.Semaphore:
    """As many batches at once as there are connections, less one that retries and tasks find free.

    A batch waits for its turn however long it takes; waiting for a connection instead would make it fail after a while.
    """
    return asyncio.Semaphore(settings.database_pool_size - 1)


def _pauses(first: float = 0.5, longest: float = 10.0) -> Callable[[], float]:
    """Growing pauses; begins anew after five quiet minutes."""
    state = {"pause": first, "last": 0.0}

    def following() -> float:
        now = time.monotonic()
        pause = first if now - state["last"] > 300 else min(longest, state["pause"] * 2)
        state["pause"], state["last"] = pause, now
        return pause

    return following
