"""The issuer's keys: found, kept, renewed, and not asked for too often."""

import asyncio
from typing import Any

import httpx
import pytest
from amtsbus.auth import IdentityProviderAwayError
from amtsbus.tokens import IssuerKeys, usable_keys
from joserfc.jwk import ECKey, Key, OctKey, RSAKey

ISSUER = "https://login.test/realm"


class Provider:
    """An identity provider that counts, rotates and fails on command."""

    def __init__(self) -> None:
        self.keys: list[Key] = [new_key("k1")]
        self.discovery: Any = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"}
        self.away = False
        self.status = 200
        self.fetches = 0
        self.now = 1000.0
        self.source = IssuerKeys(
            ISSUER, httpx.AsyncClient(transport=httpx.MockTransport(self.answer)), monotonic=lambda: self.now
        )

    async def answer(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        if self.away:
            raise httpx.ConnectError("away", request=request)
        if request.url.path.endswith("/openid-configuration"):
            return httpx.Response(self.status, json=self.discovery)
        self.fetches += 1
        return httpx.Response(self.status, json={"keys": [key.as_dict(private=False) for key in self.keys]})


def new_key(kid: str) -> Key:
    return ECKey.generate_key("P-256", {"kid": kid})


@pytest.fixture
def provider() -> Provider:
    return Provider()


async def test_a_hundred_requests_at_once_fetch_once(provider: Provider):
    found = await asyncio.gather(*(provider.source.key("k1") for _ in range(100)))
    assert all(found)
    assert provider.fetches == 1


async def test_a_new_key_is_found_as_soon_as_a_token_names_it(provider: Provider):
    assert await provider.source.key("k1")
    provider.keys.append(new_key("k2"))
    provider.now += 11
    assert await provider.source.key("k2")
    assert provider.fetches == 2


async def test_invented_names_of_keys_do_not_hammer_the_issuer(provider: Provider):
    assert await provider.source.key("k1")
    for n in range(200):
        provider.now += 0.1
        assert await provider.source.key(f"invented-{n}") is None
    assert provider.fetches <= 3


async def test_a_withdrawn_key_is_gone_after_the_time_to_live(provider: Provider):
    assert await provider.source.key("k1")
    provider.keys = [new_key("k2")]
    provider.now += 301
    assert await provider.source.key("k1") is None
    assert await provider.source.key("k2")


async def test_old_keys_go_on_while_the_issuer_is_away_but_not_for_ever(provider: Provider):
    assert await provider.source.key("k1")
    provider.away = True
    provider.now += 3600
    assert await provider.source.key("k1")
    provider.now += 86_400
    with pytest.raises(IdentityProviderAwayError):
        await provider.source.key("k1")
    provider.away = False
    provider.now += 11
    assert await provider.source.key("k1")


async def test_an_issuer_that_was_never_there_is_away_and_asked_again_after_a_pause(provider: Provider):
    provider.away = True
    for _ in range(5):
        with pytest.raises(IdentityProviderAwayError):
            await provider.source.key("k1")
    provider.away = False
    with pytest.raises(IdentityProviderAwayError):
        await provider.source.key("k1")
    provider.now += 11
    assert await provider.source.key("k1")


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://evil.test", "jwks_uri": f"{ISSUER}/jwks"},
        {"issuer": ISSUER + "/", "jwks_uri": f"{ISSUER}/jwks"},
        {"issuer": ISSUER, "jwks_uri": "http://login.test/jwks"},
        {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"},
        {"issuer": ISSUER, "jwks_uri": "https://no\x00where"},
        {"issuer": ISSUER},
        {},
        [],
        None,
    ],
    ids=str,
)
async def test_a_discovery_document_of_somebody_else_is_not_followed(provider: Provider, discovery: Any):
    provider.discovery = discovery
    with pytest.raises(IdentityProviderAwayError):
        await provider.source.key("k1")
    assert provider.fetches == 0


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_an_error_page_is_no_key(provider: Provider, status: int):
    provider.status = status
    with pytest.raises(IdentityProviderAwayError):
        await provider.source.key("k1")


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_keys_that_cannot_verify_tokens_are_left_out():
    good = new_key("good").as_dict(private=False)
    document = {
        "keys": [
            good,
            OctKey.generate_key(256, {"kid": "secret"}).as_dict(private=True),
            RSAKey.generate_key(1024, {"kid": "short"}).as_dict(private=False),
            new_key("enc").as_dict(private=False) | {"use": "enc"},
            {"kty": "quantum", "kid": "future"},
            {"kty": "EC", "kid": "broken", "crv": "P-256", "x": "!", "y": "!"},
            "nonsense",
            None,
        ]
    }
    assert set(usable_keys(document)) == {"good"}
    broken: Any
    for broken in (None, [], {}, {"keys": None}, {"keys": "x"}):
        assert usable_keys(broken) == {}


async def test_a_token_without_kid_needs_a_single_key(provider: Provider):
    assert await provider.source.key(None)
    provider.keys.append(new_key("k2"))
    provider.now += 301
    assert await provider.source.key(None) is None
