"""Parents answer the invitation and register their child (Anmeldung)."""

from dataclasses import dataclass

from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.enrolment import Enrolment, Target
from schooling.published import published
from schooling.use_cases.resolve_wishes import StatedWishes, resolve_wishes


@dataclass(frozen=True)
class RegisterChild:
    target: Target
    wishes: StatedWishes


async def register_child(command: RegisterChild, tx: Tx) -> Enrolment:
    """Take in the choice of schools, and with it an application for deferral where there is one.

    Raises:
        NotFoundError: the person has nothing to do with this child.
        PreconditionFailedError: the enrolment has changed; the other custodian may have registered the child.
        RuleViolationError: it was registered before, or a school does not exist.
    """
    enrolment = await store.lock_enrolment(tx, command.target.enrolment_id)
    actor = enrolment.admit(command.target)
    received = enrolment.register(await resolve_wishes(command.wishes, tx), actor, tx.clock.now())
    await store.save_enrolment(tx, enrolment)
    await tx.append(enrolment.case.case_id, *published(enrolment, [received]))
    return enrolment
