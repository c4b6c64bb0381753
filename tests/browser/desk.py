"""What a caseworker does at a desk."""

import re
from collections.abc import Mapping

from playwright.async_api import Locator, expect

from tests.browser.windows import Window


async def come(window: Window, office: str, name: str) -> None:
    """Come to the desk of an office and log in."""
    await window.open_desk(office)
    await window.choose_person(name)
    await expect(window.page.locator("h1")).to_be_visible()


async def find(window: Window, reference: str) -> None:
    """Search for a case and open it."""
    await window.page.locator("#words").fill(reference)
    await window.click("Suchen")
    await window.follow(reference)
    await expect(window.page.locator("h1")).to_contain_text(reference)


def action(window: Window, key: str) -> Locator:
    """What can be done, with its form."""
    form = window.page.locator(f'form[action*="/actions/{key}#"], form[action$="/actions/{key}"]')
    return window.page.locator("section[aria-labelledby=actions] > *").filter(has=form)


async def unfold(window: Window, key: str) -> Locator:
    """Open the form of what can be done, where it is folded."""
    form = action(window, key)
    if await form.get_attribute("open") is None:
        await form.locator("summary").click()
    return form


async def act(window: Window, key: str, answers: Mapping[str, str] | None = None) -> None:
    """Do something with the case that is shown."""
    form = await unfold(window, key) if await action(window, key).locator("summary").count() else action(window, key)
    for label, answer in (answers or {}).items():
        await form.get_by_label(re.compile(rf"^{re.escape(label)}(\s*\(.*\))?$")).fill(answer)
    await form.get_by_role("button").last.click()


async def offered(window: Window) -> set[str]:
    """The names of everything that can be done with the case."""
    section = window.page.locator("section[aria-labelledby=actions]")
    return {text.strip() for text in await section.locator("summary, > div button").all_inner_texts()}
