"""A caseworker takes an application over, or it goes back to the pool."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from permits import store
from permits.domain.application import BuildingApplication
from permits.domain.target import Target


@dataclass(frozen=True)
class AssignApplication:
    target: Target
    assignee: str | None
    note: str = ""
    """What whoever gets it should know."""


async def assign_application(command: AssignApplication, tx: Tx) -> BuildingApplication:
    """Put the application on the work list of `assignee`, or on nobody's."""
    application = await store.get_as_seen(tx, command.target)
    application.case.assign(command.assignee, command.target.actor, tx.clock.now())
    if command.note:
        application.case.note(command.note, command.target.actor, tx.clock.now())
    await store.save(tx, application)
    return application
