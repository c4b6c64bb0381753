"""Messages wait for an address, but not for ever: after a while the inbox has to be enough."""

import asyncio
from datetime import timedelta

import structlog
from amtsbus.service import Running

from notifications import store
from notifications.settings import own_settings
from notifications.use_cases.deliver_without_address import deliver_without_address

log = structlog.get_logger("notifications.patience")

LOOK_SECONDS = 5.0


async def deliver_unaddressed(running: Running) -> None:
    """Deliver what has waited too long, person by person, until cancelled; catches up after a downtime."""
    settings = own_settings(running)
    while True:
        waiting_since = running.database.clock.now() - timedelta(minutes=settings.address_wait_minutes)
        async with running.database.transaction() as tx:
            people = await store.waiting_people(tx, waiting_since)
        for person_id in people:
            async with running.database.transaction() as tx:
                letters = await deliver_without_address(person_id, waiting_since, tx)
            log.info("delivered_without_address", person_id=str(person_id), letters=letters)
        await asyncio.sleep(LOOK_SECONDS)
