"""A period is about to end, or has ended."""

from uuid import UUID

from amtsbus.postgres import Tx

from permits import store
from permits.domain.events import DeadlineDueSoon, DeadlineOverdue
from permits.published import published


async def announce_deadline(application_id: UUID, deadline: DeadlineDueSoon | DeadlineOverdue, tx: Tx) -> None:
    """Tell the world; the case itself goes on unchanged."""
    application = await store.get(tx, application_id, owner=None)
    if application.awaits(deadline.kind, deadline.due_on):
        await tx.append(application_id, *published(application, [deadline]))
