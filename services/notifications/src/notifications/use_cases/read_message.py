"""A person opens a message."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from amtsbus.errors import NotFoundError
from amtsbus.postgres import Tx

from notifications import store
from notifications.domain.delivery import MessageState
from notifications.published import MessageReadV1


@dataclass(frozen=True)
class ReadMessage:
    message_id: UUID
    person_id: UUID


async def read_message(command: ReadMessage, tx: Tx) -> datetime:
    """Mark a message as read; returns when it was read first. Again, it changes nothing.

    Raises:
        NotFoundError: this person has no such message.
    """
    message = await store.lock_message(tx, command.message_id)
    if (
        message is None
        or message["person_id"] != command.person_id
        or message["state"] == MessageState.WAITING_FOR_ADDRESS
    ):
        raise NotFoundError("you have no such message")
    first_read_at: datetime | None = message["read_at"]
    if first_read_at is not None:
        return first_read_at
    now = tx.clock.now()
    await store.mark_read(tx, command.message_id, now)
    await tx.append(
        command.message_id,
        MessageReadV1(message_id=command.message_id, person_id=command.person_id, read_at=now),
    )
    return now
