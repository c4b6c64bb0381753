"""Hand in a departure from the city (Abmeldung, BMG § 17 (2))."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from amtsbus.postgres import Tx

from registration.domain import residences
from registration.domain.access import Viewer
from registration.domain.declarations import Departure, check_departure
from registration.domain.law import Office
from registration.domain.procedures import DEPARTURE
from registration.domain.residences import Address
from registration.use_cases.open_declaration import known_persons, open_declaration, own_person_id


@dataclass(frozen=True, slots=True)
class SubmitDeparture:
    viewer: Viewer
    moved_out_on: date
    person_ids: tuple[UUID, ...]
    new_address: Address | None = None


async def submit_departure(command: SubmitDeparture, tx: Tx, office: Office) -> UUID:
    """Open a case for known persons who leave the city; returns its id. Takes effect on the day of leaving.

    Raises:
        RuleViolationError: earlier than a week before, the new home is in this city, or one has no residence here.
        ForbiddenError: a citizen's login without a person.
    """
    viewer, today = command.viewer, tx.clock.today()
    numbers = office.law.on(today)
    applicant_id = command.person_ids[0] if viewer.is_staff else own_person_id(viewer)
    departure = Departure(command.moved_out_on, command.person_ids, command.new_address)
    check_departure(departure, city=office.city, numbers=numbers, today=today)
    persons = await known_persons(tx, departure.person_ids, viewer, numbers)
    for person in persons.values():
        residences.depart(person.residences, moved_out_on=departure.moved_out_on, new_address=departure.new_address)
    return await open_declaration(
        DEPARTURE,
        departure,
        applicant_id=applicant_id,
        adult_ids=[person_id for person_id, person in persons.items() if person.is_adult(today)],
        period=numbers.deregistration,
        notes=(),
        viewer=viewer,
        office=office,
        tx=tx,
    )
