"""A service that has nothing but cases, and its database."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from amtsbus.postgres import Database
from amtsbus.service import Service
from amtsbus.testing.fixtures import DatabaseFactory


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(name="requests", title="Requests", published=(), routers=(), migrations=tmp_path)


@pytest.fixture
async def database(service: Service, service_database: DatabaseFactory) -> Database:
    return await service_database(service)


@pytest.fixture
async def owner(database: Database, owner_url: Callable[[Database], str]) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """A connection that may do what the service may not."""
    connection = await asyncpg.connect(owner_url(database))
    yield connection
    await connection.close()
