"""My applications: where they stand, and what can be done about them."""

from amtsbus.testing.browsing import File

from ..demo import MAX, PDF
from ..portals import Portal


async def test_the_list_says_what_is_to_be_done(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    page = await browser.open("/mine")
    assert "abgegeben" in page.text
    await portal.opened(application_id)
    await portal.asked(application_id, ("origin_proof",))
    await portal.wrote(application_id)
    page = await browser.open("/mine")
    assert "Sie sind dran" in page.text
    assert "Ein ungelesener Brief" in page.text
    assert "Unterlagen angefordert" in page.text


async def test_an_application_shows_what_happened_in_order(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    await portal.opened(application_id)
    await portal.asked(application_id, ("origin_proof",))
    page = await browser.open(f"/mine/{application_id}")
    told = ["Sie haben den Antrag abgegeben.", "Das Amt hat den Antrag angenommen.", "Das Amt bittet Sie um Unterlagen"]
    places = [page.text.index(one) for one in told]
    assert places == sorted(places)
    assert "2. Juni 2026" not in page.text  # the citizen's own period counts while they are asked


async def test_while_the_office_works_the_page_says_until_when(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    await portal.opened(application_id)
    page = await browser.open(f"/mine/{application_id}")
    assert "Das Amt bearbeitet Ihren Antrag" in page.text
    assert "bis 2. Juni 2026" in page.text


async def test_a_request_for_documents_is_answered(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    await portal.opened(application_id)
    await portal.asked(application_id, ("origin_proof",))
    await browser.open(f"/mine/{application_id}")
    await browser.follow("Jetzt beantworten")
    page = await browser.submit(button="Abschicken")
    assert page.status == 422
    chosen = {"Datei auswählen: Herkunftsnachweis": File("neu.pdf", PDF + b"neu")}
    await browser.submit(chosen | {"Nachricht an das Amt": "Hier ist er."}, button="Datei hochladen")
    assert browser.shown.field("Nachricht an das Amt") == "Hier ist er."
    page = await browser.submit(button="Abschicken")
    assert page.path == f"/mine/{application_id}"
    kind, told = (await portal.events(application_id))[-1]
    assert kind == "documents-supplied"
    assert [one["name"] for one in told["documents"]] == ["neu.pdf"]
    assert (told["answers"], told["message"]) == ({}, "Hier ist er.")
    assert "Sie sind dran" not in page.text


async def test_wrong_answers_are_corrected_with_the_same_form(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    await portal.opened(application_id)
    await portal.asked(application_id, fields=("kept_since", "tortoises"))
    page = await browser.open(f"/mine/{application_id}/supply")
    assert page.field("Gehalten seit") == "01.05.2000"
    page = await browser.submit({"Gehalten seit": "1.5.1980"}, button="Abschicken")
    assert page.errors == {"Gehalten seit": "Da war sie noch nicht geschlüpft."}
    page = await browser.submit({"Gehalten seit": "1.5.2001", "tortoises.0.weight": "3,5"}, button="Abschicken")
    assert page.path == f"/mine/{application_id}"
    _, told = (await portal.events(application_id))[-1]
    assert told["answers"] == {"kept_since": "2001-05-01", "tortoises": [{"called": "Demo-Panzer", "weight": 3.5}]}


async def test_a_correction_that_raises_a_question_asks_it_and_takes_back_what_does_not_apply(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    await portal.opened(application_id)
    await portal.asked(application_id, fields=("garden",))
    await browser.open(f"/mine/{application_id}/supply")
    page = await browser.submit({"Haben Sie einen Garten?": "Ja"}, button="Abschicken")
    assert (page.status, page.errors) == (200, {})
    page = await browser.submit({"Wie groß ist der Garten?": "80"}, button="Abschicken")
    assert page.path == f"/mine/{application_id}"
    _, told = (await portal.events(application_id))[-1]
    assert told["answers"] == {"garden": True, "garden_size": 80, "balcony": None}


async def test_something_can_be_handed_in_without_being_asked_for(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    await portal.opened(application_id)
    await browser.open(f"/mine/{application_id}")
    await browser.follow("Etwas nachreichen")
    page = await browser.submit(button="Abschicken")
    assert "Fügen Sie eine Datei hinzu" in " ".join(page.notices)
    await browser.submit({"Datei auswählen: Mietvertrag": File("miete.pdf", PDF)}, button="Abschicken")
    _, told = (await portal.events(application_id))[-1]
    assert [one["key"] for one in told["documents"]] == ["lease"]


async def test_what_the_office_goes_on_with_is_not_asked_any_more(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    await portal.opened(application_id)
    await portal.asked(application_id, ("origin_proof",))
    await portal.moved(application_id, "supply-documents", "received")
    assert "Sie sind dran" not in (await browser.open(f"/mine/{application_id}")).text


async def test_withdrawing_is_asked_twice_and_told_once(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    await browser.follow("Antrag zurücknehmen")
    page = await browser.submit(button="Antrag endgültig zurücknehmen")
    assert page.status == 422
    form = page.forms[0]
    form.fill({"Ja, ich möchte den Antrag zurücknehmen.": True})
    for _ in range(2):
        page = await browser.send(form, form.button("Antrag endgültig zurücknehmen"))
        assert page.path == f"/mine/{application_id}"
    assert [kind for kind, _ in await portal.events(application_id)] == [
        "application-submitted",
        "application-withdrawn",
    ]
    assert "Rücknahme ist unterwegs" in page.text


async def test_a_closed_application_can_be_neither_withdrawn_nor_added_to(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    await portal.opened(application_id)
    await browser.open(f"/mine/{application_id}/supply")
    supply = browser.shown.forms[0]
    await browser.open(f"/mine/{application_id}/withdraw")
    withdraw = browser.shown.forms[0]
    await portal.moved(application_id, "grant", "granted", closed=True)
    supply.fill({"Nachricht an das Amt": "Noch etwas."})
    withdraw.fill({"sure": True})
    for form, button in ((supply, "Abschicken"), (withdraw, "Antrag endgültig zurücknehmen")):
        page = await browser.send(form, form.button(button))
        assert "schon abgeschlossen" in " ".join(page.notices)
    assert len(await portal.events(application_id)) == 1
    assert "angemeldet" in page.text


async def test_what_was_handed_in_can_be_looked_at_again(portal: Portal):
    browser = await portal.erika()
    await portal.apply(browser)
    assert "Demo-Panzer" in browser.shown.text
    assert (await browser.follow("herkunft.pdf")).response.content == PDF


async def test_events_about_an_unknown_case_do_nothing(portal: Portal):
    await portal.opened(MAX)
    await portal.asked(MAX, ("origin_proof",))
    await portal.charged(MAX)
    assert await portal.count("happenings") == 0
