"""What a service is: the one declaration that its processes, its contracts and the operator's commands start from."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path

from fastapi import APIRouter

from amtsbus.events import Published
from amtsbus.postgres import Database
from amtsbus.reader import Reader
from amtsbus.settings import Settings

Task = Callable[["Running"], Awaitable[None]]
"""Something that a worker does all the time beside reading: runs until it is cancelled, and is restarted when it fails."""


@dataclass(frozen=True)
class Running:
    """What a running worker hands to its tasks."""

    settings: Settings
    database: Database


@dataclass(frozen=True)
class Service:
    """One department's service.

    Declared in its `main.py` and found through the entry point group `amtsbus.services`.
    """

    name: str
    title: str
    published: tuple[type[Published], ...]
    routers: tuple[APIRouter, ...]
    readers: tuple[Reader, ...] = ()
    tasks: tuple[Task, ...] = ()
    settings: type[Settings] = Settings
    migrations: Path = field(default=Path())
    """The folder of the service's own SQL migrations, inside its package."""

    @property
    def contracts(self) -> Path:
        """The folder of the generated contracts."""
        return self.migrations.parent / "contracts"

    @property
    def version(self) -> str:
        return version(f"amtsbus-{self.name}")


class UnknownServiceError(Exception):
    """No service of this name is installed."""


def installed_services() -> dict[str, EntryPoint]:
    """The services that are installed here, by name."""
    return {point.name: point for point in entry_points(group="amtsbus.services")}


def load_service(name: str) -> Service:
    """Import the service `name`.

    Raises:
        UnknownServiceError: it is not installed; the message lists those that are.
    """
    points = installed_services()
    if name not in points:
        raise UnknownServiceError(
            f"no service {name!r} is installed here; installed: {', '.join(sorted(points)) or 'none'}"
        )
    service = points[name].load()
    if not isinstance(service, Service):
        raise UnknownServiceError(f"the entry point of {name!r} is not a Service")
    return service
