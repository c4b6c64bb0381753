"""The tests' own browser is strict: it finds what is there, and fails with a list of what is there."""

import pytest
from amtsbus.testing.browsing import Browser


async def test_a_link_that_is_not_there_is_a_failure_that_names_the_others(browser: Browser):
    await browser.open("/")
    with pytest.raises(LookupError, match="Bahn buchen"):
        await browser.follow("Bahn mieten")


async def test_a_field_that_is_not_there_is_a_failure_that_names_the_others(browser: Browser):
    await browser.open("/booking")
    with pytest.raises(LookupError, match=r"\['Name', 'Tag'\]"):
        await browser.submit({"Vorname": "Demo-Ada"}, button="Bahn buchen")
    with pytest.raises(LookupError, match="Bahn buchen"):
        await browser.submit({"Name": "Demo-Ada"}, button="Absenden")


async def test_fields_of_every_kind_are_filled_in_by_what_they_are_called(browser: Browser):
    page = await browser.open("/gallery?text=Demo")
    form = page.forms[0]
    form.fill({"Choice": "Second", "Radio": "Demo", "Boxes": ["Demo", "Second"], "Box": False, "Amount": "12"})
    sent = [pair for one in form.fields for pair in one.sent]
    assert {("choice", "b"), ("radio", "yes"), ("boxes", "a"), ("boxes", "b"), ("amount", "12")} <= set(sent)
    assert "box" not in dict(sent)
    with pytest.raises(LookupError, match="cannot be 'Third'"):
        form.fill({"Choice": "Third"})


async def test_another_browser_knows_nothing_of_the_first_one(browser: Browser):
    await browser.log_in(back_to="/mine")
    assert (await browser.another().open("/mine")).status == 403


async def test_a_page_that_leads_to_a_strangers_host_is_a_failure(browser: Browser):
    await browser.open("/gallery?text=Demo")
    browser.shown.soup.find("main").find("a")["href"] = "https://evil.example/"  # type: ignore[union-attr,index]
    text = browser.shown.soup.find("main").find("a").get_text(strip=True)  # type: ignore[union-attr]
    with pytest.raises((AssertionError, LookupError)):
        await browser.follow(text)
