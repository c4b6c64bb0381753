"""Residents as the register knows them: entries that are ended or superseded, never overwritten."""

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from uuid import UUID

from amtsbus.errors import RuleViolationError

from registration.domain.ages import EARLIEST_BIRTH, age_on, is_adult
from registration.domain.law import NumbersInForce
from registration.domain.names import search_key
from registration.domain.residences import Address, Residence, ResidenceKind, main_residence


class Language(StrEnum):
    """The language of correspondence."""

    GERMAN = "de"
    ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class PersonData:
    """What is entered on a person beside their homes."""

    given_names: str
    family_name: str
    date_of_birth: date
    language: Language = Language.GERMAN
    birth_name: str | None = None
    custodian_ids: tuple[UUID, ...] = ()
    """Personensorgeberechtigte, of a minor."""

    @property
    def full_name(self) -> str:
        """How somebody is called."""
        return f"{self.given_names} {self.family_name}"

    @property
    def search_key(self) -> str:
        return search_key(self.family_name, self.given_names, self.birth_name or "")


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """One entry on a person, in force while `valid_to` is None and nothing supersedes it."""

    entry_id: UUID
    data: PersonData
    valid_from: date


@dataclass(frozen=True, slots=True)
class Resident:
    """A person with the entries in force, all homes that were not found wrong, and what protects them."""

    person_id: UUID
    version: int
    entry: PersonEntry
    residences: tuple[Residence, ...]
    blocked_until: date | None = None
    """The last day of a disclosure block (Auskunftssperre, BMG § 51) in force."""
    on_school_list: bool = False
    """Whether schooling has been told of the child and not yet that it left."""

    @property
    def data(self) -> PersonData:
        return self.entry.data

    @property
    def blocked(self) -> bool:
        return self.blocked_until is not None

    @property
    def main_residence(self) -> Residence | None:
        return main_residence(self.residences)

    @property
    def postal_address(self) -> Address | None:
        """Where a letter reaches the person: the main residence, here or elsewhere."""
        main = self.main_residence
        return main.address if main else None

    @property
    def lives_here(self) -> bool:
        """Has the main residence in this city."""
        main = self.main_residence
        return main is not None and main.in_city

    @property
    def left_on(self) -> date | None:
        """The day on which the last main residence in this city ended; None for who has had none."""
        ends = [home.moved_out_on for home in self.residences if home.in_city and home.kind is ResidenceKind.MAIN]
        return max((end for end in ends if end is not None), default=None)

    @property
    def household_ids(self) -> frozenset[UUID]:
        """The households in which the person lives now."""
        return frozenset(
            home.household_id for home in self.residences if home.in_force and home.household_id is not None
        )

    def is_adult(self, day: date) -> bool:
        return is_adult(self.data.date_of_birth, day)


class SchoolListChange(StrEnum):
    """What schooling has to be told of a child."""

    REGISTERED = "registered"
    CHANGED = "changed"
    MOVED_AWAY = "moved-away"


def school_list_change(
    before: Resident | None, after: Resident, *, numbers: NumbersInForce, today: date
) -> SchoolListChange | None:
    """What schooling is told when an entry changes from `before` to `after`, or with equal ones on a birthday.

    A child is listed while it has its main residence here and is of the ages of the law. A listed child whose date of
    birth turns out to be another stays listed and is reported as changed: schooling decides what that means.
    """
    age = age_on(after.data.date_of_birth, today)
    if after.on_school_list:
        if not after.lives_here:
            return SchoolListChange.MOVED_AWAY
        told = before is None or _school_view(before) != _school_view(after)
        return SchoolListChange.CHANGED if told and age <= numbers.school_list_to_age else None
    if after.lives_here and numbers.school_list_from_age <= age <= numbers.school_list_to_age:
        return SchoolListChange.REGISTERED
    return None


def _school_view(resident: Resident) -> tuple[object, ...]:
    data = resident.data
    return (data.given_names, data.family_name, data.date_of_birth, data.custodian_ids)


@dataclass(frozen=True, slots=True)
class EntryChange:
    """A new entry on a person in place of the one in force.

    `changed_on` None: the old entry was wrong from the beginning (correction, Berichtigung, BMG § 6 (1)) and is
    superseded. Otherwise the facts changed on that day (marriage, change of name): the old entry ends and stays true.
    """

    given_names: str | None = None
    family_name: str | None = None
    birth_name: str | None = None
    date_of_birth: date | None = None
    language: Language | None = None
    custodian_ids: tuple[UUID, ...] | None = None
    changed_on: date | None = None

    def apply(self, entry: PersonEntry, today: date) -> PersonData:
        """The data of the new entry.

        Raises:
            RuleViolationError: nothing differs, or the dates are impossible.
        """
        named = {
            name: value
            for name in ("given_names", "family_name", "birth_name", "date_of_birth", "language", "custodian_ids")
            if (value := getattr(self, name)) is not None
        }
        changed = replace(entry.data, **named)
        if changed == entry.data:
            raise RuleViolationError("the entry already says so; name what is to change", code="nothing-to-change")
        if self.changed_on is not None:
            if not entry.valid_from <= self.changed_on <= today:
                raise RuleViolationError(
                    "the change lies before the present entry or in the future; correct the entry instead, or wait for the day",
                    code="implausible-date",
                )
            if changed.date_of_birth != entry.data.date_of_birth:
                raise RuleViolationError(
                    "a date of birth does not change; it can only have been entered wrongly: leave out changed_on",
                    code="implausible-date",
                )
        require_plausible_birth(changed.date_of_birth, today)
        return changed


@dataclass(frozen=True, slots=True)
class ResidenceCorrection:
    """What was wrong in the entry of a home; None leaves it as it is."""

    address: Address | None = None
    moved_in_on: date | None = None
    moved_out_on: date | None = None

    def apply(self, home: Residence, resident: Resident, today: date) -> Residence:
        """The entry `home` of `resident` as it should have been; the caller gives it a new id.

        Raises:
            RuleViolationError: nothing differs, an entry in force would end, the dates are impossible, or there would be
                two main residences on one day.
        """
        corrected = replace(
            home,
            address=self.address or home.address,
            moved_in_on=self.moved_in_on or home.moved_in_on,
            moved_out_on=self.moved_out_on or home.moved_out_on,
        )
        if corrected == home:
            raise RuleViolationError("the entry already says so; name what is to change", code="nothing-to-change")
        if home.in_force and not corrected.in_force:
            raise RuleViolationError(
                "a correction does not end a residence; declare a move or a departure instead",
                code="residence-in-force",
            )
        last = corrected.moved_out_on or today
        if not resident.data.date_of_birth <= corrected.moved_in_on <= last <= today:
            raise RuleViolationError(
                "the dates of the residence contradict each other or lie ahead", code="implausible-date"
            )
        others = (other for other in resident.residences if other.residence_id != home.residence_id)
        if corrected.kind is ResidenceKind.MAIN and any(
            other.kind is ResidenceKind.MAIN and corrected.overlaps(other) for other in others
        ):
            raise RuleViolationError(
                "the person would have two main residences on one day; correct the other entry first",
                code="overlapping-residence",
            )
        return corrected


def require_plausible_birth(date_of_birth: date, today: date) -> None:
    """Raises RuleViolationError for somebody who is not born yet or would be older than any living person."""
    if not EARLIEST_BIRTH <= date_of_birth <= today:
        raise RuleViolationError(
            f"a date of birth lies between {EARLIEST_BIRTH.isoformat()} and today", code="implausible-date"
        )


__all__ = [
    "Address",
    "EntryChange",
    "Language",
    "PersonData",
    "PersonEntry",
    "Residence",
    "ResidenceCorrection",
    "ResidenceKind",
    "Resident",
    "SchoolListChange",
    "require_plausible_birth",
    "school_list_change",
]
