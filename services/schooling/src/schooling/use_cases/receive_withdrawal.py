"""The applicant has taken the application back in the portal."""

from dataclasses import dataclass
from uuid import UUID

import structlog
from amtsbus.errors import NotFoundError, RuleViolationError
from amtsbus.postgres import Tx

from schooling import reporting, store
from schooling.domain.application import Application
from schooling.domain.enrolment import Party, Target
from schooling.domain.events import WithdrawalCause
from schooling.domain.procedure import ApplicationAction
from schooling.use_cases.withdraw_enrolment import WithdrawEnrolment, withdraw_enrolment

log = structlog.get_logger("schooling")

WITHDRAWN_LATE = "withdrawn-after-the-end"
"""What the history says of a withdrawal that came when there was nothing to withdraw any more."""


@dataclass(frozen=True)
class ReceiveWithdrawal:
    application_id: UUID


async def receive_withdrawal(command: ReceiveWithdrawal, tx: Tx) -> None:
    """Close the case. Where the child was registered meanwhile, its enrolment ends if its parents may end it.

    What cannot be done any more is recorded.
    """
    application = await store.lock_application(tx, command.application_id)
    now = tx.clock.now()
    if not application.case.is_closed:
        application.withdraw(now)
        await store.save_application(tx, application)
        await tx.append(application.application_id, reporting.moved(application, ApplicationAction.WITHDRAW, now))
    elif application.enrolment_id is None or not await _end_enrolment(application, application.enrolment_id, tx):
        application.case.record(WITHDRAWN_LATE, application.applicant, now)
        await store.save_application(tx, application)
        log.info("withdrawal_came_late", case_id=str(application.application_id), state=application.state.value)


async def _end_enrolment(application: Application, enrolment_id: UUID, tx: Tx) -> bool:
    enrolment = await store.lock_enrolment(tx, enrolment_id)
    target = Target(enrolment_id, enrolment.case.version, Party(application.applicant, application.applicant_id))
    try:
        await withdraw_enrolment(WithdrawEnrolment(target, WithdrawalCause.BY_PARENTS), tx)
    except (NotFoundError, RuleViolationError):  # no custody in the register, or it is over: nothing has changed
        return False
    return True
