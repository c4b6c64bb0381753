"""The custodians are asked for what is missing."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.enrolment import Enrolment, Target
from schooling.published import published


@dataclass(frozen=True)
class RequestDocuments:
    target: Target


async def request_documents(command: RequestDocuments, tx: Tx) -> Enrolment:
    """Ask for everything that is missing, with a due date.

    Raises:
        NotFoundError, ForbiddenError: the person may not.
        PreconditionFailedError: the enrolment has changed.
        RuleViolationError: nothing is missing, or the child is not registered.
    """
    enrolment = await store.lock_enrolment(tx, command.target.enrolment_id)
    actor = enrolment.admit(command.target)
    rules = (await store.rulebook(tx)).of(enrolment.school_year)
    requested = enrolment.request_documents(actor, tx.clock.now(), tx.clock.today(), rules)
    await store.save_enrolment(tx, enrolment)
    await tx.append(enrolment.case.case_id, *published(enrolment, [requested]))
    return enrolment
