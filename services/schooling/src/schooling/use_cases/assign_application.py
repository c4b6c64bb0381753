"""A caseworker takes an application over, or it goes back to the pool."""

from dataclasses import dataclass

from amtsbus.desk import staff
from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.application import ApplicationTarget
from schooling.use_cases.open_application import open_application


@dataclass(frozen=True)
class AssignApplication:
    target: ApplicationTarget
    assignee: str | None
    """None: back to the pool."""


async def assign_application(command: AssignApplication, tx: Tx) -> None:
    """Put the application on somebody's work list; what is for somebody who is absent goes to their deputy.

    Raises:
        NotFoundError, ForbiddenError: the person may not.
        PreconditionFailedError: the application has changed.
        RuleViolationError: code `caseworker-unknown`, `case-closed`.
    """
    application, actor = await open_application(command.target, tx)
    assignee = await staff.who_gets(tx, command.assignee, actor.subject)
    application.case.assign(assignee, actor, tx.clock.now())
    await store.save_application(tx, application)
