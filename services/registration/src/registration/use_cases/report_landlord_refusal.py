"""The landlord does not confirm, and the declarant says so (BMG § 19 (2))."""

from dataclasses import dataclass, replace
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.procedure import Procedure
from amtsbus.errors import NotFoundError
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.domain.declarations import Departure, LandlordRefusal
from registration.domain.procedures import LANDLORD_CONFIRMATION_PERIOD
from registration.use_cases.read_declaration import opened_for_change


@dataclass(frozen=True, slots=True)
class ReportLandlordRefusal:
    viewer: Viewer
    case_id: UUID
    procedure: Procedure
    version: int
    statement: str


async def report_landlord_refusal(command: ReportLandlordRefusal, tx: Tx) -> None:
    """Complete the declaration without the confirmation: the registration does not fail because of the landlord."""
    now = tx.clock.now()
    opened = await opened_for_change(command.case_id, command.procedure, command.viewer, command.version, tx)
    case, declaration = opened.case, opened.record.declaration
    if isinstance(declaration, Departure):
        raise NotFoundError("a departure needs no landlord's confirmation")
    case.take("report-refusal", command.viewer.actor, now)
    case.end_period(LANDLORD_CONFIRMATION_PERIOD, now)
    await cases.save(tx, case)
    refusal = LandlordRefusal(command.statement)
    await store.replace_content(tx, case.case_id, command.procedure.key, replace(declaration, landlord=refusal))
