"""A caseworker takes a case from the pool, or gives it back."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.procedure import Procedure
from amtsbus.postgres import Tx

from registration.domain.access import Viewer
from registration.use_cases.read_declaration import opened_for_change


@dataclass(frozen=True, slots=True)
class AssignCase:
    viewer: Viewer
    case_id: UUID
    procedure: Procedure
    version: int
    assignee: str | None


async def assign_case(command: AssignCase, tx: Tx) -> None:
    """Give a declaration's case to a caseworker; None: back to the pool."""
    case = (await opened_for_change(command.case_id, command.procedure, command.viewer, command.version, tx)).case
    case.assign(command.assignee, command.viewer.actor, tx.clock.now())
    await cases.save(tx, case)
