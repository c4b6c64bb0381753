"""OIDC bearer tokens: verified with the issuer's published keys, and turned into the caller.

A token is accepted when its signature is by a key of the configured issuer, with an algorithm of `ALGORITHMS`, and its
`iss`, `aud`, `exp`, `nbf` and `iat` hold (RFC 7519, RFC 9068). Tokens live by the real time, never by the service's own
clock: moving a town's calendar must not expire a login.

Apart from `amtsbus.auth`, which every process loads, because the cryptography is a tenth of a process' memory.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final, Protocol
from uuid import UUID

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import JoseError, KeyParameterError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key
from joserfc.jws import JWSRegistry, extract_compact

from amtsbus.auth import STAFF_ROLES, Caller, IdentityProviderAwayError, LoginRequiredError
from amtsbus.casework.roles import Role

log = structlog.get_logger(__name__)

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
"""What we accept in `alg`: signatures by a private key only, so neither `none` nor HS*."""
TOKEN_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt", "application/jwt"})
"""What we accept in `typ`, where there is one (RFC 9068 § 2.1); a logout token or a proof is no access token."""
ID_TOKEN_TYPES: Final = frozenset({"jwt", "application/jwt"})
"""The same for ID tokens; an access token is none."""
CLAIMABLE_ROLES: Final = {role.value: role for role in (Role.CITIZEN, *STAFF_ROLES)}

LEEWAY_SECONDS: Final = 30
LONGEST_TOKEN: Final = 8192
REMEMBERED_TOKENS: Final = 10_000


class KeySource(Protocol):
    """Where the issuer's public keys come from."""

    async def key(self, kid: str | None) -> Key | None:
        """The key named `kid`, or the only one there is where a token names none; None if there is no such key."""
        ...


def usable_keys(document: Any) -> dict[str, Key]:
    """The keys of a JWKS that may verify tokens, by `kid`: asymmetric, for signatures, RSA from 2,048 bits.

    A key that we cannot use is left out; it must not spoil the others.
    """
    keys: dict[str, Key] = {}
    entries = document.get("keys") if isinstance(document, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
            continue
        try:
            key = import_key(entry)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        if not isinstance(key, RSAKey | ECKey | OKPKey):
            continue
        if isinstance(key, RSAKey) and key.public_key.key_size < 2048:
            continue
        key.ensure_kid()
        if key.kid is not None:
            keys[key.kid] = key
    return keys


@dataclass(slots=True)
class IssuerKeys:
    """The keys of an OIDC issuer: found by discovery, kept with it, and fetched again when they may have changed.

    - They are kept for `ttl_seconds`; a token with an unknown `kid` (the issuer has rotated) has them fetched earlier.
    - No two fetches lie closer than `pause_seconds`, so invented `kid`s cannot hammer the issuer.
    - While the issuer is away the old keys go on for up to `stale_seconds`; then, or if there never were any,
      `IdentityProviderAwayError`.
    """

    issuer: str
    client: httpx.AsyncClient
    ttl_seconds: float = 300
    pause_seconds: float = 10
    stale_seconds: float = 86_400
    monotonic: Callable[[], float] = time.monotonic

    _keys: dict[str, Key] | None = None
    _discovery: dict[str, Any] = field(default_factory=dict)
    _fetched_at: float = 0.0
    _tried_at: float | None = None
    _lock: asyncio.Lock | None = None

    async def key(self, kid: str | None) -> Key | None:
        """See `KeySource`.

        Raises:
            IdentityProviderAwayError: there are no keys, or none that are fresh enough.
        """
        keys = await self._current()
        found = _pick(keys, kid)
        if found is None and await self._refresh(unless_newer_than=self._fetched_at):
            found = _pick(await self._current(), kid)
        return found

    @property
    def known_discovery(self) -> dict[str, Any]:
        """The discovery document as it was fetched last; empty before that."""
        return self._discovery

    async def discovery(self) -> dict[str, Any]:
        """The issuer's discovery document (OpenID Connect Discovery § 3).

        Raises:
            IdentityProviderAwayError: it cannot be had.
        """
        await self._current()
        return self._discovery

    async def _current(self) -> dict[str, Key]:
        if self._keys is None or self.monotonic() - self._fetched_at > self.ttl_seconds:
            await self._refresh(unless_newer_than=self._fetched_at)
        if self._keys is None or self.monotonic() - self._fetched_at > self.stale_seconds:
            raise IdentityProviderAwayError("the identity provider does not answer; try again in a moment")
        return self._keys

    async def _refresh(self, *, unless_newer_than: float) -> bool:
        """Fetch the keys; False if that was not due or failed. One request at a time fetches, the others wait for it."""
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            if self._fetched_at > unless_newer_than:
                return True
            if self._tried_at is not None and self.monotonic() - self._tried_at < self.pause_seconds:
                return False
            self._tried_at = self.monotonic()
            try:
                self._keys = await self._fetch()
            except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError) as error:
                log.warning("issuer-keys-unavailable", issuer=self.issuer, error=type(error).__name__)
                return False
            self._fetched_at = self.monotonic()
            return True

    async def _fetch(self) -> dict[str, Key]:
        discovery = await self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if discovery.get("issuer") != self.issuer:
            raise ValueError("the discovery document names another issuer")  # OIDC Discovery § 4.3
        address = discovery.get("jwks_uri")
        if not isinstance(address, str) or (self.issuer.startswith("https:") and not address.startswith("https:")):
            raise ValueError("the discovery document has no usable jwks_uri")
        keys = usable_keys(await self._get(address))
        if not keys:
            raise ValueError("the issuer publishes no usable key")
        self._discovery = discovery
        return keys

    async def _get(self, address: str) -> dict[str, Any]:
        response = await self.client.get(address, headers={"accept": "application/json"})
        response.raise_for_status()
        document = response.json()
        if not isinstance(document, dict):
            raise TypeError("not a JSON object")
        return document


def _pick(keys: dict[str, Key], kid: str | None) -> Key | None:
    if kid is None:
        return next(iter(keys.values())) if len(keys) == 1 else None
    return keys.get(kid)


class SignedTokens:
    """Verifies the tokens that one issuer has signed for one audience, and are of certain types."""

    def __init__(
        self,
        keys: KeySource,
        *,
        issuer: str,
        audience: str,
        types: frozenset[str],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._types = types
        self._now = now
        # Unknown header parameters are none of our business (RFC 7515 § 4); `crit` is checked all the same.
        self._registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)

    async def claims(self, token: str) -> dict[str, Any]:
        """The claims of a token that holds.

        Raises:
            LoginRequiredError: it does not; the message says why, without its content.
            IdentityProviderAwayError: it cannot be checked now.
        """
        if len(token) > LONGEST_TOKEN:
            raise LoginRequiredError("the token is too long")
        header = _header_of(token)
        algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
        if algorithm not in ALGORITHMS:
            raise LoginRequiredError("the token is signed with an algorithm that is not accepted")
        if kind is not None and (not isinstance(kind, str) or kind.lower() not in self._types):
            raise LoginRequiredError("this is a token for something else")
        if kid is not None and not isinstance(kid, str):
            raise LoginRequiredError("the token is malformed")
        key = await self._keys.key(kid)
        if key is None or key.get("alg", algorithm) != algorithm:
            raise LoginRequiredError("the token is signed with a key that the issuer does not publish")
        try:
            claims = jwt.decode(token, key, registry=self._registry).claims
        except (JoseError, KeyParameterError, ValueError, TypeError, RecursionError) as error:
            raise LoginRequiredError("the token's signature does not hold") from error
        self._check(claims)
        return claims

    def _check(self, claims: dict[str, Any]) -> None:
        expectations = jwt.JWTClaimsRegistry(
            now=int(self._now()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        )
        try:
            expectations.validate(claims)
        except JoseError as error:
            raise LoginRequiredError(f"the token is not valid here: {_reason(error)}") from error
        # `system` is what the history calls the clock.
        if not claims["sub"].isprintable() or len(claims["sub"]) > 255 or claims["sub"] == "system":
            raise LoginRequiredError("the token is not valid here: sub")


class TokenVerifier:
    """Verifies the access tokens of one issuer.

    A verified token is remembered by its hash until it expires, at most `remember_seconds`: that is how long a key that
    the issuer has withdrawn can still be in effect.
    """

    def __init__(
        self,
        keys: KeySource,
        *,
        issuer: str,
        audience: str,
        now: Callable[[], float] = time.time,
        remember_seconds: float = 300,
    ) -> None:
        self._tokens = SignedTokens(keys, issuer=issuer, audience=audience, types=TOKEN_TYPES, now=now)
        self._now = now
        self._remember_seconds = remember_seconds
        self._remembered: dict[bytes, tuple[float, Caller]] = {}

    async def caller(self, token: str) -> Caller:
        """See `Verifier`."""
        digest = sha256(token.encode()).digest()
        remembered = self._remembered.get(digest)
        if remembered is not None:
            if remembered[0] > self._now():
                return remembered[1]
            del self._remembered[digest]
        claims = await self._tokens.claims(token)
        caller = caller_of(claims)
        if len(self._remembered) >= REMEMBERED_TOKENS:
            del self._remembered[next(iter(self._remembered))]
        until = min(claims["exp"] + LEEWAY_SECONDS, self._now() + self._remember_seconds)
        self._remembered[digest] = (until, caller)
        return caller


class IdTokens:
    """Verifies the ID tokens with which one issuer tells one client who has logged in (OpenID Connect Core § 3.1.3.7)."""

    def __init__(self, keys: KeySource, *, issuer: str, client_id: str, now: Callable[[], float] = time.time) -> None:
        self._tokens = SignedTokens(keys, issuer=issuer, audience=client_id, types=ID_TOKEN_TYPES, now=now)
        self._client_id = client_id

    async def claims(self, token: str, nonce: str) -> dict[str, Any]:
        """The claims of an ID token that was issued for the log-in that `nonce` belongs to.

        Raises:
            LoginRequiredError: it does not hold, or is of another log-in.
            IdentityProviderAwayError: it cannot be checked now.
        """
        claims = await self._tokens.claims(token)
        audience, party, told = claims["aud"], claims.get("azp"), claims.get("nonce")
        if (isinstance(audience, list) and len(audience) > 1 and party is None) or party not in (None, self._client_id):
            raise LoginRequiredError("the token is not valid here: azp")
        if not isinstance(told, str) or not compare_digest(told.encode(), nonce.encode()):
            raise LoginRequiredError("the token is not valid here: nonce")
        return claims


def caller_of(claims: dict[str, Any]) -> Caller:
    """The caller that verified claims describe; roles that we do not know are the issuer's own business."""
    named, department, name = claims.get("roles"), claims.get("department"), claims.get("name")
    return Caller(
        subject=claims["sub"],
        roles=frozenset(
            CLAIMABLE_ROLES[role]
            for role in (named if isinstance(named, list) else ())
            if isinstance(role, str) and role in CLAIMABLE_ROLES
        ),
        department=department if isinstance(department, str) else None,
        person_id=_uuid(claims.get("person_id")),
        name=name if isinstance(name, str) else None,
    )


def _header_of(token: str) -> dict[str, Any]:
    """The header, read before anything is verified: it only chooses among keys and algorithms that we accept anyway."""
    try:
        return extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise LoginRequiredError("the token is malformed") from error


def _reason(error: JoseError) -> str:
    return {"expired_token": "it has expired"}.get(error.error, str(error.description or error.error))


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
