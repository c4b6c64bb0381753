"""What people declare to the office: a move-in, a move within the city, a departure; and what is plausible in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from amtsbus.casework.calendar import Period, due_on
from amtsbus.errors import RuleViolationError

from registration.domain.ages import age_on
from registration.domain.law import City, NumbersInForce
from registration.domain.names import search_key
from registration.domain.persons import PersonData, require_plausible_birth
from registration.domain.residences import Address, ResidenceKind

MOST_PERSONS = 20
"""In one declaration."""


@dataclass(frozen=True, slots=True)
class LandlordConfirmation:
    """Wohnungsgeberbestätigung, contents of BMG § 19 (3); the persons and the home are those of the declaration."""

    landlord_name: str
    landlord_address: Address
    moved_in_on: date
    owner_name: str | None = None
    """Where the landlord does not own the home."""


@dataclass(frozen=True, slots=True)
class LandlordRefusal:
    """The declarant's report that the landlord does not confirm (BMG § 19 (2))."""

    statement: str


@dataclass(frozen=True, slots=True)
class DeclaredPerson:
    """One person of a move-in, with the id under which the register knows or will know them."""

    person_id: UUID
    data: PersonData
    is_declarant: bool = False


@dataclass(frozen=True, slots=True)
class MoveIn:
    """Anmeldung: several persons at once where date, old and new home are the same (BMG § 23 (4))."""

    moved_in_on: date
    address: Address
    residence_kind: ResidenceKind
    persons: tuple[DeclaredPerson, ...]
    previous_address: Address | None = None
    main_residence: Address | None = None
    """The main residence elsewhere, beside a secondary one here."""
    landlord: LandlordConfirmation | LandlordRefusal | None = None

    @property
    def effective_on(self) -> date:
        return self.moved_in_on

    @property
    def person_ids(self) -> tuple[UUID, ...]:
        return tuple(person.person_id for person in self.persons)

    @property
    def declarant(self) -> DeclaredPerson:
        return next(person for person in self.persons if person.is_declarant)


@dataclass(frozen=True, slots=True)
class Move:
    """Ummeldung: known persons move their main residence within the city."""

    moved_on: date
    address: Address
    person_ids: tuple[UUID, ...]
    landlord: LandlordConfirmation | LandlordRefusal | None = None

    @property
    def effective_on(self) -> date:
        return self.moved_on


@dataclass(frozen=True, slots=True)
class Departure:
    """Abmeldung: known persons leave the city."""

    moved_out_on: date
    person_ids: tuple[UUID, ...]
    new_address: Address | None = None

    @property
    def effective_on(self) -> date:
        return self.moved_out_on


Declaration = MoveIn | Move | Departure


def check_move_in(move_in: MoveIn, *, city: City, numbers: NumbersInForce, today: date) -> None:
    """Raises RuleViolationError where the declaration cannot be true or is not for this office."""
    if sum(person.is_declarant for person in move_in.persons) != 1:
        raise RuleViolationError("exactly one of the persons is the declarant", code="declarant-missing")
    _require_persons(move_in.person_ids)
    _require_home(move_in.address, city)
    _require_not_far_ahead(move_in.moved_in_on, numbers.days_declarable_ahead, today)
    for person in move_in.persons:
        require_plausible_birth(person.data.date_of_birth, today)
        if person.data.date_of_birth > move_in.moved_in_on:
            raise RuleViolationError(
                "one of the persons was born after the move-in; the registry office reports newborns itself (BMG § 17 (4))",
                code="implausible-date",
            )
    _require_custodians(move_in, numbers, today)
    if age_on(move_in.declarant.data.date_of_birth, today) < numbers.declarant_age:
        raise RuleViolationError(
            f"whoever is under {numbers.declarant_age} is registered by those into whose home they move (BMG § 17 (3))",
            code="declarant-too-young",
        )
    if move_in.main_residence is not None and move_in.residence_kind is ResidenceKind.MAIN:
        raise RuleViolationError(
            "a main residence elsewhere is only named beside a secondary one here", code="two-main-residences"
        )


def _require_custodians(move_in: MoveIn, numbers: NumbersInForce, today: date) -> None:
    births = {person.person_id: person.data.date_of_birth for person in move_in.persons}
    for person in move_in.persons:
        custodians = person.data.custodian_ids
        age = age_on(person.data.date_of_birth, today)
        if age < numbers.declarant_age and not custodians:
            raise RuleViolationError(
                f"name at least one custodian of everybody under {numbers.declarant_age} (BMG § 17 (3))",
                code="custodian-missing",
            )
        if custodians and age_on(person.data.date_of_birth, today) >= 18:
            raise RuleViolationError("a person of full age has no custodian", code="implausible-custodian")
        if len(set(custodians)) != len(custodians) or person.person_id in custodians:
            raise RuleViolationError(
                "a custodian is somebody else than the child and is named once", code="implausible-custodian"
            )
        if any(births[custodian] >= person.data.date_of_birth for custodian in custodians if custodian in births):
            raise RuleViolationError("a custodian is older than the child", code="implausible-custodian")


def check_move(move: Move, *, city: City, numbers: NumbersInForce, today: date) -> None:
    """Raises RuleViolationError where the declaration cannot be true or is not for this office."""
    _require_persons(move.person_ids)
    _require_home(move.address, city)
    _require_not_far_ahead(move.moved_on, numbers.days_declarable_ahead, today)


def check_departure(departure: Departure, *, city: City, numbers: NumbersInForce, today: date) -> None:
    """Raises RuleViolationError: earlier than the law permits, or the new home lies in this city."""
    _require_persons(departure.person_ids)
    earliest = departure.moved_out_on - timedelta(weeks=numbers.weeks_before_leaving)
    if today < earliest:
        raise RuleViolationError(
            f"a departure is declared at the earliest {numbers.weeks_before_leaving} week before (BMG § 17 (2)): "
            f"from {earliest.isoformat()} on",
            code="too-early",
        )
    new = departure.new_address
    if new is not None and new.country == "DE" and new.postal_code in city.postal_codes:
        raise RuleViolationError(
            "the new home lies in this city; declare a move within the city instead", code="not-a-departure"
        )


def _require_persons(person_ids: Sequence[UUID]) -> None:
    if not 1 <= len(person_ids) <= MOST_PERSONS:
        raise RuleViolationError(f"a declaration is for 1 to {MOST_PERSONS} persons", code="number-of-persons")
    if len(set(person_ids)) != len(person_ids):
        raise RuleViolationError("each person is named once", code="person-twice")


def _require_home(address: Address, city: City) -> None:
    if address.country != "DE" or address.postal_code not in city.postal_codes:
        raise RuleViolationError(
            f"the home does not lie in {city.name}; its postal codes are {', '.join(city.postal_codes)}",
            code="not-in-this-city",
        )


def _require_not_far_ahead(day: date, days: int, today: date) -> None:
    if day > today + timedelta(days=days):
        raise RuleViolationError(
            f"a move is declared at most {days} days ahead: at the latest for {(today + timedelta(days=days)).isoformat()}",
            code="too-far-ahead",
        )


def days_late(effective_on: date, period: Period, declared_on: date) -> int:
    """Calendar days by which a declaration missed its period (BMG § 17); 0 in time. A note, never an obstacle (§ 54)."""
    return max(0, (declared_on - due_on(effective_on, period)).days)


def landlord_differences(declared_on: date, landlord: LandlordConfirmation) -> str | None:
    """What a clerk should look at: the contract's date is often taken for that of the move-in."""
    if landlord.moved_in_on == declared_on:
        return None
    return f"The landlord confirms the move-in for {landlord.moved_in_on}, declared is {declared_on}."


def differing_fields(declared: PersonData, entered: PersonData) -> tuple[str, ...]:
    """In what a declaration differs from the register. The register stays; a clerk corrects it where it is wrong."""
    return tuple(
        field
        for field in ("given_names", "family_name", "date_of_birth")
        if getattr(declared, field) != getattr(entered, field)
    )


def identity_key(data: PersonData) -> tuple[str, date]:
    """What two spellings of the same person have in common."""
    return (search_key(data.family_name, data.given_names), data.date_of_birth)


def twice_in_one_declaration(persons: Sequence[DeclaredPerson]) -> bool:
    """Whether two of the persons are the same by name and birth."""
    keys = [identity_key(person.data) for person in persons]
    return len(set(keys)) != len(keys)


def chosen_household(person_ids: Sequence[UUID], members: Mapping[UUID, frozenset[UUID]], fresh_id: UUID) -> UUID:
    """The household of the new home: the old one where all of its members move together, else a new one.

    `members` are, by household, the persons who live in the persons' present main homes.
    """
    moving = frozenset(person_ids)
    whole = [household for household, living_there in members.items() if living_there == moving]
    return whole[0] if len(members) == 1 and whole else fresh_id
