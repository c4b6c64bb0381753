"""Nothing is left to do for a registered declaration: the former authorities have been told (Rückmeldung, BMG § 33)."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.procedure import Procedure
from amtsbus.postgres import Tx

from registration.domain.access import Viewer
from registration.use_cases.read_declaration import opened_for_change


@dataclass(frozen=True, slots=True)
class CloseDeclaration:
    viewer: Viewer
    case_id: UUID
    procedure: Procedure
    version: int


async def close_declaration(command: CloseDeclaration, tx: Tx) -> None:
    """Close a registered case; its period for reporting back ends with it."""
    case = (await opened_for_change(command.case_id, command.procedure, command.viewer, command.version, tx)).case
    case.take("close", command.viewer.actor, tx.clock.now())
    await cases.save(tx, case)
