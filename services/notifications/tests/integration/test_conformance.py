"""What the OpenAPI document says is what the service does, for good and bad requests alike."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from amtsbus.auth import Role
from amtsbus.http import create_app
from amtsbus.postgres import Database
from amtsbus.testing.conformance import check_conformance, served
from amtsbus.testing.tokens import TestIssuer
from notifications.main import SERVICE

from ..facts import PERSON, fact, postal_address
from ..towns import happen


@pytest.mark.timeout(300)
async def test_the_service_keeps_to_its_document(database: Database, settings_of: Callable[..., Any]) -> None:
    await happen(database, "registration.postal-address-changed.v1", postal_address(), subject=PERSON)
    await happen(database, "permits.application-approved.v1", fact("permits.application-approved.v1"))
    issuer = TestIssuer()
    app = create_app(SERVICE, settings_of(SERVICE, database), verifier=issuer.verifier)
    token = issuer.token(*Role, department="notifications", person_id=PERSON)

    def ask() -> int:
        with served(app) as address:
            return check_conformance(address, {"Authorization": f"Bearer {token}"}, examples=15)

    assert await asyncio.to_thread(ask) == 8
