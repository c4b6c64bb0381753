"""Who gets in, over HTTP: 401 without a valid token, 403 without the role, and what is written down about it."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
import structlog
from amtsbus.auth import Role
from amtsbus.http import create_app
from amtsbus.postgres import Database
from amtsbus.testing.tokens import ApiClient, TestIssuer, make_client
from amtsbus.tokens import IssuerKeys, TokenVerifier

from ..http.parks import PARKS


@pytest.fixture
async def database(service_database: Callable[..., Awaitable[Database]]) -> Database:
    return await service_database(PARKS)


@pytest.fixture
async def client(api: Callable[..., Awaitable[ApiClient]], database: Database) -> ApiClient:
    return await api(PARKS, database)


TREE = f"/v1/trees/{uuid4()}"


async def test_without_a_token_there_is_a_challenge(client: ApiClient):
    answer = await client.get(TREE)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="parks"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:amtsbus:problem:login-required"


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic dTpw", "Token x", "Bearer,x", "🦊".encode()])
async def test_another_kind_of_login_is_refused(client: ApiClient, value: Any):
    answer = await client.get(TREE, headers={"Authorization": value})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="parks"')


async def test_two_tokens_are_none(client: ApiClient):
    token = client.as_(Role.CLERK)["Authorization"]
    answer = await client.get(TREE, headers=[("Authorization", token), ("Authorization", token)])
    assert answer.status_code == 401


async def test_an_expired_token_says_so(client: ApiClient):
    answer = await client.get(TREE, headers=client.as_(Role.CLERK, exp=1))
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="parks", error="invalid_token", error_description="')
    assert "expired" in challenge


async def test_the_wrong_role_is_refused_with_the_right_ones(client: ApiClient):
    answer = await client.get(TREE, headers=client.as_(Role.OPERATOR))
    assert answer.status_code == 403
    assert answer.json()["detail"] == "Only for citizen or clerk of this department."


async def test_a_clerk_of_another_department_is_refused(client: ApiClient):
    assert (await client.get(TREE, headers=client.as_(Role.CLERK, department="schooling"))).status_code == 403
    assert (await client.get(TREE, headers=client.as_(Role.CLERK))).status_code == 404


async def test_the_login_is_checked_before_anything_else_of_the_request(client: ApiClient, database: Database):
    bad = await client.post("/v1/trees", content=b"{", headers={"Content-Type": "text/plain"})
    assert bad.status_code == 401
    await database.stop()  # no connection is needed to refuse somebody
    assert (await client.get(TREE)).status_code == 401
    assert (await client.get(TREE, headers=client.as_(Role.OPERATOR))).status_code == 403
    await database.start()


async def test_refusals_are_written_down_without_the_token(client: ApiClient):
    headers = client.as_(Role.OPERATOR, sub="pseudonym-7", name="Ada Lovelace")
    expired = client.as_(Role.CLERK, exp=1)
    with structlog.testing.capture_logs() as lines:
        await client.get(TREE, headers=headers)
        await client.get(TREE, headers=expired)
    refusals = {line["event"]: line for line in lines if "refused" in line["event"]}
    assert refusals["role-refused"]["subject"] == "pseudonym-7"
    assert "expired" in refusals["login-refused"]["reason"]
    for secret in (headers["Authorization"].split(".")[1], expired["Authorization"].split(".")[2], "Lovelace"):
        assert secret not in str(lines)


async def test_while_the_issuer_is_away_nobody_is_refused_for_good(database: Database, settings_of: Callable[..., Any]):
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away", request=request)

    keys = IssuerKeys("https://issuer.test", httpx.AsyncClient(transport=httpx.MockTransport(away)))
    verifier = TokenVerifier(keys, issuer="https://issuer.test", audience="amtsbus")
    app = create_app(PARKS, settings_of(PARKS, database), database, verifier=verifier)
    async with make_client(app, TestIssuer()) as client:
        answer = await client.get(TREE, headers=client.as_(Role.CLERK))
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:amtsbus:problem:login-unavailable")
    assert answer.headers["retry-after"]
