"""The pages of a service as an application of their own, beside its API."""

from typing import TYPE_CHECKING, Any, Final

import structlog
from fastapi import FastAPI
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from amtsbus.http.middleware import ROUTE, chain_of
from amtsbus.http.routes import PlainRoute
from amtsbus.web import login
from amtsbus.web.assets import Assets
from amtsbus.web.declaration import Web
from amtsbus.web.errors import UnguardedPageError
from amtsbus.web.guards import UNSTATED
from amtsbus.web.problems import last_page, page_of
from amtsbus.web.protection import PAGE_HEADERS, STRICT_TRANSPORT
from amtsbus.web.routes import PageRoute, session_of
from amtsbus.web.site import Site
from amtsbus.web.visit import PageVisit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from amtsbus.settings import Settings
    from amtsbus.web.oidc import LoginClient

log = structlog.get_logger(__name__)

METHODS: Final = frozenset({"GET", "POST"})


def create_pages(
    web: Web, service: str, settings: "Settings", state: State, *, login_client: "LoginClient | None" = None
) -> FastAPI:
    """The ASGI app of a service's pages.

    Args:
        state: that of the whole app, which has the database.

    Raises:
        AssetsMissingError: what pages load has not been made.
        CatalogueError: a language's texts cannot be read.
        UnguardedPageError: a page does not state who may come.
        WebNotConfiguredError: a setting is missing.
    """
    guarded = guarded_routes(web)
    state.site = Site(web, service, settings, Assets.load(settings.assets), state, login_client)
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours is amtsbus.telemetry
        exception_handlers={HTTPException: _answer_refusal},
    )
    app.state = state
    app.router.routes.extend([*guarded, *login.router.routes, PlainRoute("/assets/{name}", _asset)])
    return app


def guarded_routes(web: Web) -> list[PageRoute]:
    """The pages of a service.

    Raises:
        UnguardedPageError: one does not state who may come.
    """
    return [_guarded(route) for router in web.routers for route in router.routes]


def _guarded(route: Any) -> PageRoute:
    name = f"{'/'.join(sorted(getattr(route, 'methods', None) or ['?']))} {getattr(route, 'path', route)}"
    if not isinstance(route, PageRoute):
        raise UnguardedPageError(f"{name}: make its router with amtsbus.web.pages(), and list every router in the Web")
    if len(route.guards) != 1:
        raise UnguardedPageError(f"{name}: {UNSTATED}")
    if not METHODS.issuperset(route.methods or ()):
        raise UnguardedPageError(f"{name}: browsers know GET and POST only")
    if route.guards[0].whom == "machines" and "GET" in (route.methods or ()):
        raise UnguardedPageError(f"{name}: a program that proves itself by what it sends sends a POST")
    return route


async def _answer_refusal(request: Request, error: Exception) -> Response:
    """What the router refuses: an address that does not exist, or a method that it does not take."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    visit = await _visit_anyway(request)
    answer = page_of(status, visit)
    visit.dress(answer)
    return answer


async def _visit_anyway(request: Request) -> PageVisit:
    """Who asks, so that the page looks as they know it; without the database it is nobody."""
    site: Site = request.app.state.site
    try:
        return PageVisit(request, site, *await session_of(request, site))
    except Exception as error:
        log.warning("session-unknown", error=type(error).__name__)
        return PageVisit(request, site)


async def _asset(request: Request) -> Response:
    site: Site = request.app.state.site
    answer = site.assets.answer(request, request.path_params["name"])
    return answer or await _answer_refusal(request, HTTPException(404))


class PagesBeside:
    """Lets an app's pages answer what its API does not.

    The API keeps every address that begins as one of its own does (`/v1`, `/livez`, `/docs`); of the rest what lies below
    `path` is pages. They have headers of their own, and a last resort that is a page.
    """

    def __init__(self, app: "ASGIApp", pages: FastAPI, path: str, of_api: frozenset[str]) -> None:
        self.app = app
        self.pages = pages
        self.path = path
        self.of_api = of_api

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http" or not self._is_page(scope["path"]):
            await self.app(scope, receive, send)
            return
        if self.path:
            scope["root_path"] = scope.get("root_path", "") + self.path
        started = False
        site: Site = self.pages.state.site
        strict = site.wants_strict_transport(Request(scope))

        async def send_hardened(message: "Message") -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                present = {name.decode().lower() for name, _ in message["headers"]}
                wanted = {"Content-Security-Policy": site.policy(), **PAGE_HEADERS}
                if strict:
                    wanted["Strict-Transport-Security"] = STRICT_TRANSPORT
                message["headers"] = [
                    *message["headers"],
                    *((n.lower().encode(), v.encode()) for n, v in wanted.items() if n.lower() not in present),
                ]
            await send(message)

        try:
            await self.pages(scope, receive, send_hardened)
        except Exception as error:
            log.error("request-failed", errors=chain_of(error))
            if started:
                raise
            await last_page(500)(scope, receive, send_hardened)
        finally:
            # What the log and the metrics call the page: its place among all addresses of the service.
            matched = scope.get("route")
            if self.path and matched is not None:
                scope[ROUTE] = self.path + getattr(matched, "path_format", "")

    def _is_page(self, path: str) -> bool:
        if self.path:
            return path == self.path or path.startswith(f"{self.path}/")
        return path.lstrip("/").partition("/")[0] not in self.of_api
