"""Hand in the registration of a home (Anmeldung, BMG §§ 17, 23)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from amtsbus.errors import RuleViolationError
from amtsbus.ids import new_id
from amtsbus.postgres import Tx

from registration import store
from registration.domain import residences
from registration.domain.access import Viewer
from registration.domain.ages import is_adult
from registration.domain.declarations import (
    DeclaredPerson,
    LandlordConfirmation,
    MoveIn,
    check_move_in,
    differing_fields,
    twice_in_one_declaration,
)
from registration.domain.law import Office
from registration.domain.persons import PersonData, Resident
from registration.domain.procedures import MOVE_IN
from registration.domain.residences import Address, ResidenceKind
from registration.use_cases.open_declaration import open_declaration, own_person_id, unknown_person


@dataclass(frozen=True, slots=True)
class PersonMovingIn:
    """One person as the form names them; custodians of the same form by their position in it, from 0."""

    data: PersonData
    is_declarant: bool
    person_id: UUID | None = None
    custodian_positions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SubmitMoveIn:
    viewer: Viewer
    moved_in_on: date
    address: Address
    residence_kind: ResidenceKind
    persons: tuple[PersonMovingIn, ...]
    previous_address: Address | None = None
    main_residence: Address | None = None
    landlord: LandlordConfirmation | None = None


async def submit_move_in(command: SubmitMoveIn, tx: Tx, office: Office) -> UUID:
    """Open a case for a move-in of one or more persons; returns its id.

    A citizen is one of the persons, the declarant. Whoever has no id in the register yet gets one here; from now on the
    ids in the case are those that the register will use.

    Raises:
        RuleViolationError: the declaration is not plausible, or somebody in it is already registered.
        ForbiddenError: a citizen's login without a person.
    """
    today = tx.clock.today()
    numbers = office.law.on(today)
    persons = _with_ids(command)
    move_in = MoveIn(
        moved_in_on=command.moved_in_on,
        address=command.address,
        residence_kind=command.residence_kind,
        persons=persons,
        previous_address=command.previous_address,
        main_residence=command.main_residence,
        landlord=command.landlord,
    )
    check_move_in(move_in, city=office.city, numbers=numbers, today=today)
    if twice_in_one_declaration(persons):
        raise RuleViolationError("two of the persons are the same by name and date of birth", code="person-twice")
    custodians = {custodian for person in persons for custodian in person.data.custodian_ids}
    known = await store.residents(tx, {*move_in.person_ids, *custodians})
    _require_own_household(command, move_in, custodians, known)
    notes = []
    for person in persons:
        resident = known.get(person.person_id)
        residences.move_in(
            resident.residences if resident else (),
            kind=move_in.residence_kind,
            address=move_in.address,
            household_id=new_id(),
            moved_in_on=move_in.moved_in_on,
            main_elsewhere=move_in.main_residence,
        )
        if resident and (fields := differing_fields(person.data, resident.data)):
            notes.append(
                f"Person {persons.index(person) + 1} is known; the declaration differs from the register in: {', '.join(fields)}."
            )
    return await open_declaration(
        MOVE_IN,
        move_in,
        applicant_id=move_in.declarant.person_id,
        adult_ids=[person.person_id for person in persons if is_adult(person.data.date_of_birth, today)],
        period=numbers.registration,
        notes=notes,
        viewer=command.viewer,
        office=office,
        tx=tx,
    )


def _with_ids(command: SubmitMoveIn) -> tuple[DeclaredPerson, ...]:
    ids = []
    for person in command.persons:
        person_id = person.person_id
        if person.is_declarant and not command.viewer.is_staff:
            own = own_person_id(command.viewer)
            if person_id not in (None, own):
                raise RuleViolationError("the declarant is the person who is logged in", code="declarant-not-caller")
            person_id = own
        ids.append(person_id or new_id())
    declared = []
    for person_id, person in zip(ids, command.persons, strict=True):
        if any(position >= len(ids) for position in person.custodian_positions):
            raise RuleViolationError(
                "a custodian's position is beyond the list of persons; the first person has position 0",
                code="unknown-person",
            )
        custodians = (*(ids[position] for position in person.custodian_positions), *person.data.custodian_ids)
        declared.append(
            DeclaredPerson(person_id, replace(person.data, custodian_ids=custodians), is_declarant=person.is_declarant)
        )
    return tuple(declared)


def _require_own_household(
    command: SubmitMoveIn, move_in: MoveIn, custodians: set[UUID], known: Mapping[UUID, Resident]
) -> None:
    """Whoever is named by id is known; to a citizen, only those of the own household are.

    The declarant's id may be new to the register: it is that of the citizen's account.
    """
    viewer = command.viewer
    declarant_id = move_in.declarant.person_id
    given = {person.person_id for person in command.persons if person.person_id is not None} - {declarant_id}
    for person_id in given | (custodians - set(move_in.person_ids)):
        person = known.get(person_id)
        if person is None or not (viewer.is_staff or viewer.may_act_for(person, known.get(declarant_id))):
            raise unknown_person()
