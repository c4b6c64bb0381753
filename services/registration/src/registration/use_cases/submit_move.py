"""Hand in a move within the city (Ummeldung)."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from amtsbus.ids import new_id
from amtsbus.postgres import Tx

from registration.domain import residences
from registration.domain.access import Viewer
from registration.domain.declarations import LandlordConfirmation, Move, check_move
from registration.domain.law import Office
from registration.domain.procedures import MOVE
from registration.domain.residences import Address
from registration.use_cases.open_declaration import known_persons, open_declaration, own_person_id


@dataclass(frozen=True, slots=True)
class SubmitMove:
    viewer: Viewer
    moved_on: date
    address: Address
    person_ids: tuple[UUID, ...]
    landlord: LandlordConfirmation | None = None


async def submit_move(command: SubmitMove, tx: Tx, office: Office) -> UUID:
    """Open a case for a move of known persons to another home in the city; returns its id.

    Raises:
        RuleViolationError: the declaration is not plausible, or one of the persons has no main residence here.
        ForbiddenError: a citizen's login without a person.
    """
    viewer, today = command.viewer, tx.clock.today()
    numbers = office.law.on(today)
    applicant_id = command.person_ids[0] if viewer.is_staff else own_person_id(viewer)
    move = Move(command.moved_on, command.address, command.person_ids, command.landlord)
    check_move(move, city=office.city, numbers=numbers, today=today)
    persons = await known_persons(tx, move.person_ids, viewer, numbers)
    for person in persons.values():
        residences.move(person.residences, address=move.address, household_id=new_id(), moved_on=move.moved_on)
    return await open_declaration(
        MOVE,
        move,
        applicant_id=applicant_id,
        adult_ids=[person_id for person_id, person in persons.items() if person.is_adult(today)],
        period=numbers.registration,
        notes=(),
        viewer=viewer,
        office=office,
        tx=tx,
    )
