"""What every page of the desk owes to people who cannot see it or do not use a mouse, as far as its HTML says it."""

import pytest
from amtsbus.auth import Role
from amtsbus.casework import store as cases
from amtsbus.desk import text_blocks
from amtsbus.testing.desks import accessibility_problems

from ..casework.requests import MIRA, REQUESTS

PAGES = {
    Role.LEAD: ["/", "/?scope=team", "/cases/{case_id}", "/texts", "/texts/new", "/absence", "/lead"],
    Role.AUDITOR: ["/audit", "/cases/{case_id}"],
    Role.OPERATOR: ["/operations"],
}


@pytest.fixture
async def pages(browser, request_, database):
    """Every kind of page, with something on each, and one with mistakes."""
    case_id = await request_("Demo-Ada", assignee="lena", due_in=2)
    await request_("Demo-Ada")
    async with database.transaction() as tx:
        await text_blocks.add(tx, "Greeting", "With kind regards", "en", "lena")
        case = await cases.get(tx, case_id, REQUESTS)
        case.take("examine", MIRA, tx.clock.now())
        case.propose("grant", MIRA, tx.clock.now(), reason="All is well.")
        case.note("A note", MIRA, tx.clock.now())
        await cases.save(tx, case)
    shown = []
    for role, places in PAGES.items():
        async with browser.another() as somebody:
            await somebody.log_in(role, sub=f"demo-{role}", name=f"Demo-{role}")
            shown += [await somebody.open(place.format(case_id=case_id)) for place in places]
            if role is Role.LEAD:
                await somebody.open(f"/cases/{case_id}")
                shown.append(await somebody.submit({"Notiz": ""}, button="Notiz schreiben"))
    return shown


async def test_pages_keep_what_they_owe_to_those_who_cannot_see_them(pages):
    problems = [f"{page.path}: {problem}" for page in pages for problem in accessibility_problems(page)]
    assert problems == []
    assert len(pages) == 11
