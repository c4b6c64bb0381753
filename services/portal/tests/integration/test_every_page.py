"""Every kind of page holds to what makes it usable for everybody, as far as its HTML alone can tell."""

from itertools import pairwise
from typing import Any

import pytest
from amtsbus.testing.browsing import Browser, Page

from ..portals import Portal

EVERYBODYS = (
    "/",
    "/search",
    "/search?q=tortoise",
    "/search?q=xyzzy",
    "/services",
    "/services/tortoise",
    "/life-events/animals",
    "/offices",
    "/offices/animals",
    "/imprint",
    "/privacy",
    "/accessibility",
    "/verify",
    "/mine",
    "/my-data",
    "/apply/stray-cat",
)
STEPS = ("keeper", "tortoises", "garden", "balcony", "since", "statement", "documents/origin_proof", "documents/lease")


async def erikas(portal: Portal, browser: Browser) -> list[str]:
    """One address of each kind of page that only Erika sees."""
    draft_id = await portal.begin(browser)
    await portal.fill_in(browser)
    other = await portal.erika()
    application_id = await portal.apply(other)
    await portal.opened(application_id)
    await portal.charged(application_id)
    letter = await portal.wrote(application_id)
    await other.open(f"/mine/{application_id}")
    await other.submit(button="12,50 € bezahlen")
    payment = other.shown.path
    await other.follow("Weiter zum Bezahlen")
    await portal.asked(application_id, ("origin_proof",), ("kept_since", "tortoises"))
    draft, application = f"/apply/tortoise/{draft_id}", f"/mine/{application_id}"
    return [
        "/apply/tortoise",
        draft,
        *(f"{draft}/{step}" for step in STEPS),
        *("/mine", application, f"{application}/supply", f"{application}/withdraw"),
        *("/letters", f"/letters/{letter.letter_id}"),
        *("/my-data", payment, other.shown.path),
    ]


def in_language(path: str, language: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}language={language}"


async def with_mistakes(browser: Browser, path: str) -> Page:
    """A form page after it was sent as it must not be."""
    page = await browser.open(path)
    [form] = page.forms
    for found in form.fields:
        found.chosen = found.chosen if found.is_hidden else []
    page = await browser.send(form, form.buttons[-1])
    assert page.status == 422, page
    return page


def mistakes(page: Page) -> list[str]:
    """What nobody may find on a page."""
    found: list[str] = []
    if page.status not in (200, 422):
        found.append(f"status {page.status}")
    if len(page.soup.find_all("h1")) != 1:
        found.append("not one heading of the first level")
    if not page.title.partition(" – ")[0] or not page.language:
        found.append("no title, or no language")
    levels = [int(heading.name[1]) for heading in page.main.find_all(["h1", "h2", "h3", "h4"])]
    found += [f"a heading leaps from {one} to {two}" for one, two in pairwise(levels) if two > one + 1]
    ids = [str(tag["id"]) for tag in page.soup.find_all(id=True)]
    found += [f"id {one!r} twice" for one in sorted({one for one in ids if ids.count(one) > 1})]
    for tag in page.soup.find_all(["input", "select", "textarea"]):
        named = tag.get("id") and page.soup.find("label", attrs={"for": str(tag["id"])})
        if tag.get("type") != "hidden" and not named:
            found.append(f"a field without a label: {tag.get('name')}")
    for name in ("aria-describedby", "for"):
        wanted = [one for tag in page.soup.select(f"[{name}]") for one in str(tag[name]).split()]
        found += [f"{name} leads to nothing: {one}" for one in wanted if one not in ids]
    found += [f"a button without a name: {one}" for one in page.soup.find_all("button") if not _is_named(one)]
    found += [f"a link without a text: {one}" for one in page.soup.find_all("a") if not one.get_text(strip=True)]
    found += [f"style or script inside: {tag.name}" for tag in page.soup.select("*") if _acts(tag)]
    errors = page.soup.find(id="errors")
    links = [str(link["href"]) for link in errors.find_all("a")] if errors else []
    found += [f"a mistake leads to nothing: {one}" for one in links if one.removeprefix("#") not in ids]
    found += [f"another host: {one}" for one in _loaded(page) if one.startswith(("http", "//"))]
    return [f"{page.path}: {one}" for one in found]


def _is_named(button: Any) -> bool:
    return bool(button.get_text(strip=True)) or button.get("aria-hidden") == "true"


def _acts(tag: Any) -> bool:
    return (
        tag.name == "style"
        or tag.has_attr("style")
        or (tag.name == "script" and not tag.get("src"))
        or any(name.startswith("on") for name in tag.attrs)
    )


def _loaded(page: Page) -> list[str]:
    tags = page.soup.find_all(["script", "img", "link", "iframe"])
    return [str(tag.get("src") or tag.get("href") or "") for tag in tags]


@pytest.mark.parametrize("language", ["de", "en", "plain"])
async def test_every_page_has_a_title_labels_headings_in_order_and_nothing_of_another_host(portal: Portal, language):
    visitor, erika = await portal.browser(), await portal.erika()
    pages = [await visitor.open(in_language(path, language)) for path in EVERYBODYS]
    paths = await erikas(portal, erika)
    pages += [await erika.open(in_language(path, language)) for path in paths]
    pages += [await with_mistakes(erika, path) for path in paths if path.endswith(("keeper", "tortoises", "withdraw"))]
    assert len(pages) == len(EVERYBODYS) + len(paths) + 3
    assert sorted({one for page in pages for one in mistakes(page)}) == []


async def test_a_page_with_mistakes_says_so_first_in_its_title(portal: Portal):
    erika = await portal.erika()
    draft_id = await portal.begin(erika)
    page = await with_mistakes(erika, f"/apply/tortoise/{draft_id}/keeper")
    assert page.title.startswith("Fehler: ")
    assert {"Vor- und Nachname", "Straße"} <= set(page.errors)
