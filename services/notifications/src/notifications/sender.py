"""The sender: a task of the worker that sends the e-mails which announce messages.

**What is promised: at most once.** An e-mail is claimed in a transaction of its own, so two senders never have the same
one. Before the mail server gets it, `sending` is committed; after its answer, the outcome. Where the sender dies between
the two, nobody knows whether the mail server took it: when the lease has run out, the e-mail becomes `unknown`, is shown
to the operator, and is *not* sent again by itself.

Why not at least once? The e-mail only says that something is waiting; the letter itself lies in the inbox, where it got
in the transaction of its event, exactly once. A lost notice is a nuisance that an operator sees and mends with one
request (`POST /v1/deliveries/{id}/resend`, which asks for a reason). A second notice makes people look for a second
decision that does not exist, and citizens written to twice are what other cities' users complain about most. SMTP itself
leaves no better choice: RFC 5321 § 4.5.5 knows of the window and of no way to close it. A resent e-mail has the Message-ID of the
first, so mail servers and mailboxes that have it already can tell.

An e-mail that was claimed but not begun has surely not been sent; it simply goes back into the queue. A refusal for the
moment (4yz, or the connection lost before the content) is tried again with growing pauses; a refusal for good (5yz) is a
bounce. A mail server that cannot be reached at all is no attempt: nothing is wrong with the e-mails, so they keep their
places and their attempts, and only the sender pauses.

Each person's e-mails are sent in order: the second waits for the outcome of the first.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

import structlog
from amtsbus import failpoints
from amtsbus.errors import ConflictError
from amtsbus.ids import new_id
from amtsbus.postgres import NO_ANSWER, Database, Tx
from amtsbus.service import Running
from prometheus_client import Counter, Gauge

from notifications import store
from notifications.domain.delivery import Attempts, Outcome
from notifications.mail import Answer, MailServer, MailServerAwayError, compose
from notifications.settings import NotificationsSettings, letterhead, own_settings
from notifications.use_cases.begin_attempt import BeginAttempt, begin_attempt
from notifications.use_cases.record_outcome import RecordOutcome, record_outcome

log = structlog.get_logger("notifications.sender")

LONGEST_PAUSE_SECONDS = 60.0
GRACE_SECONDS = 10.0
SWEEP_SECONDS = 1.0
DATABASE_PAUSE_SECONDS = 1.0

EMAILS = Counter("notifications_emails_total", "Attempts to send an e-mail, by outcome", ["outcome"])
OPEN = Gauge(
    "notifications_open",
    "waiting: messages without an address; queued: e-mails to be sent; unknown: e-mails that an operator should look at",
    ["what"],
)
MAIL_SERVER_AWAY = Gauge("notifications_mail_server_away", "1 while the mail server cannot be reached")

T = TypeVar("T")

_DATABASE_AWAY = (*NO_ANSWER, ConflictError)


async def send_emails(running: Running) -> None:
    """Send e-mails until cancelled; an e-mail at work is then finished, for at most ten seconds."""
    settings = own_settings(running)
    async with asyncio.TaskGroup() as group:
        group.create_task(_sweep(running.database))
        for _ in range(settings.smtp_connections):
            group.create_task(_Lane(settings, running.database).run())


async def _sweep(database: Database) -> None:
    """See to what vanished senders have left, and count what is open."""
    while True:
        try:
            async with database.transaction() as tx:
                returned = await store.return_expired_claims(tx)
                lost = await store.mark_expired_unknown(tx)
                counts = await store.open_counts(tx)
        except _DATABASE_AWAY as error:
            log.warning("sweep_waits", error=type(error).__name__)
        else:
            for what, count in counts.items():
                OPEN.labels(what).set(count)
            if returned:
                log.warning("claims_expired", emails=returned)
            for message_id in lost:
                EMAILS.labels(Outcome.UNKNOWN).inc()
                log.error("email_outcome_unknown", message_id=str(message_id))
        await asyncio.sleep(SWEEP_SECONDS)


class _Lane:
    """One connection to the mail server, sending one e-mail at a time."""

    def __init__(self, settings: NotificationsSettings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._server = MailServer(settings)
        self._lease = timedelta(seconds=settings.email_lease_seconds)
        self._attempts = Attempts(settings.email_attempts, settings.email_backoff, settings.email_backoff_limit)
        self._missed = 0
        """How often in a row the mail server was away."""

    async def run(self) -> None:
        """Send what is due, until cancelled.

        It never gives up by itself: its end would cut short the other lanes, which may have outcomes to record.
        """
        try:
            while True:
                try:
                    pause = await self._send_what_is_due()
                except _DATABASE_AWAY as error:
                    pause = DATABASE_PAUSE_SECONDS
                    log.warning("sender_waits_for_database", error=type(error).__name__)
                _heed_cancellation()
                await asyncio.sleep(pause)
        finally:
            await self._server.close()

    async def _send_what_is_due(self) -> float:
        """Claim a batch and send it; returns the seconds to wait before the next."""
        claim_id = new_id()
        claimed: list[UUID] | None = None
        try:
            claimed = await self._claim(claim_id)
            if not claimed:
                await self._server.close()
                return self._settings.email_poll_seconds
            await self._send_all(claimed, claim_id)
        except MailServerAwayError as error:
            pause = min(self._settings.email_poll_seconds * float(2**self._missed), LONGEST_PAUSE_SECONDS)
            self._missed = min(self._missed + 1, 10)
            MAIL_SERVER_AWAY.set(1)
            log.warning("mail_server_away", error=str(error), pause_seconds=pause)
            return pause
        finally:
            if claimed is None or claimed:  # None: ended in the middle of claiming, so some may be claimed
                await _finishing(self._release(claim_id))
        self._missed = 0
        MAIL_SERVER_AWAY.set(0)
        return 0.0

    async def _claim(self, claim_id: UUID) -> list[UUID]:
        async with self._database.transaction() as tx:
            return await store.claim_emails(
                tx, claim_id, lease=self._lease, now=tx.clock.now(), limit=self._settings.email_batch
            )

    async def _release(self, claim_id: UUID) -> None:
        """What was not begun is free for the next sender at once, instead of after its lease."""
        with contextlib.suppress(*_DATABASE_AWAY):
            async with self._database.transaction() as tx:
                await store.release_claim(tx, claim_id)

    async def _send_all(self, message_ids: list[UUID], claim_id: UUID) -> None:
        for message_id in message_ids:
            await self._server.connect()
            _heed_cancellation()
            await _finishing(self._send(message_id, claim_id))

    async def _send(self, message_id: UUID, claim_id: UUID) -> None:
        async with self._database.transaction() as tx:
            recipient = await begin_attempt(BeginAttempt(message_id, claim_id, self._lease), tx)
        if recipient is None:
            return
        email = compose(
            message_id,
            recipient.email,
            recipient.language,
            city=letterhead().city,
            inbox_url=self._settings.inbox_url,
            sender_address=self._settings.sender_address,
            now=self._database.clock.now(),
        )
        answer = await self._server.hand_over(email)
        if failpoints.ON:
            await failpoints.reached("mail.accepted")
        EMAILS.labels(answer.outcome).inc()
        await self._record(message_id, claim_id, answer, recipient.email)

    async def _record(self, message_id: UUID, claim_id: UUID, answer: Answer, sent_to: str) -> None:
        command = RecordOutcome(message_id, claim_id, answer.outcome, answer.code, sent_to, self._attempts)

        async def record(tx: Tx) -> None:
            state = await record_outcome(command, tx)
            log.info(
                "email_attempted", message_id=str(message_id), outcome=answer.outcome, code=answer.code, state=state
            )

        await _insist(self._database, record, seconds=self._settings.email_lease_seconds)


async def _insist(database: Database, change: Callable[[Tx], Awaitable[T]], *, seconds: float) -> T:
    """Make a change even if the database is away for a while: what the mail server has said must not be forgotten.

    Raises:
        Exception: the last failure, after `seconds`.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            async with database.transaction() as tx:
                return await change(tx)
        except _DATABASE_AWAY as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            log.warning("outcome_not_recorded_yet", error=type(error).__name__)
            await asyncio.sleep(0.5)


async def _finishing(work: Awaitable[None]) -> None:
    """Await `work`; if cancelled meanwhile, let it end first, for at most `GRACE_SECONDS`."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        _, unfinished = await asyncio.wait([task], timeout=GRACE_SECONDS)
        if unfinished:
            task.cancel()
            await asyncio.wait([task])
        elif not task.cancelled() and (error := task.exception()) is not None:
            log.warning("email_ended_badly", error=type(error).__name__)
        raise


def _heed_cancellation() -> None:
    """Raise a cancellation that has got lost.

    Before Python 3.12 `asyncio.wait_for`, through which aiosmtplib waits for the mail server, forgets a cancellation that
    comes in the same moment as the answer.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
