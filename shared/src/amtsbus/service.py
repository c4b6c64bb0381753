"""What a service is: the one declaration that its processes, its contracts and the operator's commands start from."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter

from amtsbus.events import Published
from amtsbus.postgres import Database
from amtsbus.reader import Reader
from amtsbus.settings import Settings

if TYPE_CHECKING:
    from amtsbus.web.declaration import Web

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
    kind: str = ""
    """The package that it is an instance of, where one package has several; its events' types begin with it."""
    pattern: "Service | None" = None
    """What the contract says where several instances share one, with `{office}` where their names stand."""
    web: "Web | None" = None
    """What it shows in a browser, where it shows anything."""

    @property
    def contracts(self) -> Path:
        """The folder of the generated contracts."""
        return self.migrations.parent / "contracts"

    @property
    def package(self) -> str:
        """The package that it comes from, which is its name unless it is one of several instances."""
        return self.kind or self.name

    @property
    def version(self) -> str:
        return version(f"amtsbus-{self.package}")


@dataclass(frozen=True)
class Instances:
    """A package that runs several times, each time as a service of its own: the entry point of such a package.

    Args:
        names: the services that it can be here.
        make: the service of a name.
    """

    names: Callable[[], Sequence[str]]
    make: Callable[[str], Service]


class UnknownServiceError(Exception):
    """No service of this name is installed."""


class BrokenServiceError(Exception):
    """A service is installed, and cannot be imported. The message names it."""


@dataclass(frozen=True)
class _Instance:
    name: str
    package: EntryPoint

    def load(self) -> Service:
        return _instances(self.package).make(self.name)


def _instances(point: EntryPoint) -> Instances:
    instances = point.load()
    if not isinstance(instances, Instances):
        raise UnknownServiceError(f"the entry point {point.name!r} of amtsbus.instances is not an Instances")
    return instances


def installed_services() -> dict[str, EntryPoint | _Instance]:
    """The services that are installed here, by name."""
    found: dict[str, EntryPoint | _Instance] = {
        name: _Instance(name, point)
        for point in entry_points(group="amtsbus.instances")
        for name in _instances(point).names()
    }
    return found | _single_services()


def _single_services() -> dict[str, EntryPoint]:
    """Those that are a package of their own; to know them nothing is imported."""
    return {point.name: point for point in entry_points(group="amtsbus.services")}


def contracted_services() -> list[Service]:
    """A service of each package that is installed here, as its contract describes it.

    Raises:
        BrokenServiceError: one of them cannot be imported.
    """
    found = {package_of(name): name for name in sorted(installed_services(), reverse=True)}
    services = []
    for _, name in sorted(found.items()):
        try:
            service = load_service(name)
        except Exception as error:
            raise BrokenServiceError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error
        services.append(service.pattern or service)
    return services


def package_of(name: str) -> str:
    """The package that the service `name` comes from: its own name, unless it is one of several instances."""
    found = None if name in _single_services() else installed_services().get(name)
    return found.package.name if isinstance(found, _Instance) else name


def load_service(name: str) -> Service:
    """Import the service `name`.

    Raises:
        UnknownServiceError: it is not installed; the message lists those that are.
    """
    points = _single_services()
    found = points[name] if name in points else installed_services().get(name)
    if found is None:
        raise UnknownServiceError(
            f"no service {name!r} is installed here; installed: {', '.join(sorted(installed_services())) or 'none'}"
        )
    service = found.load()
    if not isinstance(service, Service):
        raise UnknownServiceError(f"the entry point of {name!r} is not a Service")
    return service
