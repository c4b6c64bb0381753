"""Journey 1: a family of four moves in; one child is five, and goes to school next."""

from typing import Any
from uuid import UUID

from town.day import residents
from town.day.city import Answer, City
from town.day.residents import Newcomer
from town.people import Person, staff

TITLE = "A family of four moves in"
SCHOOLS = ("Demo-Grundschule Am Park", "Demo-Grundschule Rheinblick")
PLACES = 500
STREET = "Demo-Sonnenweg"


async def play(city: City) -> None:
    """Registered, confirmed, invited, enrolled with two choices, accepted: one letter each, in the family's language."""
    name = residents.family_name(city, "Demo-Okafor")
    family = (
        Newcomer("Ngozi", 36, "en"),
        Newcomer("Samuel", 38, "en"),
        Newcomer("Ada", 5, "en"),
        Newcomer("Tobi", 2, "en"),
    )
    case, parents, children = await residents.declare(city, name, family, STREET)
    mother, father = parents
    for parent in parents:
        await residents.wants_email(city, parent)
    city.says(staff("clerk", "registration"), f"takes down the move-in of four: {case.body['reference']}")
    await residents.register(city, case)
    city.says(staff("clerk", "registration"), "has checked it and enters it in the register")
    for person_id in (mother.person_id, father.person_id, *children):
        event = await city.follows("registration.resident-registered.v1", person_id=person_id)
        city.expect("address" not in event.data and "family_name" not in event.data, "residents' events name nobody")
    await city.follows("registration.school-age-child-registered.v1", child_id=children[0])
    for parent in parents:
        letter = await city.letter(parent, "registration.resident-registered")
        city.expect(letter["language"] == "en", "the family is written to in English")
        mails = await city.mail(parent)
        mail = (await city.http.get(f"{city.addresses.mail.http}/messages/{mails[-1]['id']}")).json()
        for private in ("Ngozi", "Samuel", "Okafor", STREET):
            city.expect(private not in mail["subject"] + mail["text"], "an e-mail says nothing personal")

    enrolment = await _invited(city, mother, parents, children[0])
    await _enrolled(city, enrolment, mother, parents)
    kinds = [
        "registration.resident-registered",
        "schooling.parents-invited",
        "schooling.enrolment-received",
        "schooling.enrolment-confirmed",
        "schooling.child-accepted",
    ]
    for parent in parents:
        letters = await city.letters(parent)
        city.expect([letter["kind"] for letter in letters] == kinds, "one letter for each step and parent, in order")
        city.expect({letter["language"] for letter in letters} == {"en"}, "all of them in English")
        await city.mail(parent, count=len(kinds))
    city.notes("five letters and five e-mails for each parent")


async def _invited(city: City, mother: Person, parents: list[Person], child_id: UUID) -> Answer:
    """Schooling knows the child and invites the parents of its cohort; returns the mother's view of the enrolment."""
    lead = staff("lead", "schooling")

    async def known() -> dict[str, Any] | None:
        found = (await city.get("schooling", "/v1/children", by=mother)).body["items"]
        return next((child for child in found if child["child_id"] == str(child_id)), None)

    child = await city.until("schooling knows the child", known)
    year = child["school_year"]
    city.notes(f"schooling learns of the child that is five: school begins in {year}")
    await city.post("schooling", f"/v1/cohorts/{year}/invitation", by=lead)
    city.says(lead, f"has the parents of the cohort of {year} invited")
    await city.follows("schooling.parents-invited.v1", child_id=child_id)
    for parent in parents:
        await city.letter(parent, "schooling.parents-invited")
    own = (await city.get("schooling", "/v1/enrolments", by=mother)).body["items"]
    return await city.get("schooling", f"/v1/enrolments/{own[0]['enrolment_id']}", by=mother)


async def _enrolled(city: City, enrolment: Answer, mother: Person, parents: list[Person]) -> None:
    """The mother registers the child with two choices, the school takes it."""
    clerk = staff("clerk", "schooling")
    path, reference = f"/v1/enrolments/{enrolment.body['enrolment_id']}", enrolment.body["reference"]
    first, second = await _schools(city, enrolment.body["school_year"])
    wishes = {
        "first_choice": first["school_id"],
        "second_choice": second["school_id"],
        "criteria": ["nearest-school"],
        "documents": ["birth-certificate", "measles-protection"],
    }
    registered = await city.post("schooling", f"{path}/registration", wishes, by=mother, version=enrolment.version)
    city.says(mother, f"enrols the child ({reference}): {first['name']}, else {second['name']}")
    await city.follows("schooling.enrolment-received.v1", reference=reference)
    confirmed = await city.post("schooling", f"{path}/confirmation", {}, by=clerk, version=registered.version)
    city.says(clerk, "finds everything there and confirms")
    await city.follows("schooling.enrolment-confirmed.v1", reference=reference)
    await city.post("schooling", f"{path}/acceptance", {}, by=clerk, version=confirmed.version)
    city.says(clerk, "records that the school of the first choice takes the child")
    accepted = await city.follows("schooling.child-accepted.v1", reference=reference)
    city.expect(accepted.data["school"]["school_id"] == first["school_id"], "the first choice has a place")
    for kind in ("enrolment-received", "enrolment-confirmed", "child-accepted"):
        for parent in parents:
            await city.letter(parent, f"schooling.{kind}", containing=reference)


async def _schools(city: City, school_year: int) -> list[dict[str, Any]]:
    """The two schools of the demo, with places for the school year; made on the first day."""
    lead = staff("lead", "schooling")
    known = {
        school["name"]: school
        for school in (await city.get("schooling", "/v1/schools", by=lead, limit=100)).body["items"]
    }
    for name in SCHOOLS:
        if name not in known:
            known[name] = (await city.post("schooling", "/v1/schools", {"name": name}, by=lead)).body
        places = {"school_year": school_year, "places": PLACES}
        await city.post("schooling", f"/v1/schools/{known[name]['school_id']}/capacities", places, by=lead)
    return [known[name] for name in SCHOOLS]
