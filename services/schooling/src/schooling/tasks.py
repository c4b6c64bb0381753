"""What the worker does beside reading: it carries out ordered invitations."""

import asyncio
from typing import TYPE_CHECKING

import structlog

from schooling.settings import SchoolingSettings
from schooling.use_cases.invite_cohort import invite_cohort

if TYPE_CHECKING:
    from amtsbus.service import Running

log = structlog.get_logger(__name__)


async def invite_cohorts(running: "Running") -> None:
    """Work through ordered invitations batch by batch, each in a transaction of its own; look for new ones every second."""
    settings = running.settings
    assert isinstance(settings, SchoolingSettings)  # noqa: S101 - declared so in main.py
    while True:
        async with running.database.transaction() as tx:
            invited = await invite_cohort(settings.invitation_batch, tx)
        if invited:
            log.info("cohort-batch-invited", children=invited)
        else:
            await asyncio.sleep(settings.invitation_poll_seconds)
