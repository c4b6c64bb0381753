"""What every page of the desk owes to people who cannot see it or do not use a mouse, as far as its HTML says it."""

from collections import Counter

import pytest
from amtsbus.auth import Role
from amtsbus.casework import store as cases
from amtsbus.desk import text_blocks

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
    problems = [f"{page.path}: {problem}" for page in pages for problem in _problems(page)]
    assert problems == []
    assert len(pages) == 11


def _problems(page):
    soup = page.soup
    ids = Counter(tag["id"] for tag in soup.find_all(id=True))
    yield from (f"the id {one} is there {count} times" for one, count in ids.items() if count > 1)
    for tag in soup.find_all(attrs={"aria-labelledby": True}) + soup.find_all(attrs={"aria-describedby": True}):
        named = f"{tag.get('aria-labelledby', '')} {tag.get('aria-describedby', '')}".split()
        yield from (f"there is no {one}, which describes {tag.name}" for one in named if one not in ids)
    for field in soup.find_all(["input", "select", "textarea"]):
        hidden = field.get("type") == "hidden"
        if not hidden and not soup.find("label", attrs={"for": field.get("id")}):
            yield f"the field {field.get('name')} has no label"
    for control in soup.find_all(["button", "a"]):
        if not control.get_text(strip=True) and control.get("aria-hidden") != "true":
            yield f"a {control.name} has no name"
    for link in soup.select('a[href^="#"]'):
        if link["href"].removeprefix("#") not in ids:
            yield f"nothing is at {link['href']}"
    for table in soup.find_all("table"):
        if table.caption is None:
            yield "a table has no caption"
    levels = [int(tag.name[1]) for tag in page.main.find_all(["h1", "h2", "h3", "h4"])]
    if levels.count(1) != 1:
        yield f"{levels.count(1)} headings of the first level"
    first = levels.index(1)
    for before, level in zip(levels[first:], levels[first + 1 :], strict=False):
        if level > before + 1:
            yield f"a heading of level {level} follows one of level {before}"
    if soup.find(style=True) or soup.find("style") or any(not one.get("src") for one in soup.find_all("script")):
        yield "a style or script stands in the page"
    if page.language not in ("de", "en") or not page.title:
        yield "no language or no title"
