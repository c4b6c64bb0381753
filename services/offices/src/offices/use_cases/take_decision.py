"""The office decides: somebody alone, two people, the procedure itself, or the law by the office's silence."""

from collections.abc import Sequence
from dataclasses import dataclass

from amtsbus.casework.roles import Actor
from amtsbus.postgres import Tx
from amtsbus.procedures import steps

from offices import reporting, store
from offices.correspondence import write_letter
from offices.domain.case_file import CaseFile
from offices.domain.office import Office
from offices.domain.target import Target


@dataclass(frozen=True, slots=True)
class TakeDecision:
    target: Target
    action: str
    reasons: tuple[str, ...] = ()


async def take_decision(command: TakeDecision, office: Office, tx: Tx) -> CaseFile:
    """Grant or refuse; where the procedure wants four eyes, as the second person.

    Raises:
        RuleViolationError: code `not-a-decision`, `proposal-missing`, `reason-missing`, `action-not-permitted`.
        ForbiddenError: whoever proposed it cannot take it as well.
    """
    file = await store.get_as_seen(tx, command.target, office.land)
    await settle(file, command.action, command.reasons, command.target.actor, office, tx)
    return file


async def settle(file: CaseFile, action: str, reasons: Sequence[str], actor: Actor, office: Office, tx: Tx) -> None:
    """Take the decision, save the case, write the letter, and tell it."""
    now, today, before_cents = tx.clock.now(), tx.clock.today(), file.charged_cents
    file.decide(action, reasons, actor, now, today)
    await store.save(tx, file)
    await tx.append(
        file.case_id,
        reporting.moved(office, file, action, now),
        reporting.decided(office, file, automatic=action == steps.GRANT_AUTOMATICALLY, now=now),
        *reporting.charged(office, file, before_cents, today),
    )
    own = any(step.action == action and step.letter for step in file.declared.steps)
    await write_letter(
        tx,
        file,
        action if own else file.case.state,
        court=office.court,
        known={"reasons": "\n\n".join(file.case.decisions[-1].reasons) or None},
    )


async def decide_automatically(file: CaseFile, office: Office, tx: Tx) -> None:
    """TakeDecision without a human where the procedure says so and its conditions are fulfilled (VwVfG § 35a)."""
    automatic = file.declared.decision.automatic
    if automatic and file.may_decide_automatically(tx.clock.today()):
        reasons = automatic.reasons.in_language(file.language)
        await settle(file, steps.GRANT_AUTOMATICALLY, [reasons], Actor.system(), office, tx)
