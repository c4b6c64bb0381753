"""The baths on a database of the test's own, and a browser in front of them."""

import pytest
from amtsbus.postgres import Database
from amtsbus.testing.browsing import Browser
from amtsbus.testing.fixtures import DatabaseFactory

from .baths import BATHS, SEASON


@pytest.fixture(autouse=True)
def quiet_season() -> None:
    SEASON.begin()


@pytest.fixture
async def database(service_database: DatabaseFactory) -> Database:
    return await service_database(BATHS)


@pytest.fixture
async def browser(browse, database: Database) -> Browser:
    made: Browser = await browse(BATHS, database)
    return made


@pytest.fixture
def rows(database: Database):
    """Counts the rows of a table."""

    async def count(table: str) -> int:
        found: int = await database.pool.fetchval(f"SELECT count(*) FROM {table}")
        return found

    return count
