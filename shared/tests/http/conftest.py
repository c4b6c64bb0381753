"""The parks department on a database of the test's own."""

from collections.abc import Awaitable, Callable

import pytest
from amtsbus.postgres import Database
from amtsbus.testing.fixtures import DatabaseFactory
from amtsbus.testing.tokens import ApiClient

from .parks import PARKS, SEASON


@pytest.fixture(autouse=True)
def quiet_season() -> None:
    SEASON.begin()


@pytest.fixture
async def database(service_database: DatabaseFactory) -> Database:
    return await service_database(PARKS)


@pytest.fixture
async def client(api: Callable[..., Awaitable[ApiClient]], database: Database) -> ApiClient:
    return await api(PARKS, database)
