"""Who looks at a page of the desk, and what the process remembers between two requests."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from amtsbus.auth import Caller, Role
from amtsbus.desk import staff
from amtsbus.desk.department import Viewer
from amtsbus.desk.live import Feed
from amtsbus.postgres import Database, Tx
from amtsbus.web import PageVisit
from amtsbus.web.errors import LoginNeededError

WORKERS: Final = (Role.CLERK, Role.LEAD)
READERS: Final = (Role.CLERK, Role.LEAD, Role.AUDITOR)
EVERYBODY: Final = (Role.CLERK, Role.LEAD, Role.AUDITOR, Role.OPERATOR)
MET_AGAIN: Final = timedelta(days=1)
"""Somebody who comes is noted once a day, and when name or roles have changed."""


@dataclass
class DeskState:
    """What one process knows of its desk."""

    feed: Feed
    status: tuple[float, Any] | None = None
    """The last look at the service's state, and when it was, by the loop's clock."""
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)


def state_of(visit: PageVisit) -> DeskState:
    """What this process knows of the desk."""
    state = visit.site.state
    known: DeskState | None = getattr(state, "desk", None)
    if known is None:
        known = state.desk = DeskState(Feed(visit.database))
    return known


def caller_of(visit: PageVisit) -> Caller:
    """Who is logged in, which the page's guard has seen to."""
    if visit.caller is None:
        raise LoginNeededError
    return visit.caller


async def viewer_of(visit: PageVisit, tx: Tx) -> Viewer:
    """Who looks; that they have come is noted, so that others can give them cases by name."""
    caller = caller_of(visit)
    everybody = await staff.caseworkers(tx)
    known = next((one for one in everybody if one.subject == caller.subject), None)
    name = (visit.session.name if visit.session else None) or caller.subject
    roles = tuple(sorted(role.value for role in caller.roles if role is not Role.CITIZEN))
    if known is None or (known.name, known.roles) != (name, roles) or visit.now - known.seen_at > MET_AGAIN:
        everybody = await _meet(visit.database, caller.subject, name, roles)
    return Viewer(
        caller.actor(),
        visit.language,
        visit.t,
        visit.now,
        visit.today,
        tuple(everybody),
        caller.person_id,
        visit.settings,
    )


async def _meet(database: Database, subject: str, name: str, roles: tuple[str, ...]) -> list[staff.Caseworker]:
    # In a transaction of its own: most pages only read.
    async with database.transaction() as own:
        await staff.meet(own, subject, name, roles)
        return await staff.caseworkers(own)


def say_if_known(visit: PageVisit, key: str, values: Mapping[str, Any], otherwise: str) -> str:
    """The text of a key, or `otherwise` where there is none."""
    known = visit.site.catalogue.texts
    if any(key in known[language] for language in (visit.language, "de")):
        return visit.t(key, **values)
    return otherwise
