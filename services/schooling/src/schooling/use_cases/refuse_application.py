"""Nobody is registered by an application."""

from dataclasses import dataclass
from typing import Final

from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Tx

from schooling import reporting, store
from schooling.domain.application import Application, ApplicationTarget, Ground
from schooling.domain.procedure import ApplicationAction, State
from schooling.published import application_refused
from schooling.use_cases.open_application import open_application
from schooling.use_cases.read_answers import read_application


@dataclass(frozen=True)
class RefuseApplication:
    target: ApplicationTarget
    grounds: frozenset[Ground]


async def refuse_application(command: RefuseApplication, tx: Tx) -> None:
    """Refuse it, with grounds.

    Raises:
        NotFoundError, ForbiddenError: the person may not.
        PreconditionFailedError: the application has changed.
        RuleViolationError: no ground is named, or it is said of a child that it was registered which the applicant has no
            custody of, or which was not registered (`not-registered`).
    """
    application, actor = await open_application(command.target, tx)
    if Ground.ALREADY_REGISTERED in command.grounds and not await _is_registered(application, tx):
        raise RuleViolationError(
            "no child of this name and day of birth in the applicant's custody is registered: name another ground",
            code="not-registered",
        )
    now = tx.clock.now()
    application.refuse(command.grounds, actor, now)
    await store.save_application(tx, application)
    await tx.append(
        application.application_id,
        reporting.moved(application, ApplicationAction.REFUSE, now),
        reporting.refused(application, now),
        application_refused(application, sorted(command.grounds), tx.clock.today()),
    )


_NOT_REGISTERED: Final = (State.INVITED, State.DEFERRED, State.WITHDRAWN)


async def _is_registered(application: Application, tx: Tx) -> bool:
    said = (await read_application(application, tx)).stated
    if said is None:
        return False
    children = await store.lock_children_of_custodian(tx, application.applicant_id, said.date_of_birth)
    enrolments = [
        enrolment
        for child in children
        if child.is_called(said.given_names, said.family_name)
        for enrolment in await store.enrolments_of_child(tx, child)
    ]
    return any(enrolment.case.state not in _NOT_REGISTERED for enrolment in enrolments)
