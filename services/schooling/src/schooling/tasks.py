"""What the worker does beside reading: it carries out ordered invitations, and looks anew at applications that wait."""

import asyncio
from typing import TYPE_CHECKING

import structlog

from schooling.settings import SchoolingSettings
from schooling.use_cases.invite_cohort import invite_cohort
from schooling.use_cases.match_waiting_applications import match_waiting_applications

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
            await asyncio.sleep(settings.poll_seconds)


async def match_applications(running: "Running") -> None:
    """Look anew at what persons have applied for of whose children something has changed, each in a transaction of its own."""
    settings = running.settings
    assert isinstance(settings, SchoolingSettings)  # noqa: S101 - declared so in main.py
    while True:
        async with running.database.transaction() as tx:
            is_done = await match_waiting_applications(tx)
        if not is_done:
            await asyncio.sleep(settings.poll_seconds)
