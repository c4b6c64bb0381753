"""The app factory: a service's HTTP interface with everything around it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from amtsbus.auth import Rule, Verifier
from amtsbus.http import middleware, openapi
from amtsbus.http.docs import docs_routes
from amtsbus.http.problems import answer_problem
from amtsbus.http.routes import EdgeRoute, PlainRoute
from amtsbus.postgres import Database
from amtsbus.probes import alive, metrics

if TYPE_CHECKING:
    import httpx

    from amtsbus.service import Service
    from amtsbus.settings import Settings
    from amtsbus.tokens import IssuerKeys
    from amtsbus.web.declaration import Web
    from amtsbus.web.oidc import LoginClient


class UnguardedRouteError(Exception):
    """A route does not state who may call it, or states it in a way that cannot hold. The message names it."""


def create_app(
    service: "Service",
    settings: "Settings | None" = None,
    database: Database | None = None,
    *,
    verifier: Verifier | None = None,
    login: "LoginClient | None" = None,
) -> FastAPI:
    """The ASGI app of a service: its API, and its pages where it has any.

    Args:
        settings: may be left out by who only wants the OpenAPI document; such an app cannot be started.
        database: one that is already started, and that the app must not stop; default: its own, from `settings`.
        verifier: default: of the issuer in `settings`.
        login: lets people log in to the pages; default: at the issuer in `settings`.

    Raises:
        UnguardedRouteError: a route has no `allow(...)`.
        UnguardedPageError, AssetsMissingError, CatalogueError, WebNotConfiguredError: see `amtsbus.web.app.create_pages`.
    """
    edge_routes = [_guarded(route) for router in service.routers for route in router.routes]
    app = FastAPI(
        title=service.title,
        version=service.version,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours is amtsbus.telemetry
        lifespan=_lifespan,
        exception_handlers={HTTPException: answer_problem, RequestValidationError: answer_problem},
        middleware=middleware.chain(
            body_limit_bytes=settings.request_body_limit_bytes if settings else 1_048_576,
            timeout_seconds=settings.request_timeout_seconds if settings else 15.0,
        ),
    )
    app.state.service = service
    app.state.service_name = service.name
    app.state.settings = settings
    app.state.database = database
    app.state.verifier = verifier
    # Not include_router: it would match every request twice, and build every route anew. The service's own come first,
    # since routes are tried in their order.
    app.router.routes.extend(
        [
            *edge_routes,
            PlainRoute("/livez", alive),
            PlainRoute("/readyz", _ready),
            PlainRoute("/metrics", metrics),
            PlainRoute("/openapi.json", _openapi),
            *docs_routes(service.title),
        ]
    )

    described: dict[str, Any] = {}

    def describe() -> dict[str, Any]:
        if not described:
            described.update(openapi.document(app, edge_routes))
        return described

    app.openapi = describe  # type: ignore[method-assign] # FastAPI's documented way to extend the document
    if service.web is not None and settings is not None:
        _put_pages_beside(app, service, service.web, settings, login)
    return app


def _put_pages_beside(
    app: FastAPI, service: "Service", web: "Web", settings: "Settings", login: "LoginClient | None"
) -> None:
    # Imported here: most services have no pages.
    from amtsbus.web.app import PagesBeside, create_pages

    pages = create_pages(web, service.name, settings, app.state, login_client=login)
    of_api = frozenset(str(getattr(route, "path", "")).split("/")[1] for route in app.router.routes)
    # Behind what observes every request, and before what makes its answers those of an API.
    app.user_middleware.insert(1, Middleware(PagesBeside, pages=pages, path=web.path, of_api=of_api))


def _guarded(route: Any) -> EdgeRoute:
    name = f"{'/'.join(sorted(getattr(route, 'methods', None) or ['?']))} {getattr(route, 'path', route)}"
    if not isinstance(route, EdgeRoute):
        raise UnguardedRouteError(
            f"{name}: make its router with amtsbus.http.routes(), and list every router in the Service"
        )
    rules = [d.dependency for d in route.dependencies if isinstance(d.dependency, Rule)]
    if len(rules) != 1:
        raise UnguardedRouteError(f"{name}: say who may call it, once: dependencies=[allow(...)]")
    if rules[0].is_public and "POST" in route.verbs:
        raise UnguardedRouteError(f"{name}: a POST cannot be PUBLIC, an Idempotency-Key belongs to a caller")
    return route


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open what was not given: the login keys' client, the database, the relay's wake-up."""
    settings: Settings | None = app.state.settings
    if settings is None:
        raise RuntimeError("this app was made for its OpenAPI document only")
    # Imported here: a worker loads this module as well, and 10 MB of cryptography and HTTP client are of no use to it.
    import httpx

    from amtsbus.tokens import IssuerKeys, TokenVerifier

    async with httpx.AsyncClient(timeout=3.0, follow_redirects=False) as client:
        keys = IssuerKeys(settings.oidc_issuer, client)
        if app.state.verifier is None:
            app.state.verifier = TokenVerifier(keys, issuer=settings.oidc_issuer, audience=settings.oidc_audience)
        _let_people_log_in(app, keys, client)
        if app.state.database is not None:
            yield
            return
        from amtsbus.relay import WakeUp  # brings aiokafka along, which an app with a given database does not need

        url = settings.database_url.get_secret_value()
        wake_up = WakeUp(url)
        database = Database(url, settings.clock(), pool_size=settings.database_pool_size, on_append=wake_up.ring)
        await database.start()
        await wake_up.start()
        app.state.database = database
        try:
            yield
        finally:
            await database.stop()
            await wake_up.stop()


def _let_people_log_in(app: FastAPI, keys: "IssuerKeys", client: "httpx.AsyncClient") -> None:
    """Give the pages, if there are any, their way to the issuer."""
    site = getattr(app.state, "site", None)
    settings: Settings = app.state.settings
    if site is not None and site.login is None and settings.oidc_client_id:
        from amtsbus.web.oidc import LoginClient

        site.login = LoginClient(
            keys, client, client_id=settings.oidc_client_id, client_secret=settings.oidc_client_secret
        )


async def _ready(request: Request) -> Response:
    database: Database | None = request.app.state.database
    ready = database is not None and await database.is_ready()
    return JSONResponse({"ready": ready, "database": ready}, status_code=200 if ready else 503)


async def _openapi(request: Request) -> Response:
    return JSONResponse(request.app.openapi())
