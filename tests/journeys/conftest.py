"""A town for the journeys: started by its own command line, with servers of its own, in a folder of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from town.addresses import Addresses
from town.day import city_of
from town.day.city import City
from town.home import Home
from town.printing import Printer


@dataclass
class RunningTown:
    """A town under test, and its command line."""

    home: Home

    @property
    def addresses(self) -> Addresses:
        return Addresses.read(self.home.addresses)

    def command(self, *arguments: str, seconds: float = 150) -> subprocess.CompletedProcess[str]:
        """Run `town …` as somebody at a terminal would."""
        return subprocess.run(
            [sys.executable, "-m", "town.cli", *arguments],
            env=self.environment(),
            cwd=self.home.tree,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """Ours, without the servers of the other suites: a town has its own."""
        ours = {
            name: value
            for name, value in os.environ.items()
            if name not in ("KAFKA_BOOTSTRAP_SERVERS", "AMTSBUS_TEST_POSTGRES_URL", "AMTSBUS_TOPIC_PREFIX")
            and not name.endswith("_DATABASE_URL")
        }
        return ours | {"TOWN_HOME": str(self.home.folder)}


@pytest.fixture(scope="session")
def town() -> Iterator[RunningTown]:
    """A town that serves, whose day has not been played."""
    with tempfile.TemporaryDirectory(prefix="amtsbus-town-", ignore_cleanup_errors=True) as folder:
        running = RunningTown(Home(Path(folder), Path(__file__).parents[2]))
        try:
            started = running.command("up", "--detach", "--no-day")
            assert started.returncode == 0, started.stdout + started.stderr
            yield running
        finally:
            running.command("down")


@pytest.fixture
async def city(town: RunningTown) -> AsyncIterator[City]:
    """A day in the town."""
    async with city_of(town.home, town.addresses, Printer()) as opened:
        yield opened
