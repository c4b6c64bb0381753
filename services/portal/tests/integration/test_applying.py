"""Applying: one page after the other, and nothing is lost on the way."""

from datetime import timedelta
from uuid import UUID

import pytest
from amtsbus.testing.browsing import File

from ..demo import ERIKA, MAX, PDF, animals
from ..portals import TORTOISE, Portal

ANSWERS = {
    "keeper": "Erika Demo-Muster",
    "home": {"street": "Hauptstraße", "house_number": "12", "postal_code": "51373", "locality": "Leverkusen"},
    "tortoises": [{"called": "Demo-Panzer", "weight": 2.5}],
    "garden": False,
    "balcony": "sunny",
    "born_on": "1990-05-01",
    "kept_since": "2000-05-01",
    "truth": True,
}


async def test_an_application_is_filled_in_page_by_page_and_goes_to_its_office(portal: Portal):
    browser = await portal.erika(email="erika@example.org")
    application_id = await portal.apply(browser)
    [(kind, told)] = await portal.events(application_id)
    assert kind == "application-submitted"
    assert told["office"] == "animals"
    assert (told["procedure"], told["procedure_version"], told["language"]) == ("tortoise", 1, "de")
    assert told["answers"] == ANSWERS | {"email": "erika@example.org"}
    assert told["applicant"] == {
        "person_id": str(ERIKA),
        "name": "Erika Demo-Muster",
        "identification": "basic",
        "email": "erika@example.org",
    }
    [document] = told["documents"]
    assert (document["key"], document["name"], document["media_type"]) == (
        "origin_proof",
        "herkunft.pdf",
        "application/pdf",
    )
    assert await portal.documents.read(document["sha256"]) == PDF


async def test_after_handing_in_it_is_handed_in_until_the_office_has_received_it(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    assert "Ihr Antrag ist abgegeben" in browser.shown.text
    await portal.opened(application_id, "TORT-2026-000042")
    page = await browser.reload()
    assert "TORT-2026-000042" in page.text
    assert "Ihr Antrag ist abgegeben" not in page.text


async def test_what_the_log_in_knows_stands_in_the_form_already(portal: Portal):
    address = {"street_address": "Hauptstraße 12", "postal_code": "51373", "locality": "Leverkusen"}
    browser = await portal.erika(email="erika@example.org", address=address)
    await portal.begin(browser)
    page = browser.shown
    assert page.field("Vor- und Nachname") == "Erika Demo-Muster"
    assert page.field("E-Mail") == "erika@example.org"
    assert [page.field(label) for label in ("Straße", "Hausnummer", "Postleitzahl", "Ort")] == [
        "Hauptstraße",
        "12",
        "51373",
        "Leverkusen",
    ]


async def test_a_mistake_keeps_what_is_right_and_what_was_typed(portal: Portal):
    browser = await portal.erika()
    await portal.begin(browser)
    page = await browser.submit(TORTOISE["keeper"] | {"Postleitzahl": "5137", "E-Mail": "kein"}, button="Weiter")
    assert page.status == 422
    assert set(page.errors) == {"Postleitzahl", "E-Mail"}
    assert page.title.startswith("Fehler: ")
    assert page.field("Postleitzahl") == "5137"
    page = await browser.reload()
    assert page.field("Vor- und Nachname") == "Erika Demo-Muster"


async def test_back_leads_to_the_page_before_with_its_answers(portal: Portal):
    browser = await portal.erika()
    await portal.begin(browser)
    await portal.fill_in(browser, until="tortoises")
    page = await browser.follow("Zurück")
    assert page.heading == "Wer hält sie?"
    assert page.field("Ort") == "Leverkusen"


async def test_a_page_that_does_not_apply_is_not_shown(portal: Portal):
    browser = await portal.erika()
    draft_id = await portal.begin(browser)
    await portal.fill_in(browser, until="garden")
    await browser.submit({"Haben Sie einen Garten?": "Ja"}, button="Weiter")
    page = await browser.submit({"Wie groß ist der Garten?": "200"}, button="Weiter")
    assert page.path.endswith("/since")
    page = await browser.open(f"/apply/tortoise/{draft_id}/balcony")
    assert not page.path.endswith("/balcony")


async def test_a_question_that_an_answer_raises_is_asked_on_the_same_page_and_is_no_mistake(portal: Portal):
    browser = await portal.erika()
    await portal.begin(browser)
    await portal.fill_in(browser, until="garden")
    page = await browser.submit({"Haben Sie einen Garten?": "Ja"}, button="Weiter")
    assert (page.status, page.errors) == (200, {})
    assert page.field("Wie groß ist der Garten?") == ""
    page = await browser.submit(button="Weiter")
    assert set(page.errors) == {"Wie groß ist der Garten?"}


async def test_items_are_added_and_removed_and_keep_what_was_typed(portal: Portal):
    browser = await portal.erika()
    await portal.begin(browser)
    await portal.fill_in(browser, until="tortoises")
    page = await browser.submit(TORTOISE["tortoises"], button="Weitere Angabe hinzufügen: Schildkröte")
    assert (page.status, page.errors) == (200, {})
    assert page.field("tortoises.0.called") == "Demo-Panzer"
    second = {"tortoises.1.called": "Demo-Flink", "tortoises.1.weight": "1"}
    page = await browser.submit(second, button="Weitere Angabe hinzufügen: Schildkröte")
    page = await browser.submit(button="Schildkröte 1 entfernen")
    assert page.field("tortoises.0.called") == "Demo-Flink"
    page = await browser.submit(button="Schildkröte 2 entfernen")
    page = await browser.submit(button="Weiter")
    assert page.path.endswith("/garden")
    page = await browser.follow("Zurück")
    assert page.field("tortoises.0.weight") == "1"


async def test_a_draft_is_resumed_on_another_device_where_it_was_left(portal: Portal):
    at_home = await portal.erika()
    draft_id = await portal.begin(at_home)
    await portal.fill_in(at_home, until="since")
    on_the_bus = await portal.erika()
    await on_the_bus.open("/mine")
    page = await on_the_bus.follow("Schildkröte anmelden")
    assert page.path == f"/apply/tortoise/{draft_id}/since"


async def test_a_change_link_comes_back_to_the_answers(portal: Portal):
    browser = await portal.erika()
    draft_id = await portal.begin(browser)
    page = await portal.fill_in(browser)
    assert page.heading == "Stimmt alles?"
    await browser.open(f"/apply/tortoise/{draft_id}/since?change=yes")
    page = await browser.submit({"Kaufpreis": "99,50"}, button="Weiter")
    assert page.heading == "Stimmt alles?"
    assert "99,50" in page.text


async def test_a_change_that_raises_a_question_asks_it_and_comes_back(portal: Portal):
    browser = await portal.erika()
    draft_id = await portal.begin(browser)
    await portal.fill_in(browser, until="garden")
    await browser.submit({"Haben Sie einen Garten?": "Ja"}, button="Weiter")
    await browser.submit({"Wie groß ist der Garten?": "200"}, button="Weiter")
    await portal.fill_in(browser)
    await browser.open(f"/apply/tortoise/{draft_id}/garden?change=yes")
    page = await browser.submit({"Haben Sie einen Garten?": "Nein"}, button="Weiter")
    assert page.heading == "Haben Sie einen Balkon?"
    page = await browser.submit({"Balkon": "keiner"}, button="Weiter")
    assert page.heading == "Mietvertrag"
    page = await browser.submit(button="Weiter")
    assert page.heading == "Stimmt alles?"
    await browser.submit(button="Antrag abgeben")
    [(_, told)] = await portal.events(draft_id)
    assert "garden_size" not in told["answers"]


async def test_answers_that_do_not_go_together_are_told_before_handing_in(portal: Portal):
    browser = await portal.erika()
    draft_id = await portal.begin(browser)
    await portal.fill_in(browser, until="since")
    page = await browser.submit({"Geschlüpft am": "1.5.2010", "Gehalten seit": "1.5.2000"}, button="Weiter")
    assert page.errors == {"Gehalten seit": "Da war sie noch nicht geschlüpft."}
    page = await browser.open(f"/apply/tortoise/{draft_id}")
    assert page.path.endswith("/since")


async def test_an_incomplete_draft_cannot_be_handed_in(portal: Portal):
    browser = await portal.erika()
    draft_id = await portal.begin(browser)
    await portal.fill_in(browser)
    form = browser.shown.forms[0]
    other_tab = browser.shown
    await browser.open(f"/apply/tortoise/{draft_id}/garden?change=yes")
    await browser.submit({"Haben Sie einen Garten?": "Ja"}, button="Weiter")
    assert other_tab.heading == "Stimmt alles?"
    page = await browser.send(form, form.button("Antrag abgeben"))
    assert page.path == f"/apply/tortoise/{draft_id}/garden"
    assert await portal.events(draft_id) == []


async def test_a_draft_keeps_the_version_that_it_was_begun_with(portal: Portal):
    browser = await portal.erika()
    draft_id = await portal.begin(browser)
    await portal.offer(animals(), version=2, only="tortoise")
    await portal.fill_in(browser)
    await browser.submit(button="Antrag abgeben")
    [(_, told)] = await portal.events(draft_id)
    assert told["procedure_version"] == 1


async def test_a_service_that_was_withdrawn_is_not_handed_in_and_the_draft_stays(portal: Portal):
    browser = await portal.erika()
    draft_id = await portal.begin(browser)
    await portal.fill_in(browser)
    form = browser.shown.forms[0]
    await portal.withdraw_offer("tortoise")
    page = await browser.send(form, form.button("Antrag abgeben"))
    assert "bietet diese Leistung nicht mehr an" in " ".join(page.notices)
    assert await portal.count("drafts") == 1
    assert await portal.events(draft_id) == []
    assert (await browser.open("/apply/tortoise")).status == 404


async def test_a_draft_that_nothing_was_filled_into_is_taken_again(portal: Portal):
    browser = await portal.erika()
    first = await portal.begin(browser)
    assert await portal.begin(browser) == first
    await portal.fill_in(browser, until="tortoises")
    assert await portal.begin(browser) != first


async def test_nobody_has_more_than_twenty_drafts(portal: Portal):
    browser = await portal.erika()
    for _ in range(20):
        await portal.begin(browser, "stray-cat")
        await browser.submit({"Beschreibung": "Eine Katze"}, button="Weiter")
    await browser.open("/apply/stray-cat")
    page = await browser.submit(button="Antrag beginnen")
    assert "20 Entwürfe" in " ".join(page.notices)
    assert await portal.count("drafts") == 20


async def test_a_draft_is_deleted_at_once_with_its_files(portal: Portal):
    browser = await portal.erika()
    await portal.begin(browser)
    await portal.fill_in(browser)
    await browser.open("/mine")
    page = await browser.submit(button="Entwurf löschen: Schildkröte anmelden")
    assert "gelöscht" in " ".join(page.notices)
    assert (await portal.count("drafts"), await portal.count("files")) == (0, 0)


async def test_a_form_in_english_takes_english_numbers_and_writes_english_letters(portal: Portal):
    browser = await portal.browser(language="en")
    await browser.log_in(person_id=MAX, name="Max Demo-Muster")
    await browser.open("/apply/tortoise")
    await browser.submit(button="Begin the application")
    draft_id = UUID(browser.shown.path.split("/")[3])
    await browser.submit(
        {"Street": "High Street", "House number": "1", "Postal code": "51373", "Town": "Demo"}, button="Continue"
    )
    await browser.submit({"tortoises.0.called": "Demo-Shell", "tortoises.0.weight": "2.5"}, button="Continue")
    await browser.submit({"Do you have a garden?": "Yes"}, button="Continue")
    await browser.submit({"How large is the garden?": "20"}, button="Continue")
    await browser.submit({"Hatched on": "1.5.1990", "Kept since": "1.5.2000", "Price": "12.50"}, button="Continue")
    await browser.submit({"All of it is true.": True}, button="Continue")
    page = await browser.submit({"Choose a file": File("proof.pdf", PDF)}, button="Continue")
    assert "€12.50" in page.text
    await browser.submit(button="Hand in the application")
    [(_, told)] = await portal.events(draft_id)
    assert (told["language"], told["answers"]["price"]) == ("en", 1250)
    assert told["answers"]["tortoises"][0]["weight"] == 2.5


@pytest.mark.parametrize("level", ["basic", "substantial"])
async def test_a_service_asks_for_the_trust_level_that_it_needs(portal: Portal, level):
    browser = await portal.browser()
    await browser.log_in(person_id=ERIKA, identification=level, up_to="high")
    page = await browser.open("/apply/eagle")
    assert page.status == 200
    assert any("/login" in path for path in page.history)


async def test_whoever_cannot_be_identified_surely_enough_does_not_apply(portal: Portal):
    browser = await portal.browser()
    await browser.log_in(person_id=ERIKA, identification="basic")
    page = await browser.open("/apply/eagle")
    assert page.status == 403
    assert await portal.count("drafts") == 0


async def test_somebody_who_is_not_logged_in_logs_in_first_and_comes_back(portal: Portal):
    browser = await portal.browser()
    browser.be(person_id=ERIKA, name="Erika Demo-Muster")
    page = await browser.open("/apply/tortoise")
    assert page.path == "/apply/tortoise"
    assert any("/login" in path for path in page.history)


async def test_a_date_that_was_right_yesterday_is_asked_again_when_it_is_wrong_today(portal: Portal):
    browser = await portal.erika()
    draft_id = await portal.begin(browser)
    await portal.fill_in(browser)
    portal.clock.instant -= timedelta(days=366 * 30)  # the tortoise has not hatched yet
    page = await browser.open(f"/apply/tortoise/{draft_id}")
    assert page.path.endswith("/since")
