"""The components: each field has a label, its hint and its mistake belong to it, and no text becomes markup."""

import pytest
from amtsbus.testing.browsing import Browser
from bs4 import Tag
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NASTY = "<script>alert('1')</script>\"'&{{ 7*7 }}"


@pytest.fixture(params=["/gallery", "/gallery?wrong=true"], ids=["right", "wrong"])
async def gallery(request, browser: Browser):
    return await browser.open(request.param)


def fields(page) -> list[Tag]:
    return [tag for tag in page.main.find_all(["input", "select", "textarea"]) if tag.get("type") != "hidden"]


async def test_every_field_has_a_label_of_its_own(gallery):
    found = fields(gallery)
    assert len(found) > 10
    for tag in found:
        [label] = gallery.soup.find_all("label", attrs={"for": tag["id"]})
        assert label.get_text().strip()


async def test_every_id_is_there_once_and_what_refers_to_one_finds_it(gallery):
    ids = [tag["id"] for tag in gallery.soup.find_all(id=True)]
    assert len(ids) == len(set(ids))
    referred = [
        name
        for tag in gallery.soup.find_all(True)
        for attribute in ("aria-describedby", "aria-labelledby", "for")
        for name in str(tag.get(attribute, "")).split()
    ]
    assert referred
    assert set(referred) <= set(ids)


async def test_every_field_of_a_group_stands_in_a_fieldset_with_a_legend(gallery):
    checks = gallery.main.find_all("input", type=["radio", "checkbox"])
    for tag in [one for one in checks if one["name"] != "box"]:
        legend = tag.find_parent("fieldset").find("legend")
        assert legend.get_text().strip()


async def test_a_mistake_is_told_at_its_field_and_the_summary_leads_there(browser: Browser):
    page = await browser.open("/gallery?wrong=true")
    summary = page.soup.find(id="errors")
    assert isinstance(summary, Tag)
    assert (summary["role"], summary["tabindex"]) == ("alert", "-1")
    links = summary.find_all("a")
    assert len(links) == 9
    for link in links:
        target = page.soup.find(id=str(link["href"]).removeprefix("#"))
        assert isinstance(target, Tag)
        group = target.find_parent("fieldset")
        described = group if target.get("type") in ("radio", "checkbox") and isinstance(group, Tag) else target
        assert "true" in (target.get("aria-invalid"), described.get("aria-invalid"))
        mistake = page.soup.find(id=str(described["aria-describedby"]).split()[-1])
        assert isinstance(mistake, Tag)
        assert "wrong" in mistake.get_text()
    assert set(page.errors) == {"Text", "Amount", "Area", "Choice", "Radio", "Boxes", "Box", "Day", "File"}


async def test_without_mistakes_nothing_says_there_are_any(browser: Browser):
    page = await browser.open("/gallery")
    assert page.soup.select("[aria-invalid]") == []
    assert page.soup.find(id="errors") is None
    assert not page.title.startswith("Fehler")


async def test_fields_hold_what_they_were_given(browser: Browser):
    page = await browser.open("/gallery?text=Demo")
    assert page.field("Text") == "Demo"
    assert page.field("Area") == "Demo"
    assert page.field("Choice") == "b"
    assert page.field("Radio") == "no"
    assert page.field("Boxes") == "b"
    assert page.field("Box") == "yes"


async def test_a_text_never_becomes_markup(browser: Browser):
    page = await browser._go(
        "GET", str(browser.client.build_request("GET", "/gallery", params={"text": NASTY}).url), site="none"
    )
    assert page.status == 200
    assert "<script>alert" not in page.response.text
    assert page.field("Text") == NASTY
    assert "49" not in page.main.find("h1").get_text()  # type: ignore[union-attr]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60))
async def test_whatever_somebody_types_comes_back_as_it_was(browser: Browser, text):
    url = str(browser.client.build_request("GET", "/gallery", params={"text": text}).url)
    page = await browser._go("GET", url, site="none")
    assert page.field("Text") == text
    assert page.field("Area") == text


async def test_a_page_has_its_landmarks_and_one_heading_and_a_way_past_the_head(gallery):
    for landmark in ("header", "main", "footer"):
        assert gallery.soup.find(landmark)
    assert gallery.heading
    first = gallery.soup.find("a")
    assert (first["href"], gallery.soup.find(id="content").name) == ("#content", "main")
    assert gallery.soup.find("meta", attrs={"name": "viewport"})
    named = [nav.get("aria-label") for nav in gallery.soup.find_all("nav")]
    assert all(named)
    assert len(named) == len(set(named))


async def test_optional_fields_say_so_and_required_ones_are_marked_for_programs(browser: Browser):
    page = await browser.open("/gallery")
    amount, text = page.soup.find(id="amount"), page.soup.find(id="text")
    assert isinstance(amount, Tag)
    assert isinstance(text, Tag)
    label = page.soup.find("label", attrs={"for": "amount"})
    assert isinstance(label, Tag)
    assert "(freiwillig)" in label.get_text()
    assert amount.get("aria-required") is None
    assert text["aria-required"] == "true"
