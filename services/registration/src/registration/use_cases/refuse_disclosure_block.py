"""A lead refuses a disclosure block (BMG § 51)."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.case import Decision
from amtsbus.postgres import Tx

from registration.domain.access import Viewer
from registration.use_cases.read_disclosure_block import block_case_at


@dataclass(frozen=True, slots=True)
class RefuseDisclosureBlock:
    viewer: Viewer
    case_id: UUID
    version: int
    reason: str


async def refuse_disclosure_block(command: RefuseDisclosureBlock, tx: Tx) -> None:
    """Close the case without a block, with the reason."""
    now = tx.clock.now()
    case = await block_case_at(command.case_id, command.version, tx)
    case.take("refuse", command.viewer.actor, now, reason=command.reason)
    case.decide(Decision("refused", (command.reason,), command.viewer.subject, now, "BMG § 51 (1)"))
    await cases.save(tx, case)
