"""Moving into the city and within it: where the people of every journey come from. All of them are made up."""

import asyncio
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from town.day.city import Answer, City
from town.people import Person, staff

MOVE_INS = "/v1/move-ins"
CHILD_AGE = 16
"""Below, somebody has custodians and no login of their own here."""
MOST_IN_A_HOUSE = 10


@dataclass(frozen=True)
class Newcomer:
    """Somebody who is about to move in; `age` in years."""

    given_names: str
    age: int
    language: str = "de"


def address(street: str, house_number: str = "7") -> dict[str, Any]:
    """An address in the city."""
    return {
        "street": street,
        "house_number": house_number,
        "postal_code": "51373",
        "locality": "Leverkusen",
    }


def landlord(moved_in_on: date) -> dict[str, Any]:
    """The landlord confirms (Wohnungsgeberbestätigung)."""
    return {
        "landlord_name": "Demo-Wohnungsbau",
        "landlord_address": address("Demo-Vermieterweg", "1"),
        "moved_in_on": moved_in_on.isoformat(),
    }


def family_name(city: City, name: str) -> str:
    """A name that nobody had on an earlier day; letters only, as the register wants it."""
    return f"{name}-{roman(city.number)}"


def roman(number: int) -> str:
    """A number in Roman numerals."""
    written = ""
    for value, digits in zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ("M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"),
        strict=True,
    ):
        written += digits * (number // value)
        number %= value
    return written


async def declare(
    city: City, name: str, newcomers: Sequence[Newcomer], street: str, house_number: str = "7"
) -> tuple[Answer, list[Person], list[UUID]]:
    """A clerk takes down a move-in, and the adults get a login.

    Returns:
        The case, the adults, and the ids of the children.
    """
    today = city.clock.today()
    adults = [index for index, newcomer in enumerate(newcomers) if newcomer.age >= CHILD_AGE]
    form = {
        "moved_in_on": (today - timedelta(days=3)).isoformat(),
        "address": address(street, house_number),
        "landlord_confirmation": landlord(today - timedelta(days=3)),
        "persons": [
            {
                "given_names": newcomer.given_names,
                "family_name": name,
                # A hundred days after their last birthday: a child of five is six in the following year.
                "date_of_birth": _years_before(today - timedelta(days=100), newcomer.age).isoformat(),
                "language": newcomer.language,
                "is_declarant": index == adults[0],
                "custodian_positions": [] if index in adults else adults,
            }
            for index, newcomer in enumerate(newcomers)
        ],
    }
    case = await city.post("registration", MOVE_INS, form, by=staff("clerk", "registration"))
    people, children = [], []
    for newcomer, declared in zip(newcomers, case.body["persons"], strict=True):
        person_id = UUID(declared["person_id"])
        if newcomer.age < CHILD_AGE:
            children.append(person_id)
            continue
        login = f"{newcomer.given_names} {name}"
        email = f"{_plain(login)}@demo.example"
        people.append(await city.issuer.add_citizen(login, person_id, email, newcomer.language))
    return case, people, children


async def register(city: City, case: Answer) -> None:
    """A clerk has checked a declaration and enters it in the register."""
    path = f"{MOVE_INS}/{case.body['case_id']}/register"
    await city.post("registration", path, by=staff("clerk", "registration"), version=case.body["version"])


async def wants_email(city: City, person: Person) -> None:
    """Somebody gives an address for notices."""
    wishes = {"email": person.email, "language": None, "email_notice": True}
    await city.put("notifications", "/v1/preferences", wishes, by=person)


async def settle(city: City, name: str, people: list[tuple[str, int]], *, street: str = "Demostraße") -> list[Person]:
    """Let adults move in and wait until the city knows them: they have their confirmation of registration.

    Args:
        people: given names and age.
    """
    name = family_name(city, name)
    newcomers = [Newcomer(given_names, age) for given_names, age in people]
    case, persons, _ = await declare(city, name, newcomers, street)
    await register(city, case)
    for person in persons:
        await city.letter(person, "registration.resident-registered", told=False)
    city.notes(f"({', '.join(person.name for person in persons)} moved in: {case.body['reference']})")
    return persons


async def settle_many(city: City, name: str, count: int) -> list[Person]:
    """Let so many adults move in, ten to a house, and wait until the city knows all of them."""
    name = family_name(city, name)
    given_names = [f"{first}{second}" for first in ("Ada", "Ben", "Cem", "Dea", "Eva") for second in SYLLABLES]

    async def house(number: int) -> list[Person]:
        here = given_names[number * MOST_IN_A_HOUSE : (number + 1) * MOST_IN_A_HOUSE]
        newcomers = [Newcomer(given, 30 + place) for place, given in enumerate(here)]
        case, persons, _ = await declare(city, name, newcomers, "Demo-Hochhausweg", str(number + 1))
        await register(city, case)
        for person in persons:
            await city.letter(person, "registration.resident-registered", told=False)
        return persons

    houses = await asyncio.gather(*(house(number) for number in range(-(-count // MOST_IN_A_HOUSE))))
    persons = [person for household in houses for person in household][:count]
    city.notes(f"({count} people named {name} moved in)")
    return persons


SYLLABLES = ("", "lena", "mira", "nora", "rike", "sina", "tara", "wina", "yola", "zora")


async def move_within(city: City, person: Person, *, street: str) -> None:
    """Somebody declares a move within the city, a clerk enters it, and the city knows the new address."""
    today = city.clock.today()
    form = {
        "moved_on": today.isoformat(),
        "address": address(street),
        "person_ids": [str(person.person_id)],
        "landlord_confirmation": landlord(today),
    }
    case = await city.post("registration", "/v1/moves", form, by=person)
    city.says(person, f"declares the move to {street} 7: {case.body['reference']}")
    clerk = staff("clerk", "registration")
    path = f"/v1/moves/{case.body['case_id']}/register"
    await city.post("registration", path, by=clerk, version=case.body["version"])
    city.says(clerk, "enters it")
    await city.follows("registration.resident-moved.v1", person_id=person.person_id)
    await city.follows("registration.postal-address-changed.v1", person_id=person.person_id, told=False)
    await city.letter(person, "registration.resident-moved")
    # Two topics, two readers: which one is first is open. No API tells an address to anybody but its owner, so we look.
    await city.until("notifications knows the new address", lambda: _known_street(city, person, street))


async def _known_street(city: City, person: Person, street: str) -> bool:
    async with city.database("notifications") as connection:
        known = await connection.fetchval(
            "SELECT address->>'street' FROM addressees WHERE person_id = $1", person.person_id
        )
    return bool(known == street)


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)


def _plain(name: str) -> str:
    """A name as the part of an e-mail address before the @: small letters, and nothing else but dots and dashes."""
    spelled = name.lower().replace(" ", ".")
    for letter, plain in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"), ("ı", "i")):
        spelled = spelled.replace(letter, plain)
    return unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
