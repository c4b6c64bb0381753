"""Ages and anniversaries as the civil code counts them (BGB §§ 187 (2), 188 (2))."""

from datetime import date

EARLIEST_BIRTH = date(1900, 1, 1)
FULL_AGE = 18
"""Volljährigkeit, BGB § 2."""


def age_on(date_of_birth: date, day: date) -> int:
    """Completed years of life on `day`. Who was born on 29 February is a year older on 1 March of a common year."""
    had_birthday = (day.month, day.day) >= (date_of_birth.month, date_of_birth.day)
    return day.year - date_of_birth.year - (0 if had_birthday else 1)


def is_adult(date_of_birth: date, day: date) -> bool:
    """Of full age on `day`."""
    return age_on(date_of_birth, day) >= FULL_AGE


def latest_birth_of_age(age: int, day: date) -> date:
    """The last date of birth with which somebody is at least `age` years old on `day`."""
    return _on_same_day(day, day.year - age)


def years_later(day: date, years: int) -> date:
    """The day on which a period of `years` ends that began with an event on `day` (BGB § 188 (2), (3))."""
    return _on_same_day(day, day.year + years)


def _on_same_day(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:  # 29 February in a common year
        return date(year, 2, 28)
