"""The office of requests on a database of the test's own, with documents, and a browser in front of it."""

from io import BytesIO
from pathlib import Path

import pytest
from amtsbus.documents import DocumentStore
from amtsbus.postgres import Database
from amtsbus.service import Service
from amtsbus.testing.browsing import Browser
from amtsbus.testing.fixtures import DatabaseFactory

from . import requests_office
from .requests_office import PAPERS, RequestsDesk


@pytest.fixture
def desk() -> RequestsDesk:
    return RequestsDesk()


@pytest.fixture
def service(desk: RequestsDesk, tmp_path: Path) -> Service:
    (tmp_path / "migrations").mkdir()
    return requests_office.made(desk, tmp_path / "migrations")


@pytest.fixture
async def database(service: Service, service_database: DatabaseFactory) -> Database:
    return await service_database(service)


@pytest.fixture
async def documents(tmp_path: Path) -> str:
    """Where the papers lie that were kept; one of them was not."""
    url = (tmp_path / "documents").as_uri()
    store = DocumentStore.at(url)
    for key, (_, _, content) in PAPERS.items():
        if key != "gone":
            await store.put(BytesIO(content))
    return url


@pytest.fixture
async def browser(browse, service: Service, database: Database, documents: str) -> Browser:
    """Nobody sits there yet."""
    made: Browser = await browse(service, database, documents_url=documents)
    return made


@pytest.fixture
def request_(desk: RequestsDesk, database: Database):
    """Somebody asks for something."""

    async def make(name: str = "Demo-Nobody", **options):
        return await desk.request(database, name, **options)

    return make
