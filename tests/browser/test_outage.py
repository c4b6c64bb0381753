"""The offices are down while somebody applies: the application is handed in, and received when they are back."""

import time
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from amtsbus.testing.servers import recorded_process

from tests.browser import dog
from tests.browser.town import RunningTown
from tests.browser.waiting import reference_of

OFFICES = "offices"
CITIZEN = f"Demo-Otto Geduld-{uuid4().hex[:6]}"


def _until(promise: str, is_so: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {promise}"
        time.sleep(0.2)


@pytest.fixture
def offices_are_down(town: RunningTown) -> Iterator[None]:
    """All offices, which share a process here, are stopped; after the test they serve again."""
    asked = town.home.paused / OFFICES
    record = town.home.processes / f"{OFFICES}.json"
    asked.touch()
    _until("the offices have stopped", lambda: recorded_process(record) is None)
    try:
        yield
    finally:
        asked.unlink(missing_ok=True)
        _until("the offices serve again", lambda: _serves(town), 120)


def _serves(town: RunningTown) -> bool:
    try:
        return all(
            httpx.get(f"{town.addresses.services[office].api}/readyz", timeout=5).status_code == httpx.codes.OK
            for office in town.offices()
        )
    except httpx.HTTPError:
        return False


async def test_what_is_handed_in_while_the_offices_are_down_is_received_with_a_reference_when_they_are_back(
    window, town, offices_are_down
):
    citizen = await window()
    await dog.apply(citizen, CITIZEN)
    await citizen.page.reload()
    assert "Ihr Antrag ist abgegeben" in await citizen.text()
    assert "kommt mit der Annahme durch das Amt" in await citizen.text()
    (town.home.paused / OFFICES).unlink()
    assert (await reference_of(citizen)).startswith("HUND-")
    assert "Das Amt hat den Antrag angenommen" in await citizen.text()
