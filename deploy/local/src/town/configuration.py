"""What can be configured about a town: ports, and servers that are there already. All of it comes from the environment.

| variable | meaning |
|---|---|
| `TOWN_HOME` | the town's folder; default `.town` in the working tree |
| `TOWN_<WHAT>_PORT` | a fixed port instead of a free one; WHAT is KAFKA, POSTGRES, ISSUER, SMTP or MAIL |
| `TOWN_<SERVICE>_API_PORT`, `TOWN_<SERVICE>_WORKER_PORT` | the same for the two processes of a service |
| `KAFKA_BOOTSTRAP_SERVERS` | use this Kafka instead of the embedded one |
| `<SERVICE>_DATABASE_URL` (and `<SERVICE>_MIGRATOR_DATABASE_URL`) | use this database instead of an embedded one |
| `AMTSBUS_PROCEDURES` | another folder of procedures than `deploy/procedures` |
| `AMTSBUS_TOPIC_PREFIX` | put before topics and groups, where several towns share one Kafka |
"""

import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from amtsbus.service import installed_services
from amtsbus.testing.servers import free_ports, require_free

from town.databases import DatabaseAccess
from town.home import TownError

DEPARTMENTS = ("registration", "permits", "schooling", "notifications")
"""The departments with code of their own, in the order of the day in the city."""


def services() -> tuple[str, ...]:
    """The services that are installed here, those of the day in the city first.

    Raises:
        TownError: there is none.
    """
    installed = installed_services()
    if not installed:
        raise TownError("no service of the city is installed: run `make town`, or `uv sync --locked` first")
    return tuple(sorted(installed, key=_place))


def _place(name: str) -> tuple[int, str]:
    return (DEPARTMENTS.index(name) if name in DEPARTMENTS else len(DEPARTMENTS)), name


@dataclass(frozen=True)
class ServicePorts:
    """The two ports of a service."""

    api: int
    worker: int


@dataclass(frozen=True)
class Configuration:
    """The ports of a town, and the servers of others that it uses."""

    kafka: int
    postgres: int
    issuer: int
    smtp: int
    mail: int
    services: dict[str, ServicePorts]
    outside_kafka: str | None
    outside_databases: dict[str, DatabaseAccess]
    topic_prefix: str
    procedures: Path | None = None

    @classmethod
    def choose(cls, home: Path, names: tuple[str, ...], environment: Mapping[str, str] = os.environ) -> "Configuration":
        """Take the configured ports, and free ones for the rest: the same as last time where they are still free.

        Raises:
            TownError: a variable is no port number.
            ServerFailedError: a configured port is taken.
        """
        wanted = ["KAFKA", "POSTGRES", "ISSUER", "SMTP", "MAIL"]
        wanted += [f"{name.upper()}_{kind}" for name in names for kind in ("API", "WORKER")]
        fixed = {what: _port(environment, what) for what in wanted}
        for what, port in fixed.items():
            if port is not None:
                require_free(port, what.lower().replace("_", " "), f"TOWN_{what}_PORT")
        # Each town looks from a place of its own, so that two that start at the same moment do not take the same.
        free = iter(free_ports(len(wanted), beginning=zlib.crc32(str(home).encode())))
        ports = {what: port if port is not None else next(free) for what, port in fixed.items()}
        return cls(
            kafka=ports["KAFKA"],
            postgres=ports["POSTGRES"],
            issuer=ports["ISSUER"],
            smtp=ports["SMTP"],
            mail=ports["MAIL"],
            services={
                name: ServicePorts(ports[f"{name.upper()}_API"], ports[f"{name.upper()}_WORKER"]) for name in names
            },
            outside_kafka=environment.get("KAFKA_BOOTSTRAP_SERVERS") or None,
            outside_databases={
                name: DatabaseAccess(url, environment.get(f"{name.upper()}_MIGRATOR_DATABASE_URL") or None)
                for name in names
                if (url := environment.get(f"{name.upper()}_DATABASE_URL"))
            },
            topic_prefix=environment.get("AMTSBUS_TOPIC_PREFIX", ""),
            procedures=Path(told).resolve() if (told := environment.get("AMTSBUS_PROCEDURES")) else None,
        )


def _port(environment: Mapping[str, str], what: str) -> int | None:
    told = environment.get(f"TOWN_{what}_PORT", "").strip()
    if told in ("", "0"):
        return None
    if not told.isdecimal() or not 1 <= int(told) <= 65535:
        raise TownError(f"TOWN_{what}_PORT must be a port number between 1 and 65535, or 0 for a free one")
    return int(told)
