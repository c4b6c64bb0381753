"""A page from the request to the answer: transaction, form, what is remembered, where it leads."""

import asyncpg
import pytest
from amtsbus.testing.browsing import Browser, File

from .baths import SEASON


async def test_a_form_changes_something_and_leads_on_to_a_page_that_says_so_once(browser: Browser, rows):
    await browser.open("/")
    await browser.follow("Bahn buchen")
    page = await browser.submit({"Name": "  Demo-Ada \u0041\u030a "}, button="Bahn buchen")
    assert (page.status, page.history, page.path) == (200, ["/booking"], "/booking/done")
    assert page.notices == ["Erfolg: Gebucht für Demo-Ada \u00c5."]
    assert await rows("bookings") == 1
    assert (await browser.reload()).notices == []
    assert await rows("bookings") == 1


async def test_a_form_with_mistakes_comes_back_as_it_was_filled_in_and_changes_nothing(browser: Browser, rows):
    await browser.open("/booking")
    page = await browser.submit({"Name": "Demo-Ada", "Tag": "gestern"}, button="Bahn buchen")
    assert page.status == 422
    assert page.errors == {"Tag": "Schreiben Sie den Tag wie 24.12.1990."}
    assert page.title.startswith("Fehler: Bahn buchen")
    assert (page.field("Name"), page.field("Tag")) == ("Demo-Ada", "gestern")
    assert await rows("bookings") == 0


async def test_a_page_may_keep_what_was_right_although_something_is_wrong(browser: Browser, rows):
    await browser.open("/booking")
    page = await browser.submit({"Name": "Demo-Ada", "Tag": "gestern"}, button="Merken")
    assert (page.status, await rows("bookings")) == (422, 1)
    assert (await browser.open("/booking")).field("Name") == "Demo-Ada"


async def test_a_page_that_fails_leaves_nothing_behind(browser: Browser, rows):
    await browser.open("/booking")
    SEASON.failures = [KeyError("x")]
    page = await browser.submit({"Name": "Demo-Ada"}, button="Bahn buchen")
    assert page.status == 500
    assert (await rows("bookings"), await rows("amtsbus.web_sessions")) == (0, 0)


async def test_a_page_that_the_database_gave_up_is_tried_once_more_with_the_same_form(browser: Browser, database):
    await browser.open("/booking")
    SEASON.failures = [asyncpg.SerializationError("x")]
    page = await browser.submit({"Name": "Demo-Ada"}, button="Bahn buchen")
    assert (page.status, SEASON.runs) == (200, 2)
    assert [row["guest"] for row in await database.pool.fetch("SELECT guest FROM bookings")] == ["Demo-Ada"]


async def test_a_page_that_records_who_read_it_can_do_so(browser: Browser, database):
    from amtsbus.auth import Role

    await browser.log_in(Role.CLERK, name="Demo-Clara", back_to="/staff")
    assert "Demo-Clara" in browser.shown.text
    assert await database.pool.fetchval("SELECT subject FROM viewings") == "clerk"


async def test_files_arrive_with_their_name_and_size_and_an_empty_choice_is_none(browser: Browser):
    await browser.open("/photos")
    photos = [File("../../etc/Demo-Bad.png", b"\x89PNG" + b"x" * 2_000_000, "image/png"), File("zwei.txt", b"abcd")]
    page = await browser.submit({"Fotos": photos, "Bildtext": "Im Becken"})
    assert "Demo-Bad.png 2000004 b'\\x89PNG' image/png zwei.txt 4 b'abcd' application/octet-stream" in page.text
    assert "Im Becken" in page.text
    await browser.open("/photos")
    page = await browser.submit({"Bildtext": "Nur Text"})
    assert (page.status, "octet-stream" in page.text) == (200, False)


@pytest.mark.parametrize(
    ("photos", "status"),
    [([File("a.png", b"x" * 3_100_000)], 413), ([File(f"{n}.png", b"x") for n in range(3)], 400)],
    ids=["too large", "too many"],
)
async def test_more_than_a_page_takes_is_refused_with_a_page(browser: Browser, photos, status):
    await browser.open("/photos")
    page = await browser.submit({"Fotos": photos})
    assert page.status == status
    assert page.language == "de"


async def test_a_page_takes_no_files_unless_it_says_so(browser: Browser):
    page = await browser.open("/booking")
    form = page.forms[0]
    form.tag["enctype"] = "multipart/form-data"
    assert (await browser.send(form, form.buttons[0])).status == 415


async def test_a_program_that_proves_itself_needs_no_form_and_gets_no_session(browser: Browser, database):
    answer = await browser.client.post("/payments", content=b"paid")
    assert (answer.status_code, answer.text) == (200, "thanks")
    assert "set-cookie" not in answer.headers
    assert await database.pool.fetchval("SELECT subject FROM viewings") == "paid"
    assert (await browser.client.post("/payments", content=b"x" * 300_000)).status_code == 413


@pytest.mark.parametrize(
    "target",
    [
        *("https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)"),
        *("/\t/evil.example", "/\n/evil.example", "mine", "", " /mine"),
    ],
)
async def test_no_page_leads_to_another_host_whatever_it_is_told(browser: Browser, target):
    answer = await browser.client.get("/elsewhere", params={"to": target})
    assert answer.status_code == 500
    assert "location" not in answer.headers


async def test_the_api_beside_the_pages_stays_an_api(browser: Browser):
    client = browser.client
    assert (await client.get("/v1/lanes")).json() == [1, 2, 3]
    unknown = await client.get("/v1/unknown")
    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")
    assert (await client.get("/livez")).text == "alive"
    assert "/booking" not in (await client.get("/openapi.json")).text


async def test_pages_below_a_path_leave_everything_else_to_the_api(browse, database):
    from dataclasses import replace

    from .baths import BATHS, WEB

    browser = await browse(replace(BATHS, web=replace(WEB, path="/desk")), database)
    page = await browser.open("/")
    assert (page.status, page.links["Bahn buchen"]) == (200, "/desk/booking")
    await browser.follow("Bahn buchen")
    page = await browser.submit({"Name": "Demo-Ada"}, button="Bahn buchen")
    assert page.path == "/desk/booking/done"
    page = await browser.log_in(back_to="/mine")
    assert (page.status, page.path) == (200, "/desk/mine")
    assert "Demo-Ada" in page.text
    outside = await browser.client.get("/booking")
    assert (outside.status_code, outside.headers["content-type"]) == (404, "application/problem+json")
    assert (await browser.client.get("/desk")).status_code == 404
