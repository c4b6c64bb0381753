"""The desk of an office with a million cases: how long its server needs for each kind of list, and for a case."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
from amtsbus.auth import Role
from amtsbus.procedures.checking import read_office
from amtsbus.procedures.publishing import publish_procedures
from amtsbus.service import load_service
from amtsbus.testing.fixtures import with_database
from amtsbus.testing.servers import EmbeddedPostgres
from offices.published import CATALOGUE

from tests.bench.filled import fill_office
from tests.bench.growth import FILLING, MEASURING
from tests.bench.measurement import Measurement, Servers, note
from tests.bench.pages import Asked, Visitor, measured, visitor_of

OFFICE = "taxes"
DECLARED = Path("deploy/procedures") / OFFICE
CLERK = "clerk-7"
GOAL_MS = 50.0

LISTS = {
    "my cases": "/?scope=mine",
    "my team's": "/?scope=team",
    "all": "/?scope=all",
    "for a second person": "/?scope=second",
    "of a state": "/?scope=all&state=granted",
    "of a procedure": "/?scope=all&procedure=dog-registration",
    "overdue": "/?scope=all&due=overdue",
    "of a colleague": "/?scope=all&assignee=clerk-12",
    "of nobody": "/?scope=team&assignee=nobody",
}


async def measure(servers: Servers, *, quick: bool) -> list[Measurement]:
    """Fill, restart, and open each list."""
    server = EmbeddedPostgres(servers.folder / "desk", settings=FILLING)
    await asyncio.to_thread(server.start)
    url = with_database(server.url(), OFFICE)
    try:
        admin = await asyncpg.connect(server.url())
        await admin.execute(f"CREATE DATABASE {OFFICE}")
        await admin.close()
        await _fill(servers, url, 5_000 if quick else 1_000_000)
    finally:
        await asyncio.to_thread(server.stop)
    server = EmbeddedPostgres(servers.folder / "desk", settings=MEASURING)
    await asyncio.to_thread(server.start)
    try:
        async with AsyncExitStack() as stack:
            url = with_database(server.url(), OFFICE)  # on another port now
            visitor, _ = await visitor_of(stack, load_service(OFFICE), url, servers.folder)
            return await _measure(visitor, quick=quick)
    finally:
        await asyncio.to_thread(server.stop)


async def _fill(servers: Servers, url: str, cases: int) -> None:
    async with AsyncExitStack() as stack:
        _, database = await visitor_of(stack, load_service(OFFICE), url, servers.folder)
        read = read_office(DECLARED)
        async with database.transaction() as tx:
            await publish_procedures(read, CATALOGUE, tx)
        await database.pool.execute(
            "INSERT INTO amtsbus.caseworkers (subject, name, roles, seen_at) "
            "SELECT 'clerk-' || n, 'Demo-Kraft ' || n, '{clerk}', now() FROM generate_series(0, 39) AS n"
        )
        await fill_office(url, sorted(read.procedures), cases)
    note(f"filled with {cases:,} cases")


async def _measure(visitor: Visitor, *, quick: bool) -> list[Measurement]:
    browser = visitor.browser
    await browser.log_in(Role.CLERK, sub=CLERK, name="Demo-Kraft 7")
    lists = [await visitor.page(name, path) for name, path in LISTS.items()]
    page = await browser.open(LISTS["all"])
    [reference, *_] = [text for text in page.links if text.startswith("FALL-")]
    lists.append(await _next_page(visitor))
    for name, words in {"search by reference": reference, "search by name": "Ba Ri"}.items():
        await browser.open("/")
        await browser.submit({"words": words})
        lists.append(visitor.last(name, "GET"))
    await browser.open(LISTS["all"])
    await browser.follow(reference)
    case = visitor.last("a case", "GET")
    rounds = 6 if quick else 100
    return [
        await measured("work list", visitor, lists, goal=GOAL_MS, rounds=rounds),
        await measured("page of a case", visitor, [case], goal=GOAL_MS, rounds=rounds),
    ]


async def _next_page(visitor: Visitor) -> Asked:
    link = visitor.browser.shown.soup.select_one("a[rel=next]")
    assert link is not None, visitor.browser.shown
    return await visitor.page("next page of all", str(link["href"]).removeprefix(visitor.browser.base))
