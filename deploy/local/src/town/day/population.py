"""The demo population: a few households that have always lived here, so that there is somebody to be from the start."""

from town.day import residents
from town.day.city import City
from town.day.residents import Newcomer
from town.people import Person

HOUSEHOLDS: tuple[tuple[str, str, tuple[Newcomer, ...]], ...] = (
    ("Demo-Mustermann", "Demo-Lindenweg", (Newcomer("Erika", 47), Newcomer("Max", 49), Newcomer("Lina", 9))),
    ("Demo-Yılmaz", "Demo-Birkenweg", (Newcomer("Aylin", 34), Newcomer("Deniz", 36), Newcomer("Ela", 4))),
    ("Demo-Müller", "Demo-Ahornweg", (Newcomer("Jürgen", 71),)),
    ("Demo-Nowak", "Demo-Ulmenweg", (Newcomer("Zofia", 29, "en"), Newcomer("Piotr", 31, "en"))),
    ("Demo-Nguyễn", "Demo-Eichenweg", (Newcomer("Linh", 41, "en"), Newcomer("Minh", 12, "en"))),
)


async def seed(city: City) -> list[Person]:
    """Let the households move in that have not yet, through registration's own API.

    Returns:
        The adults who moved in now.
    """
    known = {person["name"] for person in await city.issuer.people()}
    moved_in: list[Person] = []
    for name, street, newcomers in HOUSEHOLDS:
        if f"{newcomers[0].given_names} {name}" in known:
            continue
        case, adults, _ = await residents.declare(city, name, newcomers, street)
        await residents.register(city, case)
        for person in adults:
            await residents.wants_email(city, person)
            await city.letter(person, "registration.resident-registered", told=False)
        moved_in += adults
    return moved_in
