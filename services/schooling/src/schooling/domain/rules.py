"""What the numbers of the law mean. The numbers themselves are data (table `enrolment_rules`), each edition with the school
year from which it holds and its sources, because a legislator changes them without asking a programmer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from uuid import UUID

from amtsbus.casework.calendar import calendar_days, due_on


class Criterion(StrEnum):
    """A reason to be admitted first where more children register than a school has places.

    Balance of girls and boys and of mother tongues are criteria of a whole class, not of a child; they are left to the
    full allocation procedure, and neither is stored here.
    """

    NEAREST_SCHOOL = "nearest-school"
    """Claim to the nearest school of the wanted type (§ 46 (3) SchulG NRW, § 1 (2) AO-GS)."""
    HARDSHIP = "hardship"
    """Härtefall (§ 1 (3) AO-GS)."""
    SIBLING = "sibling"
    """Geschwisterkind: a sibling at the school."""
    WAY_TO_SCHOOL = "way-to-school"
    """Schulweg: length and safety of the way."""
    KINDERGARTEN_NEARBY = "kindergarten-nearby"
    """Besuch eines Kindergartens in der Nähe der Schule."""


@dataclass(frozen=True, kw_only=True)
class EnrolmentRules:
    """The numbers that enrolment goes by, as they hold from one school year on."""

    from_school_year: int
    cut_off_month: int
    cut_off_day: int
    """Stichtag: who is six by this day of a year starts school on 1 August of that year (§ 35 (1) SchulG NRW)."""
    register_month: int
    register_day: int
    """Parents register by this day of the year before school starts (§ 1 (1) AO-GS)."""
    late_registration_days: int
    """Calendar days that parents get at least, also when their child arrives after that day. No rule fixes it."""
    documents_days: int
    """Calendar days to hand in what is missing. No rule fixes it; the authority sets it (VwVfG NRW § 31 (2))."""
    early_entry_years: int
    """By how many years a child may start before school is compulsory for it (§ 35 (2) SchulG NRW names no limit)."""
    admission_order: tuple[Criterion, ...]
    """Order of the criteria when places are short. Claim and hardship come first (§ 1 (3) AO-GS); of the others the head
    of the school chooses one or more."""


@dataclass(frozen=True)
class Rulebook:
    """All editions of the rules, oldest first. A change of the law is one more edition."""

    editions: tuple[EnrolmentRules, ...]

    def __post_init__(self) -> None:
        years = [edition.from_school_year for edition in self.editions]
        if not years or years != sorted(set(years)):
            raise ValueError("a rulebook has at least one edition, in the order of their school years, one per year")

    def of(self, school_year: int) -> EnrolmentRules:
        """The edition that holds for `school_year`; for a year before all of them, the first."""
        held = [edition for edition in self.editions if edition.from_school_year <= school_year]
        return held[-1] if held else self.editions[0]


def compulsory_start(date_of_birth: date, rulebook: Rulebook) -> int:
    """The school year (the year in which it begins) in which school becomes compulsory (Beginn der Schulpflicht).

    § 35 (1) SchulG NRW: on 1 August of the year in which the child is six by the beginning of 30 September. A child born on
    30 September completes its sixth year with the end of 29 September (BGB §§ 187 (2), 188 (2)), so that day is still in.
    """
    sixth_birthday = date_of_birth.year + 6
    rules = rulebook.of(sixth_birthday)
    if (date_of_birth.month, date_of_birth.day) <= (rules.cut_off_month, rules.cut_off_day):
        return sixth_birthday
    return sixth_birthday + 1


def starts_on(school_year: int) -> date:
    """The day on which a school year begins: 1 August (§ 7 (1) SchulG NRW)."""
    return date(school_year, 8, 1)


def register_until(school_year: int, invited_on: date, rules: EnrolmentRules) -> date:
    """Until when the parents register: 15 November of the year before (§ 1 (1) AO-GS), later for those invited late.

    The day is fixed by date and does not move when it falls on a Sunday (VwVfG NRW § 31 (3), second sentence: the letter
    names it).
    """
    fixed = date(school_year - 1, rules.register_month, rules.register_day)
    return max(fixed, due_on(invited_on, calendar_days(rules.late_registration_days)))


def precedence(criteria: frozenset[Criterion], order: Sequence[Criterion]) -> tuple[bool, ...]:
    """Where a child stands when places are short: a lower value goes first.

    The first criterion of `order` that one child meets and the other does not decides.
    """
    return tuple(criterion not in criteria for criterion in order)


@dataclass(frozen=True)
class School:
    """A primary school (Grundschule) of the city."""

    school_id: UUID
    name: str
