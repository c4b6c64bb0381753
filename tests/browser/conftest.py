"""One town and one browser for all of these tests; for each test windows of its own."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.town import RunningTown, running_town
from tests.browser.windows import Window, chromium

HERE = Path(__file__).parent
SECONDS = 300

Opens = Callable[..., Awaitable[Window]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them need the town, and share one event loop with their browser."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if inspect.iscoroutinefunction(getattr(item, "function", None)):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="session")
def town() -> Iterator[RunningTown]:
    """A town that serves."""
    with running_town() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser."""
    async with chromium() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def window(town: RunningTown, browser: Browser) -> AsyncIterator[Opens]:
    """Opens windows; after the test none of them may have complained of anything."""
    opened: list[Window] = []

    async def open_one(**options: object) -> Window:
        opened.append(await Window.opened(browser, town, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for one in opened:
        await one.context.close()
    assert [complaint for one in opened for complaint in one.complaints] == []
