"""A sender is about to hand an e-mail to the mail server."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from amtsbus.postgres import Tx

from notifications import store


@dataclass(frozen=True)
class BeginAttempt:
    message_id: UUID
    claim_id: UUID
    lease: timedelta


async def begin_attempt(command: BeginAttempt, tx: Tx) -> store.Recipient | None:
    """Note that the mail server may have the e-mail from now on; returns where it goes.

    None: it is not to be sent, because the claim was lost or the person does not want it any more.
    """
    recipient = await store.recipient_of(tx, command.message_id)
    if recipient is None:
        await store.drop_email(tx, command.message_id, command.claim_id)
        return None
    begun = await store.begin_attempt(tx, command.message_id, command.claim_id, lease=command.lease, now=tx.clock.now())
    return recipient if begun else None
