"""The development issuer, as services and the town's command line see it."""

import base64
import json
import os
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest
from amtsbus.auth import Caller, LoginRequiredError, Role
from amtsbus.testing.servers import free_port
from amtsbus.tokens import IdTokens, IssuerKeys, TokenVerifier
from amtsbus.web.oidc import Attempt, LoginClient
from bs4 import BeautifulSoup
from pydantic import SecretStr
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


# Browsers

CALLBACK = "http://127.0.0.1:8101/login/callback"
AFTER_LOG_OUT = "http://127.0.0.1:8101/logged-out"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "client_id": "portal",
    "redirect_uri": CALLBACK,
    "response_type": "code",
    "scope": "openid profile email",
    "state": "the state",
    "nonce": "the nonce",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
async def portal(issuer: httpx.AsyncClient) -> dict[str, str]:
    """A program that people log in to."""
    answer = await issuer.post(
        "/clients",
        json={"client_id": "portal", "redirect_uris": [CALLBACK], "post_logout_redirect_uris": [AFTER_LOG_OUT]},
    )
    assert answer.status_code == 201, answer.text
    registered: dict[str, str] = answer.json()
    return registered


async def chosen(
    issuer: httpx.AsyncClient, name: str = "Demo-Ada", level: str = "basic", **asked: str
) -> dict[str, str]:
    """Log in as somebody on the page; what the browser takes back."""
    person = (await issuer.post("/people", json={"name": name, "email": "ada@example.org"})).json()
    form = ASKED | asked | {"subject": person["sub"], "identification": level}
    answer = await issuer.post("/authorize", data=form)
    assert answer.status_code == 303, answer.text
    target, _, query = answer.headers["location"].partition("?")
    assert target == CALLBACK
    return {name: values[0] for name, values in parse_qs(query).items()}


async def redeemed(issuer: httpx.AsyncClient, portal: dict[str, str], code: str, **otherwise: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": portal["client_id"],
        "client_secret": portal["client_secret"],
    }
    return await issuer.post("/token", data=form | otherwise)


async def test_somebody_who_chooses_a_person_and_a_level_is_logged_in_as_them(issuer: httpx.AsyncClient, portal):
    told = await chosen(issuer, "Demo-Ada", "substantial")
    assert (told["state"], told["iss"]) == ("the state", ISSUER)
    tokens = (await redeemed(issuer, portal, told["code"])).json()
    keys = IssuerKeys(ISSUER, issuer, pause_seconds=0)
    claims = await IdTokens(keys, issuer=ISSUER, client_id="portal").claims(tokens["id_token"], "the nonce")
    assert (claims["name"], claims["email"]) == ("Demo-Ada", "ada@example.org")
    assert (claims["identification"], claims["acr"]) == ("substantial", "substantial")
    assert (await verifier(issuer).caller(tokens["access_token"])).name == "Demo-Ada"
    with pytest.raises(LoginRequiredError):
        await verifier(issuer).caller(tokens["id_token"])


async def test_a_code_is_good_once_for_its_program_with_its_verifier(issuer: httpx.AsyncClient, portal):
    code = (await chosen(issuer))["code"]
    assert (await redeemed(issuer, portal, code)).status_code == 200
    assert (await redeemed(issuer, portal, code)).json()["error"] == "invalid_grant"
    for wrong in ({"code_verifier": "w" * 43}, {"redirect_uri": AFTER_LOG_OUT}):
        code = (await chosen(issuer))["code"]
        assert (await redeemed(issuer, portal, code, **wrong)).json()["error"] == "invalid_grant"
        assert (await redeemed(issuer, portal, code)).json()["error"] == "invalid_grant", "it was used up"
    assert (await redeemed(issuer, portal, "unknown")).json()["error"] == "invalid_grant"
    code = (await chosen(issuer))["code"]
    assert (await redeemed(issuer, portal, code, client_secret="wrong")).status_code == 401
    desk = (await issuer.post("/clients", json={"client_id": "desk", "redirect_uris": [CALLBACK]})).json()
    assert (await redeemed(issuer, desk, code)).json()["error"] == "invalid_grant"


async def test_a_code_does_not_live_for_long(issuer: httpx.AsyncClient, portal, monkeypatch):
    code = (await chosen(issuer))["code"]
    later = time.time() + 61
    monkeypatch.setattr("town.issuer.time.time", lambda: later)
    assert (await redeemed(issuer, portal, code)).json()["error"] == "invalid_grant"


async def test_a_program_may_prove_itself_in_the_header(issuer: httpx.AsyncClient, portal):
    code = (await chosen(issuer))["code"]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    answer = await issuer.post("/token", data=form, auth=("portal", portal["client_secret"]))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/cb",
        "http://evil.example/cb",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.1@evil.example/",
    ],
)
async def test_browsers_are_sent_to_loopback_only(issuer: httpx.AsyncClient, address):
    answer = await issuer.post("/clients", json={"client_id": "evil", "redirect_uris": [address]})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "wrong", [{"redirect_uri": CALLBACK + "/x"}, {"redirect_uri": "http://127.0.0.1:9/cb"}, {"client_id": "unknown"}]
)
async def test_where_the_program_is_not_known_the_browser_stays(issuer: httpx.AsyncClient, portal, wrong):
    for answer in (
        await issuer.get("/authorize", params=ASKED | wrong),
        await issuer.post("/authorize", data=ASKED | wrong | {"subject": "x", "identification": "basic"}),
    ):
        assert answer.status_code == 400
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
    ],
)
async def test_what_is_asked_for_wrongly_goes_back_as_an_error(issuer: httpx.AsyncClient, portal, wrong, error):
    answer = await issuer.get("/authorize", params=ASKED | wrong)
    told = parse_qs(answer.headers["location"].partition("?")[2])
    assert (told["error"], told["state"], told["iss"]) == ([error], ["the state"], [ISSUER])


async def test_the_page_asks_as_whom_and_how_surely(issuer: httpx.AsyncClient, portal):
    await issuer.post("/people", json={"name": "Demo-Ada <b>"})
    await issuer.post("/people", json={"name": "Demo-Bea", "roles": ["clerk"], "department": "permits"})
    page = await issuer.get("/authorize", params=ASKED | {"acr_values": "high"})
    assert page.status_code == 200
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    soup = BeautifulSoup(page.text, "html.parser")
    people = [button.get_text() for button in soup.find_all("button", attrs={"name": "subject"})]
    assert people == ["Demo-Ada <b>, Bürgerin oder Bürger", "Demo-Bea, Sachbearbeitung (permits)"]
    [level] = soup.find_all("input", attrs={"name": "identification", "checked": True})
    assert level["value"] == "high"
    english = await issuer.get("/authorize", params=ASKED | {"ui_locales": "en", "wanted": "BEA"})
    assert 'lang="en"' in english.text
    assert "Demo-Bea, clerk (permits)" in english.text
    assert "Demo-Ada" not in english.text


async def test_who_gives_up_is_nobody(issuer: httpx.AsyncClient, portal):
    answer = await issuer.post("/authorize", data=ASKED | {"cancel": "yes"})
    assert "error=access_denied" in answer.headers["location"]
    for nobody in ({"subject": "unknown", "identification": "basic"}, {"identification": "basic"}):
        assert (await issuer.post("/authorize", data=ASKED | nobody)).status_code == 400


async def test_another_sites_page_cannot_choose_for_somebody(issuer: httpx.AsyncClient, portal):
    answer = await issuer.post("/authorize", data=ASKED, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_a_log_out_leads_back_where_the_program_has_said(issuer: httpx.AsyncClient, portal):
    asked = {"client_id": "portal", "post_logout_redirect_uri": AFTER_LOG_OUT, "state": "s"}
    answer = await issuer.get("/end-session", params=asked)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{AFTER_LOG_OUT}?state=s")
    answer = await issuer.post("/end-session", data=asked | {"post_logout_redirect_uri": "http://127.0.0.1:9/x"})
    assert (answer.status_code, "location" in answer.headers) == (200, False)


async def test_a_program_may_bring_its_own_secret(issuer: httpx.AsyncClient):
    new = {"client_id": "portal", "client_secret": "a secret of its own", "redirect_uris": [CALLBACK]}
    assert (await issuer.post("/clients", json=new)).json()["client_secret"] == new["client_secret"]
    assert (await issuer.post("/clients", json=new | {"client_secret": "short"})).status_code == 422


async def test_the_services_own_client_can_log_in_here(issuer: httpx.AsyncClient, portal):
    client = LoginClient(
        IssuerKeys(ISSUER, issuer, pause_seconds=0),
        issuer,
        client_id="portal",
        client_secret=SecretStr(portal["client_secret"]),
    )
    attempt = Attempt()
    address = await client.begin(
        attempt, redirect_uri=CALLBACK, identification="substantial", again=False, language="de"
    )
    asked = {name: values[0] for name, values in parse_qs(address.partition("?")[2]).items()}
    told = await chosen(issuer, "Demo-Ada", "substantial", **asked)
    session = await client.finish(attempt, code=told["code"], redirect_uri=CALLBACK)
    assert (session.name, session.identification) == ("Demo-Ada", "substantial")
    assert client.is_issuer(told["iss"])
