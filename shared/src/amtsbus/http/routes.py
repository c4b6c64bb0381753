"""The way of a request through one route: rule, body, transaction, endpoint, answer.

In this order, so that nothing costs a connection before it has to: who calls is checked first, then the headers, then
the body is read as a whole and parsed; only then does anything begin a transaction. An answer from 400 on rolls back.
"""

from collections.abc import Callable, Coroutine
from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import structlog
from fastapi import APIRouter, params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from amtsbus.auth import Rule, current_caller
from amtsbus.errors import ConflictError
from amtsbus.http.idempotency import IdempotentRequest, KeyTakenError
from amtsbus.http.problems import ProblemError, problem_for
from amtsbus.http.transaction import UnitOfWork, in_recording_tx, in_tx, put_unit

if TYPE_CHECKING:
    from fastapi.dependencies.models import Dependant
    from starlette.types import Scope

    from amtsbus.auth import Caller
    from amtsbus.postgres import Database

log = structlog.get_logger(__name__)

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

DEEPEST_NESTING = 32
_RETRY = "__amtsbus_retry_on_conflict__"


def routes(*, prefix: str = "", tags: list[str] | None = None, **options: Any) -> APIRouter:
    """A router whose routes go the way that this module describes; otherwise FastAPI's `APIRouter`."""
    return APIRouter(prefix=prefix, tags=list(tags or []), route_class=EdgeRoute, **options)


def retry_on_conflict(endpoint: Endpoint) -> Endpoint:
    """Mark an endpoint as safe to run a second time, from the start, when it meets a `ConflictError`.

    Safe is what the caller would want done whatever the other one has changed: adding a note, say; not a decision, which
    was made on what they saw. It stands below the route::

        @router.post("/{case_id}/notes", dependencies=[allow(Role.CLERK)])
        @retry_on_conflict
        async def post_note(…): …
    """
    setattr(endpoint, _RETRY, True)
    return endpoint


class ReadRequest(Request):
    """A request whose body has been read and parsed by our rules before FastAPI asks for it."""

    parsed: Any = None

    async def json(self) -> Any:
        return self.parsed


class PlainRoute(Route):
    """A route of the edge's own, outside of the API: probes and documentation."""

    def matches(self, scope: "Scope") -> tuple[Match, "Scope"]:
        """See Starlette; FastAPI's router notes its own routes only, and logs and metrics want to know."""
        match, child_scope = super().matches(scope)
        if match is not Match.NONE:
            child_scope["route"] = self
        return match, child_scope


class EdgeRoute(APIRoute):
    """One route of a service."""

    rule: Rule | None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        rules = [d.dependency for d in self.dependencies if isinstance(d.dependency, Rule)]
        self.rule = rules[0] if len(rules) == 1 else None
        # We ask it before anything else; FastAPI need not ask again.
        self.dependant.dependencies = [d for d in self.dependant.dependencies if not isinstance(d.call, Rule)]
        hand_over(self.dependant, _HANDED_OVER)
        return _Passage(self, super().get_route_handler()).__call__

    @property
    def verbs(self) -> frozenset[str]:
        return frozenset(self.methods or ())

    @property
    def takes_json(self) -> bool:
        return self.body_field is not None and not isinstance(self.body_field.field_info, params.Form)


_HANDED_OVER = (current_caller, in_tx, in_recording_tx)


def hand_over(dependant: "Dependant", given: tuple[Callable[..., Any], ...]) -> None:
    """Give an endpoint its caller and its transaction, or whatever else is in `given`, ourselves.

    FastAPI would ask for them in its general way, which costs a sixth of a whole request, and before it looks at the form:
    a form with a mistake would begin a transaction.
    """
    endpoint = dependant.call
    ours = {one.name: one.call for one in dependant.dependencies if one.name and one.call in given}
    if not ours or not iscoroutinefunction(endpoint):
        return
    dependant.dependencies = [one for one in dependant.dependencies if one.name not in ours]
    its_own = dependant.request_param_name is not None
    name = dependant.request_param_name or "amtsbus_request"
    dependant.request_param_name = name

    @wraps(endpoint)
    async def complete(**values: Any) -> Any:
        request = values[name] if its_own else values.pop(name)
        for parameter, give in ours.items():
            values[parameter] = await give(request)
        return await endpoint(**values)

    dependant.call = complete


class _Passage:
    """One route's way for all of its requests."""

    def __init__(self, route: EdgeRoute, endpoint: Callable[[Request], Coroutine[Any, Any, Response]]) -> None:
        self.endpoint = endpoint
        self.rule = route.rule
        self.takes_json = route.takes_json
        self.idempotent = "POST" in route.verbs
        self.read_only = route.verbs <= {"GET", "HEAD"}
        self.retries = bool(getattr(route.endpoint, _RETRY, False))

    async def __call__(self, request: Request) -> Response:
        try:
            return await self._answer(ReadRequest(request.scope, request.receive))
        except Exception as error:
            answer = problem_for(error, request.app.state.service_name)
            if answer is None:
                raise
            return answer

    async def _answer(self, request: ReadRequest) -> Response:
        if self.rule is None:  # create_app refuses such a route; this is for an app that was put together by hand
            raise RuntimeError("a route without allow(...)")
        refuse_nul(request)
        await self.rule(request)
        identity: IdempotentRequest | None = None
        if self.takes_json or self.idempotent:
            body = await request.body()
            if self.idempotent:
                caller: Caller = request.scope["amtsbus.caller"]
                identity = IdempotentRequest.of(request, caller.subject, body)
            if self.takes_json and body:
                _require_json(request.headers.get("content-type", ""))
                request.parsed = read_json(body)
        database: Database = request.app.state.database
        try:
            return await self._attempt(request, database, identity)
        except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError):
            # Everything was undone by the database itself, and nobody has seen anything of it.
            return await self._attempt(request, database, identity)
        except ConflictError:
            if not self.retries:
                raise
            return await self._attempt(request, database, identity)

    async def _attempt(self, request: Request, database: "Database", identity: IdempotentRequest | None) -> Response:
        refusal: Response | Exception
        async with UnitOfWork(database, read_only=self.read_only) as unit:
            put_unit(request, unit)
            try:
                answer = await self.endpoint(request)
                if answer.status_code < 400:
                    if identity is not None:
                        await identity.record(await unit.begin(), answer)
                    await unit.commit()
                    return answer
                refusal = answer
            except Exception as error:
                refusal = error
        # Refused or failed, and rolled back by now. It may be the repetition of something that has already succeeded, or
        # the answer to COMMIT got lost: then the recorded answer is the true one.
        if identity is not None and not _was_never_accepted(refusal):
            async with UnitOfWork(database, read_only=True) as unit:
                recorded = await identity.answer(await unit.begin())
            if recorded is not None:
                return recorded
        if isinstance(refusal, KeyTakenError):
            raise ConflictError("The same request was being carried out at this moment; send it again.") from refusal
        if isinstance(refusal, Exception):
            raise refusal
        return refusal


def _was_never_accepted(refusal: Response | Exception) -> bool:
    """Whether the request was refused for its form, before the use case, as every repetition of it is."""
    return isinstance(refusal, RequestValidationError) or (
        isinstance(refusal, ProblemError) and refusal.status in (400, 428, 503)
    )


def refuse_nul(request: Request) -> None:
    """PostgreSQL's text knows no NUL, and no name, reference or cursor has one."""
    if b"%00" in request.scope["query_string"] or "\0" in request.scope["path"]:
        raise ProblemError(400, "nul-character", "The address contains a NUL character.")


def _require_json(content_type: str) -> None:
    if content_type == "application/json":
        return
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    charset = parameters.strip().lower()
    if (kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))) and (
        not charset.startswith("charset=") or charset.removeprefix("charset=").strip('"') in ("utf-8", "utf8")
    ):
        return
    raise ProblemError(415, "not-json", "Send the body as application/json in UTF-8.")


def read_json(body: bytes) -> Any:
    """Parse a body more strictly than `json.loads`: UTF-8 only, no NaN, no lone surrogates, no NUL, not too deep.

    Raises:
        ProblemError: 400, with what is wrong but nothing of the content.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        reason = str(error)
        if "recursion" in reason:
            raise _too_deep() from error
        raise ProblemError(400, "json-broken", f"The body is not valid JSON: {reason}.") from error
    if body.count(b"[") + body.count(b"{") > DEEPEST_NESTING or b"\\u0000" in body:
        _inspect(value)
    return value


def _inspect(value: Any) -> None:
    layer, depth = [value], 0
    while layer:
        depth += 1
        if depth > DEEPEST_NESTING:
            raise _too_deep()
        following: list[Any] = []
        for item in layer:
            if isinstance(item, dict):
                following.extend(item)
                following.extend(item.values())
            elif isinstance(item, list):
                following.extend(item)
            elif isinstance(item, str) and "\0" in item:
                raise ProblemError(400, "nul-character", "The body contains a NUL character.")
        layer = following


def _too_deep() -> ProblemError:
    return ProblemError(400, "json-too-deep", f"The body is nested deeper than {DEEPEST_NESTING} levels.")
