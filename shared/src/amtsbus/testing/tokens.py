"""Logins for tests: an issuer with a key of its own, and a client that speaks to an app without a network."""

import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, Key

from amtsbus.auth import Role
from amtsbus.tokens import TokenVerifier

ISSUER = "https://issuer.test"
AUDIENCE = "amtsbus"
A_CITIZEN = UUID("018f0000-0000-7000-8000-000000000001")
"""The person that `client.as_(Role.CITIZEN)` is, unless the test names another."""


class TestIssuer:
    """Signs tokens, and verifies them as a service would."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    def __init__(self, key: Key | None = None) -> None:
        self._key = key or ECKey.generate_key("P-256", {"kid": "test", "use": "sig", "alg": "ES256"})

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
        if Role.CITIZEN in roles:
            claims.setdefault("person_id", A_CITIZEN)
            claims.setdefault("sub", f"citizen-{claims['person_id']}")
        if set(roles) - {Role.CITIZEN}:
            claims.setdefault("department", self.app.state.service_name)
        claims.setdefault("sub", "-".join(sorted(roles)) or "nobody")
        return {"Authorization": f"Bearer {self.issuer.token(*roles, **claims)}"}

    def build_request(self, method: str, url: Any, **options: Any) -> httpx.Request:
        """See `httpx.AsyncClient.build_request`."""
        request = super().build_request(method, url, **options)
        if method.upper() == "POST" and "Idempotency-Key" not in request.headers:
            request.headers["Idempotency-Key"] = str(uuid4())
        return request


def make_client(app: FastAPI, issuer: TestIssuer) -> ApiClient:
    """A client of `app`, to be used as a context manager."""
    return ApiClient(app, issuer)
