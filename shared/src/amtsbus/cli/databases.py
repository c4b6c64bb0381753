"""The settings and the database of the service that a command is about."""

import getpass
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from amtsbus.cli.failures import CommandFailedError

if TYPE_CHECKING:
    from amtsbus.postgres import Database
    from amtsbus.service import Service
    from amtsbus.settings import Settings

ServiceName = Annotated[str, typer.Argument(metavar="SERVICE", help="The service's name, for example permits.")]
Services = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SERVICE]...", help="Default: all that are installed and whose <SERVICE>_DATABASE_URL is set."
    ),
]
By = Annotated[str | None, typer.Option("--by", help="Who does this; default: the user of this system.")]
Why = Annotated[str | None, typer.Option("--why", metavar="TEXT", help="Why you do this; it is recorded.")]
Consumer = Annotated[str | None, typer.Option(help="Only those of this consumer group.")]


def settings_of(declared: "type[Settings]", name: str, **overrides: object) -> "Settings":
    """The settings of the service `name` from the environment.

    Raises:
        CommandFailedError: one is missing or wrong; the message names the variable, never its content.
    """
    from pydantic import ValidationError

    try:
        return declared.load(name, **overrides)
    except ValidationError as error:
        problems = []
        for problem in error.errors(include_input=False, include_url=False):
            told = str(problem["msg"])
            if problem["loc"]:
                field = str(problem["loc"][0])
                alias = declared.model_fields[field].alias if field in declared.model_fields else field
                told = f"{alias or f'{name.upper()}_{field.upper()}'}: {told}"
            problems.append(told)
        raise CommandFailedError(f"settings: {'; '.join(problems)}") from None


def quiet() -> None:
    """Keep what the chassis and its clients log from getting between a program and the JSON that it reads."""
    import logging

    import structlog

    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def configured_services() -> list[str]:
    """The services that are installed here and whose database is configured, by name.

    Raises:
        CommandFailedError: there is none.
    """
    from amtsbus.service import installed_services

    names = [name for name in sorted(installed_services()) if f"{name.upper()}_DATABASE_URL" in os.environ]
    if not names:
        raise CommandFailedError("none of the services that are installed here has its <SERVICE>_DATABASE_URL set")
    return names


@asynccontextmanager
async def opened(name: str) -> "AsyncIterator[tuple[Service, Settings, Database]]":
    """The service `name` with its settings and its database, connected as the role that the service runs as."""
    from amtsbus.postgres import Database
    from amtsbus.service import load_service

    quiet()
    service = load_service(name)
    settings = settings_of(service.settings, name)
    database = Database(settings.database_url.get_secret_value(), settings.clock(), pool_size=2)
    await database.start()
    try:
        yield service, settings, database
    finally:
        await database.stop()


def operator(by: str | None) -> str:
    """Who is at the keyboard: what was given, else the user of this system."""
    if by is not None and not by.strip():
        raise typer.BadParameter("--by needs a name")
    return by or getpass.getuser()


def reason(why: str | None) -> str:
    """Why the operator does it; whatever changes something asks for it."""
    if why is None or not why.strip():
        raise typer.BadParameter("--why needs a reason; it is recorded")
    return why.strip()
