"""Somebody who has a keyboard and nothing else."""

import re

from playwright.async_api import Page

MOST_TABS = 150
_NAME = """() => {
    const at = document.activeElement;
    if (!at || at === document.body) return "";
    const of = (text) => (text ?? "").replace(/\\s+/g, " ").trim();
    if (at.labels && at.labels.length) {
        const label = at.labels[0].cloneNode(true);
        label.querySelectorAll(".kern-label__optional").forEach((mark) => mark.remove());
        return of(label.textContent);
    }
    return of(at.getAttribute("aria-label") || at.textContent);
}"""


class Keyboard:
    """Reaches what is on a page by pressing the tabulator key, and never by pointing."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def focused_name(self) -> str:
        """What the focused element is called."""
        name: str = await self.page.evaluate(_NAME)
        return name

    async def reach(self, wanted: str | re.Pattern[str]) -> None:
        """Press the tabulator key until the focus is on what is called so, and can be seen there.

        Raises:
            AssertionError: it cannot be reached.
        """
        passed = []
        for _ in range(MOST_TABS):
            name = await self.focused_name()
            if wanted.search(name) if isinstance(wanted, re.Pattern) else name == wanted:
                assert await self._is_marked(), f"{name!r} has the focus, and nobody can see that"
                return
            passed.append(name)
            await self.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {wanted!r}; it passed {passed}")

    async def _is_marked(self) -> bool:
        marked: bool = await self.page.evaluate(
            """() => {
                const at = document.activeElement;
                return [null, "::before", "::after"].some((part) => {
                    const style = getComputedStyle(at, part);
                    const isOutlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
                    return isOutlined || style.boxShadow !== "none";
                });
            }"""
        )
        return marked

    async def type_into(self, label: str, text: str) -> None:
        """Reach a field, and replace what stands in it."""
        await self.reach(label)
        await self.page.keyboard.press("Control+A")
        await self.page.keyboard.type(text)

    async def choose(self, label: str) -> None:
        """Reach a checkbox and tick it, or a group of radio buttons and move to one of them."""
        for _ in range(MOST_TABS):
            kind = await self.page.evaluate("document.activeElement?.type ?? ''")
            if kind in ("radio", "checkbox"):
                break
            await self.page.keyboard.press("Tab")
        await self.page.keyboard.press("Space")
        for _ in range(MOST_TABS):
            if await self.focused_name() == label:
                return
            await self.page.keyboard.press("ArrowDown")
        raise AssertionError(f"the keyboard does not choose {label!r}")

    async def activate(self, wanted: str | re.Pattern[str]) -> None:
        """Reach a link or a button and press it."""
        await self.reach(wanted)
        await self.press_enter()

    async def press_enter(self) -> None:
        """Press what is focused, and wait for where it leads."""
        async with self.page.expect_navigation(wait_until="load"):
            await self.page.keyboard.press("Enter")
