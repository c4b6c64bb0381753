"""The worker process of a service: relay, readers and tasks, with probes, metrics and the service's AsyncAPI over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from amtsbus import failpoints, inbox
from amtsbus.consumption import Readers
from amtsbus.contracts import page
from amtsbus.http import sweep_idempotency_keys
from amtsbus.migrate import JOURNAL_MONTHS_AHEAD
from amtsbus.postgres import Database
from amtsbus.probes import alive, metrics
from amtsbus.relay import Relay, WakeUp
from amtsbus.service import Running, Service
from amtsbus.settings import Settings

log = structlog.get_logger("amtsbus.worker")

RESTART_SECONDS = 2.0
INBOX_KEPT = timedelta(days=400)
SWEEP_SECONDS = 3600.0
PREPARE_SECONDS = 24 * 3600.0


class Worker:
    """Everything that a service does beside answering HTTP."""

    def __init__(self, service: Service, settings: Settings, database: Database | None = None) -> None:
        url = settings.database_url.get_secret_value()
        self._wake_up = WakeUp(url)
        self.service = service
        self.settings = settings
        self.database = database or Database(url, settings.clock(), pool_size=settings.database_pool_size)
        self.database.on_append = self._wake_up.ring
        self.relay = Relay(settings)
        self.readers = Readers(service.readers, settings, self.database)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work while the block runs. At its end the batches at work are finished first, the relay ends last."""
        await self.database.start()
        await self._wake_up.start()
        relay = asyncio.create_task(_supervise("relay", self.relay.run))
        others = [asyncio.create_task(_supervise("readers", self.readers.run))]
        running = Running(self.settings, self.database)
        for task in (*self.service.tasks, _prepare_journal, _sweep_inbox, sweep_idempotency_keys):
            name = getattr(task, "__name__", type(task).__name__)
            others.append(asyncio.create_task(_supervise(name, partial(task, running))))
        try:
            yield
        finally:
            for task_group in (others, [relay]):
                for running_task in task_group:
                    running_task.cancel()
                await asyncio.wait(task_group, timeout=25)
            await self._wake_up.stop()
            await self.database.stop()

    def app(self) -> Starlette:
        """The worker's HTTP side: /livez, /readyz, /metrics, /asyncapi."""

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            async with self.running():
                yield

        return Starlette(
            lifespan=lifespan,
            routes=[
                Route("/livez", alive),
                Route("/readyz", self._ready),
                Route("/metrics", metrics),
                Route("/asyncapi", self._asyncapi_page),
                Route("/asyncapi.json", self._asyncapi_json),
            ],
        )

    async def _ready(self, _: Request) -> Response:
        stopped = self.readers.stopped
        database = await self.database.is_ready()
        waiting = [c.consumer_name for c in self.readers.consumptions if not c.joined and not c.stopped_by_limit]
        ready = database and not stopped
        return JSONResponse(
            {"ready": ready, "database": database, "stopped_readers": stopped, "readers_without_kafka": waiting},
            status_code=200 if ready else 503,
        )

    async def _asyncapi_page(self, _: Request) -> Response:
        document = json.loads(await self._asyncapi())
        return HTMLResponse(
            page.render(document),
            headers={"Content-Security-Policy": f"{page.CONTENT_SECURITY_POLICY}; frame-ancestors 'none'"},
        )

    async def _asyncapi_json(self, _: Request) -> Response:
        return Response(await self._asyncapi(), media_type="application/json")

    async def _asyncapi(self) -> str:
        """The contract as it is committed: what subscribers are promised, not what the code happens to do."""
        return await asyncio.to_thread((self.service.contracts / "asyncapi.json").read_text)


async def _supervise(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Keep a task running; one that ends by itself has done its work."""
    while True:
        try:
            await run()
        except Exception:
            log.exception("task_restarts", task=name, pause_seconds=RESTART_SECONDS)
            await asyncio.sleep(RESTART_SECONDS)
        else:
            return


async def _prepare_journal(running: Running) -> None:
    """Keep the coming months of the journal ready."""
    while True:
        async with running.database.transaction() as tx:
            await tx.execute("SELECT amtsbus.prepare_journal($1)", JOURNAL_MONTHS_AHEAD)
        await asyncio.sleep(PREPARE_SECONDS)


async def _sweep_inbox(running: Running) -> None:
    """Forget inbox rows that are older than any topic's retention that has one; the high-water marks stay."""
    while True:
        async with running.database.transaction() as tx:
            await inbox.sweep(tx, datetime.now(UTC) - INBOX_KEPT)
        await asyncio.sleep(SWEEP_SECONDS)


def run_worker(service: Service, settings: Settings) -> None:
    """Run the worker until SIGTERM or SIGINT; then it finishes what is at work and leaves."""
    failpoints.in_process_of(service.name)
    config = uvicorn.Config(
        Worker(service, settings).app(),
        host=settings.worker_host,
        port=settings.worker_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        lifespan="on",
    )
    uvicorn.Server(config).run()
