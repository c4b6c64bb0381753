"""The applicant does not want it any more."""

from dataclasses import dataclass
from uuid import UUID

import structlog
from amtsbus.postgres import Tx
from amtsbus.procedures import steps

from offices import reporting, store
from offices.correspondence import write_letter
from offices.domain.office import Office

log = structlog.get_logger("offices")


@dataclass(frozen=True, slots=True)
class WithdrawCase:
    application_id: UUID


async def withdraw_case(command: WithdrawCase, office: Office, tx: Tx) -> None:
    """Close the case. Where the office was faster and has closed it, its decision stays."""
    file = await store.get(tx, command.application_id, office.land)
    now = tx.clock.now()
    if file.case.is_closed:
        file.case.record("withdrawn-after-the-end", file.applicant, now)
        await store.save(tx, file)
        log.info("withdrawal_came_late", case_id=str(file.case_id), state=file.case.state)
        return
    file.case.take(steps.WITHDRAW, file.applicant, now)
    await store.save(tx, file)
    await tx.append(file.case_id, reporting.moved(office, file, steps.WITHDRAW, now))
    await write_letter(tx, file, "withdrawn", court=office.court)
