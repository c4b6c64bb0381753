"""A department adds a service by adding one file: it is in the portal within five seconds, without anybody starting anything."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest_asyncio

from tests.browser import desk
from tests.browser.town import RunningTown
from tests.browser.waiting import reference_of, until_shown

CARPET = Path(__file__).parent / "procedures" / "demo-carpet.yaml"
OFFICE = "taxes"
KEY = CARPET.stem
NAME = "Demo-Teppich zum Fliegen anmelden"
CITIZEN = f"Demo-Carla Teppich-{uuid4().hex[:6]}"
PROMISED_SECONDS = 5


async def _status_becomes(address: str, wanted: int, seconds: float) -> float:
    """How long it takes until an address answers with a status, in seconds."""
    began = time.monotonic()
    async with httpx.AsyncClient(timeout=30) as http:
        while (status := (await http.get(address)).status_code) != wanted:
            assert time.monotonic() - began < seconds, f"{address} answers {status}"
            await asyncio.sleep(0.1)
    return time.monotonic() - began


@pytest_asyncio.fixture(loop_scope="session")
async def dropped_within(town: RunningTown) -> AsyncIterator[float]:
    """How long it took until a file that was dropped in was in the portal, in seconds."""
    page = f"{town.portal}/services/{KEY}"
    dropped = town.procedures / OFFICE / CARPET.name
    await _status_becomes(page, httpx.codes.NOT_FOUND, 30)
    shutil.copy(CARPET, dropped)
    try:
        yield await _status_becomes(page, httpx.codes.OK, 60)
    finally:
        dropped.unlink()
    await _status_becomes(page, httpx.codes.NOT_FOUND, 60)


async def test_a_file_that_is_dropped_in_is_a_service_within_five_seconds_and_goes_through_to_the_letter(
    window, town, dropped_within
):
    assert dropped_within <= PROMISED_SECONDS
    await town.add_citizen(CITIZEN)
    citizen = await window()
    await citizen.open("/search?q=Teppich")
    await citizen.follow(NAME)
    await citizen.follow("Jetzt beantragen")
    await citizen.choose_person(CITIZEN)
    await citizen.click("Antrag beginnen")
    await citizen.fill({"Muster": "Demo-Rauten", "Sitzplätze": "2"})
    await citizen.click("Weiter")
    await citizen.click("Antrag abgeben")
    reference = await reference_of(citizen)
    clerk = await window()
    await desk.come(clerk, OFFICE, f"clerk-{OFFICE}")
    await desk.find(clerk, reference)
    await desk.act(clerk, "grant", {"Begründung": "Er ist geprüft."})
    await until_shown(citizen, f"Ihr Teppich darf fliegen: {reference}")
    await citizen.follow(f"Ihr Teppich darf fliegen: {reference}")
    assert "Demo-Rauten darf fliegen. Er ist geprüft." in await citizen.text()
