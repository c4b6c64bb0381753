"""What the OpenAPI document says is what the service does, for good and bad requests alike."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from amtsbus.auth import Role
from amtsbus.http import create_app
from amtsbus.postgres import Database
from amtsbus.testing.conformance import check_conformance, served
from amtsbus.testing.tokens import A_CITIZEN, TestIssuer

from .parks import PARKS


async def test_the_service_keeps_to_its_document(
    service_database: Callable[..., Awaitable[Database]], settings_of: Callable[..., Any]
):
    database = await service_database(PARKS)
    issuer = TestIssuer()
    app = create_app(PARKS, settings_of(PARKS, database), verifier=issuer.verifier)
    token = issuer.token(*Role, department="parks", person_id=A_CITIZEN)

    def ask() -> int:
        with served(app) as address:
            return check_conformance(
                address, {"Authorization": f"Bearer {token}"}, leave_out="lightning|growth|shouting"
            )

    assert await asyncio.to_thread(ask) == 7
