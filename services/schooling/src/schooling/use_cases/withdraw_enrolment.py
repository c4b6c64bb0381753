"""An enrolment ends because the child goes elsewhere, or because its parents say so."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.enrolment import Enrolment, Target
from schooling.domain.events import WithdrawalCause
from schooling.published import published
from schooling.use_cases.invite_late_arrival import invite_late_arrival


@dataclass(frozen=True)
class WithdrawEnrolment:
    target: Target
    because: WithdrawalCause


async def withdraw_enrolment(command: WithdrawEnrolment, tx: Tx) -> Enrolment:
    """End the enrolment. A child whose early entry is withdrawn is invited when its time comes, or now if that has come.

    Raises:
        NotFoundError, ForbiddenError: the person may not.
        PreconditionFailedError: the enrolment has changed.
        RuleViolationError: it is over already, or a move is given as cause.
    """
    enrolment = await store.lock_enrolment(tx, command.target.enrolment_id)
    actor = enrolment.admit(command.target)
    withdrawn = enrolment.withdraw(command.because, actor, tx.clock.now())
    await store.save_enrolment(tx, enrolment)
    await tx.append(enrolment.case.case_id, *published(enrolment, [withdrawn]))
    await invite_late_arrival(enrolment.child, tx)
    return enrolment
