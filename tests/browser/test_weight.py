"""Pages are light: what a browser loads the first time, and what it loads for each page after that."""

import pytest
from playwright.async_api import CDPSession

from tests.browser.windows import Window

FIRST_BYTES = 150_000
LATER_BYTES = 20_000
PATHS = ("/services/dog-registration", "/search?q=Hund", "/services", "/offices", "/mine")


class Scales:
    """Counts the bytes that come over the network: heads and compressed bodies."""

    def __init__(self, session: CDPSession) -> None:
        self.session = session
        self.bytes = 0

    @classmethod
    async def under(cls, window: Window) -> "Scales":
        made = cls(await window.context.new_cdp_session(window.page))
        made.session.on("Network.loadingFinished", made._add)
        await made.session.send("Network.enable")
        return made

    def _add(self, finished: dict[str, float]) -> None:
        self.bytes += int(finished["encodedDataLength"])

    async def weigh(self, window: Window, path: str) -> int:
        """What opening a page loads."""
        self.bytes = 0
        await window.page.goto(f"{window.town.portal}{path}", wait_until="networkidle")
        return self.bytes


async def test_the_first_page_is_light_and_every_later_one_lighter(window):
    citizen = await window()
    scales = await Scales.under(citizen)
    first = await scales.weigh(citizen, "/")
    assert 10_000 < first <= FIRST_BYTES, "nothing was measured, or too much was loaded"
    later = {path: await scales.weigh(citizen, path) for path in PATHS}
    assert {path: size for path, size in later.items() if not 500 < size <= LATER_BYTES} == {}


@pytest.mark.parametrize("path", PATHS)
async def test_wherever_somebody_comes_first_it_is_light(window, path):
    citizen = await window()
    scales = await Scales.under(citizen)
    assert await scales.weigh(citizen, path) <= FIRST_BYTES
