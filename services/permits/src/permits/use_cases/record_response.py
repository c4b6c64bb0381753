"""An agency has answered; a clerk writes it down."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from permits import store
from permits.domain.application import BuildingApplication
from permits.domain.codes import Agency, AgencyOutcome, ConditionCode
from permits.domain.target import Target
from permits.reporting import told


@dataclass(frozen=True)
class RecordResponse:
    target: Target
    agency: Agency
    outcome: AgencyOutcome
    conditions: tuple[ConditionCode, ...]
    remarks: str | None


async def record_response(command: RecordResponse, tx: Tx) -> BuildingApplication:
    """Note the answer; with the last one the application is ready for a decision."""
    application = await store.get_as_seen(tx, command.target)
    events = application.record_response(
        command.agency, command.outcome, command.conditions, command.remarks, command.target.actor, tx.clock.now()
    )
    await store.save(tx, application)
    await tx.append(application.application_id, *told(application, events, tx.clock.now()))
    return application
