"""What an auditor finds out."""

from datetime import timedelta

import pytest
from amtsbus.auth import Role


@pytest.fixture
async def looked_at(browser, request_, database):
    """Clara has opened a case and written into it; returns its reference."""
    case_id = await request_("Demo-Ada")
    async with browser.another() as clara:
        await clara.log_in(Role.CLERK, sub="clara", name="Clara Demo")
        await clara.open(f"/cases/{case_id}")
        await clara.submit({"Notiz": "Something"}, button="Notiz schreiben")
        await clara.open(f"/cases/{case_id}/documents/plan")
    return await database.pool.fetchval("SELECT reference FROM amtsbus.cases WHERE case_id = $1", case_id)


@pytest.fixture
async def anna(browser):
    await browser.log_in(Role.AUDITOR, sub="anna", name="Anna Demo")
    await browser.open("/audit")
    return browser


def lines(page, caption):
    for table in page.soup.find_all("table"):
        if table.caption.get_text(strip=True) == caption:
            return [
                [cell.get_text(strip=True) for cell in row.find_all("td")][1:4] for row in table.tbody.find_all("tr")
            ]
    return []


async def test_of_a_case_an_auditor_sees_who_saw_and_who_did_what(looked_at, anna):
    page = await anna.submit({"Aktenzeichen": looked_at.lower()}, button="Vorgang prüfen")
    assert looked_at.lower() not in page.path.lower()
    assert lines(page, "Gesehen") == [
        ["Clara Demo", looked_at, "Unterlage geöffnet: document plan"],
        ["Clara Demo", looked_at, "Vorgang geöffnet"],
        ["Clara Demo", looked_at, "Vorgang geöffnet"],
    ]
    assert ["Clara Demo", looked_at, "Notiz geschrieben"] in lines(page, "Getan")


async def test_of_a_person_an_auditor_sees_what_they_saw_and_did_in_a_span_of_time(looked_at, anna, clock):
    page = await anna.submit({"Person": "Clara Demo"}, button="Person prüfen")
    assert len(lines(page, "Gesehen")) == 3
    assert lines(page, "Getan") == [["Clara Demo", looked_at, "Notiz geschrieben"]]
    clock.advance(timedelta(days=3))
    day = clock.today().strftime("%d.%m.%Y")
    page = await anna.submit({"Person": "Clara Demo", "Von": day, "Bis": day}, button="Person prüfen")
    assert (lines(page, "Gesehen"), lines(page, "Getan")) == ([], [])
    assert page.text.count("Nichts ist verzeichnet.") == 2


async def test_questions_that_cannot_be_answered_say_why(looked_at, anna):
    page = await anna.submit({"Aktenzeichen": "RQ-1"}, button="Vorgang prüfen")
    assert (page.status, page.errors) == (422, {"Aktenzeichen": "Ein solches Aktenzeichen gibt es hier nicht."})
    values = {"Person": "Clara Demo", "Von": "5.3.2026", "Bis": "4.3.2026"}
    page = await anna.submit(values, button="Person prüfen")
    assert page.errors == {"Bis": "Der letzte Tag liegt vor dem ersten."}


async def test_an_auditor_reads_cases_changes_none_and_is_recorded_too(request_, anna, database):
    case_id = await request_("Demo-Ada")
    page = await anna.open("/")
    assert "Demo-Ada" in page.text
    page = await anna.open(f"/cases/{case_id}")
    assert "Sie können hier nur lesen." in page.text
    assert await database.pool.fetchval("SELECT who FROM amtsbus.case_reads WHERE case_id = $1", case_id) == "anna"


async def test_what_was_read_can_never_be_taken_back(looked_at, database):
    for change in ("DELETE FROM amtsbus.case_reads", "UPDATE amtsbus.case_reads SET who = 'mira'"):
        with pytest.raises(Exception, match="append-only"):
            await database.pool.execute(change)
