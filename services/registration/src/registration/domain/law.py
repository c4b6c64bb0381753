"""The numbers that a legislator may change: each with the paragraph it comes from and the day from which it holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from amtsbus.casework.calendar import Period, weeks, werktage


@dataclass(frozen=True, slots=True)
class DatedNumber:
    """A number of the law, in force from a day on until a later one of its kind takes over."""

    number: int
    holds_from: date
    legal_reference: str


BMG_IN_FORCE = date(2015, 11, 1)
"""The day on which the Bundesmeldegesetz came into force."""


def _bmg(number: int, reference: str) -> tuple[DatedNumber, ...]:
    return (DatedNumber(number, BMG_IN_FORCE, reference),)


@dataclass(frozen=True, slots=True)
class RegistrationLaw:
    """Every number of the law and of the practice that the rules use, with its history.

    A deployment replaces it by the setting REGISTRATION_LAW; the defaults are those of the statutes as read in 2026.
    """

    weeks_to_register: tuple[DatedNumber, ...] = _bmg(2, "BMG § 17 (1)")
    weeks_to_deregister: tuple[DatedNumber, ...] = _bmg(2, "BMG § 17 (2)")
    weeks_before_leaving: tuple[DatedNumber, ...] = _bmg(1, "BMG § 17 (2)")
    days_declarable_ahead: tuple[DatedNumber, ...] = _bmg(
        30, "practice of the office; BMG § 17 (1) counts from moving in"
    )
    weeks_for_landlord: tuple[DatedNumber, ...] = _bmg(2, "BMG § 19 (1)")
    werktage_to_report_back: tuple[DatedNumber, ...] = _bmg(3, "BMG § 33 (1); 1. BMeldDÜV § 6")
    declarant_age: tuple[DatedNumber, ...] = _bmg(16, "BMG § 17 (3)")
    block_years: tuple[DatedNumber, ...] = _bmg(2, "BMG § 51 (4)")
    school_list_from_age: tuple[DatedNumber, ...] = _bmg(
        3, "BMG § 36 with MeldDÜV NRW; SchulG NRW § 36 (2), language check"
    )
    school_list_to_age: tuple[DatedNumber, ...] = _bmg(
        17, "BMG § 36 with MeldDÜV NRW; SchulG NRW §§ 34, 38, compulsory schooling"
    )

    def on(self, day: date) -> "NumbersInForce":
        """The numbers that hold on `day`.

        Raises:
            ValueError: one of them holds only later; a setting is missing its past.
        """
        return NumbersInForce(
            registration=weeks(in_force(self.weeks_to_register, day)),
            deregistration=weeks(in_force(self.weeks_to_deregister, day)),
            weeks_before_leaving=in_force(self.weeks_before_leaving, day),
            days_declarable_ahead=in_force(self.days_declarable_ahead, day),
            landlord_confirmation=weeks(in_force(self.weeks_for_landlord, day)),
            report_back=werktage(in_force(self.werktage_to_report_back, day)),
            declarant_age=in_force(self.declarant_age, day),
            block_years=in_force(self.block_years, day),
            school_list_from_age=in_force(self.school_list_from_age, day),
            school_list_to_age=in_force(self.school_list_to_age, day),
        )


@dataclass(frozen=True, slots=True)
class NumbersInForce:
    """The law on one day."""

    registration: Period
    deregistration: Period
    weeks_before_leaving: int
    days_declarable_ahead: int
    landlord_confirmation: Period
    report_back: Period
    declarant_age: int
    block_years: int
    school_list_from_age: int
    school_list_to_age: int


def in_force(numbers: Sequence[DatedNumber], day: date) -> int:
    """The number that holds on `day`: the youngest one that holds from then or earlier.

    Raises:
        ValueError: none does.
    """
    holding = [dated for dated in numbers if dated.holds_from <= day]
    if not holding:
        raise ValueError(f"no number of {numbers!r} holds on {day}")
    return max(holding, key=lambda dated: dated.holds_from).number


@dataclass(frozen=True, slots=True)
class City:
    """The municipality that this register belongs to."""

    name: str
    key: str
    """Amtlicher Gemeindeschlüssel (AGS)."""
    postal_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Office:
    """The registration office that a use case acts for: its city and its law."""

    city: City
    law: RegistrationLaw
