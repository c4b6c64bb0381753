"""What the town says while it works: readable at a terminal, and just as readable in a file."""

import asyncio
import io
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console
from rich.markup import escape
from rich.theme import Theme

_THEME = Theme(
    {"good": "green", "bad": "bold red", "quiet": "bright_black", "who": "cyan", "event": "magenta", "mail": "yellow"}
)


def console() -> Console:
    """The standard output; lines are wrapped at a terminal only, and what it cannot show becomes a question mark."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace", line_buffering=True)
    made = Console(theme=_THEME, highlight=False, soft_wrap=True)
    return (
        made if made.is_terminal else Console(theme=_THEME, highlight=False, soft_wrap=True, width=200, no_color=True)
    )


class Printer:
    """Prints lines, and steps with their duration."""

    def __init__(self, to: Console | None = None) -> None:
        self.console = to or console()
        self._under_way: dict[str, float] = {}
        self._reporting: asyncio.Task[None] | None = None

    def line(self, text: str = "", style: str | None = None) -> None:
        """One line; `text` is plain text."""
        self.console.print(escape(text), style=style)

    def markup(self, text: str) -> None:
        """One line with rich's markup."""
        self.console.print(text)

    def problem(self, text: str) -> None:
        """Something that somebody should look at."""
        self.console.print(f"[bad]![/bad] {escape(text)}")

    @asynccontextmanager
    async def step(self, what: str) -> AsyncIterator[None]:
        """A step of the work. Those under way are named together after a second, then every five; each says at last how
        long it took.
        """
        self._under_way[what] = began = time.monotonic()
        if self._reporting is None or self._reporting.done():
            self._reporting = asyncio.create_task(self._report(), name="report steps")
        try:
            yield
        finally:
            del self._under_way[what]
        self.console.print(f"[good]✓[/good] {escape(what)} [quiet]{time.monotonic() - began:.1f} s[/quiet]")

    async def _report(self) -> None:
        await asyncio.sleep(1)
        while self._under_way:
            longest = time.monotonic() - min(self._under_way.values())
            if longest >= 1:
                self.console.print(f"[quiet]… {escape(', '.join(self._under_way))} ({longest:.0f} s)[/quiet]")
            await asyncio.sleep(5 if longest >= 1 else 1)
