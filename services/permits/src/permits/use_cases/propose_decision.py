"""Somebody of the staff thinks that the application can be decided."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from permits import store
from permits.domain.application import BuildingApplication, Ruling
from permits.domain.target import Target


@dataclass(frozen=True)
class ProposeDecision:
    target: Target
    ruling: Ruling
    reasons: str | None


async def propose_decision(command: ProposeDecision, tx: Tx) -> BuildingApplication:
    """Put it before a second person. Nobody outside hears of it."""
    application = await store.get_as_seen(tx, command.target)
    application.propose(command.ruling, command.reasons, command.target.actor, tx.clock.now())
    await store.save(tx, application)
    return application
