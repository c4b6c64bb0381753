"""What every request passes before it reaches a route: plain ASGI, outermost first in `chain`.

No `BaseHTTPMiddleware`: it costs a task and a queue per request, and context variables do not survive it.
"""

import asyncio
import time
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Final

import structlog
from starlette.middleware import Middleware

from amtsbus.http.problems import internal_error, problem, problem_for, unavailable
from amtsbus.telemetry import HTTP_REQUESTS, HTTP_SECONDS, trace

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

PROBES: Final = frozenset({"/livez", "/readyz", "/metrics"})
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
DEEPEST_FRAMES: Final = 12
ROUTE: Final = "amtsbus.route"
"""Where in a scope the template of its address stands, if it is not that of the route alone."""
_ARRIVED: Final = "amtsbus.arrived"


def chain(*, body_limit_bytes: int, timeout_seconds: float) -> list[Middleware]:
    """The middleware of an app, outermost first."""
    return [
        Middleware(Observed),
        Middleware(SecurityHeaders),
        Middleware(LastResort),
        Middleware(Deadline, seconds=timeout_seconds),
        Middleware(BodyLimit, limit_bytes=body_limit_bytes),
    ]


class Observed:
    """Trace context in and out, one log line and two metrics per request: by route template, never by address.

    The address and the query string can hold what a person typed, so neither is logged.
    """

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app
        self._counters: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        parent = next((value for name, value in scope["headers"] if name == b"traceparent"), b"").decode("latin-1")
        started = time.perf_counter()
        status = 0
        with trace(parent) as traceparent:

            async def send_traced(message: "Message") -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    message["headers"] = [*message["headers"], (b"traceparent", traceparent.encode())]
                await send(message)

            try:
                await self.app(scope, receive, send_traced)
            finally:
                self._report(scope, status, time.perf_counter() - started)

    def _report(self, scope: "Scope", status: int, seconds: float) -> None:
        method: str = scope["method"] if scope["method"] in METHODS else "OTHER"
        matched = scope.get("route")
        route: str = scope.get(ROUTE) or getattr(matched, "path_format", None) or "unknown"
        labels = (method, route, status)
        metrics = self._counters.get(labels)
        if metrics is None:
            metrics = HTTP_REQUESTS.labels(method, route, str(status)), HTTP_SECONDS.labels(method, route)
            self._counters[labels] = metrics
        metrics[0].inc()
        metrics[1].observe(seconds)
        if route in PROBES:
            return
        tell = log.error if status >= 500 and status != 503 else log.info
        tell("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


class SecurityHeaders:
    """What a browser may do with our answers: next to nothing, and never keep them. HSTS belongs to whoever ends TLS."""

    HEADERS: Final = {
        b"x-content-type-options": b"nosniff",
        b"cache-control": b"no-store",
        b"referrer-policy": b"no-referrer",
        b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
        b"cross-origin-resource-policy": b"same-origin",
    }

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_hardened(message: "Message") -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                missing = [item for item in self.HEADERS.items() if item[0] not in present]
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self.app(scope, receive, send_hardened)


class LastResort:
    """An error that nobody foresaw: logged with its place in the code, answered without it."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_watched(message: "Message") -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_watched)
        except Exception as error:
            foreseen = problem_for(error, scope["app"].state.service_name)
            if foreseen is None:
                log.error("request-failed", errors=chain_of(error))
            if started:
                raise
            await (foreseen or internal_error())(scope, receive, send)


def chain_of(error: BaseException) -> list[dict[str, Any]]:
    """An error and its causes by type and place. Their messages can repeat what somebody typed, so they stay out."""
    found: list[dict[str, Any]] = []
    following: BaseException | None = error
    while following is not None and len(found) < 5:
        frames = extract_tb(following.__traceback__)[-DEEPEST_FRAMES:]
        found.append(
            {
                "type": f"{type(following).__module__}.{type(following).__qualname__}",
                "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
            }
        )
        following = following.__cause__ or following.__context__
    return found


class Deadline:
    """No request takes longer than `seconds`: what it was doing is cancelled, so its transaction is rolled back."""

    def __init__(self, app: "ASGIApp", seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def send_watched(message: "Message") -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            async with asyncio.timeout(self.seconds) as deadline:
                await self.app(scope, receive, send_watched)
        except TimeoutError:
            if not deadline.expired() or started:
                raise
            if scope.get(_ARRIVED, True):
                answer = unavailable("It took too long. Nothing was changed; try again shortly.", code="timeout")
            else:
                answer = problem(
                    408, "request-timeout", "The request did not arrive in time.", headers={"Connection": "close"}
                )
            await answer(scope, receive, send)


class BodyTooLargeError(Exception):
    """The body has more bytes than the limit."""


class BodyLimit:
    """413 for a body above the limit: by its announced length, and by counting where none is announced or it lies."""

    def __init__(self, app: "ASGIApp", limit_bytes: int) -> None:
        self.app = app
        self.limit_bytes = limit_bytes

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced, has_body = 0, False
        for name, value in scope["headers"]:
            if name == b"content-length":
                announced = int(value) if value.isdigit() else 0
                has_body = announced > 0
            elif name == b"transfer-encoding":
                has_body = True
        if not has_body:
            await self.app(scope, receive, send)
            return
        if announced > self.limit_bytes:
            await self._too_large()(scope, receive, send)
            return
        scope[_ARRIVED] = False
        received = 0
        too_large = started = False

        async def receive_counted() -> "Message":
            nonlocal received, too_large
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                scope[_ARRIVED] = not message.get("more_body", False)
                if received > self.limit_bytes:
                    too_large = True
                    raise BodyTooLargeError
            return message

        async def send_watched(message: "Message") -> None:
            nonlocal started
            # Whatever the app made of the error: there is only one answer to a body that is too large.
            if too_large and not started:
                return
            started = True
            await send(message)

        try:
            await self.app(scope, receive_counted, send_watched)
        except Exception:
            if not too_large or started:
                raise
        if too_large and not started:
            await self._too_large()(scope, receive, send)

    def _too_large(self) -> "ASGIApp":
        return problem(
            413,
            "body-too-large",
            f"The body may have at most {self.limit_bytes} bytes.",
            headers={"Connection": "close"},
        )
