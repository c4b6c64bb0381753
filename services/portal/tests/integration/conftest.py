"""A portal with its database, its document store and its pages."""

from pathlib import Path
from typing import Any

import pytest
from amtsbus.clock import FixedClock
from amtsbus.documents import DocumentStore
from portal.main import SERVICE

from ..demo import animals
from ..portals import Portal


@pytest.fixture
async def portal(service_database: Any, clock: FixedClock, browse: Any, tmp_path: Path) -> Portal:
    database = await service_database(SERVICE)
    folder = (tmp_path / "documents").as_uri()
    settings = {"documents_url": folder, "payment_provider": "development", "city": "Demo-Stadt"}
    made = Portal(database, clock, DocumentStore.at(folder), browse, settings)
    await made.offer(animals())
    return made
