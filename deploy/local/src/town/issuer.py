"""The town's OIDC issuer, for development only: logs anybody in as any demo person, without a password.

What a real one has of it: discovery, keys that rotate, signed access tokens with the claims `sub`, `name`, `roles`,
`department`, `person_id` and `language`, and for browsers the authorisation code flow with PKCE, ID tokens and log-out. What it
has not: passwords and consent; its page asks as whom one wants to log in, and how surely. It refuses to start outside of
development, listens on loopback only, answers to loopback names only, so that no web page can reach it by another name, and
sends browsers to loopback only.

Run it with ``python -m town.issuer --port 8080 --state .town/issuer``; keys and people live in the state folder, so a restart
on the same port keeps tokens valid.
"""

import argparse
import base64
import os
import re
import secrets
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit
from uuid import UUID, uuid4

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from town import login_page

AUDIENCE = "amtsbus"
TOKEN_SECONDS = 8 * 3600
PUBLISHED_KEYS = 3
"""How many keys are published: the one that signs, and earlier ones whose tokens are still about."""
PERSON_GRANT = "urn:amtsbus:development:person"
"""`grant_type` of a token for a demo person; nothing that a real issuer knows."""

CODE_SECONDS = 60
"""How long the code that a browser takes to a program may be redeemed, once."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SCOPES = ("openid", "profile", "email", "address")
OF_CODE = (
    *("client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge"),
    *("code_challenge_method", "acr_values", "ui_locales"),
)
"""The parameters of a request to log in that go along from page to page."""

Identification = Literal["none", "basic", "substantial", "high"]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
RoleName = Literal["citizen", "clerk", "lead", "auditor", "operator"]


def _on_loopback(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK or parts.username or parts.fragment:
        raise ValueError("browsers are sent to http:// on loopback only")
    return address


Address = Annotated[str, AfterValidator(_on_loopback)]


class NewPerson(BaseModel):
    """A demo person as the town makes them up."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    roles: list[RoleName] = ["citizen"]
    department: Annotated[str, StringConstraints(pattern="^[a-z][a-z-]{0,40}$")] | None = None
    person_id: UUID | None = None
    language: Literal["de", "en"] = "de"
    given_name: Name | None = None
    family_name: Name | None = None
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]{1,255}$")] | None = None
    address: dict[Literal["street_address", "postal_code", "locality", "country"], Name] | None = None


class Person(NewPerson):
    """A demo person; `sub` stays theirs whatever else about them is changed."""

    sub: str = Field(description="The pseudonym that services know them by")


class NewClient(BaseModel):
    """A program that acts in its own name (client credentials), or that people log in to."""

    model_config = ConfigDict(extra="forbid")

    client_id: Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9-]{0,60}$")]
    roles: list[RoleName] = []
    department: str | None = None
    redirect_uris: list[Address] = Field([], description="Where browsers may be sent with a code, to the letter")
    post_logout_redirect_uris: list[Address] = []
    client_secret: Annotated[str, StringConstraints(min_length=16, max_length=200)] | None = Field(
        None, description="Left out: a new one is made"
    )


class Client(NewClient):
    """A registered program with its secret."""

    client_secret: str


@dataclass(frozen=True)
class Code:
    """What a browser takes to the program that it logs in to."""

    client_id: str
    redirect_uri: str
    challenge: str
    nonce: str | None
    name: str
    identification: Identification
    issued_at: float


class State(BaseModel):
    """Everything that a restart must find again."""

    keys: list[dict[str, Any]] = []
    people: dict[str, Person] = {}
    clients: dict[str, Client] = {}


class Registry:
    """Keys, people and clients, kept in one file that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "issuer.json"
        self.state = self._read()
        if not self.state.keys:
            self.rotate(keep=0)

    def _read(self) -> State:
        try:
            return State.model_validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return State()
        except ValueError:
            # Only demo people are lost; the broken file stays for whoever wants to know why.
            self._file.replace(self._file.with_suffix(".broken"))
            return State()

    def write(self) -> None:
        """Replace the file as a whole, so that a kill leaves the old one or the new one."""
        draft = self._file.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(self.state.model_dump_json())
        draft.replace(self._file)

    def rotate(self, *, keep: int = PUBLISHED_KEYS - 1) -> str:
        """Sign with a new key from now on; the last `keep` keys stay published. Returns the new `kid`."""
        key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(8), "use": "sig", "alg": "ES256"})
        self.state.keys = [dict(key.as_dict(private=True)), *self.state.keys[:keep]]
        self.write()
        return str(key.kid)

    def public_keys(self) -> list[dict[str, Any]]:
        return [dict(ECKey.import_key(key).as_dict(private=False)) for key in self.state.keys]

    def put_person(self, new: NewPerson) -> Person:
        """Add a person, or change the one of that name; citizens get a `person_id`."""
        known = self.state.people.get(new.name)
        person_id = new.person_id or (known.person_id if known else None)
        if person_id is None and "citizen" in new.roles:
            person_id = uuid4()
        person = Person(
            **(new.model_dump() | {"person_id": person_id}), sub=known.sub if known else secrets.token_hex(12)
        )
        self.state.people[new.name] = person
        self.write()
        return person

    def put_client(self, new: NewClient) -> Client:
        """Register a program; a second time gives it a new secret, unless it brings its own."""
        client = Client(**(new.model_dump() | {"client_secret": new.client_secret or secrets.token_urlsafe(24)}))
        self.state.clients[new.client_id] = client
        self.write()
        return client

    def sign(self, issuer: str, claims: dict[str, Any], *, kind: str = "at+jwt") -> str:
        """A token with these claims: an access token (RFC 9068) unless `kind`, its `typ`, says otherwise."""
        key = ECKey.import_key(self.state.keys[0])
        now = int(time.time())
        content = {
            "iss": issuer,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_hex(12),
        } | {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "ES256", "kid": str(key.kid), "typ": kind}, content, key)


def create_issuer(issuer: str, state: Path) -> FastAPI:
    """The issuer's ASGI app.

    Args:
        issuer: its own address, which goes into `iss`.
        state: the folder for its keys and people.

    Raises:
        SystemExit: the environment is not development.
    """
    if os.environ.get("AMTSBUS_ENVIRONMENT") != "development":
        raise SystemExit(
            "town.issuer logs anybody in without a password, so it starts only with AMTSBUS_ENVIRONMENT=development. "
            "In production, set OIDC_ISSUER to your identity provider."
        )
    registry = Registry(state)
    app = FastAPI(
        title="Development issuer",
        openapi_url=None,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]", "::1"])],
    )

    codes: dict[str, Code] = {}

    @app.get("/.well-known/openid-configuration")
    async def get_discovery() -> dict[str, Any]:
        return {
            "issuer": issuer,
            "jwks_uri": f"{issuer}/jwks",
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "end_session_endpoint": f"{issuer}/end-session",
            "grant_types_supported": ["authorization_code", "client_credentials", PERSON_GRANT],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "subject_types_supported": ["public"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": list(SCOPES),
            "acr_values_supported": list(get_args(Identification)),
            "ui_locales_supported": ["de", "en"],
            "prompt_values_supported": ["login"],
            "authorization_response_iss_parameter_supported": True,
        }

    @app.get("/jwks")
    async def get_jwks() -> dict[str, Any]:
        return {"keys": registry.public_keys()}

    @app.post("/token")
    async def post_token(request: Request) -> JSONResponse:
        """A token: for a code, with `grant_type=client_credentials` for a program, or for a person with `name=…`."""
        form = _fields(await request.body())
        match form.get("grant_type"):
            case "authorization_code":
                return _redeemed(registry, codes, issuer, _client(registry, request, form), form)
            case "client_credentials":
                client = _client(registry, request, form)
                if client is None:
                    return _refused("invalid_client", "unknown client or wrong secret", status=401)
                claims: dict[str, Any] = {
                    "sub": client.client_id,
                    "client_id": client.client_id,
                    "roles": list(client.roles),
                    "department": client.department,
                }
            case grant if grant == PERSON_GRANT:
                person = registry.state.people.get(form.get("name", "").strip())
                if person is None:
                    known = ", ".join(sorted(registry.state.people)) or "nobody yet"
                    return _refused("invalid_grant", f"nobody of that name lives here; known: {known}")
                claims = person.model_dump(mode="json")
            case _:
                return _refused(
                    "unsupported_grant_type", f"use authorization_code, client_credentials or {PERSON_GRANT}"
                )
        return JSONResponse(
            {"access_token": registry.sign(issuer, claims), "token_type": "Bearer", "expires_in": TOKEN_SECONDS},
            headers={"Cache-Control": "no-store"},
        )

    @app.get("/authorize")
    async def get_authorize(request: Request, wanted: str = "") -> Response:
        """Ask whoever sits at the browser as whom they log in."""
        asked = {name: value for name, value in request.query_params.items() if name in OF_CODE}
        return _wrong_request(registry, issuer, asked) or _ask(registry, asked, wanted)

    @app.post("/authorize")
    async def post_authorize(request: Request) -> Response:
        """Send the browser back with a code for the person who was chosen."""
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return _page(400, "Not from here", "This form is filled in on the issuer's own page.")
        form = _fields(await request.body())
        asked = {name: value for name, value in form.items() if name in OF_CODE}
        wrong = _wrong_request(registry, issuer, asked)
        if wrong is not None:
            return wrong
        if "cancel" in form:
            return _back(issuer, asked, error="access_denied")
        person = next((one for one in registry.state.people.values() if one.sub == form.get("subject")), None)
        level = next((one for one in get_args(Identification) if one == form.get("identification")), None)
        if person is None or level is None:
            return _page(400, "Nobody of that name", "Go back and choose somebody from the list.")
        code = secrets.token_urlsafe(32)
        for old in [name for name, one in codes.items() if time.time() - one.issued_at > CODE_SECONDS]:
            del codes[old]
        codes[code] = Code(
            asked["client_id"],
            asked["redirect_uri"],
            asked["code_challenge"],
            asked.get("nonce"),
            person.name,
            level,
            time.time(),
        )
        return _back(issuer, asked, code=code)

    @app.get("/end-session")
    @app.post("/end-session")
    async def end_session(request: Request) -> Response:
        """Send a browser back that has logged out (OpenID Connect RP-Initiated Logout); there is no session here to end."""
        asked = dict(request.query_params) | _fields(await request.body())
        client = registry.state.clients.get(asked.get("client_id", ""))
        target = asked.get("post_logout_redirect_uri", "")
        if client is None or target not in client.post_logout_redirect_uris:
            return _page(200, "Logged out", "You are logged out.")
        state = {"state": asked["state"]} if "state" in asked else {}
        return RedirectResponse(f"{target}?{urlencode(state)}" if state else target, 303)

    @app.get("/people")
    async def get_people() -> list[Person]:
        """Everybody who can log in: demo data, all of it made up."""
        return sorted(registry.state.people.values(), key=lambda person: person.name)

    @app.post("/people", status_code=201)
    async def post_person(new: NewPerson) -> Person:
        """Add a person, or change the one of that name."""
        return registry.put_person(new)

    @app.post("/clients", status_code=201)
    async def post_client(new: NewClient) -> Client:
        """Register a program; its secret is in the answer and nowhere else."""
        return registry.put_client(new)

    @app.post("/rotate")
    async def post_rotate(withdraw: bool = False) -> dict[str, str]:
        """Sign with a new key; `withdraw=true` also stops publishing the old ones, as after a theft."""
        return {"kid": registry.rotate(keep=0 if withdraw else PUBLISHED_KEYS - 1)}

    return app


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a form, each once."""
    return {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}


def _client(registry: Registry, request: Request, form: dict[str, str]) -> Client | None:
    """The program that proves itself by its secret, in the form or in the header (RFC 6749 § 2.3.1)."""
    name, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, told = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = (unquote_plus(part) for part in base64.b64decode(told).decode().partition(":"))
        except ValueError:
            return None
    client = registry.state.clients.get(name)
    if client is None or not secrets.compare_digest(client.client_secret.encode(), secret.encode()):
        return None
    return client


def _wrong_request(registry: Registry, issuer: str, asked: dict[str, str]) -> Response | None:
    """What is wrong with a request to log in (RFC 6749 § 4.1.2.1): where to go is unknown, or what is asked for is not done."""
    client = registry.state.clients.get(asked.get("client_id", ""))
    if client is None:
        return _page(400, "Unknown program", "No program of this client_id is registered here.")
    if asked.get("redirect_uri") not in client.redirect_uris:
        return _page(400, "Unknown address", "The redirect_uri is not one of those that this program has registered.")
    if asked.get("response_type") != "code":
        return _back(issuer, asked, error="unsupported_response_type")
    if asked.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(asked.get("code_challenge", "")):
        return _back(issuer, asked, error="invalid_request", error_description="PKCE with S256 is needed")
    if "openid" not in asked.get("scope", "").split():
        return _back(issuer, asked, error="invalid_scope")
    return None


def _ask(registry: Registry, asked: dict[str, str], wanted: str) -> Response:
    levels = [level for level in asked.get("acr_values", "").split() if level in get_args(Identification)]
    content = login_page.as_whom(
        [
            login_page.Choice(person.sub, person.name, person.roles, person.department)
            for person in registry.state.people.values()
        ],
        asked,
        wanted=wanted.strip(),
        level=levels[0] if levels else "basic",
        language=asked.get("ui_locales", "de")[:2],
    )
    return HTMLResponse(
        content,
        headers={
            "Cache-Control": "no-store",
            "Content-Security-Policy": login_page.policy(asked["redirect_uri"]),
            "X-Content-Type-Options": "nosniff",
        },
    )


def _back(issuer: str, asked: dict[str, str], **told: str) -> Response:
    """Send the browser to the program, with a code or an error, and with our name (RFC 9207)."""
    content = told | ({"state": asked["state"]} if "state" in asked else {}) | {"iss": issuer}
    target = asked["redirect_uri"]
    return RedirectResponse(f"{target}{'&' if '?' in target else '?'}{urlencode(content)}", 303)


def _redeemed(
    registry: Registry, codes: dict[str, Code], issuer: str, client: Client | None, form: dict[str, str]
) -> JSONResponse:
    """Tokens for a code; it is good once, for the program that it was made for, with the verifier of its challenge."""
    if client is None:
        return _refused("invalid_client", "unknown client or wrong secret", status=401)
    code = codes.pop(form.get("code", ""), None)
    challenge = base64.urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
    if (
        code is None
        or time.time() - code.issued_at > CODE_SECONDS
        or code.client_id != client.client_id
        or code.redirect_uri != form.get("redirect_uri")
        or not secrets.compare_digest(code.challenge.encode(), challenge)
    ):
        return _refused("invalid_grant", "the code is not known, was used, is too old, or belongs to another log-in")
    person = registry.state.people.get(code.name)
    if person is None:
        return _refused("invalid_grant", "the person is gone")
    claims = person.model_dump(mode="json") | {"identification": code.identification, "acr": code.identification}
    of_log_in = {
        "aud": client.client_id,
        "azp": client.client_id,
        "nonce": code.nonce,
        "auth_time": int(code.issued_at),
    }
    return JSONResponse(
        {
            "access_token": registry.sign(issuer, claims),
            "id_token": registry.sign(issuer, claims | of_log_in, kind="JWT"),
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": " ".join(SCOPES),
        },
        headers={"Cache-Control": "no-store"},
    )


def _page(status: int, title: str, text: str) -> Response:
    return HTMLResponse(login_page.told(title, text), status, headers={"Cache-Control": "no-store"})


def _refused(error: str, description: str, *, status: int = 400) -> JSONResponse:
    """RFC 6749 § 5.2."""
    return JSONResponse({"error": error, "error_description": description}, status_code=status)


def main(arguments: list[str] | None = None) -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m town.issuer", description="The town's OIDC issuer (development only)"
    )
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--state", type=Path, required=True, help="folder for keys and people")
    options = parser.parse_args(arguments)
    app = create_issuer(f"http://127.0.0.1:{options.port}", options.state)
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
