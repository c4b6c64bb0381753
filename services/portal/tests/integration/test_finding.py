"""Finding a service, and what its page says."""

import pytest
from amtsbus.procedures.declaration import LifeEvent

from ..demo import animals
from ..portals import Portal


async def test_a_service_is_found_by_an_everyday_word_and_its_page_says_all_that_one_should_know(portal: Portal):
    browser = await portal.browser()
    await browser.open("/")
    page = await browser.submit({"Wonach suchen Sie?": "Schildkroten"}, button="Suchen")
    page = await browser.follow("Schildkröte anmelden")
    assert page.path == "/services/tortoise"
    for said in (
        "Alle, die eine Schildkröte halten",
        "Herkunftsnachweis",
        "Mietvertrag (nur in manchen Fällen)",
        "hängt von Ihren Angaben ab",
        "In der Regel zwei Wochen.",
        "innerhalb von 3 Monaten",
        "Demo-Schildkrötengesetz § 1",
        "animals@example.org",
    ):
        assert said in page.text
    page = await browser.follow("Jetzt beantragen")
    assert page.path.startswith("/login") or page.status == 403  # nobody sits at this browser who could log in


async def test_what_was_not_found_is_said_with_another_way(portal: Portal):
    browser = await portal.browser()
    page = await browser.open("/search?q=xyzzy")
    assert "Dazu haben wir nichts gefunden" in page.text
    page = await browser.open("/search?q=%3Cscript%3Ealert(1)%3C/script%3E")
    assert page.main.find("script") is None


async def test_every_way_through_the_catalogue_leads_to_a_service(portal: Portal):
    browser = await portal.browser()
    for start in ("/services", "/life-events/animals", "/offices/animals"):
        await browser.open(start)
        page = await browser.follow("Adler halten")
        assert page.path == "/services/eagle"


async def test_a_to_z_has_every_service_under_its_letter(portal: Portal):
    page = await (await portal.browser()).open("/services")
    listed = [link for link, to in page.links.items() if to.startswith("/services/")]
    assert listed == ["Adler halten", "Schildkröte anmelden", "Streunende Katze melden"]


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("event", list(LifeEvent))
async def test_every_life_event_has_a_page(portal: Portal, event, language):
    page = await (await portal.browser(language=language)).open(f"/life-events/{event}")
    assert page.status == 200


@pytest.mark.parametrize("path", ["/services/unicorn", "/life-events/unicorn", "/offices/unicorn", "/apply/unicorn"])
async def test_what_does_not_exist_is_not_found(portal: Portal, path):
    assert (await (await portal.browser()).open(path)).status == 404


async def test_a_new_version_is_shown_at_once_and_a_withdrawn_service_is_gone(portal: Portal):
    browser = await portal.browser()
    changed = (
        animals()
        .procedures["eagle"]
        .model_copy(
            update={"duration": animals().procedures["eagle"].name.model_copy(update={"de": "ab jetzt sofort"})}
        )
    )
    office = type(animals())(animals().declaration, {"eagle": changed})
    await portal.offer(office, version=2)
    assert "ab jetzt sofort" in (await browser.open("/services/eagle")).text
    await portal.withdraw_offer("eagle")
    assert (await browser.open("/services/eagle")).status == 404
    assert "Adler halten" not in (await browser.open("/services")).links


async def test_an_older_version_that_comes_late_takes_nothing_back(portal: Portal):
    await portal.offer(animals(), version=3, only="eagle")
    await portal.offer(animals(), version=2, only="eagle")
    assert await portal.database.pool.fetchval("SELECT version FROM catalogue WHERE key = 'eagle'") == 3


async def test_the_same_page_in_english_and_in_plain_german(portal: Portal):
    browser = await portal.browser()
    page = await browser.open("/services/tortoise?language=en")
    assert (page.heading, page.language) == ("Register a tortoise", "en")
    page = await browser.open("/services/tortoise?language=plain")
    assert (page.heading, page.language) == ("Eine Schildkröte anmelden", "de")
    page = await browser.open("/services/tortoise")
    assert page.heading == "Eine Schildkröte anmelden"


@pytest.mark.parametrize("path", ["/imprint", "/privacy", "/accessibility", "/verify", "/my-data", "/mine", "/letters"])
@pytest.mark.parametrize("language", ["de", "en"])
async def test_a_page_that_everybody_may_see_is_there(portal: Portal, path, language):
    page = await (await portal.browser(language=language)).open(path)
    assert page.status == 200
    assert page.heading


async def test_a_portal_without_a_catalogue_says_so(portal: Portal):
    for key in animals().procedures:
        await portal.withdraw_offer(key)
    browser = await portal.browser()
    assert (await browser.open("/")).status == 200
    assert "keine Leistungen" in (await browser.open("/services")).text
