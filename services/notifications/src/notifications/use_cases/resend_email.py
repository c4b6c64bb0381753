"""An operator has an e-mail sent again."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.errors import NotFoundError, RuleViolationError
from amtsbus.postgres import Tx

from notifications import store
from notifications.domain.delivery import RESENDABLE


@dataclass(frozen=True)
class ResendEmail:
    message_id: UUID
    resent_by: str
    reason: str


async def resend_email(command: ResendEmail, tx: Tx) -> None:
    """Queue an e-mail again whose outcome is unknown, or that bounced or failed; who and why is kept.

    It has the same Message-ID as before, so a mail server that has it already can tell.

    Raises:
        NotFoundError: there is no e-mail for this message.
        RuleViolationError: it is under way or has arrived.
    """
    state = await store.email_state(tx, command.message_id)
    if state is None:
        raise NotFoundError("there is no e-mail for this message")
    if state not in RESENDABLE:
        raise RuleViolationError(
            f"the e-mail is {state}; only one that is unknown, failed or bounced can be sent again",
            code="not-resendable",
        )
    await store.queue_again(
        tx,
        command.message_id,
        was=state,
        resent_by=command.resent_by,
        reason=command.reason,
        now=tx.clock.now(),
    )
