"""Nobody reaches what is somebody else's: every page is tried by a stranger."""

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute
from portal.pages import ROUTERS

from ..demo import MAX
from ..portals import Portal

OPEN_TO_ALL = {
    "/",
    "/search",
    "/services",
    "/services/{key}",
    "/life-events/{event}",
    "/offices",
    "/offices/{key}",
    "/apply/{key}",
    "/mine",
    "/mine/link/{token}",
    "/letters",
    "/contact",
    "/verify",
    "/my-data",
    "/my-data/download",
    "/payments/return",
    "/payments/notices",
    "/payments/development",
    "/imprint",
    "/privacy",
    "/accessibility",
}
"""What names nothing of anybody, or proves by a secret of its own whose it is."""

ROUTES = sorted(
    (method, route.path)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in route.methods or ()
)
OF_SOMEBODY = [(method, path) for method, path in ROUTES if path not in OPEN_TO_ALL]


def test_the_pages_of_somebody_are_those_with_an_id_in_their_address():
    assert [path for _, path in OF_SOMEBODY if "_id}" not in path] == []
    assert [path for path in OPEN_TO_ALL if "_id}" in path] == []
    assert len(OF_SOMEBODY) >= 15


@pytest.fixture
async def of_erika(portal: Portal) -> dict[str, str]:
    """What Erika has: a draft with a file, an application with one, a letter, a payment."""
    browser = await portal.erika()
    draft_id = await portal.begin(browser)
    await portal.fill_in(browser)
    application_id = await portal.apply(await portal.erika())
    await portal.opened(application_id)
    await portal.charged(application_id)
    letter = await portal.wrote(application_id)
    await browser.open(f"/mine/{application_id}")
    await browser.submit(button="12,50 € bezahlen")
    payment_id = await portal.database.pool.fetchval("SELECT payment_id FROM payments")
    digest = await portal.database.pool.fetchval("SELECT encode(sha256, 'hex') FROM files LIMIT 1")
    return {
        "key": "tortoise",
        "draft_id": str(draft_id),
        "application_id": str(application_id),
        "letter_id": str(letter.letter_id),
        "payment_id": str(payment_id),
        "page_key": "keeper",
        "document_key": "origin_proof",
        "digest": digest,
    }


def address(path: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: values[match[1]], path)


async def state(portal: Portal) -> list[Any]:
    """All that a stranger could have changed."""
    tables = ("drafts", "applications", "files", "letters", "payments", "happenings")
    rows = [await portal.database.pool.fetch(f"SELECT {table}::text FROM {table} ORDER BY 1") for table in tables]
    return [rows, await portal.count("amtsbus.events")]


async def attempt(browser: Any, method: str, path: str) -> Any:
    """Ask for a page, or send a form of one's own to it."""
    if method == "GET":
        return await browser.open(path)
    await browser.open("/apply/stray-cat")
    form = browser.shown.forms[0]
    form.tag["action"] = path
    return await browser.send(form, form.button("Antrag beginnen"))


async def test_a_stranger_finds_nothing_and_changes_nothing(portal: Portal, of_erika):
    before = await state(portal)
    stranger = await portal.browser()
    await stranger.log_in(person_id=MAX, name="Max Demo-Muster", identification="high")
    answers = {
        f"{method} {path}": (await attempt(stranger, method, address(path, of_erika))).status
        for method, path in OF_SOMEBODY
    }
    assert answers == dict.fromkeys(answers, 404)
    assert await state(portal) == before


async def test_whoever_is_not_logged_in_is_sent_to_log_in_and_sees_nothing(portal: Portal, of_erika):
    before = await state(portal)
    visitor = await portal.browser()
    for method, path in OF_SOMEBODY:
        page = await attempt(visitor, method, address(path, of_erika))
        assert any("/login" in one for one in (*page.history, page.path)), (method, path, page)
        assert "Demo-Muster" not in page.response.text
    assert await state(portal) == before


async def test_erika_herself_sees_it(portal: Portal, of_erika):
    browser = await portal.erika()
    for method, path in OF_SOMEBODY:
        if method == "GET":
            assert (await browser.open(address(path, of_erika))).status == 200, path


async def test_a_file_is_reached_through_its_own_application_only(portal: Portal, of_erika):
    other = await portal.browser()
    await other.log_in(person_id=MAX, name="Max Demo-Muster")
    draft_id = await portal.begin(other)
    assert (await other.open(f"/apply/tortoise/{draft_id}/files/{of_erika['digest']}")).status == 404


async def test_the_hash_of_somebodys_file_makes_it_nobody_elses(portal: Portal, of_erika):
    other = await portal.browser()
    await other.log_in(person_id=MAX, name="Max Demo-Muster")
    await portal.begin(other)
    await portal.fill_in(other, until="tortoises")
    form = other.shown.forms[0]
    form.fill({"tortoises.0.called": "Max", "tortoises.0.weight": "1"})
    form.tag.append(
        other.shown.soup.new_tag(
            "input", attrs={"type": "hidden", "name": "tortoises.0.portrait", "value": of_erika["digest"]}
        )
    )
    del form.__dict__["fields"]
    form.fill({"tortoises.0.called": "Max", "tortoises.0.weight": "1"})
    await other.send(form, form.button("Weiter"))
    answers = await portal.database.pool.fetchval("SELECT answers::text FROM drafts WHERE person_id = $1", MAX)
    assert of_erika["digest"] not in answers


async def test_a_draft_is_reached_under_its_own_service_only(portal: Portal, of_erika):
    browser = await portal.erika()
    assert (await browser.open(f"/apply/stray-cat/{of_erika['draft_id']}")).status == 404


async def test_an_application_that_needs_a_high_trust_level_is_shown_at_that_level_only(portal: Portal):
    browser = await portal.browser()
    await browser.log_in(person_id=MAX, name="Max Demo-Muster", identification="high")
    draft_id = await portal.begin(browser, "eagle")
    await browser.submit(button="Weiter")
    await browser.submit(button="Antrag abgeben")
    weaker = await portal.browser()
    await weaker.log_in(person_id=MAX, name="Max Demo-Muster", identification="basic")
    assert (await weaker.open(f"/mine/{draft_id}")).status == 403
