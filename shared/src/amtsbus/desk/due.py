"""Due dates in words, as people at the desk say them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

SOON_DAYS = 7

Kind = Literal["info", "success", "warning", "danger"]
Say = Callable[..., str]
"""`say(key, **values)`: the text of a key in the language of the page."""


@dataclass(frozen=True, slots=True)
class DueInWords:
    """A due date: in words, and how urgent it is."""

    text: str
    kind: Kind


def due_in_words(due_on: date | None, today: date, say: Say, *, closed: bool = False) -> DueInWords:
    """`heute`, `morgen`, `in 5 Tagen`, `überfällig seit 3 Tagen`; without a due date that nothing is due."""
    if closed:
        return DueInWords(say("desk.due.closed"), "info")
    if due_on is None:
        return DueInWords(say("desk.due.nothing"), "info")
    days = (due_on - today).days
    if days < 0:
        return DueInWords(say("desk.due.overdue", count=-days), "danger")
    if days == 0:
        return DueInWords(say("desk.due.today"), "warning")
    if days == 1:
        return DueInWords(say("desk.due.tomorrow"), "warning")
    return DueInWords(say("desk.due.in_days", count=days), "warning" if days <= SOON_DAYS else "info")
