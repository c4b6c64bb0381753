"""The service as a client of the identity provider: the authorisation code flow with PKCE (RFC 6749, RFC 7636).

Apart from the pages' other modules, because it brings the cryptography along, which a worker does not need.
"""

import base64
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
import structlog
from pydantic import SecretStr

from amtsbus.auth import IdentityProviderAwayError, LoginRequiredError
from amtsbus.tokens import IdTokens, IssuerKeys, caller_of
from amtsbus.web.declaration import LEVELS, Identification
from amtsbus.web.sessions import Session

log = structlog.get_logger(__name__)

LEVELS_OF_ISSUERS: Final[Mapping[str, Identification]] = {
    **{level: level for level in LEVELS},
    "http://eidas.europa.eu/LoA/low": "basic",
    "http://eidas.europa.eu/LoA/substantial": "substantial",
    "http://eidas.europa.eu/LoA/high": "high",
    # What the federal user account (BundID) says of its levels of trust.
    "STORK-QAA-Level-1": "basic",
    "STORK-QAA-Level-3": "substantial",
    "STORK-QAA-Level-4": "high",
}
"""What issuers write into `identification` or `acr`."""


@dataclass(frozen=True)
class Attempt:
    """One log-in that has begun: what its end must fit."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """RFC 7636 § 4.2, method S256."""
        return base64.urlsafe_b64encode(sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


class LoginClient:
    """Lets people log in at one issuer."""

    def __init__(
        self,
        keys: IssuerKeys,
        client: httpx.AsyncClient,
        *,
        client_id: str,
        client_secret: SecretStr | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._http = client
        self._client_id = client_id
        self._secret = client_secret
        self._id_tokens = IdTokens(keys, issuer=keys.issuer, client_id=client_id, now=now)

    @property
    def origins(self) -> tuple[str, ...]:
        """Where the answer to one of our forms may send the browser: the issuer's pages, as far as they are known."""
        known = self._keys.known_discovery
        addresses = (self._keys.issuer, known.get("authorization_endpoint"), known.get("end_session_endpoint"))
        return tuple(dict.fromkeys(_origin(address) for address in addresses if isinstance(address, str)))

    async def begin(
        self, attempt: Attempt, *, redirect_uri: str, identification: Identification, again: bool, language: str
    ) -> str:
        """The address at which the browser logs in.

        Args:
            identification: the level that the page needs.
            again: whether somebody who is logged in there already has to do it anew.

        Raises:
            IdentityProviderAwayError: the issuer does not say where.
        """
        discovery = await self._keys.discovery()
        offered = discovery.get("scopes_supported", [])
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(["openid", "profile", "email", *(["address"] if "address" in offered else [])]),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
            "ui_locales": "en" if language == "en" else "de",
        }
        if identification != "none":
            asked["acr_values"] = identification
        if again:
            asked["prompt"] = "login"
        address = self._endpoint(discovery, "authorization_endpoint")
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

    async def finish(self, attempt: Attempt, *, code: str, redirect_uri: str) -> Session:
        """Who has logged in, for the code that the issuer gave the browser.

        Raises:
            LoginRequiredError: the issuer does not take the code, or its token does not hold.
            IdentityProviderAwayError: it does not answer.
        """
        discovery = await self._keys.discovery()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
            "client_id": self._client_id,
        }
        auth = None
        if self._secret is not None:
            # Without a word of the issuer's it is the Authorization header (OpenID Connect Discovery § 3).
            methods = discovery.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
            if "client_secret_basic" in methods:
                # RFC 6749 § 2.3.1: both are encoded as a form is, before they become a header.
                auth = httpx.BasicAuth(quote_plus(self._client_id), quote_plus(self._secret.get_secret_value()))
            else:
                form["client_secret"] = self._secret.get_secret_value()
        try:
            answer = await self._http.post(
                self._endpoint(discovery, "token_endpoint"),
                data=form,
                auth=auth or httpx.USE_CLIENT_DEFAULT,
                headers={"accept": "application/json"},
            )
            content = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise IdentityProviderAwayError("the identity provider does not answer; try again in a moment") from error
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise IdentityProviderAwayError("the identity provider does not answer; try again in a moment")
        token = content.get("id_token") if isinstance(content, dict) else None
        if answer.status_code != httpx.codes.OK or not isinstance(token, str):
            told = content.get("error") if isinstance(content, dict) else None
            log.warning("code-refused", status=answer.status_code, error=told if told in _TOLD else "other")
            raise LoginRequiredError("the identity provider does not take the code")
        return session_of(await self._id_tokens.claims(token, attempt.nonce), token)

    async def end(self, session: Session | None, *, back_to: str) -> str | None:
        """The address at which the issuer ends its own session too (OpenID Connect RP-Initiated Logout), if it has one."""
        try:
            discovery = await self._keys.discovery()
        except IdentityProviderAwayError:
            return None
        if not isinstance(discovery.get("end_session_endpoint"), str):
            return None
        address = self._endpoint(discovery, "end_session_endpoint")
        asked = {"client_id": self._client_id, "post_logout_redirect_uri": back_to}
        if session is not None and session.id_token:
            asked["id_token_hint"] = session.id_token
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

    def is_issuer(self, name: str) -> bool:
        """Whether the answer of a log-in that names its issuer (RFC 9207) comes from ours."""
        return name == self._keys.issuer

    def _endpoint(self, discovery: dict[str, Any], name: str) -> str:
        address = discovery.get(name)
        if not isinstance(address, str) or (
            self._keys.issuer.startswith("https:") and not address.startswith("https:")
        ):
            log.error("discovery-unusable", missing=name)
            raise IdentityProviderAwayError("the identity provider says nothing of how to log in")
        return address


_TOLD = frozenset(
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"}
)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def session_of(claims: dict[str, Any], id_token: str) -> Session:
    """The session of whoever verified claims describe."""
    caller = caller_of(claims)
    address = claims.get("address")
    return Session(
        subject=caller.subject,
        person_id=caller.person_id,
        name=caller.name,
        given_name=_text(claims.get("given_name")),
        family_name=_text(claims.get("family_name")),
        email=_text(claims.get("email")),
        address={key: value for key, value in address.items() if isinstance(value, str) and len(value) <= 1000}
        if isinstance(address, dict)
        else None,
        roles=caller.roles,
        department=caller.department,
        identification=identification_of(claims),
        language=_language(claims),
        id_token=id_token,
    )


def identification_of(claims: dict[str, Any]) -> Identification:
    """How surely the issuer knows them, by its claim `identification`, else by `acr`; `none` where it says nothing we know."""
    for name in ("identification", "acr"):
        told = claims.get(name)
        if isinstance(told, str) and told in LEVELS_OF_ISSUERS:
            return LEVELS_OF_ISSUERS[told]
    return "none"


def _language(claims: dict[str, Any]) -> str | None:
    told = claims.get("language", claims.get("locale"))
    return told[:2].lower() if isinstance(told, str) and told[:2].lower() in ("de", "en") else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 320 and value.isprintable() else None
