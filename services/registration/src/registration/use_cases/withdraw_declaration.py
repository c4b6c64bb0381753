"""The declarant takes a declaration back before it is entered."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.procedure import Procedure
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.use_cases.read_declaration import opened_for_change


@dataclass(frozen=True, slots=True)
class WithdrawDeclaration:
    viewer: Viewer
    case_id: UUID
    procedure: Procedure
    version: int


async def withdraw_declaration(command: WithdrawDeclaration, tx: Tx) -> None:
    """Close the case; what is registered already cannot be withdrawn, only corrected."""
    case = (await opened_for_change(command.case_id, command.procedure, command.viewer, command.version, tx)).case
    case.take("withdraw", command.viewer.actor, tx.clock.now())
    await cases.save(tx, case)
    await store.plan_entry(tx, case.case_id, None)
