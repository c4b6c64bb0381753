"""Fixtures of the tests of the campaign: a small city that has lived for a moment, and copies of it to be broken."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

# Imported instead of `pytest_plugins`, which only the topmost conftest may name.
from amtsbus.testing.fixtures import kafka, postgres_url
from town.home import Home

from tests.proof import checker
from tests.proof.tests.small_city import SmallCity, build, demolish

__all__ = ["kafka", "postgres_url"]


@pytest.fixture(scope="session")
def lived(postgres_url: str, kafka: str) -> Iterator[SmallCity]:
    """The small city after its load, drained. Nobody changes it."""
    with tempfile.TemporaryDirectory(prefix="amtsbus-small-city-") as folder:
        city = asyncio.run(build(Path(folder), postgres_url, kafka))
        yield city
        asyncio.run(demolish(city))


@pytest.fixture
async def city(lived: SmallCity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SmallCity]:
    """The small city, with a ledger, mails and logs of the test's own; its databases and topics as far as it breaks them."""
    # What is broken here stays broken: nothing lives that could mend it between two looks.
    monkeypatch.setattr(checker, "LOOKS", 1)
    monkeypatch.setattr(checker, "AGAIN_AFTER_SECONDS", 0.0)
    shutil.copytree(lived.home.folder, tmp_path / "city")
    mine = replace(
        lived,
        home=Home(tmp_path / "city", lived.home.tree),
        excuses=[],
        happened=[],
        operations=[],
        _copies=[],
    )
    yield mine
    await mine.end()
