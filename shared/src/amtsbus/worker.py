"""The worker process of a service: relay, readers and tasks, with probes, metrics and the service's AsyncAPI over HTTP."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from amtsbus import failpoints, inbox, replay, telemetry
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
SWEEP_SECONDS = 3600.0
PREPARE_SECONDS = 24 * 3600.0
SESSIONS_SECONDS = 300.0
SESSIONS_AT_ONCE = 1000


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
        of_chassis = [_prepare_journal, _sweep_inbox, sweep_idempotency_keys]
        if self.service.web is not None:
            of_chassis.append(_sweep_sessions)
        for task in (*self.service.tasks, *of_chassis):
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
        """Red when a reader was stopped by its limit, and only then: nothing else needs somebody to act on this worker.

        What is away comes back, and the worker goes on by itself; that is told, in time for a probe that waits a second.
        """
        stopped = self.readers.stopped
        database = await self.database.is_ready(seconds=0.5)
        waiting = [c.consumer_name for c in self.readers.consumptions if not c.joined and not c.stopped_by_limit]
        return JSONResponse(
            {"ready": not stopped, "database": database, "stopped_readers": stopped, "readers_without_kafka": waiting},
            status_code=503 if stopped else 200,
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
            months = await replay.months(tx)
        telemetry.JOURNAL_READY.set((replay.following(months[-1]) - datetime.now(UTC).date()).days)
        await asyncio.sleep(PREPARE_SECONDS)


async def _sweep_inbox(running: Running) -> None:
    """Forget, in portions, inbox rows that are older than any topic's retention that has one; the high-water marks stay."""
    while True:
        async with running.database.transaction() as tx:
            swept = await inbox.sweep(tx, datetime.now(UTC) - inbox.KEPT)
        if swept < inbox.SWEPT_AT_ONCE:
            await asyncio.sleep(SWEEP_SECONDS)


async def _sweep_sessions(running: Running) -> None:
    """Delete, in portions, sessions of browsers that are over."""
    from amtsbus.web import sessions

    while True:
        async with running.database.transaction() as tx:
            swept = await sessions.sweep(tx, SESSIONS_AT_ONCE)
        if swept < SESSIONS_AT_ONCE:
            await asyncio.sleep(SESSIONS_SECONDS)


def collect_garbage_rarely() -> None:
    """Leave out of every collection what is loaded by now, and collect less often.

    A batch of events is thousands of objects that live for a moment and refer in no circle; looking for circles among them and
    everything else costs a reader a tenth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def run_worker(service: Service, settings: Settings) -> None:
    """Run the worker until SIGTERM or SIGINT; then it finishes what is at work and leaves."""
    failpoints.in_process_of(service.name)
    collect_garbage_rarely()
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
