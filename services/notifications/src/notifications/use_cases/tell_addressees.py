"""An event has happened: tell whom it concerns."""

from amtsbus.events import Consumed
from amtsbus.ids import new_id
from amtsbus.postgres import Tx

from notifications import store
from notifications.domain.kinds import notices_for
from notifications.use_cases.deliver_message import deliver_message


async def tell_addressees(event: Consumed, tx: Tx) -> None:
    """Give each person whom `event` concerns one message: at once, or as soon as the register says who they are.

    A second time, for whatever reason, it does nothing.

    Raises:
        KeyError: nobody has decided who is told of this type of event (`domain.kinds`).
    """
    facts = event.model_dump(mode="json")
    for notice in notices_for(event.event_type, facts):
        addressee = await store.lock_addressee(tx, notice.person_id)
        message = store.Message(
            message_id=new_id(),
            person_id=notice.person_id,
            kind=notice.kind.key,
            caused_by=event.meta.id,
            case_id=event.meta.subject,
            facts=facts,
            address_as_of=event.meta.time if notice.kind.to_the_address_of_the_event else None,
        )
        added = await store.add_message(tx, message, tx.clock.now())
        if added and addressee.is_known_as_of(message.address_as_of):
            await deliver_message(message, addressee, tx)
