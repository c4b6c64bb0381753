"""The landlord's confirmation comes after the declaration (Wohnungsgeberbestätigung, BMG § 19)."""

from dataclasses import dataclass, replace
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.procedure import Procedure
from amtsbus.casework.roles import Actor
from amtsbus.errors import NotFoundError
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.domain.declarations import Departure, LandlordConfirmation, landlord_differences
from registration.domain.procedures import LANDLORD_CONFIRMATION_PERIOD
from registration.use_cases.read_declaration import opened_for_change


@dataclass(frozen=True, slots=True)
class SupplyLandlordConfirmation:
    viewer: Viewer
    case_id: UUID
    procedure: Procedure
    version: int
    confirmation: LandlordConfirmation


async def supply_landlord_confirmation(command: SupplyLandlordConfirmation, tx: Tx) -> None:
    """Complete the declaration; a clerk can register it from then on. A differing date is noted, not refused."""
    now = tx.clock.now()
    opened = await opened_for_change(command.case_id, command.procedure, command.viewer, command.version, tx)
    case, declaration = opened.case, opened.record.declaration
    if isinstance(declaration, Departure):
        raise NotFoundError("a departure needs no landlord's confirmation")
    case.take("supply-confirmation", command.viewer.actor, now)
    case.end_period(LANDLORD_CONFIRMATION_PERIOD, now)
    if differences := landlord_differences(declaration.effective_on, command.confirmation):
        case.note(differences, Actor.system(), now)
    await cases.save(tx, case)
    await store.replace_content(
        tx, case.case_id, command.procedure.key, replace(declaration, landlord=command.confirmation)
    )
