"""No other site's page, and no form that is not ours, acts through somebody's browser."""

import pytest
from amtsbus.testing.browsing import ORIGIN, Browser
from amtsbus.web import protection
from amtsbus.web.errors import ForgedRequestError
from hypothesis import given
from hypothesis import strategies as st

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def form_token(browser: Browser) -> str:
    page = await browser.open("/booking")
    return page.forms[0].fields[0].chosen[0]


async def send(browser: Browser, token: str, **headers: str) -> int:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await browser.client.post("/booking", data={"guest": "Demo-Ada", "_csrf": token}, headers=FORM | told)
    return answer.status_code


OURS = {"Sec_Fetch_Site": "same-origin"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_Fetch_Site": "same-origin"}, 303),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Sec_Fetch_Site": "none"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Origin": ORIGIN}, 403),
        ({"Origin": ORIGIN}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "https://service.test.evil.example"}, 403),
        ({"Origin": "http://service.test"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
async def test_a_form_is_taken_from_our_own_pages_only(browser: Browser, rows, headers, status):
    assert await send(browser, await form_token(browser), **headers) == status
    assert await rows("bookings") == (1 if status == 303 else 0)


async def test_a_form_without_our_token_is_refused_with_a_page_that_says_what_to_do(browser: Browser, rows):
    for token in ("", "x", "ä", "A" * 88, await form_token(browser.another())):
        await browser.open("/booking")
        assert await send(browser, token, **OURS) == 403
    page = await browser.open("/booking")
    page.forms[0].tag.find("input", attrs={"name": "_csrf"}).decompose()  # type: ignore[union-attr]
    assert (
        await browser.submit({"Name": "Demo-Ada"}, button="Bahn buchen")
    ).heading == "Dieses Formular ist abgelaufen"
    assert await rows("bookings") == 0


async def test_a_form_from_before_a_log_in_is_refused_after_it(browser: Browser):
    await browser.open("/booking")
    await browser.submit({"Name": "Demo-Ada"}, button="Bahn buchen")
    before = await form_token(browser)
    await browser.log_in()
    assert await send(browser, before, **OURS) == 403
    assert await send(browser, await form_token(browser), **OURS) == 303


async def test_a_form_stays_good_when_the_first_thing_has_to_be_remembered(browser: Browser):
    in_another_tab = await form_token(browser)
    await browser.open("/booking")
    await browser.submit({"Name": "Demo-Ada"}, button="Bahn buchen")
    assert await send(browser, in_another_tab, **OURS) == 303


async def test_each_form_carries_the_token_differently(browser: Browser):
    assert await form_token(browser) != await form_token(browser)


@given(st.binary(min_size=32, max_size=32))
def test_a_masked_secret_is_recognised(secret):
    protection.require_form_token(protection.masked(secret), secret)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.text())
def test_another_secret_and_any_other_text_is_not(secret, other, text):
    with pytest.raises(ForgedRequestError):
        protection.require_form_token(text, secret)
    if secret != other:
        with pytest.raises(ForgedRequestError):
            protection.require_form_token(protection.masked(other), secret)


@pytest.mark.parametrize("path", ["/", "/booking", "/gallery?wrong=true", "/unknown", "/refusal/defect"])
async def test_every_page_says_what_a_browser_may_do_with_it(browser: Browser, path):
    headers = (await browser.open(path)).response.headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "font-src": "'self'",
        "img-src": "'self' data:",
        "form-action": f"'self' {browser.issuer.login_client().origins[0]}",
        "connect-src": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert headers["strict-transport-security"].startswith("max-age=")
    assert "camera=()" in headers["permissions-policy"]


async def test_no_page_carries_a_script_or_a_style_of_its_own(browser: Browser):
    for path in ("/", "/gallery", "/gallery?wrong=true", "/unknown", "/logged-out"):
        soup = (await browser.open(path)).soup
        assert soup.find_all("style") == []
        assert soup.find_all(style=True) == []
        assert all(script.get("src") and not script.get_text() for script in soup.find_all("script"))
        assert not [tag for tag in soup.find_all(True) if any(name.startswith("on") for name in tag.attrs)]
        sources = [tag.get("src") or tag.get("href") for tag in soup.select("script, link, img")]
        assert sources
        assert all(str(source).startswith("/") for source in sources)
