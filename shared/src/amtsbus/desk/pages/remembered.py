"""What a page asks for that must not stand in an address: kept in the session, and named in the address by a key."""

import secrets
from typing import Any, Final

from amtsbus.web import PageVisit

MOST: Final = 10
"""Of each kind; the oldest goes first."""


def remember(visit: PageVisit, kind: str, asked: Any) -> str:
    """Keep `asked` (a JSON value); each tab has its own. Returns the key for the address."""
    key = secrets.token_urlsafe(6)
    visit.remember(f"desk.{kind}", [*visit.recall(f"desk.{kind}", [])[-(MOST - 1) :], [key, asked]])
    return key


def remembered(visit: PageVisit, kind: str, key: str) -> Any:
    """What was kept under `key`; None where nothing was, or is not any more."""
    return next((asked for known, asked in visit.recall(f"desk.{kind}", []) if known == key), None)
