"""Enter in the register what was declared: the persons, their homes, and what the city is told of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from amtsbus.casework import store as cases
from amtsbus.casework.case import Case, Decision
from amtsbus.casework.procedure import Procedure
from amtsbus.casework.roles import Actor
from amtsbus.errors import RuleViolationError
from amtsbus.events import Published
from amtsbus.ids import new_id
from amtsbus.postgres import Tx

from registration import store
from registration.domain import residences
from registration.domain.access import Viewer
from registration.domain.ages import is_adult
from registration.domain.declarations import Declaration, Departure, Move, MoveIn, chosen_household
from registration.domain.law import Office
from registration.domain.persons import Resident
from registration.domain.procedures import CHECKED, REPORT_BACK_PERIOD
from registration.published import ResidentMovedAwayV1, ResidentMovedV1, ResidentRegisteredV1
from registration.store import Record
from registration.use_cases.announce_changes import announce_changes
from registration.use_cases.read_declaration import opened_for_change


@dataclass(frozen=True, slots=True)
class RegisterDeclaration:
    viewer: Viewer
    case_id: UUID
    procedure: Procedure
    version: int


async def register_declaration(command: RegisterDeclaration, tx: Tx, office: Office) -> None:
    """A clerk has checked the declaration and enters it; one whose day has not come waits for it in state `checked`.

    Raises:
        NotFoundError, PreconditionFailedError: see `opened_for_change`.
        RuleViolationError: the case is not ready for it, or the register has changed so that it cannot be true any more.
    """
    opened = await opened_for_change(command.case_id, command.procedure, command.viewer, command.version, tx)
    case, declaration = opened.case, opened.record.declaration
    if declaration.effective_on > tx.clock.today():
        if case.state == CHECKED:
            raise RuleViolationError(
                f"the declaration is checked already and is entered on its day, {declaration.effective_on}",
                code="waits-for-its-day",
            )
        case.take("check", command.viewer.actor, tx.clock.now())
        await cases.save(tx, case)
        await store.plan_entry(tx, case.case_id, declaration.effective_on)
        return
    await enter(case, declaration, command.viewer.actor, tx, office)


async def enter(case: Case, declaration: Declaration, actor: Actor, tx: Tx, office: Office) -> None:
    """Carry out a declaration whose day has come, and tell the city."""
    now, today = tx.clock.now(), tx.clock.today()
    case.take("register", actor, now)
    case.decide(Decision("registered", (), actor.subject, now, "BMG § 3, § 17"))
    case.start_period(REPORT_BACK_PERIOD, today, office.law.on(today).report_back, warn_days_before=1, now=now)
    await cases.save(tx, case)
    await store.plan_entry(tx, case.case_id, None)

    before = await store.residents(tx, declaration.person_ids, lock=True)
    record = Record(by=actor.subject, reason=case.reference, at=now, case_id=case.case_id)
    match declaration:
        case MoveIn():
            events = await _enter_move_in(declaration, before, case, record, tx)
        case Move():
            events = await _enter_move(declaration, before, case, record, tx)
        case Departure():
            events = await _enter_departure(declaration, before, case, record, tx)

    after = await store.residents(tx, declaration.person_ids)
    for person_id, event in events.items():
        await tx.append(person_id, event)
        moved = isinstance(declaration, Move)
        await announce_changes(before.get(person_id), after[person_id], office, tx, moved=moved)


async def _enter_move_in(
    move_in: MoveIn, before: Mapping[UUID, Resident], case: Case, record: Record, tx: Tx
) -> dict[UUID, Published]:
    household_id = new_id()
    await store.found_household(tx, household_id, move_in.moved_in_on, record)
    events: dict[UUID, Published] = {}
    for person in move_in.persons:
        resident = before.get(person.person_id)
        if resident is None:
            await store.add_person(tx, person.person_id, person.data, move_in.moved_in_on, record)
        changes = residences.move_in(
            resident.residences if resident else (),
            kind=move_in.residence_kind,
            address=move_in.address,
            household_id=household_id,
            moved_in_on=move_in.moved_in_on,
            main_elsewhere=move_in.main_residence,
        )
        await store.change_residences(tx, person.person_id, changes, record, resident=resident)
        data = resident.data if resident else person.data
        events[person.person_id] = ResidentRegisteredV1(
            person_id=person.person_id,
            case_id=case.case_id,
            reference=case.reference,
            household_id=household_id,
            residence_kind=move_in.residence_kind,
            moved_in_on=move_in.moved_in_on,
            adult=is_adult(data.date_of_birth, tx.clock.today()),
        )
    return events


async def _enter_move(
    move: Move, before: Mapping[UUID, Resident], case: Case, record: Record, tx: Tx
) -> dict[UUID, Published]:
    old = {main.household_id for person in before.values() if (main := person.main_residence) and main.household_id}
    household_id = chosen_household(move.person_ids, await store.household_members(tx, old), new_id())
    await store.found_household(tx, household_id, move.moved_on, record)
    events: dict[UUID, Published] = {}
    for person_id, resident in before.items():
        changes = residences.move(
            resident.residences, address=move.address, household_id=household_id, moved_on=move.moved_on
        )
        await store.change_residences(tx, person_id, changes, record, resident=resident)
        events[person_id] = ResidentMovedV1(
            person_id=person_id,
            case_id=case.case_id,
            reference=case.reference,
            moved_on=move.moved_on,
            adult=resident.is_adult(tx.clock.today()),
        )
    return events


async def _enter_departure(
    departure: Departure, before: Mapping[UUID, Resident], case: Case, record: Record, tx: Tx
) -> dict[UUID, Published]:
    events: dict[UUID, Published] = {}
    for person_id, resident in before.items():
        changes = residences.depart(
            resident.residences, moved_out_on=departure.moved_out_on, new_address=departure.new_address
        )
        await store.change_residences(tx, person_id, changes, record, resident=resident)
        events[person_id] = ResidentMovedAwayV1(
            person_id=person_id,
            case_id=case.case_id,
            reference=case.reference,
            moved_out_on=departure.moved_out_on,
            adult=resident.is_adult(tx.clock.today()),
        )
    return events
