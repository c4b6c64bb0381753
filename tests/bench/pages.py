"""Pages, asked for as a browser asks, and timed at the server: without a socket, and without the browser's own work."""

import statistics
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from amtsbus import logs, migrate
from amtsbus.http import create_app
from amtsbus.postgres import Database
from amtsbus.service import Service
from amtsbus.settings import Environment
from amtsbus.testing.browsing import Browser, stub_assets
from amtsbus.testing.tokens import TestIssuer

from tests.bench.measurement import Measurement, note


@dataclass(frozen=True)
class Asked:
    """One request, ready to be sent as often as wanted."""

    name: str
    scope: dict[str, Any]
    body: bytes


class Visitor:
    """Somebody with a browser in front of a service's pages."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self._sent: list[httpx.Request] = []
        browser.client.event_hooks["request"] = [self._remember]

    async def _remember(self, request: httpx.Request) -> None:
        self._sent.append(request)

    async def page(self, name: str, path: str) -> Asked:
        """The request for a page."""
        await self.browser.open(path)
        return self.last(name, "GET")

    def last(self, name: str, method: str) -> Asked:
        """The last request of its kind that the browser sent."""
        request = next(one for one in reversed(self._sent) if one.method == method)
        url = urlsplit(str(request.url))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.path.encode(),
            "query_string": url.query.encode(),
            "root_path": "",
            "headers": [(key.lower(), value) for key, value in request.headers.raw],
            "client": ("127.0.0.1", 50_000),
            "server": (url.hostname, url.port),
        }
        return Asked(name, scope, request.content)


async def visitor_of(
    stack: AsyncExitStack, service: Service, url: str, folder: Path, **settings: Any
) -> tuple[Visitor, Database]:
    """Somebody in front of the pages of a service with a migrated database."""
    loaded = service.settings.load(
        service.name,
        database_url=url,
        environment=Environment.DEVELOPMENT,
        oidc_issuer="http://127.0.0.1/issuer",
        assets=stub_assets(folder / f"assets-{service.name}", service.web),
        log_level="CRITICAL",
        documents_url=(folder / f"documents-{service.name}").as_uri(),
        **settings,
    )
    logs.configure(loaded, "bench")
    await migrate.migrate(loaded, service.migrations)
    database = Database(url, loaded.clock())
    await database.start()
    stack.push_async_callback(database.stop)
    issuer = TestIssuer()
    app = create_app(service, loaded, database=database, verifier=issuer.verifier, login=issuer.login_client())
    return Visitor(await stack.enter_async_context(Browser(app, issuer))), database


async def served(visitor: Visitor, asked: Asked) -> float:
    """Milliseconds from the request to the last byte of the answer.

    Raises:
        RuntimeError: it is not one that the browser was given as well.
    """
    answered: dict[str, Any] = {}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": asked.body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answered["status"] = message["status"]

    started = time.perf_counter()
    await visitor.browser.app(dict(asked.scope), receive, send)
    milliseconds = (time.perf_counter() - started) * 1000
    if answered.get("status") != (303 if asked.scope["method"] == "POST" else 200):
        raise RuntimeError(f"{asked.name}: {answered.get('status')}")
    return milliseconds


async def measured(name: str, visitor: Visitor, pages: Iterable[Asked], *, goal: float, rounds: int) -> Measurement:
    """Each page `rounds` times, in turn. What counts is the slowest page's median."""
    pages = list(pages)
    costs: dict[str, list[float]] = {one.name: [] for one in pages}
    for number in range(-max(2, rounds // 20), rounds):
        for one in pages:
            milliseconds = await served(visitor, one)
            if number >= 0:  # before that, caches and plans
                costs[one.name].append(milliseconds)
    medians = {page: statistics.median(found) for page, found in costs.items()}
    slowest = max(medians, key=lambda page: medians[page])
    third = rounds // 3
    thirds = [slice(0, third), slice(third, 2 * third), slice(2 * third, None)]
    note(f"{name}: {', '.join(f'{page} {cost:.1f} ms' for page, cost in medians.items())}")
    return Measurement(
        name,
        goal=goal,
        ratio=medians[slowest],
        higher_is_better=False,
        unit="ms",
        ours=[statistics.median(costs[slowest][part]) for part in thirds],
        detail={"figure": "ms", "chart": medians, "rounds": rounds, "slowest": slowest},
    )
