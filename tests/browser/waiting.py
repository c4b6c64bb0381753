"""Waiting for what the bus brings: a page is looked at again until it shows something."""

import asyncio
import re
import time

from tests.browser.windows import Window

SECONDS = 60
PAUSE_SECONDS = 0.3


async def until_shown(window: Window, pattern: str, *, seconds: float = SECONDS) -> str:
    """Reload the page until its main part shows what fits `pattern`; returns that.

    Raises:
        AssertionError: it does not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        text = await window.text()
        found = re.search(pattern, text)
        if found:
            return found[0]
        assert time.monotonic() < deadline, f"not within {seconds} s: {pattern} in {text}"
        await asyncio.sleep(PAUSE_SECONDS)
        await window.page.reload()


async def reference_of(window: Window) -> str:
    """The reference of the application that is shown, once the office has opened its case."""
    return await until_shown(window, r"[A-ZÄÖÜ]{2,12}-20\d\d-\d{6}")
