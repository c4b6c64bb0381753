"""Write the letter of a message and put it into the inbox."""

from amtsbus.clock import BERLIN
from amtsbus.postgres import Tx

from notifications import rendering, store
from notifications.domain.addressee import Addressee
from notifications.domain.delivery import deemed_delivered_on
from notifications.domain.kinds import KINDS
from notifications.published import MessageDeliveredV1
from notifications.settings import letterhead


async def deliver_message(message: store.Message, addressee: Addressee, tx: Tx) -> None:
    """Write the letter once, in the addressee's language and to their present address, and make it available.

    Where the person wants an e-mail, it is queued in the same transaction.
    """
    kind = KINDS[message.kind]
    now = tx.clock.now()
    today = now.astimezone(BERLIN).date()
    deemed_on = deemed_delivered_on(today) if kind.is_decision else None
    text = rendering.letter_text(
        kind,
        message.facts,
        addressee,
        city=letterhead().city,
        court=letterhead().court,
        today=today,
        deemed_delivered_on=deemed_on,
    )
    await store.add_letter(
        tx,
        message.message_id,
        language=addressee.language,
        subject=text.subject,
        body=text.body,
        postal_address=addressee.envelope(),
        available_at=now,
        deemed_delivered_on=deemed_on,
    )
    if addressee.wants_email:
        await store.queue_email(tx, message.message_id, now)
    await tx.append(
        message.message_id,
        MessageDeliveredV1(
            message_id=message.message_id,
            person_id=message.person_id,
            kind=message.kind,
            channel="inbox",
            caused_by=message.caused_by,
            delivered_at=now,
        ),
    )
