"""A town for browsers: all offices and the portal, with a folder of procedures of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
from amtsbus.procedures.checking import Office, read_office
from town.addresses import Addresses
from town.clock import TownClock
from town.home import Home

TREE = Path(__file__).parents[2]
DECLARED = TREE / "deploy" / "procedures"
USE_TOWN = "AMTSBUS_TEST_TOWN"
"""The folder of a town that serves already: it is used and left running, for whoever writes these tests."""


@dataclass(frozen=True)
class RunningTown:
    """A town under test."""

    home: Home

    @property
    def addresses(self) -> Addresses:
        return Addresses.read(self.home.addresses)

    @property
    def procedures(self) -> Path:
        """The folder of procedures that this town's offices look at."""
        return self.home.folder / "procedures"

    @property
    def portal(self) -> str:
        """The origin of the portal."""
        return self.addresses.services["portal"].api

    def desk(self, office: str) -> str:
        """The address of an office's desk."""
        return f"{self.addresses.services[office].api}/desk"

    @property
    def clock(self) -> TownClock:
        return TownClock(self.home.clock)

    def offices(self) -> dict[str, Office]:
        """What the offices declare, by their keys."""
        return _declared()

    async def add_citizen(self, name: str, **known: object) -> None:
        """Let somebody be known to the issuer."""
        given_name, _, family_name = name.partition(" ")
        person = {"name": name, "roles": ["citizen"], "given_name": given_name, "family_name": family_name}
        async with httpx.AsyncClient(timeout=30) as http:
            (await http.post(f"{self.addresses.issuer}/people", json=person | known)).raise_for_status()

    def command(self, *arguments: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
        """Run `town …` as somebody at a terminal would, without the servers of other suites."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("KAFKA_BOOTSTRAP_SERVERS", "AMTSBUS_TEST_POSTGRES_URL", "AMTSBUS_TOPIC_PREFIX")
            and not name.endswith("_DATABASE_URL")
        }
        ours = {"TOWN_HOME": str(self.home.folder), "AMTSBUS_PROCEDURES": str(self.procedures)}
        return subprocess.run(
            [sys.executable, "-m", "town.cli", *arguments],
            env=environment | ours,
            cwd=self.home.tree,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


@cache
def _declared() -> dict[str, Office]:
    return {file.parent.name: read_office(file.parent) for file in sorted(DECLARED.glob("*/office.yaml"))}


@contextmanager
def running_town() -> Iterator[RunningTown]:
    """A town that serves, whose day has not been played.

    Raises:
        RuntimeError: it does not come up; the message is what it said.
    """
    if used := os.environ.get(USE_TOWN):
        yield RunningTown(Home(Path(used).resolve(), TREE))
        return
    with tempfile.TemporaryDirectory(prefix="amtsbus-town-", ignore_cleanup_errors=True) as folder:
        town = RunningTown(Home(Path(folder), TREE))
        shutil.copytree(DECLARED, town.procedures)
        try:
            started = town.command("up", "--detach", "--no-day")
            if started.returncode != 0:
                raise RuntimeError(started.stdout + started.stderr)
            yield town
        finally:
            town.command("down")
