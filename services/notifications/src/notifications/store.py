"""All SQL of this service.

The order of a person's messages hangs on one rule: whoever adds a message or learns an address has locked the addressee
(`lock_addressee`) before. So a message is either seen as waiting by the transaction that learns the address, or sees
the address itself; and `position` grows in the order in which these transactions commit.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from amtsbus.postgres import Row, Tx, affected

from notifications.domain.addressee import Addressee, Language, PostalAddress
from notifications.domain.delivery import EmailState, MessageState, Outcome
from notifications.domain.kinds import Facts

# -- addressees --------------------------------------------------------------------------------------------------

_ADDRESSEE = (
    "addressees.person_id, given_names, family_name, registry_language, address, told_at, preferred_language, email, "
    "email_notice"
)
# Statements are put together from our own column lists only; values are parameters.
_LOCK_ADDRESSEE = f"SELECT {_ADDRESSEE} FROM addressees WHERE person_id = $1 FOR NO KEY UPDATE"  # noqa: S608 - see above
_RECIPIENT = f"SELECT {_ADDRESSEE} FROM addressees JOIN emails USING (person_id) WHERE message_id = $1"  # noqa: S608 - see above


async def lock_addressee(tx: Tx, person_id: UUID) -> Addressee:
    """The person, until the transaction ends for this transaction alone; made known if it was not."""
    await tx.execute("INSERT INTO addressees (person_id) VALUES ($1) ON CONFLICT DO NOTHING", person_id)
    # A statement of its own: after waiting for the lock it sees what the other transaction has committed.
    rows = await tx.fetch(_LOCK_ADDRESSEE, person_id)
    return _addressee(rows[0])


async def store_registry_entry(
    tx: Tx,
    person_id: UUID,
    *,
    given_names: str,
    family_name: str,
    language: str,
    address: PostalAddress | None,
    disclosure_blocked: bool,
    told_at: datetime,
) -> None:
    """Remember what the register says of a person."""
    stored = (
        None
        if address is None
        else json.dumps(
            {
                "care_of": address.care_of,
                "street": address.street,
                "house_number": address.house_number,
                "postal_code": address.postal_code,
                "locality": address.locality,
                "country": address.country,
            }
        )
    )
    await tx.execute(
        "UPDATE addressees SET given_names = $2, family_name = $3, registry_language = $4, address = $5::jsonb, "
        "disclosure_blocked = $6, told_at = $7 WHERE person_id = $1",
        person_id,
        given_names,
        family_name,
        language,
        stored,
        disclosure_blocked,
        told_at,
    )


@dataclass(frozen=True, slots=True)
class ContactPreferences:
    """How a person wishes to be written to."""

    email: str | None = None
    language: Language | None = None
    email_notice: bool = True
    email_bounced_at: datetime | None = None


async def preferences_of(tx: Tx, person_id: UUID) -> ContactPreferences:
    """The person's preferences; the defaults where nothing was ever said."""
    row = await tx.fetchrow(
        "SELECT email, preferred_language, email_notice, email_bounced_at FROM addressees WHERE person_id = $1",
        person_id,
    )
    if row is None:
        return ContactPreferences()
    language = row["preferred_language"]
    return ContactPreferences(
        row["email"], Language(language) if language else None, row["email_notice"], row["email_bounced_at"]
    )


async def store_preferences(tx: Tx, person_id: UUID, preferences: ContactPreferences) -> None:
    """Replace the person's preferences; a new address has not bounced yet."""
    await tx.execute(
        "UPDATE addressees SET email = $2, preferred_language = $3, email_notice = $4, "
        "email_bounced_at = CASE WHEN email IS NOT DISTINCT FROM $2 THEN email_bounced_at END WHERE person_id = $1",
        person_id,
        preferences.email,
        preferences.language,
        preferences.email_notice,
    )


def _addressee(row: Row) -> Addressee:
    address = json.loads(row["address"]) if row["address"] else None
    language = row["preferred_language"]
    return Addressee(
        person_id=row["person_id"],
        told_at=row["told_at"],
        given_names=row["given_names"] or "",
        family_name=row["family_name"] or "",
        registry_language=row["registry_language"] or Language.GERMAN,
        address=PostalAddress(**address) if address else None,
        preferred_language=Language(language) if language else None,
        email=row["email"],
        email_notice=row["email_notice"],
    )


# -- messages and letters ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """What one person is to be told because of one event."""

    message_id: UUID
    person_id: UUID
    kind: str
    caused_by: UUID
    case_id: UUID
    facts: Facts
    address_as_of: datetime | None = None
    """Not to an address that the register told us before this."""


async def add_message(tx: Tx, message: Message, now: datetime) -> bool:
    """Add a message that waits; returns whether it is new (one per event, person and kind)."""
    added = await tx.fetchval(
        "INSERT INTO messages (message_id, person_id, kind, caused_by, case_id, facts, state, created_at, "
        "address_as_of) VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $9) ON CONFLICT (caused_by, person_id, kind) DO NOTHING "
        "RETURNING message_id",
        message.message_id,
        message.person_id,
        message.kind,
        message.caused_by,
        message.case_id,
        json.dumps(dict(message.facts)),
        MessageState.WAITING_FOR_ADDRESS,
        now,
        message.address_as_of,
    )
    return added is not None


async def waiting_people(tx: Tx, until: datetime, limit: int = 100) -> list[UUID]:
    """People with a message that has waited for an address since `until` or longer."""
    rows = await tx.fetch(
        "SELECT DISTINCT person_id FROM messages "
        "WHERE state = 'waiting-for-address' AND created_at <= $1 ORDER BY person_id LIMIT $2",
        until,
        limit,
    )
    return [row["person_id"] for row in rows]


async def waiting_messages(tx: Tx, person_id: UUID, until: datetime | None = None) -> list[Message]:
    """The person's messages that wait for an address (since `until` or longer), in order."""
    rows = await tx.fetch(
        "SELECT message_id, person_id, kind, caused_by, case_id, facts, address_as_of FROM messages "
        "WHERE person_id = $1 AND state = 'waiting-for-address' AND ($2::timestamptz IS NULL OR created_at <= $2) "
        "ORDER BY position",
        person_id,
        until,
    )
    return [
        Message(
            row["message_id"],
            row["person_id"],
            row["kind"],
            row["caused_by"],
            row["case_id"],
            json.loads(row["facts"]),
            row["address_as_of"],
        )
        for row in rows
    ]


async def add_letter(
    tx: Tx,
    message_id: UUID,
    *,
    language: Language,
    subject: str,
    body: str,
    postal_address: Sequence[str],
    available_at: datetime,
    deemed_delivered_on: date | None,
) -> None:
    """Store a message's letter, which never changes again, and make the message available."""
    await tx.execute(
        "WITH available AS (UPDATE messages SET state = 'available' WHERE message_id = $1) "
        "INSERT INTO letters (message_id, language, subject, body, postal_address, available_at, deemed_delivered_on) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        message_id,
        language,
        subject,
        body,
        list(postal_address),
        available_at,
        deemed_delivered_on,
    )


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """A message as its addressee sees it in the list."""

    position: int
    message_id: UUID
    kind: str
    subject: str
    language: str
    available_at: datetime
    read_at: datetime | None
    deemed_delivered_on: date | None


@dataclass(frozen=True, slots=True)
class Letter(InboxEntry):
    """A message as its addressee reads it."""

    body: str
    postal_address: list[str]


_ENTRY = "m.position, m.message_id, m.kind, l.subject, l.language, l.available_at, m.read_at, l.deemed_delivered_on"
INBOX = (
    f"SELECT {_ENTRY} FROM messages m JOIN letters l USING (message_id) "  # noqa: S608 - our own column names
    "WHERE m.person_id = $1 AND ($2::bigint IS NULL OR m.position < $2) ORDER BY m.position DESC LIMIT $3"
)
_LETTER = (
    f"SELECT {_ENTRY}, l.body, l.postal_address FROM messages m JOIN letters l USING (message_id) "  # noqa: S608 - see above
    "WHERE m.message_id = $2 AND m.person_id = $1"
)


async def inbox_of(tx: Tx, person_id: UUID, *, before: int | None, limit: int) -> list[InboxEntry]:
    """The person's messages, newest first, from before the position `before`."""
    rows = await tx.fetch(INBOX, person_id, before, limit)
    return [InboxEntry(**row) for row in rows]


async def letter_of(tx: Tx, person_id: UUID, message_id: UUID) -> Letter | None:
    """One message of this person, or None: not theirs, not available yet, or not there."""
    row = await tx.fetchrow(_LETTER, person_id, message_id)
    return Letter(**row) if row else None


async def lock_message(tx: Tx, message_id: UUID) -> Row | None:
    """The message's person_id, kind, caused_by, state and read_at; whoever appends to its stream holds this lock."""
    return await tx.fetchrow(
        "SELECT person_id, kind, caused_by, state, read_at FROM messages WHERE message_id = $1 FOR NO KEY UPDATE",
        message_id,
    )


async def mark_read(tx: Tx, message_id: UUID, read_at: datetime) -> None:
    """Note that the person has opened the message."""
    await tx.execute(
        "UPDATE messages SET state = 'read', read_at = $2 WHERE message_id = $1 AND state = 'available'",
        message_id,
        read_at,
    )


# -- e-mails -----------------------------------------------------------------------------------------------------


async def queue_email(tx: Tx, message_id: UUID, now: datetime) -> None:
    """Have an e-mail sent that announces the message."""
    await tx.execute(
        "INSERT INTO emails (message_id, position, person_id, state, next_attempt_at) "
        "SELECT message_id, position, person_id, 'queued', $2 FROM messages WHERE message_id = $1",
        message_id,
        now,
    )


# Only a person's first unfinished e-mail can be claimed: the second waits until the outcome of the first is known, so
# the order is kept whatever the number of senders. A person whose mailbox defers holds up nobody else.
CLAIM = """
UPDATE emails SET state = 'claimed', claim_id = $1, claimed_until = clock_timestamp() + $2::interval
WHERE message_id IN (
    SELECT message_id FROM emails e
    WHERE state = 'queued' AND next_attempt_at <= $3
      AND NOT EXISTS (
        SELECT FROM emails earlier
        WHERE earlier.person_id = e.person_id AND earlier.position < e.position
          AND earlier.state IN ('queued', 'claimed', 'sending')
      )
    ORDER BY next_attempt_at, position
    LIMIT $4
    FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING message_id, position
"""


async def claim_emails(tx: Tx, claim_id: UUID, *, lease: timedelta, now: datetime, limit: int) -> list[UUID]:
    """Claim due e-mails for `lease`, at most one per person; returns their messages in order."""
    rows = await tx.fetch(CLAIM, claim_id, lease, now, limit)
    return [row["message_id"] for row in sorted(rows, key=lambda row: row["position"])]


async def release_claim(tx: Tx, claim_id: UUID) -> None:
    """Give back what was claimed and not begun."""
    await tx.execute(
        "UPDATE emails SET state = 'queued', claim_id = NULL, claimed_until = NULL "
        "WHERE claim_id = $1 AND state = 'claimed'",
        claim_id,
    )


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where an e-mail goes, and in which language."""

    email: str
    language: Language


async def recipient_of(tx: Tx, message_id: UUID) -> Recipient | None:
    """Where the message's e-mail goes now, or None where the person does not want it any more."""
    rows = await tx.fetch(_RECIPIENT, message_id)
    addressee = _addressee(rows[0])
    return Recipient(addressee.email, addressee.language) if addressee.email and addressee.wants_email else None


async def begin_attempt(tx: Tx, message_id: UUID, claim_id: UUID, *, lease: timedelta, now: datetime) -> bool:
    """Note that the mail server is about to get the e-mail; False where the claim was lost meanwhile."""
    begun = await tx.fetchval(
        "UPDATE emails SET state = 'sending', attempts = attempts + 1, claimed_until = clock_timestamp() + $3::interval "
        "WHERE message_id = $1 AND claim_id = $2 AND state = 'claimed' RETURNING message_id",
        message_id,
        claim_id,
        lease,
    )
    if begun is None:
        return False
    await tx.execute(
        "INSERT INTO email_attempts (message_id, nth, claim_id, started_at) "
        "SELECT $1, coalesce(max(nth), 0) + 1, $2, $3 FROM email_attempts WHERE message_id = $1",
        message_id,
        claim_id,
        now,
    )
    return True


async def drop_email(tx: Tx, message_id: UUID, claim_id: UUID) -> None:
    """Not to be sent after all: the person does not want it any more."""
    await tx.execute(
        "UPDATE emails SET state = 'not-wanted', claim_id = NULL, claimed_until = NULL "
        "WHERE message_id = $1 AND claim_id = $2 AND state = 'claimed'",
        message_id,
        claim_id,
    )


async def attempts_of_claim(tx: Tx, message_id: UUID, claim_id: UUID) -> int | None:
    """How many attempts were made of the e-mail that `claim_id` is sending; locks it.

    None where this claim has nothing to say any more. An outcome that comes after the lease has run out is still
    accepted: it turns "unknown" into knowledge.
    """
    attempts: int | None = await tx.fetchval(
        "SELECT attempts FROM emails WHERE message_id = $1 AND claim_id = $2 AND state IN ('sending', 'unknown') "
        "FOR NO KEY UPDATE",
        message_id,
        claim_id,
    )
    return attempts


async def finish_attempt(
    tx: Tx,
    message_id: UUID,
    claim_id: UUID,
    *,
    outcome: Outcome,
    smtp_code: int | None,
    state: EmailState,
    sent_at: datetime | None = None,
    next_attempt_at: datetime | None = None,
) -> None:
    """Record an attempt's outcome, and what it makes of the e-mail."""
    await tx.execute(
        "UPDATE email_attempts SET outcome = $3, smtp_code = $4 WHERE message_id = $1 AND claim_id = $2 "
        "AND nth = (SELECT max(nth) FROM email_attempts WHERE message_id = $1)",
        message_id,
        claim_id,
        outcome,
        smtp_code,
    )
    # an unknown one keeps its claim, so that the sender can still say later how it went
    await tx.execute(
        "UPDATE emails SET state = $2, sent_at = $3, next_attempt_at = coalesce($4, next_attempt_at), "
        "claim_id = CASE WHEN $2 = 'unknown' THEN claim_id END, claimed_until = NULL WHERE message_id = $1",
        message_id,
        state,
        sent_at,
        next_attempt_at,
    )


async def mark_bounced_address(tx: Tx, person_id: UUID, bounced_at: datetime, email: str) -> bool:
    """Note that the person's e-mail address takes no mail; False: it has been changed since, and nothing is noted."""
    marked = await tx.fetchval(
        "UPDATE addressees SET email_bounced_at = $2 WHERE person_id = $1 AND email = $3 RETURNING true",
        person_id,
        bounced_at,
        email,
    )
    return bool(marked)


async def return_expired_claims(tx: Tx) -> int:
    """Give back e-mails whose claim ran out before they were begun: the mail server has surely not seen them."""
    tag = await tx.execute(
        "UPDATE emails SET state = 'queued', claim_id = NULL, claimed_until = NULL "
        "WHERE state = 'claimed' AND claimed_until < clock_timestamp()"
    )
    return affected(tag)


async def mark_expired_unknown(tx: Tx) -> list[UUID]:
    """E-mails whose sender vanished while the mail server may have had them; they are not sent again by themselves."""
    rows = await tx.fetch(
        "WITH expired AS ("
        "  UPDATE emails SET state = 'unknown', claimed_until = NULL "
        "  WHERE state = 'sending' AND claimed_until < clock_timestamp() RETURNING message_id"
        "), noted AS ("
        "  UPDATE email_attempts a SET outcome = 'unknown' FROM expired "
        "  WHERE a.message_id = expired.message_id AND a.outcome IS NULL"
        ") SELECT message_id FROM expired"
    )
    return [row["message_id"] for row in rows]


async def email_state(tx: Tx, message_id: UUID) -> EmailState | None:
    """Where the message's e-mail stands, locked; None where it has none."""
    state = await tx.fetchval("SELECT state FROM emails WHERE message_id = $1 FOR NO KEY UPDATE", message_id)
    return EmailState(state) if state else None


async def queue_again(tx: Tx, message_id: UUID, *, was: EmailState, resent_by: str, reason: str, now: datetime) -> None:
    """Have an e-mail sent again by hand, and remember who wanted it and why."""
    await tx.execute(
        "UPDATE emails SET state = 'queued', attempts = 0, next_attempt_at = $2, claim_id = NULL WHERE message_id = $1",
        message_id,
        now,
    )
    await tx.execute(
        "INSERT INTO email_resends (message_id, was, resent_by, reason, resent_at) VALUES ($1, $2, $3, $4, $5)",
        message_id,
        was,
        resent_by,
        reason,
        now,
    )


# -- deliveries, as staff see them -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a message travels, without its content, its addressee and where it goes."""

    position: int
    message_id: UUID
    kind: str
    caused_by: UUID
    state: str
    created_at: datetime
    available_at: datetime | None
    read_at: datetime | None
    email_state: str | None
    email_attempts: int | None
    next_attempt_at: datetime | None
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to hand an e-mail to the mail server."""

    started_at: datetime
    outcome: str | None
    smtp_code: int | None


@dataclass(frozen=True, slots=True)
class Resend:
    """One decision to send an e-mail again."""

    resent_at: datetime
    resent_by: str
    reason: str
    was: str


_DELIVERY = (
    "m.position, m.message_id, m.kind, m.caused_by, m.state, m.created_at, l.available_at, m.read_at, "
    "e.state AS email_state, e.attempts AS email_attempts, "
    "CASE WHEN e.state = 'queued' THEN e.next_attempt_at END AS next_attempt_at, e.sent_at"
)
_DELIVERIES = "messages m LEFT JOIN letters l USING (message_id) LEFT JOIN emails e USING (message_id)"
_ONE_DELIVERY = f"SELECT {_DELIVERY} FROM {_DELIVERIES} WHERE m.message_id = $1"  # noqa: S608 - our own column names


async def deliveries(
    tx: Tx, *, state: MessageState | None, email_state: EmailState | None, before: int | None, limit: int
) -> list[Delivery]:
    """Messages in the given states, newest first, from before the position `before`."""
    conditions, arguments = ["($1::bigint IS NULL OR m.position < $1)"], list[Any]([before, limit])
    for column, value in (("m.state", state), ("e.state", email_state)):
        if value is not None:
            arguments.append(value)
            conditions.append(f"{column} = ${len(arguments)}")
    rows = await tx.fetch(
        f"SELECT {_DELIVERY} FROM {_DELIVERIES} WHERE {' AND '.join(conditions)} "  # noqa: S608 - our own column names
        "ORDER BY m.position DESC LIMIT $2",
        *arguments,
    )
    return [Delivery(**row) for row in rows]


async def delivery(tx: Tx, message_id: UUID) -> Delivery | None:
    """How one message travels."""
    row = await tx.fetchrow(_ONE_DELIVERY, message_id)
    return Delivery(**row) if row else None


async def attempts(tx: Tx, message_id: UUID) -> list[Attempt]:
    """The attempts to send the message's e-mail, oldest first."""
    rows = await tx.fetch(
        "SELECT started_at, outcome, smtp_code FROM email_attempts WHERE message_id = $1 ORDER BY nth", message_id
    )
    return [Attempt(**row) for row in rows]


async def resends(tx: Tx, message_id: UUID) -> list[Resend]:
    """When the message's e-mail was sent again by hand, oldest first."""
    rows = await tx.fetch(
        "SELECT resent_at, resent_by, reason, was FROM email_resends WHERE message_id = $1 ORDER BY resend_id",
        message_id,
    )
    return [Resend(**row) for row in rows]


async def open_counts(tx: Tx) -> dict[str, int]:
    """How many messages wait for an address, and how many e-mails are queued or of unknown outcome."""
    rows = await tx.fetch(
        "SELECT (SELECT count(*) FROM messages WHERE state = 'waiting-for-address') AS waiting, "
        "(SELECT count(*) FROM emails WHERE state = 'queued') AS queued, "
        "(SELECT count(*) FROM emails WHERE state = 'unknown') AS unknown"
    )
    return dict(rows[0])
