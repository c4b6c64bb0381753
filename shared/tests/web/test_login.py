"""Logging in: only where it was begun, only once, only with a token of our issuer for us, and only back to ourselves."""

import time
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from amtsbus.auth import Role
from amtsbus.http import create_app
from amtsbus.testing.browsing import ORIGIN, Browser, stub_assets
from amtsbus.testing.tokens import ISSUER
from joserfc.jwk import ECKey

from .baths import BATHS


async def begun(browser: Browser, path: str = "/login") -> dict[str, str]:
    """What the browser is sent to the issuer with."""
    answer = await browser.client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{ISSUER}/authorize?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def at_the_issuer(browser: Browser, asked: dict[str, str]) -> str:
    """Where the issuer sends the browser back to."""
    answer = await browser._request("GET", f"{ISSUER}/authorize?{urlencode(asked)}", "cross-site", "", "", b"")
    return str(answer.headers["location"]).removeprefix(ORIGIN)


async def test_the_issuer_is_asked_with_pkce_state_and_nonce_that_are_new_each_time(browser: Browser):
    first, second = await begun(browser), await begun(browser)
    assert first["response_type"] == "code"
    assert first["code_challenge_method"] == "S256"
    assert first["redirect_uri"] == f"{ORIGIN}/login/callback"
    assert first["scope"].split() == ["openid", "profile", "email", "address"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 43
        assert first[name] != second[name]


async def test_who_is_not_logged_in_logs_in_and_comes_back_to_the_same_page(browser: Browser):
    browser.be(name="Demo-Ada Muster")
    page = await browser.open("/mine?page=2")
    assert (page.status, page.path) == (200, "/mine?page=2")
    assert "Angemeldet als Demo-Ada Muster" in page.soup.get_text()


async def test_who_sent_a_form_without_being_logged_in_comes_back_to_the_page_that_held_it(browser: Browser, database):
    await browser.log_in(back_to="/mine")
    await browser.open("/lanes/any")
    await database.pool.execute("DELETE FROM amtsbus.web_sessions")
    page = await browser.submit(button="Merken")
    assert page.path == "/lanes/any"


async def test_the_session_holds_what_the_issuer_tells(browser: Browser, database):
    address = {"street_address": "Demo-Weg 1", "postal_code": "44135", "locality": "Demo-Stadt"}
    await browser.log_in(
        sub="ada", name="Demo-Ada Muster", given_name="Demo-Ada", email="ada@example.org", address=address
    )
    row = await database.pool.fetchrow("SELECT * FROM amtsbus.web_sessions")
    assert (row["subject"], row["given_name"], row["email"]) == ("ada", "Demo-Ada", "ada@example.org")
    assert (row["identification"], row["roles"]) == ("basic", ["citizen"])
    assert "Demo-Weg 1" in row["address"]


async def test_the_answer_to_a_log_in_is_good_once(browser: Browser):
    browser.be()
    back = await at_the_issuer(browser, await begun(browser))
    assert (await browser.open(back)).status == 200
    assert (await browser.open(back)).status == 400


async def test_a_log_in_that_has_failed_cannot_be_ended_with_another_code(browser: Browser):
    browser.be()
    asked = await begun(browser)
    browser.issuer.forgery = {"nonce": "another"}
    assert (await browser.open(await at_the_issuer(browser, asked))).status == 403
    browser.issuer.forgery = {}
    page = await browser.open(await at_the_issuer(browser, asked))
    assert (page.status, page.heading) == (400, "Diese Anmeldung gilt nicht mehr")


async def test_a_log_in_that_was_begun_in_another_browser_is_not_taken(browser: Browser, rows):
    browser.be()
    victim = browser.another()
    await begun(victim)
    back = await at_the_issuer(browser, await begun(browser))
    page = await victim.open(back)
    assert (page.status, page.heading) == (400, "Diese Anmeldung gilt nicht mehr")
    assert await rows("amtsbus.web_sessions WHERE subject IS NOT NULL") == 0


async def test_a_log_in_that_took_too_long_is_not_taken(browser: Browser, monkeypatch):
    browser.be()
    back = await at_the_issuer(browser, await begun(browser))
    later = time.time() + 601
    monkeypatch.setattr("amtsbus.web.login.time.time", lambda: later)
    assert (await browser.open(back)).status == 400


async def test_two_log_ins_begun_in_two_tabs_can_both_end(browser: Browser):
    browser.be()
    first = await at_the_issuer(browser, await begun(browser, "/login?return=/mine"))
    second = await at_the_issuer(browser, await begun(browser, "/login?return=/booking"))
    assert (await browser.open(first)).path == "/mine"
    assert (await browser.open(second)).path == "/booking"


async def test_a_browser_remembers_few_log_ins_that_have_begun(browser: Browser, database):
    for _ in range(8):
        await begun(browser)
    data = await database.pool.fetchval("SELECT data -> 'kit.login' FROM amtsbus.web_sessions")
    assert data.count("verifier") == 5


FORGERIES = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "amtsbus"},
    "several audiences without a party": {"aud": ["pages", "other"]},
    "another party": {"aud": ["pages", "other"], "azp": "other"},
    "another issuer": {"iss": "https://evil.test"},
    "expired": {"exp": int(time.time()) - 120},
    "no expiry": {"exp": None},
    "an access token": {"header": {"typ": "at+jwt"}},
    "no subject": {"sub": None},
    "the clock's subject": {"sub": "system"},
    "an unknown key": {"header": {"kid": "unknown"}},
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
async def test_an_id_token_that_does_not_hold_logs_nobody_in(browser: Browser, rows, forgery):
    browser.issuer.forgery = forgery
    page = await browser.log_in()
    assert (page.status, page.heading) == (403, "Die Anmeldung hat nicht geklappt")
    assert await rows("amtsbus.web_sessions WHERE subject IS NOT NULL") == 0


async def test_an_id_token_signed_by_somebody_else_logs_nobody_in(browser: Browser):
    browser.be()
    back = await at_the_issuer(browser, await begun(browser))
    own, stolen = browser.issuer._key, ECKey.generate_key("P-256", {"kid": "test", "use": "sig", "alg": "ES256"})
    await browser.app.state.site.login._keys.key("test")
    browser.issuer._key = stolen
    page = await browser.open(back)
    browser.issuer._key = own
    assert page.status == 403


async def test_the_code_without_the_verifier_is_worth_nothing(browser: Browser, database):
    browser.be()
    back = await at_the_issuer(browser, await begun(browser))
    await database.pool.execute(
        'UPDATE amtsbus.web_sessions SET data = regexp_replace(data::text, \'"verifier": "[^"]*"\', \'"verifier": "x"\')::jsonb'
    )
    assert (await browser.open(back)).status == 403


async def test_an_answer_that_names_another_issuer_is_not_taken(browser: Browser):
    browser.be()
    back = await at_the_issuer(browser, await begun(browser))
    page = await browser.open(back.replace(urlencode({"iss": ISSUER}), urlencode({"iss": "https://evil.test"})))
    assert page.status == 403


async def test_who_gives_up_at_the_issuer_is_told_and_can_try_again(browser: Browser):
    page = await browser.open("/mine")
    assert (page.status, page.heading) == (403, "Die Anmeldung wurde abgebrochen")
    browser.be()
    assert (await browser.follow("Noch einmal anmelden")).status == 200


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/%0d%0aX: y", "/\x01"],
)
async def test_a_log_in_leads_back_to_ourselves_whatever_it_is_told(browser: Browser, target):
    browser.be()
    page = await browser.open(f"/login?{urlencode({'return': target})}")
    assert page.status in (200, 404)
    assert page.url.startswith(f"{ORIGIN}/")
    page = await browser.open(f"/login?{urlencode({'return': target})}")
    assert page.url.startswith(f"{ORIGIN}/"), "also where somebody is logged in already"


async def test_a_page_that_needs_a_surer_identification_asks_for_it_and_comes_back(browser: Browser):
    await browser.log_in(identification="basic", up_to="high")
    asked = await browser.client.get("/season-ticket")
    assert asked.headers["location"] == "/login?return=%2Fseason-ticket&identification=substantial"
    told = await begun(browser, asked.headers["location"])
    assert (told["acr_values"], told["prompt"]) == ("substantial", "login")
    page = await browser.open("/season-ticket")
    assert (page.status, page.path) == (200, "/season-ticket")
    assert "substantial" in page.text
    assert "high" in (await browser.open("/lanes/high")).text


async def test_who_cannot_be_identified_surely_enough_is_told_and_stays_logged_in(browser: Browser):
    await browser.log_in(identification="basic")
    page = await browser.open("/season-ticket")
    assert (page.status, page.heading) == (403, "Hier ist eine sicherere Anmeldung nötig")
    assert (await browser.open("/mine")).status == 200


async def test_an_endpoint_may_ask_for_more_by_what_it_finds(browser: Browser):
    assert (await browser.open("/lanes/low")).status == 200
    browser.be(identification="high")
    assert (await browser.open("/lanes/high")).path == "/lanes/high"


@pytest.mark.parametrize(
    ("claims", "level"),
    [
        ({"identification": "high"}, "high"),
        ({"acr": "STORK-QAA-Level-3"}, "substantial"),
        ({"acr": "http://eidas.europa.eu/LoA/low"}, "basic"),
        ({"identification": "high", "acr": "basic"}, "high"),
        ({"acr": "1"}, "none"),
        ({"acr": 4, "identification": ["high"]}, "none"),
        ({}, "none"),
    ],
)
def test_what_an_issuer_says_of_its_level_is_understood_or_counts_for_nothing(claims, level):
    from amtsbus.web.oidc import identification_of

    assert identification_of(claims) == level


async def test_too_many_log_ins_from_one_browser_are_slowed_down(browser: Browser):
    answers = [await browser.client.get("/login") for _ in range(13)]
    assert answers[0].status_code == 303
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_too_many_log_ins_from_one_address_are_slowed_down(browser: Browser):
    statuses = []
    for _ in range(62):
        other = browser.another()
        statuses.append((await other.client.get("/login")).status_code)
    assert (statuses[0], statuses[-1]) == (303, 429)


async def test_an_issuer_that_is_away_is_a_page_that_says_so(browser: Browser, monkeypatch):
    import httpx

    async def away(*_: object, **__: object) -> httpx.Response:
        raise httpx.ConnectError("away")

    monkeypatch.setattr(browser.issuer.http, "get", away)
    page = await browser.open("/mine")
    assert page.status == 503
    assert page.heading == "Das ist gerade nicht erreichbar"


async def test_staff_log_in_the_same_way(browser: Browser):
    browser.be(Role.LEAD, name="Demo-Lea")
    page = await browser.open("/staff")
    assert (page.status, "Demo-Lea" in page.text) == (200, True)


async def test_forms_may_lead_to_the_issuer_and_nowhere_else(browser: Browser):
    page = await browser.log_in()
    policy = page.response.headers["content-security-policy"]
    assert f"form-action 'self' {ISSUER};" in policy


async def test_pages_let_people_log_in_at_the_issuer_of_the_settings(settings_of, database, tmp_path):
    settings = settings_of(BATHS, database, assets=stub_assets(tmp_path), oidc_client_id="baths")
    app = create_app(BATHS, settings, database)
    async with app.router.lifespan_context(app):
        assert app.state.site.login.origins == ("http://127.0.0.1",)


async def test_where_no_client_is_set_nobody_can_log_in_and_the_pages_offer_no_log_in(browser: Browser):
    browser.app.state.site.login = None
    assert "Anmelden" not in (await browser.open("/")).links
    assert (await browser.open("/mine")).status == 503
