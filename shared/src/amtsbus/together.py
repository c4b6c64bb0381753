"""Several services in one process: for a town on one machine, where a process for each would cost too much memory."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator, Sequence

import uvicorn
import uvloop

from amtsbus.http import create_app
from amtsbus.logs import SERVICE
from amtsbus.service import Service
from amtsbus.settings import Settings
from amtsbus.worker import Worker, collect_garbage_rarely


class _Server(uvicorn.Server):
    """Leaves the process's signals to `run_together`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run_together(services: Sequence[tuple[Service, Settings]]) -> None:
    """Run api and worker of each service until SIGTERM or SIGINT.

    Raises:
        RuntimeError: one of them could not start; the others are stopped.
    """
    collect_garbage_rarely()
    servers: list[tuple[str, _Server]] = []
    for service, settings in services:
        api = create_app(service, settings)
        servers.append((service.name, _server(api, settings.api_host, settings.api_port)))
        worker = Worker(service, settings).app()
        servers.append((service.name, _server(worker, settings.worker_host, settings.worker_port)))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(servers))


def _server(app: object, host: str, port: int) -> _Server:
    return _Server(
        uvicorn.Config(
            app,  # type: ignore[arg-type] # an ASGI application, whose type uvicorn does not export
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
            lifespan="on",
        )
    )


async def _serve_as(name: str, server: _Server) -> None:
    SERVICE.set(name)  # in this task, and in all that come from it
    await server.serve()


async def _serve(named: Sequence[tuple[str, _Server]]) -> None:
    loop = asyncio.get_running_loop()
    servers = [server for _, server in named]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop)
    running = [asyncio.create_task(_serve_as(name, server)) for name, server in named]
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    stop()
    await asyncio.gather(*running)
    if not all(server.started for server in servers):
        raise RuntimeError("a service did not start; its log says why")
