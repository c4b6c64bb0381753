"""A school takes the child (Aufnahme)."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.enrolment import Enrolment, Target
from schooling.published import published
from schooling.use_cases.lock_places import lock_places


@dataclass(frozen=True)
class AcceptChild:
    target: Target
    school_id: UUID | None
    report_seen: bool


async def accept_child(command: AcceptChild, tx: Tx) -> Enrolment:
    """Give the child a place within the school's capacity, however many clerks do so at once.

    Raises:
        NotFoundError, ForbiddenError: the person may not.
        PreconditionFailedError: the enrolment has changed.
        RuleViolationError: there is no place for this child now, or it is not this school's turn.
    """
    enrolment = await store.lock_enrolment(tx, command.target.enrolment_id)
    actor = enrolment.admit(command.target)
    school, admission = await lock_places(enrolment, command.school_id, tx)
    rules = (await store.rulebook(tx)).of(enrolment.school_year)
    accepted = enrolment.accept(school, admission, actor, tx.clock.now(), rules, report_seen=command.report_seen)
    await store.save_enrolment(tx, enrolment)
    await tx.append(enrolment.case.case_id, *published(enrolment, [accepted]))
    return enrolment
