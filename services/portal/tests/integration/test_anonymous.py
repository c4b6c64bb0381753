"""Where nobody has to say who they are: a browser's session, and a secret link to come back."""

from datetime import timedelta

from portal.pages import mine

from ..demo import ERIKA
from ..portals import Portal


async def test_an_application_without_a_log_in_names_nobody(portal: Portal):
    browser = await portal.browser()
    application_id = await portal.report_cat(browser)
    [(_, told)] = await portal.events(application_id)
    assert told["applicant"] == {
        "person_id": str(application_id),
        "name": None,
        "identification": "none",
        "email": None,
    }


async def test_an_e_mail_that_the_form_asked_for_is_told(portal: Portal):
    browser = await portal.browser()
    application_id = await portal.begin(browser, "stray-cat")
    await browser.submit({"Beschreibung": "Eine Katze", "E-Mail": "jemand@example.org"}, button="Weiter")
    await browser.submit(button="Antrag abgeben")
    [(_, told)] = await portal.events(application_id)
    assert told["applicant"]["email"] == "jemand@example.org"


def secret_link(page) -> str:
    [link] = [to for to in page.links.values() if "/mine/link/" in to]
    return str(link).removeprefix("https://service.test")


async def test_the_secret_link_is_shown_once_and_leads_back_from_anywhere(portal: Portal):
    browser = await portal.browser()
    application_id = await portal.report_cat(browser)
    link = secret_link(browser.shown)
    page = await browser.reload()
    assert page.status == 200
    assert link not in page.response.text
    elsewhere = await portal.browser()
    page = await elsewhere.open(link)
    assert page.path == f"/mine/{application_id}"
    assert "Eine graue Katze" in page.text


async def test_the_database_does_not_know_the_link(portal: Portal):
    browser = await portal.browser()
    await portal.report_cat(browser)
    token = secret_link(browser.shown).rpartition("/")[2]
    assert token not in await portal.database.pool.fetchval("SELECT applications::text FROM applications")
    sessions = await portal.database.pool.fetch("SELECT data::text FROM amtsbus.web_sessions")
    assert not any(token in session["data"] for session in sessions)


async def test_a_new_link_makes_the_old_one_worthless(portal: Portal):
    browser = await portal.browser()
    application_id = await portal.report_cat(browser)
    old = secret_link(browser.shown)
    await browser.open(f"/mine/{application_id}")
    page = await browser.submit(button="Neuen Link anzeigen")
    new = secret_link(page)
    assert (await (await portal.browser()).open(old)).status == 404
    assert (await (await portal.browser()).open(new)).path == f"/mine/{application_id}"


async def test_a_link_is_good_for_a_year(portal: Portal):
    browser = await portal.browser()
    await portal.report_cat(browser)
    link = secret_link(browser.shown)
    portal.clock.instant += timedelta(days=365)
    assert (await (await portal.browser()).open(link)).status == 404


async def test_links_cannot_be_tried_without_end(portal: Portal, monkeypatch):
    monkeypatch.setattr(mine, "LINKS", type(mine.LINKS)(times=2, per_seconds=60))
    browser = await portal.browser()
    assert [(await browser.open(f"/mine/link/{'x' * 43}")).status for _ in range(3)] == [404, 404, 429]


async def test_letters_to_nobody_known_are_read_with_the_link(portal: Portal):
    browser = await portal.browser()
    application_id = await portal.report_cat(browser)
    letter = await portal.wrote(application_id, None, subject="Danke für Ihre Meldung")
    elsewhere = await portal.browser()
    await elsewhere.open(secret_link(browser.shown))
    page = await elsewhere.follow("Danke für Ihre Meldung")
    assert page.path == f"/letters/{letter.letter_id}"
    assert (await elsewhere.open(f"/letters/{letter.letter_id}/pdf")).status == 200


async def test_after_logging_out_the_browser_knows_nothing_any_more(portal: Portal):
    browser = await portal.browser()
    application_id = await portal.report_cat(browser)
    browser.be(person_id=ERIKA)
    await browser.log_in(person_id=ERIKA)
    assert (await browser.open(f"/mine/{application_id}")).status == 200
    await browser.log_out()
    assert (await browser.open(f"/mine/{application_id}")).path != f"/mine/{application_id}"


async def test_a_draft_that_was_begun_before_the_log_in_is_theirs_on_every_device(portal: Portal):
    browser = await portal.browser()
    draft_id = await portal.begin(browser, "stray-cat")
    await browser.log_in(person_id=ERIKA, name="Erika Demo-Muster")
    await browser.open(f"/apply/stray-cat/{draft_id}/seen")
    await browser.submit({"Beschreibung": "Eine Katze"}, button="Weiter")
    elsewhere = await portal.erika()
    page = await elsewhere.open(f"/apply/stray-cat/{draft_id}")
    assert page.heading == "Stimmt alles?"
    await elsewhere.submit(button="Antrag abgeben")
    [(_, told)] = await portal.events(draft_id)
    assert told["applicant"]["person_id"] == str(ERIKA)


async def test_whoever_is_logged_in_is_told_that_it_belongs_to_their_account(portal: Portal):
    browser = await portal.erika()
    page = await browser.open("/apply/stray-cat")
    assert "gehört der Antrag zu Ihrem Konto" in page.text


async def test_a_known_applicant_gets_no_secret_link(portal: Portal):
    browser = await portal.erika()
    await portal.report_cat(browser)
    assert not [to for to in browser.shown.links.values() if "/mine/link/" in to]
