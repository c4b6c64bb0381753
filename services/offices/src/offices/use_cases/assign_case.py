"""A case is given to a caseworker, or back to the pool."""

from dataclasses import dataclass

from amtsbus.desk import staff
from amtsbus.errors import RuleViolationError
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
    assignee = command.assignee
    if assignee is not None:
        everybody = await staff.caseworkers(tx)
        if assignee not in {one.subject for one in everybody}:
            raise RuleViolationError("nobody of this name has worked here", code="caseworker-unknown")
        if assignee != command.target.actor.subject:  # who takes a case themself is there
            assignee = staff.present(everybody, assignee, tx.clock.today())
    file.case.assign(assignee, command.target.actor, tx.clock.now())
    if command.note:
        file.case.note(command.note, command.target.actor, tx.clock.now())
    await store.save(tx, file)
    return file
