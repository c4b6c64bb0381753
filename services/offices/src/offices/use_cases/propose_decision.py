"""Somebody proposes a decision that a second person takes (Vier-Augen-Prinzip)."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from offices import store
from offices.domain.case_file import CaseFile
from offices.domain.office import Office
from offices.domain.target import Target


@dataclass(frozen=True, slots=True)
class ProposeDecision:
    target: Target
    action: str
    reasons: tuple[str, ...] = ()


async def propose_decision(command: ProposeDecision, office: Office, tx: Tx) -> CaseFile:
    """Note the proposal; nothing is decided yet.

    Raises:
        RuleViolationError: code `not-a-four-eyes-action`, `reason-missing`, `action-not-permitted`.
        ForbiddenError: this person may not propose it.
    """
    file = await store.get_as_seen(tx, command.target, office.land)
    reason = "\n\n".join(reason.strip() for reason in command.reasons if reason.strip()) or None
    file.case.propose(command.action, command.target.actor, tx.clock.now(), reason=reason)
    await store.save(tx, file)
    return file
