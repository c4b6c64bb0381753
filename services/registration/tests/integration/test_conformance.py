"""What the OpenAPI document says is what the registration office does, for good and bad requests alike."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from amtsbus.auth import Role
from amtsbus.http import create_app
from amtsbus.postgres import Database
from amtsbus.testing.conformance import check_conformance, served
from amtsbus.testing.tokens import A_CITIZEN, TestIssuer
from registration.main import SERVICE


@pytest.mark.timeout(300)
async def test_the_office_keeps_to_its_document(
    service_database: Callable[..., Awaitable[Database]], settings_of: Callable[..., Any]
) -> None:
    database = await service_database(SERVICE)
    issuer = TestIssuer()
    app = create_app(SERVICE, settings_of(SERVICE, database), verifier=issuer.verifier)
    token = issuer.token(*Role, department="registration", person_id=A_CITIZEN)

    def ask() -> int:
        with served(app) as address:
            return check_conformance(address, {"Authorization": f"Bearer {token}"}, examples=10)

    assert await asyncio.to_thread(ask) >= 15
