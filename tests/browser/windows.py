"""A browser as somebody has it before them, which tells of everything that a browser would complain about."""

import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, async_playwright

from tests.browser.town import RunningTown

CHROMIUM = "chromium"
SECONDS = 20
"""How long a browser waits for what must come at once."""
NARROW = {"width": 320, "height": 640}
_STATUS = re.compile(r"Failed to load resource: the server responded with a status of (409|422)")
"""What Chromium says of a page that comes back with mistakes; the page is there all the same."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium.

    Raises:
        RuntimeError: it is not installed.
    """
    found = shutil.which(CHROMIUM)
    if found is None:
        raise RuntimeError("chromium is missing: apt install chromium")
    async with async_playwright() as playwright:
        # Without its sandbox it also runs where somebody is root; it opens our own pages only.
        browser = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Window:
    """One browser with its own cookies, and the page that it shows."""

    town: RunningTown
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    """Errors in the console, and requests that left the origin."""

    @classmethod
    async def opened(
        cls,
        browser: Browser,
        town: RunningTown,
        *,
        narrow: bool = False,
        javascript: bool = True,
        dark: bool = False,
        language: str = "de",
    ) -> "Window":
        """A new one at which nobody has logged in."""
        context = await browser.new_context(
            locale=language,
            java_script_enabled=javascript,
            color_scheme="dark" if dark else "light",
            viewport=NARROW if narrow else {"width": 1100, "height": 800},  # type: ignore[arg-type]
        )
        context.set_default_timeout(SECONDS * 1000)
        window = cls(town, context, await context.new_page())
        context.on("console", window._hear)
        context.on("weberror", lambda error: window.complaints.append(f"error in a script: {error.error}"))
        context.on("request", window._see)
        return window

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _STATUS.match(message.text):
            self.complaints.append(f"{message.type} in the console of {self.page.url}: {message.text}")

    def _see(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("data", "blob"):
            return
        origin = f"{parts.scheme}://{parts.netloc}"
        if request.is_navigation_request():
            allowed = {service.api for service in self.town.addresses.services.values()} | {self.town.addresses.issuer}
        else:
            shown = urlsplit(request.frame.url)
            allowed = {f"{shown.scheme}://{shown.netloc}"}
            if origin == self.town.addresses.issuer and parts.path == "/favicon.ico":
                return
        if origin not in allowed:
            self.complaints.append(f"{request.url} was asked for, from {request.frame.url}")

    # What somebody does

    async def open(self, path: str) -> None:
        """Type an address of the portal."""
        await self.page.goto(f"{self.town.portal}{path}")

    async def open_desk(self, office: str, path: str = "") -> None:
        """Type an address of an office's desk."""
        await self.page.goto(f"{self.town.desk(office)}{path or '/'}")

    async def choose_person(self, name: str) -> None:
        """Log in at the issuer, where the browser has been sent to."""
        await self.page.wait_for_url(f"{self.town.addresses.issuer}/**")
        await self.page.locator("#wanted").fill(name)
        await self.page.locator("form[role=search] button").click()
        await self.page.get_by_role("button", name=re.compile(rf"^{re.escape(name)},")).click()

    async def click(self, name: str, *, role: str = "button") -> None:
        """Press a button of this name."""
        await self.page.get_by_role(role, name=name, exact=True).click()  # type: ignore[arg-type]

    async def follow(self, name: str) -> None:
        """Follow the first link of this name."""
        await self.page.get_by_role("link", name=name, exact=True).first.click()

    async def heading(self) -> str:
        """What the page is called."""
        return (await self.page.locator("h1").inner_text()).strip()

    async def text(self) -> str:
        """What stands in the main part."""
        return await self.page.locator("main").inner_text()

    def field(self, label: str) -> Locator:
        """The field of this label, whether or not an answer is optional."""
        return self.page.locator("main").get_by_label(re.compile(rf"^{re.escape(label)}(\s*\(.*\))?$"))

    async def fill(self, answers: Mapping[str, str | bool]) -> None:
        """Answer the questions of a page by their labels; an option of radio buttons is `True`."""
        for label, answer in answers.items():
            if answer is True:
                await self.field(label).check()
            else:
                await self.field(label).fill(str(answer))

    async def width_needed(self) -> int:
        """How wide the page is, in CSS pixels."""
        width: int = await self.page.evaluate("document.documentElement.scrollWidth")
        return width
