"""Answers that say what went wrong and what to do: `application/problem+json` (RFC 9457).

`type` is `urn:amtsbus:problem:<code>`; clients tell problems apart by it. No answer repeats what was sent, and none tells
what happened inside.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match

from amtsbus.auth import IdentityProviderAwayError, LoginRequiredError
from amtsbus.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    PreconditionFailedError,
    RuleViolationError,
    TransientError,
)
from amtsbus.telemetry import current_traceparent

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:amtsbus:problem:"
MOST_FIELD_ERRORS = 50

TITLES: Mapping[int, str] = {
    400: "The request is malformed",
    401: "Login required",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    408: "The request took too long to arrive",
    409: "Conflict",
    412: "The case has changed",
    413: "The request is too large",
    415: "Unsupported media type",
    422: "The request cannot be carried out",
    428: "If-Match is required",
    500: "Internal error",
    503: "Temporarily unavailable",
}


class ProblemError(Exception):
    """A problem that the edge itself finds in a request; use cases raise the errors of `amtsbus.errors`."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, errors: Any = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers
        self.errors = errors


class FieldProblem(BaseModel):
    """One thing that is wrong with the request."""

    model_config = ConfigDict(populate_by_name=True)

    location: str = Field(alias="in", description="`body`, `query`, `path` or `header`", examples=["body"])
    pointer: str = Field(description="Where in it (RFC 6901)", examples=["/address/postal_code"])
    detail: str = Field(description="What is wrong", examples=["Field required"])
    code: str = Field(description="The same for programs", examples=["missing"])


class Problem(BaseModel):
    """What went wrong and what to do about it (RFC 9457)."""

    type: str = Field(description="Identifies the kind of problem", examples=["urn:amtsbus:problem:not-found"])
    title: str = Field(description="The kind of problem in a few words", examples=["Not found"])
    status: int = Field(description="The HTTP status", examples=[404])
    detail: str = Field(description="What is wrong here and what to do", examples=["There is no such application."])
    trace_id: str | None = Field(
        None, description="Name it when you ask for help", examples=["0af7651916cd43dd8448eb211c80319c"]
    )
    errors: list[FieldProblem] | None = Field(None, description="What is wrong with which field")


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, str]] | None = None,
) -> Response:
    """A problem response."""
    content: dict[str, Any] = {
        "type": TYPE_PREFIX + code,
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
    }
    traceparent = current_traceparent()
    if traceparent:
        content["trace_id"] = traceparent.split("-")[1]
    if errors:
        content["errors"] = errors
    return Response(
        json.dumps(content, ensure_ascii=False).encode(), status, media_type=MEDIA_TYPE, headers=dict(headers or {})
    )


def unavailable(detail: str, *, code: str = "unavailable", after_seconds: int = 2) -> Response:
    """503: nothing has happened, the same request may be sent again."""
    return problem(503, code, detail, headers={"Retry-After": str(after_seconds)})


# What a driver raises when the database is away, full or shutting down; nothing was committed, unless the answer to COMMIT
# itself was lost, and then the same Idempotency-Key finds the answer.
DATABASE_AWAY: tuple[type[BaseException], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg says of a connection that broke at a bad moment
    ConnectionError,
    TimeoutError,
    OSError,
)


def problem_for(error: Exception, realm: str) -> Response | None:
    """The answer to an error that a request may meet; None for one that nobody foresaw (a defect: 500)."""
    match error:
        case ProblemError():
            return problem(error.status, error.code, error.detail, headers=error.headers, errors=error.errors)
        case RequestValidationError():
            return validation_problem(error)
        case RuleViolationError():
            return problem(422, error.code, str(error))
        case NotFoundError():
            return problem(404, "not-found", str(error) or "There is no such thing, or it is not yours.")
        case ForbiddenError():
            return problem(403, "forbidden", str(error) or "You may not do this.")
        case PreconditionFailedError():
            return problem(412, "version-changed", str(error) or "It has changed since you read it; read it again.")
        case ConflictError():
            return problem(409, "conflict", str(error) or "Somebody else changed it at the same time; read it again.")
        case LoginRequiredError():
            return _login_required(error, realm)
        case IdentityProviderAwayError():
            return unavailable("Logins cannot be checked at the moment. Try again shortly.", code="login-unavailable")
        case ClientDisconnect():
            return problem(400, "incomplete", "The request broke off.")
        case HTTPException():
            return _http_problem(error)
        case asyncpg.UniqueViolationError() | asyncpg.ExclusionViolationError():
            log.warning("conflict-in-database", constraint=error.constraint_name)
            return problem(409, "conflict", "The same thing has been recorded by somebody else; read it again.")
        case asyncpg.SerializationError() | asyncpg.DeadlockDetectedError():
            return problem(409, "conflict", "Somebody else changed it at the same time; send it again.")
        case asyncpg.DataError():
            # Our models should have refused it earlier: a service's author finds the hole by this line.
            log.warning(
                "value-refused-by-database", error=type(error).__name__, sqlstate=getattr(error, "sqlstate", None)
            )
            return problem(422, "value-not-storable", "A value is outside of what can be stored.")
    if isinstance(error, DATABASE_AWAY):
        log.warning("database-away", error=type(error).__name__)
        return unavailable("The database does not answer. Nothing was changed; try again shortly.")
    if isinstance(error, TransientError):
        return unavailable(str(error) or "Try again shortly.")
    return None


def internal_error() -> Response:
    """500: a defect of ours; the details are in the log under the trace id."""
    return problem(
        500, "internal", "Something went wrong on our side. Nothing was changed. Name the trace id when you ask."
    )


def validation_problem(error: RequestValidationError) -> Response:
    """422 with the fields that are wrong, without what was sent."""
    return problem(
        422,
        "validation",
        "The request does not have the form that is asked for; see `errors`.",
        errors=[_field_problem(item) for item in error.errors()[:MOST_FIELD_ERRORS]],
    )


def _field_problem(item: Mapping[str, Any]) -> dict[str, str]:
    location, *path = item["loc"] or ("body",)
    pointer = "".join("/" + str(part)[:100].replace("~", "~0").replace("/", "~1") for part in path)
    return {
        "in": str(location),
        "pointer": pointer,
        "detail": _without_input(item),
        "code": str(item["type"]).replace("_", "-"),
    }


def _without_input(item: Mapping[str, Any]) -> str:
    if item["type"] == "value_error":
        return str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "string_pattern_mismatch":
        return "It has characters or a form that are not accepted here"
    if str(item["type"]).startswith("uuid"):
        return "It should be a UUID"
    if str(item["type"]).startswith(("date", "time")):
        return "It should be a valid date or time as the API describes it"
    return str(item["msg"])


def _login_required(error: LoginRequiredError, realm: str) -> Response:
    challenge = f'Bearer realm="{realm}"'
    if error.presented:
        challenge += f', error="invalid_token", error_description="{str(error).translate(_UNQUOTED)}"'
    return problem(401, "login-required", f"Not logged in: {error}.", headers={"WWW-Authenticate": challenge})


_UNQUOTED = {ord('"'): "'", ord("\\"): "/", **dict.fromkeys(range(32), " ")}


def _http_problem(error: HTTPException) -> Response:
    """For what the router itself refuses, and for endpoints that raise FastAPI's own exception."""
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http")
    detail = {
        404: "There is nothing at this address.",
        405: "This address does not take this method; see Allow.",
    }.get(error.status_code, str(error.detail))
    return problem(error.status_code, code, detail, headers=error.headers)


async def answer_problem(request: Request, error: Exception) -> Response:
    """The app's exception handler for everything outside of a route."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        matching = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
        methods = {method for route in matching for method in getattr(route, "methods", None) or ()}
        error = HTTPException(405, headers={"Allow": ", ".join(sorted(methods))})
    return problem_for(error, request.app.state.service_name) or internal_error()
