"""The register knows nobody of this id, for instance an applicant from another city: the inbox is enough."""

from datetime import datetime
from uuid import UUID

from amtsbus.postgres import Tx

from notifications import store
from notifications.use_cases.deliver_message import deliver_message


async def deliver_without_address(person_id: UUID, waiting_since: datetime, tx: Tx) -> int:
    """Deliver, in order, what has waited for an address at least since `waiting_since`; returns how many letters.

    They have no envelope and greet nobody by name.
    """
    addressee = await store.lock_addressee(tx, person_id)
    messages = await store.waiting_messages(tx, person_id, until=waiting_since)
    for message in messages:
        await deliver_message(message, addressee, tx)
    return len(messages)
