"""A second person does not agree with the proposed decision."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from permits import store
from permits.domain.application import BuildingApplication
from permits.domain.target import Target


@dataclass(frozen=True)
class SendBackProposal:
    target: Target
    reason: str


async def send_back_proposal(command: SendBackProposal, tx: Tx) -> BuildingApplication:
    """Drop it with a reason; the application waits for another proposal."""
    application = await store.get_as_seen(tx, command.target)
    application.send_back(command.reason, command.target.actor, tx.clock.now())
    await store.save(tx, application)
    return application
