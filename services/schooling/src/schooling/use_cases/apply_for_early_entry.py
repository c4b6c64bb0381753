"""Parents apply for their child to start school before it is compulsory (vorzeitige Aufnahme, § 35 (2) SchulG NRW)."""

from dataclasses import dataclass
from uuid import UUID

from amtsbus.errors import NotFoundError
from amtsbus.postgres import Tx

from schooling import store
from schooling.domain.enrolment import Enrolment, Party, admit
from schooling.published import published
from schooling.use_cases.resolve_wishes import StatedWishes, resolve_wishes


@dataclass(frozen=True)
class ApplyForEarlyEntry:
    child_id: UUID
    school_year: int
    party: Party
    wishes: StatedWishes


async def apply_for_early_entry(command: ApplyForEarlyEntry, tx: Tx) -> Enrolment:
    """Open an enrolment for an earlier school year than the compulsory one.

    Raises:
        NotFoundError: there is no such child for this person.
        RuleViolationError: it is not early, too early, or a school does not exist.
        ConflictError: there is an enrolment for that school year already.
    """
    child = await store.lock_child(tx, command.child_id)
    if child is None:
        raise NotFoundError("there is no such child")
    actor = admit(command.party, child)
    rulebook = await store.rulebook(tx)
    enrolment, requested = Enrolment.apply_for_early_entry(
        child,
        command.school_year,
        await resolve_wishes(command.wishes, tx),
        await store.new_case(tx),
        actor,
        now=tx.clock.now(),
        today=tx.clock.today(),
        rules=rulebook.of(command.school_year),
    )
    await store.add_enrolment(tx, enrolment)
    await tx.append(enrolment.case.case_id, *published(enrolment, [requested]))
    return enrolment
