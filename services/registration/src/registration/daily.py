"""The worker's tasks: the calendar goes on without anybody calling."""

import asyncio
from datetime import date
from uuid import UUID

import structlog
from amtsbus.casework.deadlines import DeadlineClock
from amtsbus.postgres import Tx
from amtsbus.service import Running

from registration.settings import RegistrationSettings
from registration.use_cases.follow_the_calendar import follow_the_calendar

LOOK_SECONDS = 1.0
"""How soon a new day is noticed; only the first look of a day touches the database."""

log = structlog.get_logger("registration.daily")


async def daily_round(running: Running) -> None:
    """Do what a new day brings, once after each start and then on every new day, until cancelled.

    What fails is begun again: the worker restarts its tasks.
    """
    settings = running.settings
    if not isinstance(settings, RegistrationSettings):
        raise TypeError("registration runs with its own settings")
    done_on: date | None = None
    while True:
        today = running.database.clock.today()
        if today != done_on:
            await follow_the_calendar(running.database, settings.office)
            done_on = today
        await asyncio.sleep(LOOK_SECONDS)


async def _tell_operators(case_id: UUID, procedure_key: str, kind: str, due_on: date, tx: Tx) -> None:
    """The work list shows due dates by itself; nobody outside is told of them."""
    today = tx.clock.today()
    log.info(
        "period-due",
        case_id=str(case_id),
        procedure=procedure_key,
        kind=kind,
        due_on=str(due_on),
        overdue=today > due_on,
    )


deadlines = DeadlineClock(on_due_soon=_tell_operators, on_overdue=_tell_operators)
