"""The outside world of the notifications service: citizens read, staff see how messages travel.

Nobody but its addressee sees what a message says: clerks and operators get states, times and attempts.
"""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from amtsbus.auth import Caller, CurrentCaller, Role, allow
from amtsbus.errors import ForbiddenError, NotFoundError
from amtsbus.http import EmailAddress, InputModel, InTx, LongText, Page, PageQuery, routes
from fastapi import Query
from pydantic import BaseModel, Field

from notifications import store
from notifications.domain.addressee import Language
from notifications.domain.delivery import EmailState, MessageState
from notifications.domain.kinds import KINDS
from notifications.use_cases.read_message import ReadMessage, read_message
from notifications.use_cases.resend_email import ResendEmail, resend_email
from notifications.use_cases.set_preferences import SetPreferences, set_preferences

messages = routes(prefix="/v1/messages", tags=["messages"])
preferences = routes(prefix="/v1/preferences", tags=["preferences"])
deliveries = routes(prefix="/v1/deliveries", tags=["deliveries"])

ROUTERS = (messages, preferences, deliveries)


def _person(caller: Caller) -> UUID:
    if caller.person_id is None:  # the role citizen comes with one
        raise ForbiddenError("Only for citizens: the token names no person.")
    return caller.person_id


# -- the inbox ---------------------------------------------------------------------------------------------------


class MessageSummary(BaseModel):
    """A message in the inbox."""

    message_id: UUID
    kind: str = Field(description="What it is about", examples=["permits.application-approved"])
    subject: str = Field(examples=["Baugenehmigung BA-2026-000123"])
    language: Language
    is_decision: bool = Field(description="Whether it is a decision (Bescheid) that one can act against")
    available_at: datetime = Field(description="Since when it lies in the inbox")
    read_at: datetime | None = Field(description="When it was first marked as read")
    deemed_delivered_on: date | None = Field(
        description="Decisions only: the day on which it counts as notified (VwVfG § 41 (2), OZG § 9)"
    )


class MessageDetail(MessageSummary):
    """A message with its text."""

    body: str = Field(description="Plain text")
    postal_address: list[str] = Field(
        description="Name and address as they stand on the letter; empty where no address was known any more"
    )


class MessageRead(BaseModel):
    """A message has been read."""

    message_id: UUID
    read_at: datetime = Field(description="When it was first marked as read")


@messages.get("", dependencies=[allow(Role.CITIZEN)])
async def list_messages(caller: CurrentCaller, tx: InTx, page: PageQuery) -> Page[MessageSummary]:
    """Your messages, newest first."""
    before = page.after_as(int)
    entries = await store.inbox_of(tx, _person(caller), before=before[0] if before else None, limit=page.fetch)
    listed = Page[store.InboxEntry].of(entries, page.limit, key=lambda entry: [entry.position])
    return Page[MessageSummary](items=[_summary(entry) for entry in listed.items], next=listed.next)


@messages.get("/{message_id}", dependencies=[allow(Role.CITIZEN)])
async def get_message(message_id: UUID, caller: CurrentCaller, tx: InTx) -> MessageDetail:
    """One of your messages with its text. Reading it here does not mark it as read."""
    letter = await store.letter_of(tx, _person(caller), message_id)
    if letter is None:
        raise NotFoundError("You have no such message.")
    return MessageDetail(**_summary(letter).model_dump(), body=letter.body, postal_address=letter.postal_address)


@messages.post("/{message_id}/read", dependencies=[allow(Role.CITIZEN)])
async def post_message_read(message_id: UUID, caller: CurrentCaller, tx: InTx) -> MessageRead:
    """Mark one of your messages as read; a second time changes nothing."""
    read_at = await read_message(ReadMessage(message_id, _person(caller)), tx)
    return MessageRead(message_id=message_id, read_at=read_at)


def _summary(entry: store.InboxEntry) -> MessageSummary:
    return MessageSummary(
        message_id=entry.message_id,
        kind=entry.kind,
        subject=entry.subject,
        language=Language(entry.language),
        is_decision=KINDS[entry.kind].is_decision,
        available_at=entry.available_at,
        read_at=entry.read_at,
        deemed_delivered_on=entry.deemed_delivered_on,
    )


# -- preferences -------------------------------------------------------------------------------------------------


class PreferencesForm(InputModel):
    """How you wish to be written to."""

    email: EmailAddress | None = Field(
        description="Where to send notices; null: no e-mails", examples=["anna@example.org"]
    )
    language: Literal["de", "en"] | None = Field(
        description="The language of your letters; null: the one in the population register", examples=["de"]
    )
    email_notice: bool = Field(
        strict=True, description="Whether an e-mail may tell you that something is waiting", examples=[True]
    )


class Preferences(BaseModel):
    """How you are written to."""

    email: str | None
    language: Language | None
    email_notice: bool
    email_bounced_at: datetime | None = Field(
        description="When a mail server last refused this address for good: please correct it"
    )


@preferences.get("", dependencies=[allow(Role.CITIZEN)])
async def get_preferences(caller: CurrentCaller, tx: InTx) -> Preferences:
    """Your preferences; the defaults where you have never set any."""
    return _preferences(await store.preferences_of(tx, _person(caller)))


@preferences.put("", dependencies=[allow(Role.CITIZEN)])
async def put_preferences(form: PreferencesForm, caller: CurrentCaller, tx: InTx) -> Preferences:
    """Replace your preferences. They hold for letters that are written from now on."""
    language = Language(form.language) if form.language else None
    command = SetPreferences(_person(caller), form.email, language, form.email_notice)
    return _preferences(await set_preferences(command, tx))


def _preferences(stored: store.ContactPreferences) -> Preferences:
    return Preferences(
        email=stored.email,
        language=stored.language,
        email_notice=stored.email_notice,
        email_bounced_at=stored.email_bounced_at,
    )


# -- deliveries, for staff ---------------------------------------------------------------------------------------


class Delivery(BaseModel):
    """How a message travels: no content, no addressee."""

    message_id: UUID
    kind: str
    caused_by: UUID = Field(description="The id of the event that caused it")
    state: MessageState
    created_at: datetime
    available_at: datetime | None
    read_at: datetime | None
    email_state: EmailState | None = Field(
        description="null: no e-mail. unknown: the mail server may or may not have it; it is not sent again by itself"
    )
    email_attempts: int | None = Field(description="Attempts since it was last queued")
    next_attempt_at: datetime | None
    sent_at: datetime | None


class Attempt(BaseModel):
    """One attempt to hand the e-mail to the mail server."""

    started_at: datetime
    outcome: Literal["accepted", "refused", "deferred", "unknown"] | None = Field(description="null: under way")
    smtp_code: int | None = Field(description="What the mail server answered")


class Resend(BaseModel):
    """Somebody had the e-mail sent again."""

    resent_at: datetime
    resent_by: str = Field(description="The subject of their login")
    reason: str
    was: EmailState


class DeliveryDetail(Delivery):
    """How a message travels, with every attempt."""

    attempts: list[Attempt]
    resends: list[Resend]


class ResendForm(InputModel):
    """Why the e-mail is to be sent again."""

    reason: LongText = Field(examples=["The mail server's log has no trace of it"])


@deliveries.get("", dependencies=[allow(Role.OPERATOR, Role.CLERK)])
async def list_deliveries(
    tx: InTx,
    page: PageQuery,
    state: Annotated[MessageState | None, Query(description="Only messages in this state")] = None,
    email_state: Annotated[EmailState | None, Query(description="Only messages whose e-mail is in this state")] = None,
) -> Page[Delivery]:
    """How messages travel, newest first."""
    before = page.after_as(int)
    rows = await store.deliveries(
        tx, state=state, email_state=email_state, before=before[0] if before else None, limit=page.fetch
    )
    listed = Page[store.Delivery].of(rows, page.limit, key=lambda row: [row.position])
    return Page[Delivery](items=[_delivery(row) for row in listed.items], next=listed.next)


@deliveries.get("/{message_id}", dependencies=[allow(Role.OPERATOR, Role.CLERK)])
async def get_delivery(message_id: UUID, tx: InTx) -> DeliveryDetail:
    """How one message travels."""
    return await _detail(tx, message_id)


@deliveries.post("/{message_id}/resend", dependencies=[allow(Role.OPERATOR)])
async def post_resend(message_id: UUID, form: ResendForm, caller: CurrentCaller, tx: InTx) -> DeliveryDetail:
    """Have the e-mail sent again that bounced, failed, or of which nobody knows whether it arrived."""
    await resend_email(ResendEmail(message_id, caller.subject, form.reason), tx)
    return await _detail(tx, message_id)


async def _detail(tx: InTx, message_id: UUID) -> DeliveryDetail:
    row = await store.delivery(tx, message_id)
    if row is None:
        raise NotFoundError("There is no such message.")
    return DeliveryDetail(
        **_delivery(row).model_dump(),
        attempts=[
            Attempt.model_validate(attempt, from_attributes=True) for attempt in await store.attempts(tx, message_id)
        ],
        resends=[Resend.model_validate(resend, from_attributes=True) for resend in await store.resends(tx, message_id)],
    )


def _delivery(row: store.Delivery) -> Delivery:
    return Delivery.model_validate(row, from_attributes=True)
