"""Write the letter of a message, put it into the inbox, and give it to the portal."""

from datetime import datetime

from amtsbus.casework import letters
from amtsbus.clock import BERLIN
from amtsbus.events import Published
from amtsbus.postgres import Tx

from notifications import rendering, store
from notifications.domain.addressee import Addressee
from notifications.domain.delivery import deemed_delivered_on
from notifications.domain.kinds import KINDS, Kind
from notifications.published import LetterIssuedV1, MessageDeliveredV1
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
    told: list[Published] = [
        MessageDeliveredV1(
            message_id=message.message_id,
            person_id=message.person_id,
            kind=message.kind,
            channel="inbox",
            caused_by=message.caused_by,
            delivered_at=now,
        )
    ]
    if not kind.announces:
        told.append(_issued(message, kind, addressee, text, now))
    await tx.append(message.message_id, *told)


def _issued(
    message: store.Message, kind: Kind, addressee: Addressee, text: rendering.LetterText, now: datetime
) -> LetterIssuedV1:
    return LetterIssuedV1(
        office=kind.department,
        # A resident's events are in the order of the person, and name the case beside.
        case_id=message.facts.get("case_id", message.case_id),
        letter_id=message.message_id,
        person_id=message.person_id,
        about=kind.key.partition(".")[2],
        language=addressee.language.value,
        reference=message.facts["reference"],
        addressee=addressee.name,
        subject=text.subject,
        paragraphs=text.paragraphs,
        remedy=text.remedy,
        is_decision=kind.is_decision,
        verification_code=letters.verification_code(),
        issued_at=now,
    )
