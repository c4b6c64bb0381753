"""Sessions: when one begins, what its cookie says, how long it lives, and that nobody else's can be had."""

import re
from datetime import timedelta

import pytest
from amtsbus.auth import Role
from amtsbus.testing.browsing import Browser
from amtsbus.web import sessions

COOKIE = "__Host-amtsbus"
ATTRIBUTES = {"HttpOnly", "Path=/", "SameSite=lax", "Secure"}


def token(browser: Browser) -> str:
    return browser.cookies[COOKIE]


def with_token(browser: Browser, value: str) -> Browser:
    """Another browser that has this cookie."""
    thief = browser.another()
    thief.cookies.set(COOKIE, value, domain="service.test", path="/")
    return thief


async def test_who_only_reads_gets_no_cookie_and_no_row(browser: Browser, rows):
    page = await browser.open("/")
    assert "set-cookie" not in page.response.headers
    assert await rows("amtsbus.web_sessions") == 0


async def test_a_form_needs_a_cookie_but_nothing_is_kept_of_who_only_looks_at_it(browser: Browser, rows):
    page = await browser.open("/booking")
    name, *attributes = re.split(r"; ?", page.response.headers["set-cookie"])
    assert name.startswith(f"{COOKIE}=")
    assert set(attributes) == ATTRIBUTES
    assert len(token(browser)) == 43
    assert await rows("amtsbus.web_sessions") == 0


async def test_the_database_knows_no_token_only_its_hash(browser: Browser, database):
    await browser.log_in()
    row = await database.pool.fetchrow("SELECT * FROM amtsbus.web_sessions")
    assert row["web_session_id"] == sessions.id_of(token(browser))
    assert token(browser) not in str(dict(row))


async def test_a_log_in_gives_a_new_token_and_the_old_one_is_worth_nothing(browser: Browser, rows):
    await browser.open("/booking")
    await browser.submit({"Name": "Demo-Ada"}, button="Bahn buchen")
    planted = token(browser)
    page = await browser.log_in(back_to="/mine")
    assert token(browser) != planted
    assert "Demo-Ada" in page.text, "what was booked before the log-in belongs to whoever logged in"
    thief = with_token(browser, planted)
    page = await thief.open("/mine")
    assert page.status == 403
    assert "Demo-Ada" not in page.text
    assert await rows("amtsbus.web_sessions WHERE subject IS NOT NULL") == 1


async def test_nothing_of_one_person_is_left_to_another_who_logs_in_at_the_same_browser(browser: Browser):
    await browser.log_in(sub="ada")
    await browser.open("/booking")
    await browser.submit({"Name": "Demo-Ada"}, button="Bahn buchen")
    browser.be(sub="eve", up_to="substantial")
    await browser.open("/season-ticket")
    assert "Demo-Ada" not in (await browser.open("/mine")).text
    assert (await browser.open("/booking")).field("Name") == ""


async def test_a_log_out_ends_the_session_for_whoever_has_the_token(browser: Browser, rows):
    await browser.log_in(back_to="/mine")
    stolen = token(browser)
    page = await browser.log_out()
    assert page.path == "/logged-out"
    assert COOKIE not in browser.cookies
    assert await rows("amtsbus.web_sessions") == 0
    assert (await with_token(browser, stolen).open("/mine")).status == 403


async def test_a_log_out_ends_the_session_at_the_identity_provider_too(browser: Browser):
    await browser.log_in(back_to="/mine")
    await browser.log_out()
    [told] = browser.issuer.ended
    assert told["post_logout_redirect_uri"] == "https://service.test/logged-out"
    assert told["id_token_hint"].count(".") == 2


async def test_a_log_out_works_from_a_page_whose_session_is_over(browser: Browser, database):
    await browser.log_in(back_to="/mine")
    await database.pool.execute("DELETE FROM amtsbus.web_sessions")
    assert (await browser.log_out()).path == "/logged-out"


@pytest.mark.parametrize(
    "over",
    ["idle_until = clock_timestamp() - interval '1 second'", "ends_at = clock_timestamp() - interval '1 second'"],
)
async def test_a_session_is_over_when_it_was_idle_or_lasted_for_too_long(browser: Browser, database, over):
    await browser.log_in()
    browser.identity = None
    assert (await browser.open("/mine")).status == 200
    await database.pool.execute(f"UPDATE amtsbus.web_sessions SET {over}")
    assert (await browser.open("/mine")).status == 403


@pytest.mark.parametrize(("audience", "idle"), [("citizens", timedelta(minutes=30)), ("staff", timedelta(hours=2))])
async def test_how_long_idle_depends_on_who_comes(browse, database, audience, idle):
    from dataclasses import replace

    from .baths import BATHS, WEB

    browser = await browse(replace(BATHS, web=replace(WEB, audience=audience)), database)
    await browser.log_in(Role.CLERK)
    row = await database.pool.fetchrow(
        "SELECT idle_until - seen_at AS idle, ends_at - created_at AS longest FROM amtsbus.web_sessions"
    )
    assert row["idle"] - idle < timedelta(seconds=5)
    assert row["longest"] - timedelta(hours=12) < timedelta(seconds=5)


async def test_being_used_keeps_a_session_alive_with_one_write_a_minute(browser: Browser, database):
    await browser.log_in()
    seen = "SELECT seen_at FROM amtsbus.web_sessions"
    first = await database.pool.fetchval(seen)
    await browser.open("/mine")
    assert await database.pool.fetchval(seen) == first
    await database.pool.execute("UPDATE amtsbus.web_sessions SET seen_at = seen_at - interval '2 minutes'")
    await browser.open("/alive")
    assert await database.pool.fetchval(seen) >= first


async def test_two_tabs_do_not_undo_what_the_other_one_remembers(browser: Browser, database):
    await browser.log_in()
    async with database.transaction() as tx:
        await sessions.remember(tx, token(browser), {"one": 1, "both": 1}, [])
    async with database.transaction() as tx:
        await sessions.remember(tx, token(browser), {"two": 2}, ["both"])
    session = await sessions.find(database.pool, token(browser), "citizens")
    assert session is not None
    assert {"one": 1, "two": 2}.items() <= session.data.items()
    assert "both" not in session.data


async def test_what_is_over_is_swept_in_portions(browser: Browser, database, rows):
    for number in range(3):
        await sessions.begin(database.pool, f"{number}", sessions.Session(), "citizens")
    await database.pool.execute("UPDATE amtsbus.web_sessions SET idle_until = clock_timestamp() - interval '1 s'")
    await browser.log_in()
    assert [await sessions.sweep(database.pool, 2) for _ in range(3)] == [2, 1, 0]
    assert await rows("amtsbus.web_sessions") == 1


@pytest.mark.parametrize("value", ["", "x", "a" * 42, "a" * 44, "ä" * 43, "a" * 42 + "=", "../" * 14 + "a"])
async def test_a_cookie_that_is_not_one_of_ours_is_nobody(browser: Browser, value):
    answer = await browser.client.get("/", headers={b"Cookie": f"{COOKIE}={value}".encode()})
    assert answer.status_code == 200


async def test_a_role_of_another_department_counts_for_nothing_here(browser: Browser):
    page = await browser.log_in(Role.CLERK, department="permits", back_to="/staff")
    assert page.status == 403
    page = await browser.log_in(Role.CLERK, sub="other", back_to="/staff")
    assert page.status == 403, "still the first one"
    await browser.log_out()
    assert (await browser.log_in(Role.CLERK, back_to="/staff")).status == 200


async def test_staff_without_a_person_are_no_citizens(browser: Browser):
    assert (await browser.log_in(Role.CLERK, back_to="/mine")).status == 403


async def test_in_development_without_tls_the_cookie_names_the_service(browser: Browser):
    answer = await browser.client.get("http://service.test/booking")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("amtsbus-baths=")
    assert "Secure" not in cookie
    assert "strict-transport-security" not in answer.headers
