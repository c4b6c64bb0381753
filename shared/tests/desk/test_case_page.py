"""A case on one page, and what is done with it there."""

from dataclasses import replace
from datetime import timedelta

import pytest
from amtsbus.auth import Role
from amtsbus.casework import store as cases
from amtsbus.casework.roles import Actor
from amtsbus.desk import text_blocks

from ..casework.requests import CITIZEN, MIRA, REQUESTS

BELONGS = (
    "Demo-Ada",
    "A fact",
    "<b>for bread</b>",
    "Something is wrong",
    "plan.pdf",
    "We got it",
    "Payments",
    "in 3 Tagen",
    "Gebühr festgesetzt: bread",
    "Frist beginnt: check",
    "Weitere Vorgänge derselben Person",
)


@pytest.fixture
async def clara(browser):
    await browser.log_in(Role.CLERK, sub="clara", name="Clara Demo")
    return browser


@pytest.fixture
async def lena(browser):
    async with browser.another() as other:
        await other.log_in(Role.LEAD, sub="lena", name="Lena Demo")
        yield other


async def changed_by_mira(database, case_id, what="examine"):
    async with database.transaction() as tx:
        case = await cases.get(tx, case_id, REQUESTS)
        if what == "note":
            case.note("I was faster", MIRA, tx.clock.now())
        else:
            case.take(what, CITIZEN if what == "withdraw" else MIRA, tx.clock.now())
        await cases.save(tx, case)


async def stored(database, case_id):
    async with database.transaction() as tx:
        return await cases.get(tx, case_id, REQUESTS)


async def test_everything_that_belongs_to_a_case_stands_on_its_page(clara, request_):
    case_id = await request_("Demo-Ada", due_in=3)
    await request_("Demo-Ada")
    page = await clara.open(f"/cases/{case_id}")
    assert page.heading.endswith("Request")
    for text in BELONGS:
        assert text in page.text, text
    assert "Nothing" not in page.text  # a table without rows
    month = page.soup.find("table", class_="city-month")
    assert month is not None
    assert "März 2026" in month.get_text()
    assert [cell.get_text() for cell in month.find_all("td", class_="city-month__due")] == ["5, Frist: check"]


async def test_the_calendar_can_be_turned_to_another_month(clara, request_):
    case_id = await request_(due_in=3)
    await clara.open(f"/cases/{case_id}")
    page = await clara.follow("Voriger Monat")
    assert "Februar 2026" in page.text
    assert (await clara.open(f"/cases/{case_id}?month=nonsense")).status == 200


async def test_only_what_can_be_done_now_is_offered(clara, request_, database):
    case_id = await request_()
    page = await clara.open(f"/cases/{case_id}")
    assert {"Examine", "Selbst übernehmen", "Notiz schreiben"} <= _buttons(page)
    assert "Propose grant" not in _buttons(page)
    await changed_by_mira(database, case_id)
    page = await clara.reload()
    assert {"Propose grant", "Return"} <= _buttons(page)
    assert "Examine" not in _buttons(page)


def _buttons(page) -> set[str]:
    return {button.get_text(strip=True) for button in page.main.find_all("button") if button.get_text(strip=True)}


async def test_a_step_is_taken_with_its_reason_and_stands_in_the_timeline(clara, request_, database):
    case_id = await request_()
    await clara.open(f"/cases/{case_id}")
    page = await clara.submit({"Why?": "It is complete."}, button="Examine")
    assert any("Erledigt: Examine" in notice for notice in page.notices)
    assert "Schritt: Examine It is complete. Clara Demo" in page.text
    assert (await stored(database, case_id)).state == "examined"


async def test_a_case_goes_from_hand_to_hand(clara, lena, request_, database):
    case_id = await request_()
    await clara.open(f"/cases/{case_id}")
    page = await clara.submit(button="Selbst übernehmen")
    assert "Zugewiesen an Clara Demo" in page.text
    page = await clara.submit(
        {"An wen?": "Lena Demo", "Was soll die Person wissen?": "Please look."}, button="Übergeben"
    )
    assert (await stored(database, case_id)).assignee == "lena"
    assert "Please look." in page.text
    await clara.submit(button="In den Pool zurückgeben")
    assert (await stored(database, case_id)).assignee is None


async def test_what_must_be_filled_in_and_is_not_comes_back_with_the_rest(clara, request_, database):
    case_id = await request_()
    await clara.open(f"/cases/{case_id}")
    page = await clara.submit({"Why?": ""}, button="Examine")
    assert page.status == 422
    assert page.title.startswith("Fehler:")
    assert page.errors == {"Why?": "„Why?“ fehlt noch."}
    page = await clara.submit({"Notiz": "wrong"}, button="Notiz schreiben")
    assert (page.status, page.errors) == (422, {"Notiz": "Write something else."})
    assert page.field("Notiz") == "wrong"
    assert (await stored(database, case_id)).version == 1


async def test_who_comes_too_late_is_told_who_did_what_and_finds_their_words_again(clara, request_, database):
    case_id = await request_()
    await clara.open(f"/cases/{case_id}")
    await changed_by_mira(database, case_id, "note")
    page = await clara.submit({"Why?": "Written with care."}, button="Examine")
    assert page.status == 409
    assert "Jemand war schneller" in page.text
    meanwhile = page.soup.find(id="conflict")
    assert meanwhile is not None
    assert "Notiz geschrieben" in meanwhile.get_text()
    assert (await stored(database, case_id)).state == "received"
    page = await clara.submit(button="Examine")
    assert page.status == 200
    assert (await stored(database, case_id)).state == "examined"
    assert "Written with care." in page.text


async def test_what_was_typed_for_a_step_that_is_gone_is_shown_and_not_lost(clara, request_, database):
    case_id = await request_()
    await clara.open(f"/cases/{case_id}")
    await changed_by_mira(database, case_id, "withdraw")
    page = await clara.submit({"Why?": "Written with care."}, button="Examine")
    assert page.status == 409
    assert "Diesen Schritt gibt es so nicht mehr" in page.text
    assert [quote.get_text() for quote in page.soup.find_all("blockquote")] == ["Written with care."]


async def test_two_who_send_at_the_same_moment_are_one_and_a_conflict(clara, request_, database, desk, monkeypatch):
    case_id = await request_()
    await clara.open(f"/cases/{case_id}")
    act = desk.act

    async def act_after_mira(*arguments, **options):
        await changed_by_mira(database, case_id, "note")
        await act(*arguments, **options)

    monkeypatch.setattr(desk, "act", act_after_mira)
    page = await clara.submit({"Why?": "Written with care."}, button="Examine")
    assert page.status == 409
    assert page.field("Why?") == "Written with care."
    assert (await stored(database, case_id)).state == "received"


async def test_whoever_proposes_does_not_confirm_and_is_told_who_may(clara, lena, request_, database):
    case_id = await request_()
    await changed_by_mira(database, case_id)
    await clara.open(f"/cases/{case_id}")
    page = await clara.submit({"Why?": "All is well."}, button="Propose grant")
    assert "Bestätigen können: Lena Demo." in page.text
    assert "Sie haben das vorgeschlagen." in page.text
    assert "Confirm grant" not in _buttons(page)
    page = await lena.open("/?scope=second")
    assert "Ein Vorgang" in page.text
    page = await lena.open(f"/cases/{case_id}")
    assert "Vorgeschlagen von Clara Demo." in page.text
    page = await lena.submit(button="Confirm grant")
    assert "state granted" in page.text
    assert (await stored(database, case_id)).state == "granted"


async def test_a_forged_confirmation_of_ones_own_proposal_is_refused(clara, request_, database):
    case_id = await request_()
    await changed_by_mira(database, case_id)
    await clara.open(f"/cases/{case_id}")
    page = await clara.submit({"Why?": "All is well."}, button="Propose grant")
    [form] = [one for one in page.forms if one.action.endswith("/actions/take-over")]
    form.tag["action"] = form.action.replace("take-over", "confirm-grant")
    assert (await clara.send(form)).status == 409
    assert (await stored(database, case_id)).state == "examined"


async def test_a_text_block_is_put_into_a_field_and_nothing_else_happens(clara, request_, database):
    case_id = await request_()
    async with database.transaction() as tx:
        await text_blocks.add(tx, "Greeting", "With kind regards", "de", "lena")
    await clara.open(f"/cases/{case_id}")
    form = next(one for one in clara.shown.forms if one.action.partition("#")[0].endswith("/actions/examine"))
    form.fill({"Why?": "It is fine.", "Textbaustein": "Greeting"})
    page = await clara.send(form, form.button("Textbaustein einfügen"))
    assert page.status == 200
    form = next(one for one in page.forms if one.action.partition("#")[0].endswith("/actions/examine"))
    assert [one.chosen for one in form.fields if one.name == "reason"] == [["It is fine.\n\nWith kind regards"]]
    assert (await stored(database, case_id)).version == 1


async def test_whoever_is_sent_away_from_a_form_comes_back_to_the_case(clara, request_):
    case_id = await request_()
    page = await clara.open(f"/cases/{case_id}/actions/examine")
    assert page.path == f"/desk/cases/{case_id}"


async def test_every_look_at_a_case_is_recorded_a_refused_form_as_well(clara, request_, database):
    case_id = await request_()
    await clara.open(f"/cases/{case_id}")
    await clara.submit({"Why?": ""}, button="Examine")
    rows = await database.pool.fetch("SELECT who, what FROM amtsbus.case_reads WHERE case_id = $1", case_id)
    assert [tuple(row) for row in rows] == [("clara", "case"), ("clara", "case")]


async def test_who_else_has_the_case_open_is_said(clara, lena, request_, database):
    case_id = await request_()
    page = await clara.open(f"/cases/{case_id}")
    assert "sieht sich den Vorgang gerade an" not in page.text
    page = await lena.open(f"/cases/{case_id}")
    assert "Clara Demo sieht sich den Vorgang gerade an." in page.text
    await database.pool.execute("UPDATE amtsbus.case_watchers SET seen_until = clock_timestamp() - interval '1 second'")
    assert "Clara Demo sieht" not in (await lena.reload()).text


async def test_a_case_that_does_not_exist_is_not_found_and_nothing_is_recorded(clara, database):
    page = await clara.open("/cases/0190a000-0000-7000-8000-0000000000ff")
    assert page.status == 404
    assert (await clara.open("/cases/none")).status == 404
    assert await database.pool.fetchval("SELECT count(*) FROM amtsbus.case_reads") == 0


async def test_what_the_department_alone_understands_is_said_in_its_words(clara, request_, database):
    case_id = await request_()
    async with database.transaction() as tx:
        case = await cases.get(tx, case_id, REQUESTS)
        case.record("of-our-own", MIRA, tx.clock.now())
        case.record("of-nobody", MIRA, tx.clock.now())
        await cases.save(tx, case)
    page = await clara.open(f"/cases/{case_id}")
    assert "something of our own" in page.text
    assert "Vermerk: of-nobody" in page.text


async def test_an_overdue_case_says_since_when(clara, request_, clock):
    case_id = await request_(due_in=1)
    clock.advance(timedelta(days=4))
    page = await clara.open(f"/cases/{case_id}")
    assert "überfällig seit 3 Tagen" in page.text


async def test_what_a_department_does_not_keep_is_not_said_to_be_missing(clara, request_, desk, monkeypatch):
    case_id = await request_()
    sheet = desk.sheet

    async def sheet_without(tx, case_id, viewer):
        return replace(await sheet(tx, case_id, viewer), documents=None, letters=None, has_notes=False)

    assert {"Unterlagen", "Schreiben", "Notizen"} <= _headings(await clara.open(f"/cases/{case_id}"))
    monkeypatch.setattr(desk, "sheet", sheet_without)
    page = await clara.open(f"/cases/{case_id}")
    assert not {"Unterlagen", "Schreiben", "Notizen"} & _headings(page)
    assert (await clara.open(f"/cases/{case_id}/documents/plan")).status == 404


def _headings(page):
    return {heading.get_text(strip=True) for heading in page.main.find_all("h2")}


async def test_a_department_can_say_in_words_what_its_service_has_noted(browser, request_, database, desk, monkeypatch):
    case_id = await request_()
    async with database.transaction() as tx:
        case = await cases.get(tx, case_id, REQUESTS)
        case.note("noted by itself", Actor.system(), tx.clock.now())
        case.note("noted by Clara", Actor("clara", frozenset({Role.CLERK})), tx.clock.now())
        await cases.save(tx, case)
    await browser.log_in(Role.CLERK, sub="clara")
    page = await browser.open(f"/cases/{case_id}")
    assert "noted by itself" in page.text
    whole = desk.sheet

    async def sheet(*arguments):
        return replace(await whole(*arguments), own_notes=False)

    monkeypatch.setattr(desk, "sheet", sheet)
    page = await browser.open(f"/cases/{case_id}")
    assert "noted by Clara" in page.text
    assert "noted by itself" not in page.text
