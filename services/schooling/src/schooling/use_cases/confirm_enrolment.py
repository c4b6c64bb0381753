"""The registration is found complete."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.enrolment import Enrolment, Target
from schooling.domain.rules import Criterion
from schooling.published import published


@dataclass(frozen=True)
class ConfirmEnrolment:
    target: Target
    criteria: frozenset[Criterion] | None
    """Those that hold; None: as the parents stated them."""


async def confirm_enrolment(command: ConfirmEnrolment, tx: Tx) -> Enrolment:
    """Confirm that the registration is complete, and record by which criteria the child stands in line.

    Raises:
        NotFoundError, ForbiddenError: the person may not.
        PreconditionFailedError: the enrolment has changed.
        RuleViolationError: documents are missing, or the child is not registered.
    """
    enrolment = await store.lock_enrolment(tx, command.target.enrolment_id)
    actor = enrolment.admit(command.target)
    confirmed = enrolment.confirm(command.criteria, actor, tx.clock.now())
    await store.save_enrolment(tx, enrolment)
    await tx.append(enrolment.case.case_id, *published(enrolment, [confirmed]))
    return enrolment
