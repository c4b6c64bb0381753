"""Who may come to a page: the rule that every page states."""

from dataclasses import dataclass
from typing import Final, Literal

import structlog
from fastapi import Depends
from fastapi.params import Depends as Dependency

from amtsbus.auth import STAFF_ROLES, Caller, Role
from amtsbus.errors import ForbiddenError
from amtsbus.telemetry import LOGIN_REFUSALS
from amtsbus.web.declaration import LEVELS, Identification, is_at_least
from amtsbus.web.errors import LoginNeededError
from amtsbus.web.sessions import Session

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Guard:
    """Who may come to a page. Made by `visitors`, `people`, `staff` or `machines`."""

    whom: Literal["visitors", "people", "staff", "machines"]
    identification: Identification = "none"
    roles: frozenset[Role] = frozenset()

    async def __call__(self) -> None:
        """A dependency of FastAPI's in form only: a page asks `check` before it does anything else."""

    def check(self, session: Session | None, caller: Caller | None) -> None:
        """Let them pass, or raise.

        Raises:
            LoginNeededError: nobody is logged in, or not surely enough.
            ForbiddenError: somebody is, and has none of the roles here.
        """
        if self.whom in ("visitors", "machines"):
            return
        if session is None or caller is None:
            raise LoginNeededError(self.identification)
        if self.roles.isdisjoint(caller.roles):
            LOGIN_REFUSALS.labels("403").inc()
            log.info("role-refused", subject=caller.subject, needed=sorted(self.roles))
            raise ForbiddenError(f"Only for {' or '.join(sorted(self.roles))}.")
        if not is_at_least(session.identification, self.identification):
            raise LoginNeededError(self.identification)


def visitors() -> Dependency:
    """Anybody, logged in or not."""
    return _depends(Guard("visitors"))


def people(*, identification: Identification = "none") -> Dependency:
    """A citizen who is logged in, with at least this level of `identification`; others are sent to log in."""
    if identification not in LEVELS:
        raise ValueError(f"identification is one of {', '.join(LEVELS)}, not {identification!r}")
    return _depends(Guard("people", identification, frozenset({Role.CITIZEN})))


def staff(*roles: Role) -> Dependency:
    """Somebody who works for this department in one of these roles."""
    if not roles or not STAFF_ROLES.issuperset(roles):
        raise ValueError("staff(...) takes roles of staff, at least one")
    return _depends(Guard("staff", roles=frozenset(roles)))


def machines() -> Dependency:
    """A program that proves itself by what it sends (a payment provider's notice, say): no session, no form."""
    return _depends(Guard("machines"))


def _depends(guard: Guard) -> Dependency:
    rule: Dependency = Depends(guard)
    return rule


UNSTATED: Final = "say who may come, once: dependencies=[visitors()], [people(...)], [staff(...)] or [machines()]"
