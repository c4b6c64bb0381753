"""What stands around the service in its tests: a mail server that tests command, and departments that publish."""

import asyncio
import json
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from time import monotonic
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiosmtpd.smtp import SMTP, Envelope, Session
from amtsbus.events import EventMeta
from amtsbus.ids import new_id
from amtsbus.kafka import headers_of
from amtsbus.postgres import Database, Tx
from amtsbus.service import Running
from amtsbus.settings import Settings
from notifications.domain.addressee import Language
from notifications.main import SERVICE
from notifications.sender import send_emails
from notifications.use_cases.set_preferences import SetPreferences, set_preferences

from .facts import CASE, PERSON

TOPICS = {
    "registration.resident": "registration.resident.events",
    "registration.postal": "registration.postal-address.events",
    "permits.": "permits.application.events",
    "schooling.": "schooling.enrolment.events",
}


async def until(condition: Callable[[], Any], *, seconds: float = 20.0) -> None:
    """Wait for `condition`, which may be a coroutine function."""
    deadline = monotonic() + seconds
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert monotonic() < deadline, f"not within {seconds} s"
        await asyncio.sleep(0.02)


@dataclass
class Mail:
    """One e-mail that the mail server accepted."""

    recipient: str
    message: EmailMessage

    @property
    def message_id(self) -> UUID:
        """The message that it announces, from its Message-ID."""
        return UUID(self.message["Message-ID"].strip("<>").partition("@")[0])

    @property
    def text(self) -> str:
        content: str = self.message.get_content()
        return content


@dataclass
class Post:
    """A mail server. Tests say what it answers to a recipient or to content, and may hold back its answer."""

    accepted: list[Mail] = field(default_factory=list)
    connections: int = 0
    rcpt_answers: dict[str, str] = field(default_factory=dict)
    data_answers: dict[str, str] = field(default_factory=dict)
    holding: set[str] = field(default_factory=set)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client has said QUIT."""
    port: int = 0
    tls: ssl.SSLContext | None = None
    """Where set, nothing is accepted before STARTTLS."""

    @asynccontextmanager
    async def open(self, port: int = 0) -> AsyncIterator["Post"]:
        """Listen on loopback while the block runs."""
        loop = asyncio.get_running_loop()

        def connected() -> SMTP:
            self.connections += 1
            return SMTP(
                self,
                loop=loop,
                enable_SMTPUTF8=False,
                hostname="post.test",
                tls_context=self.tls,
                require_starttls=self.tls is not None,
            )

        server = await loop.create_server(connected, "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.release.set()
            server.close()

    @property
    def settings(self) -> dict[str, Any]:
        """What the service needs to know in order to send through here, and to be quick about it."""
        return {"smtp_host": "127.0.0.1", "smtp_port": self.port, "email_poll_seconds": 0.05}

    def mails_to(self, recipient: str) -> list[Mail]:
        return [mail for mail in self.accepted if mail.recipient == recipient]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := self.rcpt_answers.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        recipient = envelope.rcpt_tos[0]
        if answer := self.data_answers.get(recipient):
            return answer
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=default_policy)
        assert isinstance(message, EmailMessage)
        self.accepted.append(Mail(recipient, message))
        if recipient in self.holding:
            self.held.set()
            await self.release.wait()
        return "250 OK"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.left.set()
        return "221 Bye"


@dataclass
class Departments:
    """The other departments: they publish their events on this test's topics."""

    producer: AIOKafkaProducer
    prefix: str
    sequences: dict[tuple[str, UUID], int] = field(default_factory=lambda: defaultdict(int))
    happened: datetime = datetime(2026, 3, 2, 8, tzinfo=UTC)

    async def publish(
        self, event_type: str, subject: UUID, facts: dict[str, Any], event_id: UUID | None = None
    ) -> UUID:
        """Publish an event; returns its id."""
        topic = next(topic for beginning, topic in TOPICS.items() if event_type.startswith(beginning))
        self.sequences[topic, subject] += 1
        self.happened += timedelta(seconds=1)
        meta = EventMeta(
            id=event_id or new_id(),
            source=f"/{event_type.partition('.')[0]}",
            type=event_type,
            subject=subject,
            time=self.happened,
            sequence=self.sequences[topic, subject],
            topic=topic,
        )
        await self.send_raw(topic, str(subject).encode(), json.dumps(facts).encode(), headers_of(meta, "de.amtsbus"))
        return meta.id

    async def send_raw(
        self, topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> None:
        """Send a record as it is."""
        await self.producer.send_and_wait(self.prefix + topic, value=value, key=key, headers=headers)


class Sending:
    """A sender at work in this process."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._task = asyncio.create_task(send_emails(Running(settings, database)))

    async def stop(self) -> None:
        """Stop it as a worker does."""
        self._task.cancel()
        _, running = await asyncio.wait([self._task], timeout=15)
        assert not running, "the sender was told to stop, and goes on"


async def happen(
    database: Database,
    event_type: str,
    facts: dict[str, Any],
    *,
    subject: UUID = CASE,
    event_id: UUID | None = None,
    at: datetime | None = None,
) -> UUID:
    """Hand an event to the service's handler as the reader does, in a transaction; returns the event's id."""
    async with database.transaction() as tx:
        return await happen_in(tx, event_type, facts, subject=subject, event_id=event_id, at=at)


async def happen_in(
    tx: Tx,
    event_type: str,
    facts: dict[str, Any],
    *,
    subject: UUID = CASE,
    event_id: UUID | None = None,
    at: datetime | None = None,
) -> UUID:
    """The same in a transaction that is open already."""
    reader = next(reader for reader in SERVICE.readers if event_type in reader.handlers)
    subscription = reader.handlers[event_type]
    meta = EventMeta(
        id=event_id or new_id(),
        source=f"/{event_type.partition('.')[0]}",
        type=event_type,
        subject=subject,
        time=at or tx.clock.now(),
        sequence=1,
        topic=reader.topic,
    )
    await subscription.handler(subscription.model.from_record(json.dumps(facts).encode(), meta), tx)
    return meta.id


async def wants_email(
    database: Database, email: str, person_id: UUID = PERSON, language: Language | None = None
) -> None:
    """The person has asked for e-mails."""
    async with database.transaction() as tx:
        await set_preferences(SetPreferences(person_id, email, language, email_notice=True), tx)


async def email_states(database: Database) -> dict[str, int]:
    """How many e-mails are in which state."""
    rows = await database.pool.fetch("SELECT state, count(*) FROM emails GROUP BY state")
    return {row["state"]: row["count"] for row in rows}


async def kinds_in_inbox(database: Database, person_id: UUID) -> list[str]:
    """The kinds of the person's messages that lie in the inbox, in order."""
    rows = await database.pool.fetch(
        "SELECT kind FROM messages JOIN letters USING (message_id) WHERE person_id = $1 ORDER BY position", person_id
    )
    return [row["kind"] for row in rows]


async def journal(database: Database, event_type: str) -> list[dict[str, Any]]:
    """What was published of `event_type`, in order."""
    rows = await database.pool.fetch(
        "SELECT data FROM amtsbus.events WHERE type = $1 ORDER BY position", f"notifications.{event_type}.v1"
    )
    return [json.loads(row["data"]) for row in rows]
