"""Which tokens a service accepts, and who the caller is then."""

import base64
import json
import time
from typing import Any
from uuid import UUID

import pytest
from amtsbus.auth import Caller, LoginRequiredError, Role
from amtsbus.testing.tokens import A_CITIZEN, AUDIENCE, ISSUER, TestIssuer
from amtsbus.tokens import LEEWAY_SECONDS, TokenVerifier
from cryptography.hazmat.primitives import serialization
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey


@pytest.fixture
def issuer() -> TestIssuer:
    return TestIssuer()


async def caller(issuer: TestIssuer, *roles: Role | str, **claims: Any) -> Caller:
    return await issuer.verifier.caller(issuer.token(*roles, **claims))


async def refused(issuer: TestIssuer, token: str) -> str:
    with pytest.raises(LoginRequiredError) as refusal:
        await issuer.verifier.caller(token)
    assert token not in str(refusal.value)
    return str(refusal.value)


async def test_the_claims_become_the_caller(issuer: TestIssuer):
    found = await caller(
        issuer, "citizen", "clerk", "mayor", sub="abc", department="permits", person_id=A_CITIZEN, name="Ada"
    )
    assert found == Caller("abc", frozenset({Role.CITIZEN, Role.CLERK}), "permits", A_CITIZEN, "Ada")


async def test_staff_of_another_department_are_no_staff_here(issuer: TestIssuer):
    found = await caller(
        issuer, "citizen", "clerk", "lead", "auditor", "operator", department="permits", person_id=A_CITIZEN
    )
    assert found.at("permits").is_staff
    assert found.at("schooling").roles == {Role.CITIZEN}
    assert not found.at("schooling").is_staff
    assert found.at("schooling").actor().roles == {Role.CITIZEN}


async def test_a_citizen_is_a_person_that_the_city_knows(issuer: TestIssuer):
    assert (await caller(issuer, "citizen")).at("permits").roles == frozenset()
    assert (await caller(issuer, "citizen", person_id="not-a-uuid")).at("permits").roles == frozenset()
    assert (await caller(issuer, "citizen", person_id=7)).person_id is None


@pytest.mark.parametrize("roles", ["citizen", {"citizen": True}, [["citizen"]], [1, None], "", ["system"], ["SYSTEM"]])
async def test_roles_in_another_form_are_no_roles(issuer: TestIssuer, roles: Any):
    assert (await caller(issuer, roles=roles, person_id=A_CITIZEN, department="permits")).roles == frozenset()


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.test"},
        {"iss": None},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"aud": "another"},
        {"aud": None},
        {"aud": ["another"]},
        {"aud": 7},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "a\nb"},
        {"sub": "system"},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": int(time.time()) - LEEWAY_SECONDS - 5},
        {"exp": 0},
        {"exp": -(2**70)},
        {"iat": None},
        {"iat": int(time.time()) + 3600},
        {"iat": "yesterday"},
        {"nbf": int(time.time()) + 3600},
        {"nbf": "tomorrow"},
    ],
    ids=str,
)
async def test_a_token_whose_claims_do_not_hold_is_refused(issuer: TestIssuer, claims: dict[str, Any]):
    await refused(issuer, issuer.token("citizen", **claims))


async def test_clocks_may_differ_by_half_a_minute(issuer: TestIssuer):
    now = int(time.time())
    assert await caller(issuer, exp=now - 10)
    assert await caller(issuer, iat=now + 10, nbf=now + 10)


async def test_one_of_several_audiences_is_enough(issuer: TestIssuer):
    assert await caller(issuer, aud=["another", AUDIENCE])


def part(content: Any) -> str:
    return (
        base64.urlsafe_b64encode(content if isinstance(content, bytes) else json.dumps(content).encode())
        .decode()
        .rstrip("=")
    )


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "nOnE", "HS256", "HS512", "RS1", "", None, 7, ["ES256"], "ES256K", "dir"]
)
async def test_an_algorithm_that_is_not_on_the_list_is_refused(issuer: TestIssuer, algorithm: Any):
    _, claims, signature = issuer.token("citizen").split(".")
    for end in (signature, ""):
        await refused(issuer, f"{part({'alg': algorithm, 'kid': 'test'})}.{claims}.{end}")


async def test_the_public_key_is_no_shared_secret():
    """The classic: a token signed with HS256 and the issuer's public RSA key as the secret."""
    key = RSAKey.generate_key(2048, {"kid": "test"})
    issuer = TestIssuer(key)
    public = key.public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "iat": int(time.time()), "exp": int(time.time()) + 60}
    for forged in (public, public.replace(b"\n", b"")):
        token = f"{part({'alg': 'HS256', 'kid': 'test'})}.{part(claims)}"
        import hashlib
        import hmac

        signature = hmac.new(forged, token.encode(), hashlib.sha256).digest()
        await refused(issuer, f"{token}.{part(signature)}")


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
async def test_access_tokens_are_accepted(issuer: TestIssuer, kind: str):
    assert await issuer.verifier.caller(issuer.token("citizen", header={"typ": kind}))


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "JOSE", "", 7])
async def test_other_kinds_of_tokens_are_refused(issuer: TestIssuer, kind: Any):
    _, claims, signature = issuer.token("citizen").split(".")
    await refused(issuer, f"{part({'alg': 'ES256', 'kid': 'test', 'typ': kind})}.{claims}.{signature}")


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "another"},
        {"kid": 7},
        {"kid": ["test"]},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": False},
        {"alg": "RS256"},
        {"alg": "EdDSA"},
    ],
    ids=str,
)
async def test_a_header_that_asks_for_something_else_is_refused(issuer: TestIssuer, header: dict[str, Any]):
    _, claims, signature = issuer.token("citizen").split(".")
    await refused(issuer, f"{part({'alg': 'ES256', 'kid': 'test'} | header)}.{claims}.{signature}")


async def test_a_key_that_the_token_brings_along_is_ignored(issuer: TestIssuer):
    own = ECKey.generate_key("P-256")
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "iat": int(time.time()), "exp": int(time.time()) + 60}
    header = {"alg": "ES256", "kid": "test", "jwk": own.as_dict(private=False), "jku": "https://evil.test/jwks"}
    await refused(issuer, jwt.encode(header, claims, own))


async def test_a_changed_claim_or_signature_is_noticed(issuer: TestIssuer):
    header, claims, signature = issuer.token("citizen").split(".")
    content = json.loads(base64.urlsafe_b64decode(claims + "=="))
    await refused(issuer, f"{header}.{part(content | {'roles': ['lead']})}.{signature}")
    await refused(issuer, f"{header}.{claims}.{part(b'0' * 64)}")
    await refused(issuer, f"{header}.{claims}.")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "a.b.c.d.e",
        "🦊",
        "e30.e30.e30",
        "W10.e30.e30",
        "x" * 8193,
        "a" * 100_000,
        "\x00",
        "bnVsbA.e30.",
        "eyJhbGciOiJFUzI1NiJ9.W10.AA",
    ],
)
async def test_nonsense_is_refused(issuer: TestIssuer, token: str):
    with pytest.raises(LoginRequiredError):
        await issuer.verifier.caller(token)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("RS256", RSAKey.generate_key(2048, {"kid": "k"})),
        ("PS256", RSAKey.generate_key(2048, {"kid": "k"})),
        ("ES256", ECKey.generate_key("P-256", {"kid": "k"})),
        ("EdDSA", OKPKey.generate_key("Ed25519", {"kid": "k"})),
        ("Ed25519", OKPKey.generate_key("Ed25519", {"kid": "k"})),
    ],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
async def test_every_algorithm_of_the_list_works(algorithm: str, key: Key):
    issuer = TestIssuer(key)
    assert await issuer.verifier.caller(issuer.token("citizen", header={"alg": algorithm}))


async def test_a_token_without_kid_goes_with_the_only_key(issuer: TestIssuer):
    header = {"alg": "ES256"}
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "iat": int(time.time()), "exp": int(time.time()) + 60}
    assert await issuer.verifier.caller(jwt.encode(header, claims, issuer._key))


class CountingKeys(TestIssuer):
    """Knows how often a signature had to be checked."""

    asked = 0

    async def key(self, kid: str | None) -> Key | None:
        self.asked += 1
        return await super().key(kid)


async def test_a_token_is_checked_once_and_remembered_until_it_expires():
    issuer = CountingKeys()
    now = time.time()
    verifier = TokenVerifier(issuer, issuer=ISSUER, audience=AUDIENCE, now=lambda: now, remember_seconds=10_000)
    token = issuer.token("citizen", person_id=A_CITIZEN, exp=int(now) + 600)
    for _ in range(3):
        assert (await verifier.caller(token)).person_id == A_CITIZEN
    assert issuer.asked == 1
    now += 600 + LEEWAY_SECONDS + 1
    with pytest.raises(LoginRequiredError, match="expired"):
        await verifier.caller(token)


async def test_a_withdrawn_key_is_in_effect_for_five_minutes_at_most():
    issuer = CountingKeys()
    now = time.time()
    verifier = TokenVerifier(issuer, issuer=ISSUER, audience=AUDIENCE, now=lambda: now)
    token = issuer.token("citizen")
    await verifier.caller(token)
    issuer._key = ECKey.generate_key("P-256", {"kid": "new"})
    await verifier.caller(token)
    now += 301
    with pytest.raises(LoginRequiredError, match="key"):
        await verifier.caller(token)


async def test_only_so_many_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("amtsbus.tokens.REMEMBERED_TOKENS", 3)
    issuer = CountingKeys()
    tokens = [issuer.token("citizen", sub=f"s{n}") for n in range(5)]
    for token in tokens:
        await issuer.verifier.caller(token)
    assert len(issuer.verifier._remembered) == 3
    await issuer.verifier.caller(tokens[4])
    assert issuer.asked == 5


async def test_refusals_are_not_remembered():
    issuer = CountingKeys()
    for _ in range(2):
        await refused(issuer, issuer.token("citizen", aud="another"))
    assert issuer.verifier._remembered == {}


def test_the_person_is_a_uuid():
    assert isinstance(A_CITIZEN, UUID)
