"""The applicant has taken the application back in the portal."""

from dataclasses import dataclass
from uuid import UUID

import structlog
from amtsbus.postgres import Tx

from permits import store
from permits.reporting import told
from permits.use_cases.receive_application import applicant

log = structlog.get_logger("permits")


@dataclass(frozen=True)
class ReceiveWithdrawal:
    application_id: UUID


async def receive_withdrawal(command: ReceiveWithdrawal, tx: Tx) -> None:
    """Close the case. Where the authority was faster and has closed it, its decision stays."""
    application = await store.get(tx, command.application_id, owner=None)
    actor, now = applicant(application.applicant_id), tx.clock.now()
    if application.case.is_closed:
        application.case.record("withdrawn-after-the-end", actor, now)
        await store.save(tx, application)
        log.info("withdrawal_came_late", case_id=str(application.application_id), state=application.state)
        return
    events = application.withdraw(actor, now)
    await store.save(tx, application)
    await tx.append(application.application_id, *told(application, events, now))
