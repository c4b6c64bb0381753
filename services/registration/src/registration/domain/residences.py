"""Homes (Wohnungen): which are entered, which is the main one, and what a move does to them (BMG §§ 17, 20–22)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from amtsbus.errors import RuleViolationError


class ResidenceKind(StrEnum):
    MAIN = "main"
    """Hauptwohnung, BMG § 21 (2)."""
    SECONDARY = "secondary"
    """Nebenwohnung, BMG § 21 (3)."""


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address. `country` is the ISO 3166 code of two letters."""

    street: str
    house_number: str
    postal_code: str
    locality: str
    country: str = "DE"
    care_of: str | None = None


@dataclass(frozen=True, slots=True)
class NewResidence:
    """A home as it is about to be entered. One outside the city has no household here."""

    kind: ResidenceKind
    address: Address
    moved_in_on: date
    household_id: UUID | None

    @property
    def in_city(self) -> bool:
        return self.household_id is not None


@dataclass(frozen=True, slots=True)
class Residence:
    """A home as it is entered. In force while `moved_out_on` is None: nothing is entered before its day."""

    residence_id: UUID
    kind: ResidenceKind
    address: Address
    moved_in_on: date
    moved_out_on: date | None
    household_id: UUID | None

    @property
    def in_force(self) -> bool:
        return self.moved_out_on is None

    @property
    def in_city(self) -> bool:
        return self.household_id is not None

    def overlaps(self, other: "Residence") -> bool:
        """Whether both hold on some day; the day of moving out is not one of them."""
        ends, others_end = self.moved_out_on or date.max, other.moved_out_on or date.max
        return max(self.moved_in_on, other.moved_in_on) < min(ends, others_end)


@dataclass(frozen=True, slots=True)
class ResidenceChanges:
    """What a declaration does to one person's homes: entries end, entries begin, none is overwritten."""

    ends: tuple[UUID, ...] = ()
    ends_on: date | None = None
    begins: tuple[NewResidence, ...] = ()


def main_residence(residences: Sequence[Residence]) -> Residence | None:
    """The main residence in force, in the city or elsewhere."""
    return next((home for home in residences if home.in_force and home.kind is ResidenceKind.MAIN), None)


def move_in(
    residences: Sequence[Residence],
    *,
    kind: ResidenceKind,
    address: Address,
    household_id: UUID,
    moved_in_on: date,
    main_elsewhere: Address | None,
) -> ResidenceChanges:
    """Enter a home of a person whose entries are `residences` (none: a new resident).

    Raises:
        RuleViolationError: the person already has a main residence here, none at all for a secondary one, or had one
            on that day.
    """
    main = main_residence(residences)
    home = NewResidence(kind, address, moved_in_on, household_id)
    if kind is ResidenceKind.MAIN:
        if main is not None and main.in_city:
            raise RuleViolationError(
                "one of the persons already has their main residence in this city; declare a move within the city instead",
                code="already-registered",
            )
        _require_free_from(residences, moved_in_on)
        return ResidenceChanges(ends=(main.residence_id,) if main else (), ends_on=moved_in_on, begins=(home,))
    if main is not None:
        return ResidenceChanges(begins=(home,))
    if main_elsewhere is None:
        raise RuleViolationError(
            "a secondary residence needs a main residence beside it (BMG § 21); name its address",
            code="main-residence-missing",
        )
    _require_free_from(residences, moved_in_on)
    elsewhere = NewResidence(ResidenceKind.MAIN, main_elsewhere, moved_in_on, None)
    return ResidenceChanges(begins=(elsewhere, home))


def move(residences: Sequence[Residence], *, address: Address, household_id: UUID, moved_on: date) -> ResidenceChanges:
    """Move a person's main residence within the city; a secondary one stays.

    Raises:
        RuleViolationError: the person has no main residence here, or moved into it after `moved_on`.
    """
    main = main_residence(residences)
    if main is None or not main.in_city:
        raise RuleViolationError(
            "one of the persons has no main residence in this city; declare a move-in instead",
            code="not-registered-here",
        )
    _require_free_from(residences, moved_on)
    home = NewResidence(ResidenceKind.MAIN, address, moved_on, household_id)
    return ResidenceChanges(ends=(main.residence_id,), ends_on=moved_on, begins=(home,))


def depart(residences: Sequence[Residence], *, moved_out_on: date, new_address: Address | None) -> ResidenceChanges:
    """End all of a person's homes that are in force; where the new one is known it is kept as the main one elsewhere.

    Raises:
        RuleViolationError: the person has no home in this city, or moved into one after `moved_out_on`.
    """
    if not any(home.in_force and home.in_city for home in residences):
        raise RuleViolationError("one of the persons has no residence in this city", code="not-registered-here")
    _require_free_from(residences, moved_out_on, kinds=tuple(ResidenceKind))
    elsewhere = () if new_address is None else (NewResidence(ResidenceKind.MAIN, new_address, moved_out_on, None),)
    return ResidenceChanges(
        ends=tuple(home.residence_id for home in residences if home.in_force), ends_on=moved_out_on, begins=elsewhere
    )


def _require_free_from(
    residences: Sequence[Residence], day: date, *, kinds: tuple[ResidenceKind, ...] = (ResidenceKind.MAIN,)
) -> None:
    for home in residences:
        if home.kind in kinds and (
            home.moved_in_on > day or (home.moved_out_on is not None and home.moved_out_on > day)
        ):
            raise RuleViolationError(
                "an entry of the register reaches beyond that day; check the date, or have the entry corrected first",
                code="overlapping-residence",
            )
