"""A case is given to a caseworker, or back to the pool."""

from dataclasses import dataclass

from amtsbus.desk import staff
from amtsbus.postgres import Tx

from offices import store
from offices.domain.case_file import CaseFile
from offices.domain.office import Office
from offices.domain.target import Target


@dataclass(frozen=True, slots=True)
class AssignCase:
    target: Target
    assignee: str | None
    note: str = ""
    """What whoever gets it should know."""


async def assign_case(command: AssignCase, office: Office, tx: Tx) -> CaseFile:
    """Assign it; what is for somebody who is absent goes to their deputy.

    Raises:
        RuleViolationError: code `caseworker-unknown`, `case-closed`.
    """
    file = await store.get_as_seen(tx, command.target, office.land)
    assignee = await staff.who_gets(tx, command.assignee, command.target.actor.subject)
    file.case.assign(assignee, command.target.actor, tx.clock.now())
    if command.note:
        file.case.note(command.note, command.target.actor, tx.clock.now())
    await store.save(tx, file)
    return file
