"""People and homes for the pure tests."""

from datetime import date
from uuid import UUID, uuid4

from registration.domain.law import City, NumbersInForce, RegistrationLaw
from registration.domain.persons import PersonData, PersonEntry, Resident
from registration.domain.residences import Address, Residence, ResidenceKind

TODAY = date(2026, 3, 2)
CITY = City("Leverkusen", "05316000", ("51371", "51373"))
HERE = Address("Hauptstraße", "12", "51373", "Leverkusen")
OTHER = Address("Nebenstraße", "1", "51371", "Leverkusen")
BONN = Address("Rheingasse", "1", "53113", "Bonn")
NUMBERS: NumbersInForce = RegistrationLaw().on(TODAY)


def data(born: date = date(1990, 5, 17), **more: object) -> PersonData:
    return PersonData("Ayşe", "Müller", born, **more)  # type: ignore[arg-type] # fields of the test's choice


def home(
    moved_in_on: date,
    moved_out_on: date | None = None,
    *,
    kind: ResidenceKind = ResidenceKind.MAIN,
    household_id: UUID | None = None,
    elsewhere: bool = False,
) -> Residence:
    household = None if elsewhere else household_id or uuid4()
    return Residence(uuid4(), kind, BONN if elsewhere else HERE, moved_in_on, moved_out_on, household)


def resident(*homes: Residence, born: date = date(1990, 5, 17), **more: object) -> Resident:
    entry = PersonEntry(uuid4(), data(born), date(2020, 1, 1))
    return Resident(uuid4(), 1, entry, homes, **more)  # type: ignore[arg-type] # fields of the test's choice
