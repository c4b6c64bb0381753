"""A clerk rejects a declaration that cannot be entered."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.case import Decision
from amtsbus.casework.procedure import Procedure
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.use_cases.read_declaration import opened_for_change


@dataclass(frozen=True, slots=True)
class RejectDeclaration:
    viewer: Viewer
    case_id: UUID
    procedure: Procedure
    version: int
    reason: str


async def reject_declaration(command: RejectDeclaration, tx: Tx) -> None:
    """Close the case with the reason; nothing is entered."""
    now = tx.clock.now()
    case = (await opened_for_change(command.case_id, command.procedure, command.viewer, command.version, tx)).case
    case.take("reject", command.viewer.actor, now, reason=command.reason)
    case.decide(Decision("rejected", (command.reason,), command.viewer.subject, now, "BMG § 17, § 24 (1)"))
    await cases.save(tx, case)
    await store.plan_entry(tx, case.case_id, None)
