"""What we tell the world about a message: ids and times, never content, name or address. Letters go to the portal alone."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from amtsbus.casework.letters import IssuedLetter
from amtsbus.casework.letters import topic_of as letters_of
from amtsbus.events import Published
from pydantic import Field

TOPIC = "notifications.message.events"
LETTERS = letters_of("notifications")
CONTACT = "notifications.contact-preferences.events"

_MESSAGE = "01957c0e-6b00-7000-8000-0000000000a1"
_PERSON = "01957c0e-6b00-7000-8000-0000000000b1"
_CAUSE = "01957c0e-6b00-7000-8000-0000000000c1"


class MessageDeliveredV1(Published, type="notifications.message-delivered.v1", topic=TOPIC):
    """A message was made available in the person's inbox, or the mail server accepted the e-mail that announces it."""

    message_id: UUID = Field(description="The message", examples=[_MESSAGE])
    person_id: UUID = Field(description="Whom it is for", examples=[_PERSON])
    kind: str = Field(
        description="What it is about: the type of the event that caused it, without its version",
        examples=["permits.application-approved"],
    )
    channel: Literal["inbox", "email"] = Field(
        description="inbox: the message itself; email: the notice that it is waiting, which has no content",
        examples=["inbox"],
    )
    caused_by: UUID = Field(description="The id of the event that caused it (its ce_id)", examples=[_CAUSE])
    delivered_at: datetime = Field(
        description="When it was available, or accepted by the mail server (UTC)", examples=["2026-03-02T09:00:00Z"]
    )


class MessageReadV1(Published, type="notifications.message-read.v1", topic=TOPIC):
    """The person has opened the message for the first time."""

    message_id: UUID = Field(description="The message", examples=[_MESSAGE])
    person_id: UUID = Field(description="Whom it is for", examples=[_PERSON])
    read_at: datetime = Field(description="When it was first marked as read (UTC)", examples=["2026-03-02T17:30:00Z"])


class MessageBouncedV1(Published, type="notifications.message-bounced.v1", topic=TOPIC):
    """The mail server refused the announcing e-mail for good. The message itself lies in the inbox."""

    message_id: UUID = Field(description="The message", examples=[_MESSAGE])
    person_id: UUID = Field(description="Whom it is for", examples=[_PERSON])
    caused_by: UUID = Field(description="The id of the event that caused the message", examples=[_CAUSE])


class MessageFailedV1(Published, type="notifications.message-failed.v1", topic=TOPIC):
    """The announcing e-mail was deferred until all attempts were used up. The message itself lies in the inbox."""

    message_id: UUID = Field(description="The message", examples=[_MESSAGE])
    person_id: UUID = Field(description="Whom it is for", examples=[_PERSON])
    caused_by: UUID = Field(description="The id of the event that caused the message", examples=[_CAUSE])
    attempts: int = Field(description="How many attempts were made", examples=[24])


class LetterIssuedV1(IssuedLetter, Published, type="notifications.letter-issued.v1", topic=LETTERS):
    """A letter of a department that does not write its letters itself, for the portal. It is written once and never changes."""

    office: str = Field(description="The department whose matter it is", examples=["permits"])


class ContactPreferencesChangedV1(Published, type="notifications.contact-preferences-changed.v1", topic=CONTACT):
    """How a person wishes to be written to from now on, and whether that works."""

    person_id: UUID = Field(description="Who", examples=[_PERSON])
    email: str | None = Field(description="Where notices go; null: nowhere", examples=["anna@example.org"])
    language: Literal["de", "en"] | None = Field(
        description="The language of their letters; null: the one in the population register", examples=["de"]
    )
    email_notice: bool = Field(description="Whether an e-mail may say that something is waiting", examples=[True])
    email_bounced_at: datetime | None = Field(
        description="When a mail server last refused this address for good (UTC)", examples=["2026-03-02T09:00:00Z"]
    )


PUBLISHED = (
    MessageDeliveredV1,
    MessageReadV1,
    MessageBouncedV1,
    MessageFailedV1,
    LetterIssuedV1,
    ContactPreferencesChangedV1,
)
