"""The applicant takes the application back."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from permits import store
from permits.domain.application import BuildingApplication
from permits.domain.target import Target
from permits.reporting import told


@dataclass(frozen=True)
class WithdrawApplication:
    target: Target


async def withdraw_application(command: WithdrawApplication, tx: Tx) -> BuildingApplication:
    """Close the case without a decision; possible until it is decided."""
    application = await store.get_as_seen(tx, command.target)
    events = application.withdraw(command.target.actor, tx.clock.now())
    await store.save(tx, application)
    await tx.append(application.application_id, *told(application, events, tx.clock.now()))
    return application
