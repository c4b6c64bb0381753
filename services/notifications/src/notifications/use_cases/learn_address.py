"""The register says who somebody is and where the post finds them."""

from amtsbus.postgres import Tx

from notifications import store
from notifications.consumed import PostalAddressChanged
from notifications.domain.addressee import PostalAddress
from notifications.use_cases.deliver_message import deliver_message


async def learn_address(event: PostalAddressChanged, tx: Tx) -> None:
    """Remember the name, language and address, and deliver what has waited for them, in order.

    "No address" is an answer as well: it is not known any more, and the letters go to the inbox alone.
    """
    await store.lock_addressee(tx, event.person_id)
    await store.store_registry_entry(
        tx,
        event.person_id,
        given_names=event.given_names,
        family_name=event.family_name,
        language=event.language,
        address=PostalAddress(**event.address.model_dump()) if event.address else None,
        disclosure_blocked=event.disclosure_blocked,
        told_at=event.meta.time,
    )
    addressee = await store.lock_addressee(tx, event.person_id)
    for message in await store.waiting_messages(tx, event.person_id):
        if addressee.is_known_as_of(message.address_as_of):
            await deliver_message(message, addressee, tx)
