"""Every procedure of the city is applied for page by page by somebody invented, opened by its office, and decided there."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
import pytest_asyncio
from amtsbus.procedures.checking import read_office
from amtsbus.procedures.declaration import ProcedureFile

from tests.browser.town import DECLARED, RunningTown
from tests.browser.walking import CityBrowser

AT_ONCE = 4
SEED = 7
REASON = "Alles ist geprüft."
DECIDED = r"Es ist nichts mehr zu tun|Bezahlen Sie die Gebühr"
PROCEDURES = {
    f"{file.parent.name}/{key}": declared
    for file in sorted(DECLARED.glob("*/office.yaml"))
    for key, declared in read_office(file.parent).procedures.items()
}

Outcome = Callable[[str], Awaitable[None]]


async def _go_all_the_way(town: RunningTown, name: str, declared: ProcedureFile) -> None:
    """From the first page of the form to the letter about its decision."""
    office = name.partition("/")[0]
    anonymous = declared.identification.level == 0
    person = None if anonymous else f"Demo-Antrag {declared.key}"
    if person:
        await town.add_citizen(person, email=f"{declared.key}@example.org")
    async with CityBrowser(town, person) as citizen:
        application = await citizen.apply(declared, seed=SEED)
        reference = await citizen.reference(application)
        assert reference.startswith(f"{declared.reference_prefix}-")
        await _decide(town, office, application)
        page = await citizen.until(f"/mine/{application}", DECIDED)
        letters = {str(link["href"]) for link in page.main.select('a[href^="/letters/"]')}
        assert len(letters) >= 2, f"the receipt and the decision: {page}"
        for letter in letters:
            answer = await citizen.open(f"{letter}/pdf")
            assert answer.response.content.startswith(b"%PDF-"), answer


async def _decide(town: RunningTown, office: str, case_id: str) -> None:
    async with CityBrowser(town, f"clerk-{office}", office=office) as clerk:
        page = await clerk.open(f"/cases/{case_id}")
        assert page.status == httpx.codes.OK, page
        assert page.path.endswith(f"/cases/{case_id}"), page
        assert "Unterlagen angefordert" not in page.text, f"the office misses something that the portal did not: {page}"
        if clerk.form_of(page, "grant") is not None:
            await clerk.act(case_id, "grant", reasons=REASON)
        elif clerk.form_of(page, "propose-grant") is not None:
            await clerk.act(case_id, "propose-grant", reasons=REASON)
            async with CityBrowser(town, f"lead-{office}", office=office) as lead:
                await lead.act(case_id, "confirm-grant")
        page = await clerk.open(f"/cases/{case_id}")
        assert "nichts mehr" in page.text, f"not decided: {page}"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def outcome(town: RunningTown) -> Outcome:
    """What became of a procedure; all of them go their way at once, a few at a time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        async with places:
            await _go_all_the_way(town, name, PROCEDURES[name])

    outcomes = {name: asyncio.create_task(one(name)) for name in PROCEDURES}

    async def of(name: str) -> None:
        await outcomes[name]

    return of


def test_there_are_a_hundred_procedures_of_at_least_ten_offices():
    assert len(PROCEDURES) >= 100
    assert len({name.partition("/")[0] for name in PROCEDURES}) >= 10


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", PROCEDURES)
async def test_a_form_is_filled_in_to_the_end_and_decided(outcome, name):
    await outcome(name)
