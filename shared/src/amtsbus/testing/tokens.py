"""Logins for tests: an issuer with a key of its own, and a client that speaks to an app without a network."""

import base64
import json
import secrets
import time
from collections.abc import Mapping
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, Key
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from amtsbus.auth import Role
from amtsbus.tokens import IssuerKeys, TokenVerifier

if TYPE_CHECKING:
    from amtsbus.web.oidc import LoginClient

ISSUER = "https://issuer.test"
AUDIENCE = "amtsbus"
CLIENT_ID = "pages"
CLIENT_SECRET = "only-for-tests"  # noqa: S105 - the issuer exists in tests only
LOGS_IN_AS = "x-logs-in-as"
"""The header with which a test's browser tells the issuer who sits at it: the claims as JSON. Without it nobody logs in."""
A_CITIZEN = UUID("018f0000-0000-7000-8000-000000000001")
"""The person that `client.as_(Role.CITIZEN)` is, unless the test names another."""


class TestIssuer:
    """Signs tokens, verifies them as a service would, and lets browsers log in."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    def __init__(self, key: Key | None = None) -> None:
        self._key = key or ECKey.generate_key("P-256", {"kid": "test", "use": "sig", "alg": "ES256"})
        self._codes: dict[str, dict[str, Any]] = {}
        self.forgery: dict[str, Any] = {}
        """Claims that the next ID tokens have otherwise than they should; a claim that is None is left out."""
        self.ended: list[dict[str, str]] = []
        """What browsers that were sent here to log out brought along."""

    @cached_property
    def verifier(self) -> TokenVerifier:
        """Accepts this issuer's tokens."""
        return TokenVerifier(self, issuer=ISSUER, audience=AUDIENCE)

    async def key(self, kid: str | None) -> Key | None:
        """See `amtsbus.tokens.KeySource`."""
        return self._key if kid in (None, self._key.kid) else None

    def token(self, *roles: Role | str, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """A signed token, valid for an hour. A claim that is None is left out."""
        now = int(time.time())
        content: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "someone",
            "iat": now,
            "exp": now + 3600,
            "roles": [str(role) for role in roles],
        } | claims
        return jwt.encode(
            {"alg": "ES256", "kid": self._key.kid, "typ": "at+jwt"} | dict(header or {}),
            {
                name: str(value) if isinstance(value, UUID) else value
                for name, value in content.items()
                if value is not None
            },
            self._key,
            algorithms=["ES256", "RS256", "PS256", "EdDSA", "Ed25519", "HS256"],
        )

    @cached_property
    def http(self) -> httpx.AsyncClient:
        """Reaches this issuer without a network."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=ISSUER)

    def login_client(self, **options: Any) -> "LoginClient":
        """With which a service's pages let people log in here."""
        from amtsbus.web.oidc import LoginClient

        known: dict[str, Any] = {"client_id": CLIENT_ID, "client_secret": SecretStr(CLIENT_SECRET)}
        return LoginClient(IssuerKeys(ISSUER, self.http, pause_seconds=0), self.http, **(known | options))

    @cached_property
    def app(self) -> Starlette:
        """The issuer as servers and browsers see it."""
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/jwks", self._jwks),
                Route("/authorize", self._authorize),
                Route("/token", self._redeem, methods=["POST"]),
                Route("/end", self._end),
            ]
        )

    async def _discovery(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": ISSUER,
                "jwks_uri": f"{ISSUER}/jwks",
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "end_session_endpoint": f"{ISSUER}/end",
                "scopes_supported": ["openid", "profile", "email", "address"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        )

    async def _jwks(self, _: Request) -> Response:
        return JSONResponse({"keys": [dict(self._key.as_dict(private=False))]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert asked["code_challenge_method"] == "S256"
        told: dict[str, Any] = {"state": asked["state"], "iss": ISSUER}
        if LOGS_IN_AS not in request.headers:
            told["error"] = "access_denied"
        else:
            told["code"] = secrets.token_urlsafe(16)
            self._codes[told["code"]] = asked | {"claims": json.loads(request.headers[LOGS_IN_AS])}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(told)}", 302)

    async def _redeem(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return JSONResponse({"error": "invalid_client"}, 401)
        begun = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        if (
            begun is None
            or begun["code_challenge"] != challenge.decode()
            or begun["redirect_uri"] != form.get("redirect_uri")
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"id_token": self._id_token(begun), "access_token": "none", "token_type": "Bearer"})

    def _id_token(self, begun: dict[str, Any]) -> str:
        """The claims of whoever logged in, at the level that was asked for if they can reach it."""
        claims = dict(begun["claims"])
        able, asked = claims.pop("up_to", None), begun.get("acr_values")
        if asked and able and LEVELS.index(asked) <= LEVELS.index(able):
            claims["identification"] = asked
        content = claims | {"aud": CLIENT_ID, "nonce": begun["nonce"]} | self.forgery
        return self.token(*content.pop("roles", ()), header={"typ": "JWT"} | content.pop("header", {}), **content)

    async def _end(self, request: Request) -> Response:
        self.ended.append(dict(request.query_params))
        return RedirectResponse(request.query_params["post_logout_redirect_uri"], 302)


LEVELS = ("none", "basic", "substantial", "high")


class ApiClient(httpx.AsyncClient):
    """Calls a service's API; each POST gets a fresh `Idempotency-Key` unless the test sends one.

    ::

        answer = await client.post("/v1/applications", json=form, headers=client.as_(Role.CITIZEN, person_id=builder))
        answer = await client.get("/v1/work-list", headers=client.as_(Role.LEAD, sub="second-pair-of-eyes"))
    """

    def __init__(self, app: FastAPI, issuer: TestIssuer) -> None:
        super().__init__(transport=httpx.ASGITransport(app), base_url="http://service.test")
        self.app = app
        self.issuer = issuer

    def as_(self, *roles: Role, **claims: Any) -> dict[str, str]:
        """The headers of a caller with these roles.

        A citizen is `A_CITIZEN` unless `person_id=` says otherwise, staff are of the service's own department unless
        `department=` says otherwise, and `sub` (the pseudonym, one per person) follows from the person or the role.
        """
        claims = claims_of(self.app, *roles, **claims)
        return {"Authorization": f"Bearer {self.issuer.token(*roles, **claims)}"}

    def build_request(self, method: str, url: Any, **options: Any) -> httpx.Request:
        """See `httpx.AsyncClient.build_request`."""
        request = super().build_request(method, url, **options)
        if method.upper() == "POST" and "Idempotency-Key" not in request.headers:
            request.headers["Idempotency-Key"] = str(uuid4())
        return request


def claims_of(app: FastAPI, *roles: Role, **claims: Any) -> dict[str, Any]:
    """The claims of somebody with these roles; see `ApiClient.as_`."""
    if Role.CITIZEN in roles:
        claims.setdefault("person_id", A_CITIZEN)
        claims.setdefault("sub", f"citizen-{claims['person_id']}")
    if set(roles) - {Role.CITIZEN}:
        claims.setdefault("department", app.state.service_name)
    claims.setdefault("sub", "-".join(sorted(roles)) or "nobody")
    return claims


def make_client(app: FastAPI, issuer: TestIssuer) -> ApiClient:
    """A client of `app`, to be used as a context manager."""
    return ApiClient(app, issuer)
