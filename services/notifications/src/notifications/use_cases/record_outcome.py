"""The mail server has answered, or can be asked no more."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.postgres import Tx

from notifications import store
from notifications.domain.delivery import Attempts, EmailState, Outcome
from notifications.published import MessageBouncedV1, MessageDeliveredV1, MessageFailedV1
from notifications.use_cases.set_preferences import tell_preferences


@dataclass(frozen=True)
class RecordOutcome:
    message_id: UUID
    claim_id: UUID
    outcome: Outcome
    smtp_code: int | None
    sent_to: str
    attempts: Attempts


async def record_outcome(command: RecordOutcome, tx: Tx) -> EmailState | None:
    """Record how an attempt went; returns where the e-mail stands now.

    None: this attempt has nothing to say any more, since an operator has had the e-mail sent again meanwhile.
    """
    message = await store.lock_message(tx, command.message_id)
    made = await store.attempts_of_claim(tx, command.message_id, command.claim_id)
    if message is None or made is None:
        return None
    now = tx.clock.now()
    ids = {"message_id": command.message_id, "person_id": message["person_id"], "caused_by": message["caused_by"]}
    sent_at = next_attempt_at = None
    match command.outcome:
        case Outcome.ACCEPTED:
            state, sent_at = EmailState.SENT, now
            event = MessageDeliveredV1(**ids, kind=message["kind"], channel="email", delivered_at=now)
            await tx.append(command.message_id, event)
        case Outcome.REFUSED:
            state = EmailState.BOUNCED
            await tx.append(command.message_id, MessageBouncedV1(**ids))
            if await store.mark_bounced_address(tx, message["person_id"], now, command.sent_to):
                await tell_preferences(message["person_id"], tx)
        case Outcome.DEFERRED:
            pause = command.attempts.pause_after(made)
            if pause is None:
                state = EmailState.FAILED
                await tx.append(command.message_id, MessageFailedV1(**ids, attempts=made))
            else:
                state, next_attempt_at = EmailState.QUEUED, now + pause
        case Outcome.UNKNOWN:
            state = EmailState.UNKNOWN
    await store.finish_attempt(
        tx,
        command.message_id,
        command.claim_id,
        outcome=command.outcome,
        smtp_code=command.smtp_code,
        state=state,
        sent_at=sent_at,
        next_attempt_at=next_attempt_at,
    )
    return state
