"""The period of an agency has ended without an answer."""

from uuid import UUID

from amtsbus.postgres import Tx

from permits import store
from permits.domain.codes import Agency
from permits.reporting import told


async def record_silence(application_id: UUID, agency: Agency, tx: Tx) -> None:
    """Its silence counts as no objection (§ 71 (3) BauO NRW); nothing happens if it answered in time after all."""
    application = await store.get(tx, application_id, owner=None)
    events = application.fall_silent(agency, tx.clock.now())
    if events:
        await store.save(tx, application)
        await tx.append(application_id, *told(application, events, tx.clock.now()))
