"""Who calls, and who may: callers, roles, and the rule that every route states. Tokens are `amtsbus.tokens`."""

from dataclasses import dataclass, replace
from typing import Annotated, Final, Protocol
from uuid import UUID

import structlog
from fastapi import Depends
from fastapi.params import Depends as Dependency
from starlette.requests import Request

from amtsbus.casework.roles import Actor, Role
from amtsbus.errors import ForbiddenError, TransientError
from amtsbus.telemetry import LOGIN_REFUSALS

__all__ = [
    "PUBLIC",
    "Caller",
    "CurrentCaller",
    "IdentityProviderAwayError",
    "LoginRequiredError",
    "Role",
    "Rule",
    "Verifier",
    "allow",
]

log = structlog.get_logger(__name__)

STAFF_ROLES: Final = frozenset({Role.CLERK, Role.LEAD, Role.AUDITOR, Role.OPERATOR})
"""Roles that hold in one department only: the token must also carry `department` with the service's name."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent this request, as far as this service is concerned.

    `roles` holds only what counts *here*: staff roles of another department are not in it, nor `citizen` without a
    `person_id`. So a clerk of the school office who calls the building authority is nothing but a citizen there.
    """

    subject: str
    roles: frozenset[Role]
    department: str | None = None
    person_id: UUID | None = None
    name: str | None = None

    @property
    def is_staff(self) -> bool:
        """Whether they work for this department."""
        return not STAFF_ROLES.isdisjoint(self.roles)

    def at(self, department: str) -> "Caller":
        """The same person as the service `department` sees them: with the roles that count there."""
        dropped = (frozenset() if self.department == department else STAFF_ROLES) | (
            frozenset({Role.CITIZEN}) if self.person_id is None else frozenset()
        )
        return self if dropped.isdisjoint(self.roles) else replace(self, roles=self.roles - dropped)

    def actor(self) -> Actor:
        """The same person as the casework kernel sees them."""
        return Actor(self.subject, self.roles)


class LoginRequiredError(Exception):
    """No valid token: 401. The message goes to the caller and says what is wrong with the token, without its content."""

    def __init__(self, message: str, *, presented: bool = True) -> None:
        super().__init__(message)
        self.presented = presented
        """Whether there was a token at all (RFC 6750 § 3.1: no error code if there was none)."""


class IdentityProviderAwayError(TransientError):
    """The issuer's keys cannot be had, so nobody can be recognised: 503."""


class Verifier(Protocol):
    """Turns a bearer token into the caller."""

    async def caller(self, token: str) -> Caller:
        """Who the token says the caller is; what counts in one service is `Caller.at`.

        Raises:
            LoginRequiredError: the token does not hold.
            IdentityProviderAwayError: it cannot be checked now.
        """
        ...


class _Public:
    """Everyone, without a token; see `PUBLIC`."""


PUBLIC: Final = _Public()
"""`allow(PUBLIC)`: the route is open to everyone, and says so."""

_CALLER: Final = "amtsbus.caller"


@dataclass(frozen=True)
class Rule:
    """Who may call a route. Made by `allow`."""

    roles: frozenset[Role]

    @property
    def is_public(self) -> bool:
        return not self.roles

    async def __call__(self, request: Request) -> None:
        """Let the caller pass or raise; `CurrentCaller` is known from then on.

        Raises:
            LoginRequiredError: there is no valid token.
            ForbiddenError: the caller has none of the roles here.
        """
        if self.is_public or _CALLER in request.scope:
            return
        state = request.app.state
        try:
            caller = (await state.verifier.caller(_bearer_token(request))).at(state.service_name)
        except LoginRequiredError as error:
            LOGIN_REFUSALS.labels("401").inc()
            log.info("login-refused", reason=str(error))
            raise
        if self.roles.isdisjoint(caller.roles):
            LOGIN_REFUSALS.labels("403").inc()
            log.info("role-refused", subject=caller.subject, needed=sorted(self.roles))
            raise ForbiddenError(f"Only for {self.describe()}.")
        request.scope[_CALLER] = caller

    def describe(self) -> str:
        """For people and for the API's documentation."""
        if self.is_public:
            return "everyone"
        names = [
            f"{role.value} of this department" if role in STAFF_ROLES else role.value for role in sorted(self.roles)
        ]
        return " or ".join(names)


def allow(*who: Role | _Public) -> Dependency:
    """The rule of a route: `dependencies=[allow(Role.CLERK, Role.LEAD)]`.

    Staff roles count in their own department only, `citizen` needs the claim `person_id`. What a citizen may see is the
    use case's business: somebody else's case is `NotFoundError`.
    """
    roles = frozenset(role for role in who if isinstance(role, Role))
    is_public = any(isinstance(role, _Public) for role in who)
    if bool(roles) == is_public:
        raise ValueError("allow(...) takes roles that a token can carry, or PUBLIC alone")
    rule: Dependency = Depends(Rule(roles))
    return rule


def _bearer_token(request: Request) -> str:
    values = request.headers.getlist("authorization")
    if not values:
        raise LoginRequiredError("this needs a bearer token", presented=False)
    scheme, _, token = values[0].partition(" ")
    if len(values) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise LoginRequiredError("the Authorization header must be 'Bearer <token>'", presented=False)
    return token.strip()


async def current_caller(request: Request) -> Caller:
    """What `CurrentCaller` gives to an endpoint."""
    caller = request.scope.get(_CALLER)
    if not isinstance(caller, Caller):
        raise LoginRequiredError("this needs a bearer token", presented=False)
    return caller


CurrentCaller = Annotated[Caller, Depends(current_caller)]
"""The caller of a route that is not public."""
