"""A day in the city: nine journeys, each a plain function of a `City`; see `town.day.city`."""

import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from amtsbus import topics
from amtsbus.testing.servers import sole_owner

from town.addresses import Addresses
from town.clock import TownClock
from town.day import (
    another_system,
    broken_event,
    builder_moves,
    building_application,
    disclosure_block,
    dog_online,
    family_moves_in,
    impatient_citizen,
    notifications_down,
    population,
)
from town.day.city import City, JourneyFailedError, next_number
from town.day.watching import Watcher
from town.home import Home
from town.people import Issuer
from town.printing import Printer


@dataclass(frozen=True)
class Journey:
    """What somebody lives through in the city. `play` raises JourneyFailedError where the city breaks a promise."""

    title: str
    play: Callable[[City], Awaitable[None]]


JOURNEYS = tuple(
    Journey(module.TITLE, module.play)
    for module in (
        family_moves_in,
        building_application,
        builder_moves,
        impatient_citizen,
        notifications_down,
        broken_event,
        disclosure_block,
        another_system,
        dog_online,
    )
)


@asynccontextmanager
async def city_of(
    home: Home, addresses: Addresses, printer: Printer, *, number: int | None = None
) -> AsyncIterator[City]:
    """The city for one day; nobody else can play a day in the same town meanwhile, for there is only one calendar.

    Args:
        number: of the day; default: the next one.

    Raises:
        ServerFailedError: somebody else does.
    """
    names = tuple(topic.name for topic in topics.load(home.topics))
    prefix = home.environment_of(next(iter(addresses.services))).get("AMTSBUS_TOPIC_PREFIX", "")
    limits = httpx.Limits(max_connections=40)
    with sole_owner(home.folder / "day.lock", "the day: it is being played already; it"):
        async with (
            httpx.AsyncClient(timeout=30, limits=limits) as http,
            Watcher(addresses.kafka, names, prefix) as watcher,
        ):
            issuer = Issuer(addresses.issuer, http)
            await issuer.add_staff(addresses.services)
            number = next_number(home.folder / "days-played") if number is None else number
            yield City(home, addresses, printer, http, issuer, watcher, TownClock(home.clock), number)


async def seed(home: Home, addresses: Addresses, printer: Printer) -> None:
    """Let the demo population move in, unless they live here already.

    Raises:
        JourneyFailedError: one of the departments does not do its part.
    """
    async with (
        city_of(home, addresses, printer, number=0) as city,
        printer.step("the demo population lives here"),
    ):
        await population.seed(city)


async def play_day(home: Home, addresses: Addresses, printer: Printer) -> bool:
    """Play all journeys and print them as they happen.

    Returns:
        Whether the city kept all its promises.
    """
    failed = []
    began = time.monotonic()
    async with city_of(home, addresses, printer) as city:
        printer.markup(f"\n[bold]Day {city.number} in the city[/bold], {city.clock.today():%A %d %B %Y}")
        for number, journey in enumerate(JOURNEYS, 1):
            printer.markup(f"\n[bold]{number}  {journey.title}[/bold]")
            try:
                await journey.play(city)
            except JourneyFailedError as error:
                failed.append(journey.title)
                printer.problem(str(error))
            except Exception as error:  # whatever it is, the town stays up and the day goes on
                failed.append(journey.title)
                place = traceback.extract_tb(error.__traceback__)[-1]
                printer.problem(f"{type(error).__name__}: {error} (in {place.filename}, line {place.lineno})")
    printer.line()
    if failed:
        printer.problem(f"{len(failed)} of {len(JOURNEYS)} journeys went wrong: {'; '.join(failed)}")
    else:
        printer.markup(f"[good]✓[/good] The city kept its promises ({time.monotonic() - began:.0f} s).")
    return not failed
