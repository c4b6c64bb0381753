"""`amtsbus api|worker|migrate SERVICE`: the processes of a service."""

import typer

from amtsbus.cli.databases import ServiceName, settings_of


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


def migrate(service: ServiceName) -> None:
    """Bring the database of SERVICE to this version."""
    import asyncio

    from amtsbus.migrate import migrate as bring_up_to_date
    from amtsbus.service import load_service

    declared = load_service(service)
    applied = asyncio.run(bring_up_to_date(settings_of(declared.settings, service), declared.migrations))
    for name in applied:
        typer.echo(f"applied {name}")
    if not applied:
        typer.echo("the database is up to date")
