"""A school does not take the child."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.enrolment import Enrolment, RefusalGround, Target
from schooling.published import published
from schooling.use_cases.lock_places import lock_places


@dataclass(frozen=True)
class RefuseChild:
    target: Target
    school_id: UUID | None
    ground: RefusalGround
    report_seen: bool


async def refuse_child(command: RefuseChild, tx: Tx) -> Enrolment:
    """Decide that the school whose turn it is does not take the child; another one is next.

    Raises:
        NotFoundError, ForbiddenError: the person may not.
        PreconditionFailedError: the enrolment has changed.
        RuleViolationError: the school has a place for the child, or the ground does not fit.
    """
    enrolment = await store.lock_enrolment(tx, command.target.enrolment_id)
    actor = enrolment.admit(command.target)
    school, admission = await lock_places(enrolment, command.school_id, tx)
    rules = (await store.rulebook(tx)).of(enrolment.school_year)
    refused = enrolment.refuse(
        school, command.ground, admission, actor, tx.clock.now(), rules, report_seen=command.report_seen
    )
    await store.save_enrolment(tx, enrolment)
    await tx.append(enrolment.case.case_id, *published(enrolment, [refused]))
    return enrolment
