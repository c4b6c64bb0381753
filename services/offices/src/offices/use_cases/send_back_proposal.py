"""A second person does not agree with the proposed decision, or whoever proposed it takes it back."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from offices import store
from offices.domain.case_file import CaseFile
from offices.domain.office import Office
from offices.domain.target import Target


@dataclass(frozen=True, slots=True)
class SendBackProposal:
    target: Target
    reason: str


async def send_back_proposal(command: SendBackProposal, office: Office, tx: Tx) -> CaseFile:
    """Drop it with a reason; the case waits for another proposal.

    Raises:
        RuleViolationError: code `proposal-missing`, `reason-missing`.
    """
    file = await store.get_as_seen(tx, command.target, office.land)
    file.send_back(command.reason, command.target.actor, tx.clock.now())
    await store.save(tx, file)
    return file
