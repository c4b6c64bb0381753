"""Makes the pictures of the README: ``python -m tests.browser.screenshots``. A town is started for it, and stopped again.

The pictures show the same things each time: the same person, the same dog, the same pages; the date and the number of the case
are those of the day.
"""

import asyncio
import re
import sys

from playwright.async_api import Browser, Page

from tests.browser import desk, dog
from tests.browser.png import with_palette
from tests.browser.town import TREE, RunningTown, running_town
from tests.browser.waiting import reference_of, until_shown
from tests.browser.windows import Window, chromium

PICTURES = TREE / "docs" / "pictures"
ERIKA = "Erika Demo-Mustermann"
MOST_BYTES = 200_000
LOGGED_IN_AT_THE_DESK = "clerk-taxes"


async def shoot(page: Page, name: str) -> None:
    """Keep what is shown as a picture.

    Raises:
        ValueError: it is larger than a picture in a README should be.
    """
    await page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
    picture = with_palette(await page.screenshot(animations="disabled", caret="hide"))
    if len(picture) > MOST_BYTES:
        raise ValueError(f"{name} has {len(picture)} bytes")
    (PICTURES / f"{name}.png").write_bytes(picture)
    sys.stdout.write(f"{name}.png: {len(picture):,} bytes\n")


async def take(browser: Browser, town: RunningTown) -> None:
    """All pictures."""
    citizen = await Window.opened(browser, town)
    await citizen.open("/")
    await shoot(citizen.page, "start")
    await citizen.open("/services/dog-registration")
    await shoot(citizen.page, "service")
    await citizen.follow("Jetzt beantragen")
    await citizen.choose_person(ERIKA)
    await citizen.click("Antrag beginnen")
    await dog.fill_in(citizen, until="Was für ein Hund ist es?")
    await citizen.fill(dog.PAGES["Was für ein Hund ist es?"])
    await shoot(citizen.page, "form")
    await citizen.click("Weiter")
    for heading in list(dog.PAGES)[3:]:
        await citizen.fill(dog.PAGES[heading])
        await citizen.click("Weiter")
    await shoot(citizen.page, "check")
    await citizen.click("Antrag abgeben")
    reference = await reference_of(citizen)
    clerk = await Window.opened(browser, town)
    await desk.come(clerk, "taxes", LOGGED_IN_AT_THE_DESK)
    await clerk.page.get_by_role("link", name=re.compile("^Unser Amt")).click()
    await shoot(clerk.page, "desk")
    await desk.find(clerk, reference)
    await shoot(clerk.page, "case")
    await desk.act(clerk, "grant", {"Begründung": "Herzlich willkommen, Demo-Rex!"})
    granted = dog.GRANTED.format(reference=reference)
    await until_shown(citizen, re.escape(granted))
    await shoot(citizen.page, "mine")
    await citizen.follow(granted)
    await shoot(citizen.page, "letter")


async def main() -> None:
    """Start a town, take the pictures, stop it."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with running_town() as town:
        async with chromium() as browser:
            await take(browser, town)


if __name__ == "__main__":
    asyncio.run(main())
