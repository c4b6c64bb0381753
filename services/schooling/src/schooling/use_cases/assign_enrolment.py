"""A caseworker takes an enrolment over, or it goes back to the pool."""

from dataclasses import dataclass

from amtsbus.desk import staff
from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.enrolment import Enrolment, Target


@dataclass(frozen=True)
class AssignEnrolment:
    target: Target
    assignee: str | None
    """None: back to the pool."""


async def assign_enrolment(command: AssignEnrolment, tx: Tx) -> Enrolment:
    """Put the enrolment on somebody's work list; what is for somebody who is absent goes to their deputy.

    Raises:
        NotFoundError, ForbiddenError: the person may not.
        PreconditionFailedError: the enrolment has changed.
        RuleViolationError: code `caseworker-unknown`, `case-closed`.
    """
    enrolment = await store.lock_enrolment(tx, command.target.enrolment_id)
    actor = enrolment.admit(command.target)
    enrolment.assign(await staff.who_gets(tx, command.assignee, actor.subject), actor, tx.clock.now())
    await store.save_enrolment(tx, enrolment)
    return enrolment
