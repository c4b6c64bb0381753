"""Double click, back, lost answer, two tabs: one application."""

import asyncio
from typing import Any

import pytest

from ..portals import Portal


@pytest.fixture
async def ready(portal: Portal) -> Any:
    """A browser that shows all answers, with the draft's id and the form that hands it in."""
    browser = await portal.erika()
    draft_id = await portal.begin(browser)
    await portal.fill_in(browser)
    return browser, draft_id, browser.shown.forms[0]


async def test_five_clicks_at_once_are_one_application(portal: Portal, ready):
    browser, draft_id, form = ready
    tabs = [browser.another() for _ in range(5)]
    for tab in tabs:
        tab.cookies.update(browser.cookies)
    pages = await asyncio.gather(*(tab.send(form, form.button("Antrag abgeben")) for tab in tabs))
    assert {page.path for page in pages} == {f"/mine/{draft_id}"}
    assert len(await portal.events(draft_id)) == 1
    assert (await portal.count("applications"), await portal.count("drafts")) == (1, 0)


async def test_who_hands_in_again_after_a_lost_answer_has_handed_in(portal: Portal, ready):
    browser, draft_id, form = ready
    first = await browser.send(form, form.button("Antrag abgeben"))
    again = await browser.send(form, form.button("Antrag abgeben"))
    assert (first.path, again.path) == (f"/mine/{draft_id}", f"/mine/{draft_id}")
    assert len(await portal.events(draft_id)) == 1


async def test_the_back_button_after_handing_in_leads_to_the_application(portal: Portal, ready):
    browser, draft_id, form = ready
    await browser.send(form, form.button("Antrag abgeben"))
    page = await browser.open(f"/apply/tortoise/{draft_id}")
    assert page.path == f"/mine/{draft_id}"


async def test_a_form_page_in_another_tab_is_over_after_handing_in(portal: Portal, ready):
    browser, draft_id, form = ready
    tab = browser.another()
    tab.cookies.update(browser.cookies)
    await tab.open(f"/apply/tortoise/{draft_id}/since")
    await browser.send(form, form.button("Antrag abgeben"))
    page = await tab.submit({"Kaufpreis": "1"}, button="Weiter")
    assert page.path == f"/mine/{draft_id}"
    [(_, told)] = await portal.events(draft_id)
    assert "price" not in told["answers"]


async def test_the_page_after_handing_in_is_the_same_however_often_it_is_loaded(portal: Portal, ready):
    browser, _, form = ready
    first = await browser.send(form, form.button("Antrag abgeben"))
    again = await browser.reload()
    assert (again.status, again.heading) == (200, first.heading)


async def test_a_double_click_begins_one_draft(portal: Portal):
    browser = await portal.erika()
    await browser.open("/apply/tortoise")
    form = browser.shown.forms[0]
    tabs = [browser.another() for _ in range(4)]
    for tab in tabs:
        tab.cookies.update(browser.cookies)
    pages = await asyncio.gather(*(tab.send(form, form.button("Antrag beginnen")) for tab in tabs))
    assert len({page.path for page in pages}) == 1
    assert await portal.count("drafts") == 1


async def test_an_anonymous_double_click_is_one_application_too(portal: Portal):
    browser = await portal.browser()
    draft_id = await portal.begin(browser, "stray-cat")
    await browser.submit({"Beschreibung": "Eine Katze"}, button="Weiter")
    form = browser.shown.forms[0]
    tabs = [browser.another() for _ in range(3)]
    for tab in tabs:
        tab.cookies.update(browser.cookies)
    pages = await asyncio.gather(*(tab.send(form, form.button("Antrag abgeben")) for tab in tabs))
    assert {page.path for page in pages} == {f"/mine/{draft_id}"}
    assert len(await portal.events(draft_id)) == 1
