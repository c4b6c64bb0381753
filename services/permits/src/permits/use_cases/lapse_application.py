"""The period for the documents that were asked for has ended."""

from datetime import date
from uuid import UUID

from amtsbus.postgres import Tx

from permits import store
from permits.reporting import told


async def lapse_application(application_id: UUID, due_on: date, tx: Tx) -> None:
    """The application counts as withdrawn (§ 71 (1) BauO NRW); nothing happens if all came in time after all."""
    application = await store.get(tx, application_id, owner=None)
    events = application.lapse(due_on, tx.clock.now())
    if events:
        await store.save(tx, application)
        await tx.append(application_id, *told(application, events, tx.clock.now()))
