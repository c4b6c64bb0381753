"""The town's OIDC issuer, for development only: logs anybody in as any demo person, without a password.

What a real one has of it: discovery, keys that rotate, signed access tokens with the claims `sub`, `name`, `roles`,
`department`, `person_id` and `language`. What it has not: logins, consent, PKCE. It refuses to start outside of
development, listens on loopback only, and answers to loopback names only, so that no web page can reach it by another name.

Run it with ``python -m town.issuer --port 8080 --state .town/issuer``; keys and people live in the state folder, so a restart
on the same port keeps tokens valid.
"""

import argparse
import os
import secrets
import time
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

AUDIENCE = "amtsbus"
TOKEN_SECONDS = 8 * 3600
PUBLISHED_KEYS = 3
"""How many keys are published: the one that signs, and earlier ones whose tokens are still about."""
PERSON_GRANT = "urn:amtsbus:development:person"
"""`grant_type` of a token for a demo person; nothing that a real issuer knows."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
RoleName = Literal["citizen", "clerk", "lead", "auditor", "operator"]


class NewPerson(BaseModel):
    """A demo person as the town makes them up."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    roles: list[RoleName] = ["citizen"]
    department: Annotated[str, StringConstraints(pattern="^[a-z][a-z-]{0,40}$")] | None = None
    person_id: UUID | None = None
    language: Literal["de", "en"] = "de"


class Person(NewPerson):
    """A demo person; `sub` stays theirs whatever else about them is changed."""

    sub: str = Field(description="The pseudonym that services know them by")


class NewClient(BaseModel):
    """A program that acts in its own name (client credentials)."""

    model_config = ConfigDict(extra="forbid")

    client_id: Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9-]{0,60}$")]
    roles: list[RoleName] = []
    department: str | None = None


class Client(NewClient):
    """A registered program with its secret."""

    client_secret: str


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
        """Register a program; a second time gives it a new secret."""
        client = Client(**new.model_dump(), client_secret=secrets.token_urlsafe(24))
        self.state.clients[new.client_id] = client
        self.write()
        return client

    def sign(self, issuer: str, claims: dict[str, Any]) -> str:
        """An access token (RFC 9068) with these claims."""
        key = ECKey.import_key(self.state.keys[0])
        now = int(time.time())
        content = {
            "iss": issuer,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_hex(12),
        } | {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "ES256", "kid": str(key.kid), "typ": "at+jwt"}, content, key)


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

    @app.get("/.well-known/openid-configuration")
    async def get_discovery() -> dict[str, Any]:
        return {
            "issuer": issuer,
            "jwks_uri": f"{issuer}/jwks",
            "token_endpoint": f"{issuer}/token",
            "grant_types_supported": ["client_credentials", PERSON_GRANT],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "subject_types_supported": ["public"],
            "response_types_supported": [],
        }

    @app.get("/jwks")
    async def get_jwks() -> dict[str, Any]:
        return {"keys": registry.public_keys()}

    @app.post("/token")
    async def post_token(request: Request) -> JSONResponse:
        """A token: `grant_type=client_credentials&client_id=…&client_secret=…`, or for a person `name=…`."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode(errors="replace")).items()}
        match form.get("grant_type"):
            case "client_credentials":
                client = registry.state.clients.get(form.get("client_id", ""))
                if client is None or not secrets.compare_digest(
                    client.client_secret.encode(), form.get("client_secret", "").encode()
                ):
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
                return _refused("unsupported_grant_type", f"use client_credentials or {PERSON_GRANT}")
        return JSONResponse(
            {"access_token": registry.sign(issuer, claims), "token_type": "Bearer", "expires_in": TOKEN_SECONDS},
            headers={"Cache-Control": "no-store"},
        )

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
