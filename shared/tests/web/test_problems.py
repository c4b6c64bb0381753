"""What goes wrong is told on a page, in two languages, with a reference and without anything that happened inside."""

import re

import pytest
import structlog
from amtsbus.testing.browsing import Browser

from .baths import SEASON

KINDS = {
    "/unknown": (404, "Diese Seite gibt es nicht", "This page does not exist"),
    "/refusal/missing": (404, "Diese Seite gibt es nicht", "This page does not exist"),
    "/towels/none": (404, "Diese Seite gibt es nicht", "This page does not exist"),
    "/refusal/x?seconds=x": (400, "Diese Anfrage können wir nicht lesen", "We cannot read this request"),
    "/refusal/%00": (400, "Diese Anfrage können wir nicht lesen", "We cannot read this request"),
    "/payments": (405, "So lässt sich diese Adresse nicht öffnen", "This address cannot be opened like this"),
    "/refusal/conflict": (409, "Inzwischen hat sich etwas geändert", "Something has changed in the meantime"),
    "/refusal/rule": (422, "Das geht so nicht", "This is not possible"),
    "/refusal/defect": (500, "Bei uns ist etwas schiefgegangen", "Something went wrong on our side"),
}


@pytest.mark.parametrize(("path", "told"), KINDS.items(), ids=[path.replace("%", "") for path in KINDS])
async def test_a_refusal_is_a_page_in_two_languages_with_a_reference(browser: Browser, path, told):
    status, german, english = told
    page = await browser.open(path)
    assert (page.status, page.heading, page.language) == (status, german, "de")
    assert page.response.headers["content-type"] == "text/html; charset=utf-8"
    [section] = page.soup.find_all("section", lang="en")
    assert english in section.get_text()
    trace_id = page.response.headers["traceparent"].split("-")[1]
    assert trace_id in page.text
    english_page = await browser.another().open(f"{path}{'&' if '?' in path else '?'}language=en")
    assert (english_page.heading, english_page.language) == (english, "en")


async def test_nothing_of_what_happened_inside_is_shown_or_logged_with_its_words(browser: Browser):
    with structlog.testing.capture_logs() as lines:
        page = await browser.open("/refusal/defect")
    assert not re.search("seahorse|KeyError|Traceback|baths.py", page.response.text)
    [line] = [line for line in lines if line["event"] == "request-failed"]
    assert line["errors"][0]["type"] == "builtins.KeyError"
    assert "seahorse" not in str(lines)
    assert "towel of Demo-Ada" not in (await browser.open("/refusal/missing")).text


async def test_what_a_rule_says_is_shown(browser: Browser):
    assert "Nobody under 1.20 m dives here." in (await browser.open("/refusal/rule")).text


async def test_too_often_says_when_it_is_worth_another_try(browser: Browser):
    statuses = [(await browser.open("/refusal/often")).status for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert browser.shown.response.headers["retry-after"] == "30"


async def test_a_page_that_takes_too_long_is_given_up(browse, database):
    from .baths import BATHS

    browser = await browse(BATHS, database, request_timeout_seconds=0.2)
    assert (await browser.open("/refusal/slow")).status == 503
    assert (await browser.open("/refusal/pool?seconds=30")).status == 503
    assert (await browser.open("/")).status == 200


async def test_without_the_database_there_is_still_a_page(browser: Browser, database):
    await browser.log_in()
    await database.stop()
    page = await browser.open("/mine")
    assert page.status == 500 or page.status == 503
    assert page.language == "de"
    assert (await browser.open("/unknown")).status == 404
    await database.start()


async def test_a_broken_template_of_an_error_still_answers(browser: Browser, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no template")

    monkeypatch.setattr(browser.app.state.site.templates, "get_template", broken)
    answer = await browser.client.get("/")
    assert answer.status_code == 500
    assert "Reference" in answer.text
    assert "no template" not in answer.text


async def test_the_error_page_of_a_form_that_fails_knows_who_is_logged_in(browser: Browser):
    await browser.log_in(name="Demo-Ada")
    await browser.open("/booking")
    SEASON.failures = [KeyError("x")]
    page = await browser.submit({"Name": "Demo-Ada"}, button="Bahn buchen")
    assert page.status == 500
    assert "Angemeldet als Demo-Ada" in page.soup.get_text()
    assert (await browser.open("/mine")).status == 200


async def test_a_request_for_another_host_is_refused_where_the_address_is_set(browse, database):
    from .baths import BATHS

    browser = await browse(BATHS, database, web_address="https://service.test")
    assert (await browser.open("/")).status == 200
    assert (await browser.client.get("/", headers={"Host": "evil.example"})).status_code == 400
