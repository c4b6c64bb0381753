"""A step of the procedure that decides nothing: one of its own, or closing the case without a decision."""

from dataclasses import dataclass

from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Tx
from amtsbus.procedures import steps

from offices import reporting, store
from offices.correspondence import write_letter
from offices.domain.case_file import CaseFile
from offices.domain.office import Office
from offices.domain.target import Target
from offices.use_cases.take_decision import settle

_HAVE_THEIR_OWN = reporting.DECIDING | {
    steps.REQUEST_DOCUMENTS,
    steps.SUPPLY_DOCUMENTS,
    steps.HEAR,
    steps.CLOSE_HEARING,
}
_LETTERS = {steps.WITHDRAW: "withdrawn", steps.LAPSE: "lapsed"}


@dataclass(frozen=True, slots=True)
class TakeStep:
    target: Target
    action: str
    reason: str | None


async def take_step(command: TakeStep, office: Office, tx: Tx) -> CaseFile:
    """Take it; the procedure says whether the applicant gets a letter.

    Raises:
        RuleViolationError: code `has-its-own-way` for a step that needs more than a reason, `action-not-permitted`,
            `reason-missing`.
        ForbiddenError: this person may not.
    """
    if command.action in _HAVE_THEIR_OWN:
        raise RuleViolationError(
            f"{command.action!r} needs more than a reason: it has a form of its own", code="has-its-own-way"
        )
    file = await store.get_as_seen(tx, command.target, office.land)
    step = file.case.procedure.transition(file.case.state, command.action)
    if step is not None and step.target in (steps.GRANTED, steps.REFUSED):
        # What ends in a decision is one, whatever the procedure calls the step.
        await settle(file, command.action, [command.reason or ""], command.target.actor, office, tx)
        return file
    now = tx.clock.now()
    file.case.take(command.action, command.target.actor, now, reason=command.reason)
    await store.save(tx, file)
    await tx.append(file.case_id, reporting.moved(office, file, command.action, now))
    await write_letter(
        tx,
        file,
        _LETTERS.get(command.action, command.action),
        court=office.court,
        known={"reasons": (command.reason or "").strip() or None},
    )
    return file
