"""Two hundred citizens at once, some of them impatient: each has one application and one case, and nobody saw an error."""

import asyncio

import asyncpg
import pytest

from tests.browser.town import RunningTown
from tests.browser.walking import CityBrowser

CITIZENS = 200
KEY = "dog-registration"
IMPATIENT = 10
"""Every tenth presses the last button three times at once."""


async def _apply(town: RunningTown, number: int) -> tuple[str, str]:
    """The application's id, and the reference that the office gave it."""
    declared = town.offices()["taxes"].procedures[KEY]
    async with CityBrowser(town, _name(number)) as citizen:
        application = await citizen.apply(declared, seed=number, times=3 if number % IMPATIENT == 0 else 1)
        return application, await citizen.reference(application)


def _name(number: int) -> str:
    return f"Demo-Bürgerin Nummer-{number:03d}"


@pytest.mark.timeout(600)
async def test_two_hundred_citizens_apply_at_once_without_an_error_and_without_a_duplicate(town):
    for number in range(CITIZENS):
        await town.add_citizen(_name(number))
    before = await _count(town)
    ledger = dict(await asyncio.gather(*(_apply(town, number) for number in range(CITIZENS))))
    assert len(ledger) == CITIZENS
    assert len(set(ledger.values())) == CITIZENS
    assert await _cases(town, list(ledger)) == ledger
    assert await _count(town) == before + CITIZENS


async def _cases(town: RunningTown, applications: list[str]) -> dict[str, str]:
    """The references of the office's cases of these applications."""
    connection = await asyncpg.connect(town.addresses.services["taxes"].database)
    try:
        rows = await connection.fetch(
            "SELECT case_id, reference FROM amtsbus.cases WHERE case_id = ANY($1::uuid[])", applications
        )
    finally:
        await connection.close()
    return {str(row["case_id"]): row["reference"] for row in rows}


async def _count(town: RunningTown) -> int:
    """How many applications the portal has of these citizens."""
    connection = await asyncpg.connect(town.addresses.services["portal"].database)
    try:
        name = "Demo-Bürgerin Nummer-%"
        count: int = await connection.fetchval("SELECT count(*) FROM applications WHERE applicant_name LIKE $1", name)
    finally:
        await connection.close()
    return count
