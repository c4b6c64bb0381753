"""`amtsbus api|worker|together|migrate`: the processes of a service."""

from typing import Annotated

import typer

from amtsbus.cli.databases import ServiceName, settings_of

ServiceNames = Annotated[
    list[str], typer.Argument(metavar="SERVICE...", help="Services' names, for example permits schooling.")
]


def api(service: ServiceName) -> None:
    """Serve the HTTP interface of SERVICE until SIGTERM."""
    import uvicorn

    from amtsbus import failpoints
    from amtsbus.http import create_app
    from amtsbus.logs import configure
    from amtsbus.service import load_service

    declared = load_service(service)
    settings = settings_of(declared.settings, service)
    configure(settings, "api")
    failpoints.in_process_of(service)
    uvicorn.run(
        create_app(declared, settings),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


def worker(service: ServiceName) -> None:
    """Run relay, readers and tasks of SERVICE until SIGTERM."""
    from amtsbus.logs import configure
    from amtsbus.service import load_service
    from amtsbus.worker import run_worker

    declared = load_service(service)
    settings = settings_of(declared.settings, service)
    configure(settings, "worker")
    run_worker(declared, settings)


def together(services: ServiceNames) -> None:
    """Run api and worker of several services in one process until SIGTERM: for a town on one machine.

    Each keeps its database, topics and ports. Metrics are those of the process, so what belongs to one service cannot be
    told from them: in operation every service has processes of its own.

    Example: amtsbus together taxes youth social
    """
    from amtsbus.logs import configure
    from amtsbus.service import load_service
    from amtsbus.together import run_together

    declared = [load_service(name) for name in dict.fromkeys(services)]
    pairs = [(service, settings_of(service.settings, service.name)) for service in declared]
    configure(pairs[0][1], "together")
    run_together(pairs)


def migrate(services: ServiceNames) -> None:
    """Bring the databases of services to this version.

    Example: amtsbus migrate permits
    """
    import asyncio

    from amtsbus.migrate import migrate as bring_up_to_date
    from amtsbus.service import load_service

    for name in services:
        declared = load_service(name)
        told = f"{name}: " if len(services) > 1 else ""
        applied = asyncio.run(bring_up_to_date(settings_of(declared.settings, name), declared.migrations))
        for migration in applied:
            typer.echo(f"{told}applied {migration}")
        if not applied:
            typer.echo(f"{told}the database is up to date")
