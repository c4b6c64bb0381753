"""The portal's pages with all services of the city and 100,000 applications: how long its server needs for each."""

import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from amtsbus.postgres import Database
from amtsbus.procedures.checking import read_office
from amtsbus.service import load_service
from amtsbus.testing.browsing import Value
from portal.use_cases.offer_procedure import OfferProcedure, offer_procedure
from portal.use_cases.record_opening import RecordOpening, record_opening

from tests.bench.measurement import Measurement, Servers, databases
from tests.bench.pages import Asked, Visitor, measured, visitor_of

DECLARED = Path("deploy/procedures")
ERIKA = UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0d001")
GOAL_MS = 30.0

OTHERS = """
WITH made AS (
    INSERT INTO applications (application_id, office, procedure, version, person_id, identification, language, answers,
                              handed_in_at, reference, state, opened_at)
    SELECT uuidv7(-age), 'taxes', 'dog-registration', 1, uuidv7(-age), 'basic', 'de', '{"dog_name": "Demo-Rex"}', now() - age,
           'HUND-2026-' || lpad(n::text, 6, '0'), 'received', now() - age
    FROM (SELECT n, interval '2 years' * n / $1 AS age FROM generate_series(1, $1::int) AS n) AS others
    RETURNING application_id, handed_in_at
)
INSERT INTO happenings (application_id, at, what) SELECT application_id, handed_in_at, 'handed-in' FROM made
"""

PAGES: dict[str, dict[str, Value]] = {
    "keeper": {
        "keeper_name": "Erika Demo-Mustermann",
        "keeper_born_on": "12.8.1964",
        "keeper_address.street": "Hauptstraße",
        "keeper_address.house_number": "12",
        "keeper_address.postal_code": "51373",
        "keeper_address.locality": "Leverkusen",
    },
    "contact": {"email": ""},
    "dog": {"dog_name": "Demo-Rex", "breed": "Dackel", "kind": "small", "dog_born_on": "1.5.2020"},
    "since": {"kept_since": "1.11.2026", "other_dogs": "0"},
    "relief": {"relief": "none"},
    "payment": {"direct_debit": "no"},
    "statement": {"truth": True},
}
"""The registration of a dog: each page with what is entered."""


async def measure(servers: Servers, *, quick: bool) -> list[Measurement]:
    """Fill, log in, and ask for every kind of page."""
    async with AsyncExitStack() as stack:
        [url] = await stack.enter_async_context(databases(servers, "portal"))
        visitor, database = await visitor_of(stack, load_service("portal"), url, servers.folder, city="Demo-Stadt")
        await _offer(database)
        await database.pool.execute(OTHERS, 1_000 if quick else 100_000)
        pages = [
            *[await visitor.page(name, path) for name, path in FOUND.items()],
            *await _applying(visitor, database),
        ]
        return [await measured("portal page", visitor, pages, goal=GOAL_MS, rounds=6 if quick else 100)]


FOUND = {
    "start": "/",
    "search": "/search?q=Hund+anmelden",
    "search with a mistake": "/search?q=Perosnalausweis",
    "service": "/services/dog-registration",
    "A to Z": "/services",
    "offices": "/offices",
    "office": "/offices/citizens",
    "life event": "/life-events/moving",
}


async def _offer(database: Database) -> None:
    now = datetime.now(UTC)
    for folder in sorted(path.parent for path in DECLARED.glob("*/office.yaml")):
        office = read_office(folder)
        theirs = json.loads(office.declaration.model_dump_json(exclude_none=True))
        for key, declared in office.procedures.items():
            declaration = json.loads(declared.model_dump_json(by_alias=True, exclude_none=True))
            command = OfferProcedure(office.declaration.key, key, 1, declaration, theirs, now)
            async with database.transaction() as tx:
                await offer_procedure(command, tx)


async def _applying(visitor: Visitor, database: Database) -> list[Asked]:
    """What somebody who has logged in asks for: their applications, a page of a form, its answers, the check."""
    browser = visitor.browser
    await browser.log_in(person_id=ERIKA, name="Erika Demo-Mustermann")
    await _fill_in(visitor)
    page = await browser.submit(button="Antrag abgeben")
    application_id = UUID(page.path.removeprefix("/mine/"))
    async with database.transaction() as tx:
        opening = RecordOpening(application_id, "HUND-2026-999999", "received", None, datetime.now(UTC))
        await record_opening(opening, tx)
    of_draft = await _fill_in(visitor)  # another one, which stays open
    return [
        *of_draft,
        await visitor.page("my applications", "/mine"),
        await visitor.page("one application", f"/mine/{application_id}"),
    ]


async def _fill_in(visitor: Visitor) -> list[Asked]:
    """Begin an application and answer all of its pages; returns what was asked for on the way."""
    await visitor.browser.open("/apply/dog-registration")
    page = await visitor.browser.submit(button="Antrag beginnen")
    asked = []
    for key, entered in PAGES.items():
        assert page.path.endswith(f"/{key}"), page
        if key == "dog":
            asked.append(visitor.last("page of a form", "GET"))
        page = await visitor.browser.submit(entered, button="Weiter")
        if key == "dog":
            asked.append(visitor.last("answers of a page", "POST"))
    return [*asked, visitor.last("check your answers", "GET")]
