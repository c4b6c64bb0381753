"""The development issuer, as services and the town's command line see it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from amtsbus.auth import Caller, LoginRequiredError, Role
from amtsbus.testing.servers import free_port
from amtsbus.tokens import IssuerKeys, TokenVerifier
from town.issuer import PERSON_GRANT, create_issuer

ISSUER = "http://127.0.0.1:8099"


@pytest.fixture(autouse=True)
def development(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMTSBUS_ENVIRONMENT", "development")


def open_issuer(folder: Path) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(create_issuer(ISSUER, folder)), base_url=ISSUER)


@pytest.fixture
def issuer(tmp_path: Path) -> httpx.AsyncClient:
    return open_issuer(tmp_path)


def verifier(issuer: httpx.AsyncClient) -> TokenVerifier:
    return TokenVerifier(IssuerKeys(ISSUER, issuer, pause_seconds=0), issuer=ISSUER, audience="amtsbus")


async def token_of(issuer: httpx.AsyncClient, name: str) -> str:
    answer = await issuer.post("/token", data={"grant_type": PERSON_GRANT, "name": name})
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


async def test_a_demo_persons_token_is_what_a_service_accepts(issuer: httpx.AsyncClient):
    await issuer.post("/people", json={"name": "Ayşe Yılmaz", "roles": ["citizen"], "language": "en"})
    await issuer.post("/people", json={"name": "Jörg Müller", "roles": ["clerk", "lead"], "department": "permits"})
    citizen = await verifier(issuer).caller(await token_of(issuer, "Ayşe Yılmaz"))
    assert citizen.roles == {Role.CITIZEN}
    assert citizen.person_id is not None
    assert citizen.name == "Ayşe Yılmaz"
    clerk = await verifier(issuer).caller(await token_of(issuer, "Jörg Müller"))
    assert (clerk.roles, clerk.department, clerk.person_id) == (frozenset({Role.CLERK, Role.LEAD}), "permits", None)


async def test_everybody_is_listed_and_changing_somebody_keeps_who_they_are(issuer: httpx.AsyncClient):
    first = (await issuer.post("/people", json={"name": "Ada"})).json()
    again = (await issuer.post("/people", json={"name": "Ada", "roles": ["citizen", "auditor"]})).json()
    assert (again["sub"], again["person_id"]) == (first["sub"], first["person_id"])
    assert (await issuer.get("/people")).json() == [again]


async def test_somebody_unknown_gets_no_token_but_the_names_that_do(issuer: httpx.AsyncClient):
    await issuer.post("/people", json={"name": "Ada"})
    answer = await issuer.post("/token", data={"grant_type": PERSON_GRANT, "name": "Eve"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert "Ada" in answer.json()["error_description"]
    for body in ("", "grant_type=password", "\xff\x00"):
        assert (await issuer.post("/token", content=body)).json()["error"] == "unsupported_grant_type"


async def test_a_program_logs_in_with_its_secret_only(issuer: httpx.AsyncClient):
    registered = (
        await issuer.post("/clients", json={"client_id": "seeder", "roles": ["operator"], "department": "permits"})
    ).json()
    form = {"grant_type": "client_credentials", "client_id": "seeder", "client_secret": registered["client_secret"]}
    token = (await issuer.post("/token", data=form)).json()["access_token"]
    assert await verifier(issuer).caller(token) == Caller("seeder", frozenset({Role.OPERATOR}), "permits")
    for wrong in ({"client_secret": "ä"}, {"client_secret": ""}, {"client_id": "nobody"}):
        assert (await issuer.post("/token", data=form | wrong)).status_code == 401


async def test_tokens_live_through_a_restart_and_a_rotation_but_not_a_withdrawal(tmp_path: Path):
    issuer = open_issuer(tmp_path)
    await issuer.post("/people", json={"name": "Ada"})
    token = await token_of(issuer, "Ada")
    issuer = open_issuer(tmp_path)
    service = verifier(issuer)
    caller = await service.caller(token)
    await issuer.post("/rotate")
    fresh = await token_of(issuer, "Ada")
    assert await service.caller(fresh) == caller
    assert await verifier(issuer).caller(token) == caller
    await issuer.post("/rotate", params={"withdraw": True})
    with pytest.raises(LoginRequiredError):
        await verifier(issuer).caller(token)


async def test_private_keys_are_in_no_answer_and_readable_by_their_owner_only(tmp_path: Path):
    issuer = open_issuer(tmp_path)
    for key in (await issuer.get("/jwks")).json()["keys"]:
        assert "d" not in key
    assert (tmp_path / "issuer.json").stat().st_mode & 0o077 == 0


async def test_a_broken_state_is_put_aside(tmp_path: Path):
    (tmp_path / "issuer.json").write_text('{"keys": [')
    issuer = open_issuer(tmp_path)
    assert (await issuer.get("/people")).json() == []
    assert (tmp_path / "issuer.broken").exists()


async def test_a_web_page_cannot_reach_it_under_another_name(issuer: httpx.AsyncClient):
    assert (await issuer.get("/people", headers={"Host": "evil.example"})).status_code == 400


@pytest.mark.parametrize("environment", ["production", "", "Development"])
def test_it_refuses_to_start_outside_of_development(monkeypatch, tmp_path: Path, environment: str):
    monkeypatch.setenv("AMTSBUS_ENVIRONMENT", environment)
    with pytest.raises(SystemExit, match="AMTSBUS_ENVIRONMENT=development"):
        create_issuer(ISSUER, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_it_runs_as_a_program_on_loopback(tmp_path: Path):
    port = free_port()
    program = subprocess.Popen(
        [sys.executable, "-m", "town.issuer", "--port", str(port), "--state", str(tmp_path)],
        env=os.environ | {"AMTSBUS_ENVIRONMENT": "development"},
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                found = httpx.get(f"http://127.0.0.1:{port}/.well-known/openid-configuration").json()
                break
            except httpx.TransportError:
                assert program.poll() is None, "the issuer has stopped"
                assert time.monotonic() < deadline, "the issuer does not answer"
                time.sleep(0.05)
        assert found["issuer"] == f"http://127.0.0.1:{port}"
        assert json.loads((tmp_path / "issuer.json").read_text())["keys"]
    finally:
        program.terminate()
        program.wait(10)
