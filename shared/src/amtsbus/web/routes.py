"""The way of a request through one page: who may come, the form, transaction, endpoint, answer.

As in the API, nothing costs a connection before it has to, an answer from 400 on rolls back, and what is changed is committed
before the browser hears of it. A form is read and its token checked before the endpoint runs.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncpg
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from amtsbus.http.routes import hand_over, refuse_nul
from amtsbus.http.transaction import WAIT_SECONDS, UnitOfWork, in_recording_tx, in_tx, put_unit
from amtsbus.web import protection, sessions
from amtsbus.web.errors import ForgedRequestError, PageError
from amtsbus.web.forms import Limits
from amtsbus.web.guards import Guard
from amtsbus.web.problems import answer_to
from amtsbus.web.sessions import Session
from amtsbus.web.visit import PageVisit, current_visit, put_visit, visit_of

if TYPE_CHECKING:
    from amtsbus.web.site import Site

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

UPLOAD_SECONDS: Final = 300.0
"""How long a form with files may take to arrive."""
_UPLOADS = "__amtsbus_uploads__"
_EXPIRED = "__amtsbus_taken_from_expired__"


def pages(*, prefix: str = "", **options: Any) -> APIRouter:
    """A router whose routes are pages; otherwise FastAPI's `APIRouter`. Each states who may come (`amtsbus.web.guards`)."""
    return APIRouter(prefix=prefix, route_class=PageRoute, include_in_schema=False, **options)


def uploads(*, limit_bytes: int, files: int = 1) -> Callable[[Endpoint], Endpoint]:
    """Mark an endpoint whose form may carry so many files and bytes in all; it stands below the route."""

    def mark(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _UPLOADS, Limits(limit_bytes, files))
        return endpoint

    return mark


def taken_from_expired(endpoint: Endpoint) -> Endpoint:
    """Mark an endpoint that takes a form also where the session is over: then there is nothing left that one could forge."""
    setattr(endpoint, _EXPIRED, True)
    return endpoint


class PageRoute(APIRoute):
    """One page of a service."""

    guards: list[Guard]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        self.guards = [d.dependency for d in self.dependencies if isinstance(d.dependency, Guard)]
        self.dependant.dependencies = [d for d in self.dependant.dependencies if not isinstance(d.call, Guard)]
        hand_over(self.dependant, (current_visit, in_tx, in_recording_tx))
        return _Passage(self, super().get_route_handler()).__call__


class _Passage:
    """One page's way for all of its requests."""

    def __init__(self, route: PageRoute, endpoint: Callable[[Request], Coroutine[Any, Any, Response]]) -> None:
        self.endpoint = endpoint
        self.guard = route.guards[0] if len(route.guards) == 1 else None
        self.limits: Limits = getattr(route.endpoint, _UPLOADS, Limits())
        self.takes_expired = bool(getattr(route.endpoint, _EXPIRED, False))

    async def __call__(self, request: Request) -> Response:
        site: Site = request.app.state.site
        visit = PageVisit(request, site)
        try:
            visit, answer = await self._answer(request, site)
        except Exception as error:
            visit = visit_of(request, visit).afresh()
            answer = answer_to(error, visit)
        visit.dress(answer)
        return answer

    async def _answer(self, request: Request, site: "Site") -> tuple[PageVisit, Response]:
        if self.guard is None:  # create_app refuses such a route; this is for an app that was put together by hand
            raise RuntimeError("a page without visitors(), people(...), staff(...) or machines()")
        refuse_nul(request)
        if not site.knows_host(request):
            raise PageError(400, "the request asks for another host")
        changes = request.method not in ("GET", "HEAD")
        if changes and self.guard.whom != "machines":
            protection.require_same_origin(request, site.origin(request))
        token, session = await self._session(request, site)
        visit = self._visit(request, site, token, session)
        self.guard.check(visit.session, visit.caller)
        try:
            if changes:
                await self._read(visit)
            try:
                return await self._attempt(visit)
            except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError):
                # Everything was undone by the database itself, and nobody has seen anything of it.
                again = self._visit(request, site, token, session)
                await again.take_over(visit)
                return await self._attempt(again)
        finally:
            await visit.close_form()

    async def _session(self, request: Request, site: "Site") -> tuple[str | None, Session | None]:
        if self.guard is None or self.guard.whom == "machines":
            return None, None
        return await session_of(request, site)

    def _visit(self, request: Request, site: "Site", token: str | None, session: Session | None) -> PageVisit:
        visit = PageVisit(request, site, token, session)
        visit.limits = self.limits
        put_visit(request, visit)
        return visit

    async def _read(self, visit: PageVisit) -> None:
        """Read what was sent, and take a form only if it is one of ours."""
        allowed = UPLOAD_SECONDS if self.limits.files else visit.settings.request_timeout_seconds
        try:
            async with asyncio.timeout(allowed):
                if self.guard is not None and self.guard.whom == "machines":
                    await visit.body()
                    return
                form = await visit.form()
        except TimeoutError as error:
            raise PageError(408, "the form did not arrive in time") from error
        try:
            protection.require_form_token(form.raw(protection.FORM_FIELD), visit.form_secret())
        except ForgedRequestError:
            if not (self.takes_expired and visit.session is None):
                raise

    async def _attempt(self, visit: PageVisit) -> tuple[PageVisit, Response]:
        request, changes = visit.request, visit.request.method not in ("GET", "HEAD")
        try:
            async with (
                asyncio.timeout(visit.settings.request_timeout_seconds) as deadline,
                UnitOfWork(visit.database, read_only=not changes) as unit,
            ):
                put_unit(request, unit)
                answer = await self.endpoint(request)
                kept = answer.status_code < 400 or visit.keeps_changes
                if kept:
                    if changes and unit.tx is not None:
                        await visit.save(unit.tx)
                    await unit.commit()
            if not kept or not changes or unit.tx is None:
                await visit.save(None)
        except TimeoutError as error:
            if deadline.expired():
                raise PageError(503, "it took too long") from error
            raise
        return visit, answer


async def session_of(request: Request, site: "Site") -> tuple[str | None, Session | None]:
    """The token that the browser has, if it looks like one of ours, and the session that it stands for."""
    token = request.cookies.get(site.cookie(request), "")
    if not sessions.TOKEN.fullmatch(token):
        return None, None
    async with asyncio.timeout(WAIT_SECONDS), site.database.pool.acquire() as connection:
        return token, await sessions.find(connection, token, site.web.audience)
