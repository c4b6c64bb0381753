"""A day at the registration office's desk: from a declaration to an entry in the register."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from amtsbus.auth import Role
from amtsbus.clock import FixedClock
from amtsbus.testing.browsing import Browser, Page
from amtsbus.testing.desks import accessibility_problems, check_places, check_roles, check_strangers
from registration import store
from registration.main import SERVICE
from registration.settings import RegistrationSettings
from registration.use_cases.find_cases import case_query
from registration.use_cases.follow_the_calendar import follow_the_calendar

from .conftest import ELSEWHERE, HOME, OTHER_HOME, Office, a_family, a_move_in, a_person
from .test_move_and_departure import a_move

REGISTER, CHECK, CLOSE = "Eintragen", "Prüfung abschließen", "Vorgang abschließen"
SUPPLY, REFUSED = "Wohnungsgeberbestätigung aufnehmen", "Weigerung des Wohnungsgebers aufnehmen"
REJECT, WITHDRAW, TAKE_OVER = "Zurückweisen", "Erklärung zurücknehmen", "Selbst übernehmen"
PROPOSE = "Auskunftssperre vorschlagen"
LANDLORD = {
    "Name des Wohnungsgebers": "Wohnbau am Rhein eG",
    "Straße des Wohnungsgebers": "Rheingasse",
    "Hausnummer": "1",
    "Postleitzahl": "53113",
    "Ort": "Bonn",
}


def offered(page: Page) -> set[str]:
    """The names of everything that can be done."""
    section = page.main.select_one("section[aria-labelledby=actions]")
    assert section is not None
    return {button.get_text(strip=True) for button in section.find_all("button")} - {""}


def rows_of(page: Page, caption: str) -> list[list[str]]:
    """The cells of a table."""
    table = next(one for one in page.main.find_all("table") if one.caption and caption in one.caption.get_text())
    return [
        [cell.get_text(" ", strip=True) for cell in row.find_all(["td", "th"])]
        for row in table.find_all("tr")
        if row.find("td")
    ]


async def declared(office: Office, **more: Any) -> dict[str, Any]:
    """A move-in that a citizen has declared."""
    return await office.submit("move-ins", a_move_in(**more), office.citizen(uuid4()))


async def test_a_caseworker_finds_a_declaration_takes_it_and_has_it_among_their_own(
    clara: Browser, office: Office
) -> None:
    case = await declared(office)
    page = await clara.open("/?scope=team")
    assert [cell.get_text(" ", strip=True) for cell in page.soup.select("[data-row] td")[1:5]] == [
        "Ayşe Müller",
        "Anmeldung",
        "eingegangen",
        "prüfen und eintragen",
    ]
    page = await clara.follow(case["reference"])
    for text in (
        "Einzug am 25. Februar 2026",
        "Hauptstraße 12a, 51373 Leverkusen",
        "Wohnbau am Rhein eG",
        "Hauptwohnung",
    ):
        assert text in page.text, text
    await clara.submit(button=TAKE_OVER)
    assert case["reference"] in (await clara.open("/")).links


async def test_a_family_is_registered_when_the_landlord_has_confirmed(clara: Browser, office: Office) -> None:
    case = await declared(office, persons=a_family(), landlord_confirmation=None, previous_address=ELSEWHERE)
    page = await clara.open(f"/cases/{case['case_id']}")
    assert REGISTER not in offered(page)
    assert "Frist beginnt: Wohnungsgeberbestätigung" in page.text
    page = await clara.submit(button=SUPPLY)
    assert "„Name des Wohnungsgebers“ fehlt noch." in page.errors.values()
    page = await clara.submit(LANDLORD | {"Postleitzahl": "?", "Staat": "Deutschland"}, button=SUPPLY)
    assert sorted(page.errors.values()) == [
        "„Postleitzahl“ ist so nicht möglich. Prüfen Sie die Eingabe.",
        "„Staat“ ist so nicht möglich. Prüfen Sie die Eingabe.",
    ]
    good = {"Postleitzahl": "53113", "Staat": "DE", "Bestätigter Einzug": "24.02.2026"}
    page = await clara.submit(good, button=SUPPLY)
    assert "Der Wohnungsgeber bestätigt den Einzug für einen anderen Tag: 24. Februar 2026." in page.text
    assert rows_of(page, "Personen")[2] == [
        "Jana Müller",
        "14. August 2020",
        "minderjährig, sorgeberechtigt: Ayşe Müller, Łukasz Weiß",
        "Rheingasse 1, 53113 Bonn",
        "neu, noch nicht eingetragen",
    ]
    page = await clara.submit(button=REGISTER)
    assert [row[4] for row in rows_of(page, "Personen")] == ["eingetragen: Hauptwohnung seit 25. Februar 2026"] * 4
    assert "Entschieden: eingetragen" in page.text
    assert "Frist beginnt: Rückmeldung" in page.text
    assert [kind for kind, _ in await office.events()].count("resident-registered") == 4
    page = await clara.submit(button=CLOSE)
    assert offered(page) == {PROPOSE}
    assert "abgeschlossen" in page.text


async def test_a_landlord_who_refuses_holds_nobody_up(clara: Browser, office: Office) -> None:
    case = await declared(office, landlord_confirmation=None)
    await clara.open(f"/cases/{case['case_id']}")
    page = await clara.submit({"Angaben zur Weigerung": "Er antwortet nicht."}, button=REFUSED)
    for text in ("Der Wohnungsgeber bestätigt den Einzug nicht", "Er antwortet nicht."):
        assert text in page.text, text
    page = await clara.submit(button=REGISTER)
    assert "eingetragen: Hauptwohnung seit 25. Februar 2026" in page.text


async def test_a_declaration_is_rejected_with_reasons_and_nothing_is_entered(clara: Browser, office: Office) -> None:
    case = await declared(office)
    await clara.open(f"/cases/{case['case_id']}")
    page = await clara.submit(button=REJECT)
    assert list(page.errors.values()) == ["„Begründung“ fehlt noch."]
    page = await clara.submit({"Begründung": "Die Wohnung gibt es nicht."}, button=REJECT)
    assert "Die Wohnung gibt es nicht." in page.text
    assert "nicht eingetragen" in page.text
    assert offered(page) == set()
    assert await office.events() == []


async def test_a_declaration_is_withdrawn(clara: Browser, office: Office) -> None:
    case = await declared(office)
    await clara.open(f"/cases/{case['case_id']}")
    page = await clara.submit(button=WITHDRAW)
    assert "zurückgenommen" in page.text
    assert await office.events() == []


async def test_what_lies_ahead_is_checked_now_and_entered_on_its_day(
    clara: Browser, office: Office, clock: FixedClock
) -> None:
    case = await declared(office, moved_in_on="2026-03-05", landlord_confirmation=None)
    await clara.open(f"/cases/{case['case_id']}")
    await clara.submit({"Angaben zur Weigerung": "Er antwortet nicht."}, button=REFUSED)
    page = await clara.submit(button=CHECK)
    assert "Wird eingetragen am 5. März 2026" in page.text
    assert offered(page) == {REJECT, WITHDRAW, TAKE_OVER}
    clock.advance(timedelta(days=4))
    law = RegistrationSettings(service="registration", database_url=office.database.url).office
    async with clara.another() as otto:
        page = await otto.log_in(Role.OPERATOR, sub="otto", back_to="/operations")
        assert "deren Tag vorbei ist und die nicht eingetragen sind: 1" in page.text
        await follow_the_calendar(office.database, law)
        page = await otto.open("/operations")
        assert "alle geprüften Erklärungen, deren Tag gekommen ist, sind eingetragen" in page.text
        assert "Müller" not in page.response.text
    page = await clara.open(f"/cases/{case['case_id']}")
    assert "eingetragen: Hauptwohnung seit 5. März 2026" in page.text


async def test_a_declaration_that_the_register_has_overtaken_comes_back_and_says_why(
    clara: Browser, office: Office, clock: FixedClock
) -> None:
    [person] = await office.registered()
    case = await office.submit("moves", a_move(person, moved_on="2026-03-05"), office.clerk)
    await clara.open(f"/cases/{case['case_id']}")
    await clara.submit(button=CHECK)
    departure = {"moved_out_on": "2026-03-04", "person_ids": [person]}
    clock.advance(timedelta(days=3))
    await office.register("departures", await office.submit("departures", departure, office.clerk))
    law = RegistrationSettings(service="registration", database_url=office.database.url).office
    await follow_the_calendar(office.database, law)
    page = await clara.open(f"/cases/{case['case_id']}")
    assert "Das Melderegister hat sich seit der Prüfung geändert." in page.text
    page = await clara.submit(button=REGISTER)
    assert list(page.errors.values()) == ["Eine der Personen ist in dieser Stadt nicht gemeldet."]


async def test_a_move_and_a_departure_show_the_old_and_the_new_home(clara: Browser, office: Office) -> None:
    [person] = await office.registered()
    move = await office.submit("moves", a_move(person, address=OTHER_HOME), office.clerk)
    page = await clara.open(f"/cases/{move['case_id']}")
    old = "Hauptstraße 12a, 51373 Leverkusen"
    assert rows_of(page, "Personen")[0][3:] == [old, "im Melderegister bekannt, noch nicht eingetragen"]
    page = await clara.submit(button=REGISTER)
    assert "Neue Wohnung Am Büchelter Hof 7, 51371 Leverkusen" in page.text
    assert rows_of(page, "Personen")[0][3:] == [old, "eingetragen: Hauptwohnung seit 1. März 2026"]

    form = {"moved_out_on": "2026-03-02", "person_ids": [person], "new_address": ELSEWHERE}
    departure = await office.submit("departures", form, office.clerk)
    page = await clara.open(f"/cases/{departure['case_id']}")
    assert SUPPLY not in offered(page)
    page = await clara.submit(button=REGISTER)
    assert "Neue Wohnung Rheingasse 1, 53113 Bonn" in page.text
    assert rows_of(page, "Personen")[0][3:] == [
        "Am Büchelter Hof 7, 51371 Leverkusen",
        "abgemeldet zum 2. März 2026",
    ]


async def test_what_a_clerk_has_to_look_at_is_said_in_words(clara: Browser, office: Office) -> None:
    [person] = await office.registered()
    late = await office.submit(
        "move-ins", a_move_in(moved_in_on="2026-01-02", persons=[a_person(is_declarant=True)]), office.clerk
    )
    page = await clara.open(f"/cases/{late['case_id']}")
    assert "Die Erklärung kam 45 Tage nach Ablauf der Frist" in page.text
    assert "Eine Person dieses Namens und Geburtsdatums steht schon im Melderegister." in page.text
    assert rows_of(page, "Vielleicht schon im Melderegister") == [["Ayşe Müller", "17. Mai 1990", person]]
    departure = {"moved_out_on": "2026-03-01", "person_ids": [person]}
    await office.register("departures", await office.submit("departures", departure, office.clerk))
    known = a_move_in(persons=[a_person(family_name="Berg", is_declarant=True, person_id=person)])
    known["moved_in_on"] = known["landlord_confirmation"]["moved_in_on"] = "2026-03-02"
    case = await office.submit("move-ins", known, office.clerk)
    page = await clara.open(f"/cases/{case['case_id']}")
    assert "Ayşe Müller: Die Angaben weichen vom Melderegister ab (Familienname)." in page.text
    assert "Hinweis für die Prüfung vermerkt" in page.text
    assert "differs" not in page.text, "the page says it in the reader's language"


async def test_a_case_is_handed_over_and_given_back(clara: Browser, lena: Browser, office: Office) -> None:
    case = await declared(office)
    await clara.open(f"/cases/{case['case_id']}")
    await clara.submit({"An wen?": "Lena Demo"}, button="Übergeben")
    assert case["reference"] in (await lena.open("/")).links
    await lena.open(f"/cases/{case['case_id']}")
    await lena.submit(button="In den Pool zurückgeben")
    assert case["reference"] not in (await lena.open("/")).links


async def test_what_is_for_somebody_who_is_away_goes_to_their_deputy(
    clara: Browser, lena: Browser, office: Office
) -> None:
    case = await declared(office)
    await lena.open("/absence")
    days = {"Erster Tag": "1.3.2026", "Letzter Tag": "9.3.2026"}
    await lena.submit({"Wer ist abwesend?": "Lena Demo", "Vertretung": "Clara Demo", **days}, button="Eintragen")
    await clara.open(f"/cases/{case['case_id']}")
    await clara.submit({"An wen?": "Lena Demo (abwesend)"}, button="Übergeben")
    assert await office.database.pool.fetchval("SELECT assignee FROM amtsbus.cases") == "clara-clerk"


async def test_what_somebody_typed_survives_that_another_was_faster(
    clara: Browser, lena: Browser, office: Office
) -> None:
    case = await declared(office)
    await clara.open(f"/cases/{case['case_id']}")
    await lena.open(f"/cases/{case['case_id']}")
    await lena.submit(button=TAKE_OVER)
    page = await clara.submit({"Begründung": "Die Wohnung gibt es nicht."}, button=REJECT)
    assert page.status == 409
    assert "Zugewiesen an Lena Demo" in page.text
    page = await clara.submit(button=REJECT)
    assert "zurückgewiesen" in page.text


async def test_nobody_acts_for_the_office_in_their_own_matter(desk: Browser, office: Office) -> None:
    """VwVfG NRW § 20 (1): neither for oneself nor for one's child; also no lead."""
    mother, _, child, _ = await office.registered(*a_family())
    own = await office.submit("moves", a_move(mother), office.clerk)
    childs = await office.submit("moves", a_move(child), office.clerk)
    block = await office.client.post(
        "/v1/disclosure-blocks", json={"person_id": mother, "grounds": "Bedrohung"}, headers=office.clerk
    )
    other = await declared(office)
    await desk.log_in(Role.LEAD, sub="lena-lead", name="Lena Demo", person_id=UUID(mother))
    page = await desk.open(f"/cases/{other['case_id']}")
    form = next(form for form in page.forms if form.button(TAKE_OVER))
    for case_id in (own["case_id"], childs["case_id"], block.json()["case_id"]):
        assert (await desk.open(f"/cases/{case_id}")).status == 403
        assert (await desk.open(f"/cases/{case_id}/live")).status == 403
        for action in ("take-over", "register", "confirm-grant"):
            form.tag["action"] = f"{desk.base}/cases/{case_id}/actions/{action}"
            assert (await desk.send(form)).status == 403
    rows = await office.database.pool.fetch("SELECT DISTINCT case_id FROM amtsbus.case_reads")
    assert [str(row["case_id"]) for row in rows] == [other["case_id"]]


# Search


@pytest.mark.parametrize(
    ("words", "finds"),
    [
        ("ayse", True),
        ("MUELLER", True),
        ("mull ay", True),
        ("müller-lüd", True),
        ("lüdenscheidt", True),
        ("ma-2026", True),
        ("ayşe ma-2026-000001", True),
        ("1", True),
        ("ma", False),
        ("ller", False),
        ("ayse bea", False),
        ("it's \\ & | ! :* ( '", False),
    ],
)
async def test_a_declaration_is_found_by_name_however_spelled_and_by_its_reference(
    clara: Browser, office: Office, words: str, finds: bool
) -> None:
    case = await declared(office, persons=[a_person("Ayşe", "Müller-Lüdenscheidt", is_declarant=True)])
    for _ in ("declared", "registered"):
        async with office.database.transaction() as tx:
            query = case_query(words)
            found = [] if query is None else await store.find_cases(tx, query, 10, hidden_from=None)
        assert found == [UUID(case["case_id"])] * finds
        if not case["decision"]:
            case = await office.register("move-ins", case)
    if len(words) > 1:
        await clara.open("/")
        page = await clara.submit({"Aktenzeichen oder Name": words}, button="Suchen")
        assert len(page.soup.select("[data-row]")) == int(finds)


async def test_a_declarant_whom_the_register_does_not_know_yet_is_found_in_its_spelling(office: Office) -> None:
    await declared(office, persons=[a_person("Łukasz", "Ðemo-Bjørn", is_declarant=True)])
    for words in ("lukasz", "łuk", "demo", "bjorn", "Bjørn lukasz"):
        assert await found(office, words) == 1, words


async def test_a_case_is_found_by_the_new_name_of_who_declared_and_not_by_the_old_one(office: Office) -> None:
    [person] = await office.registered()
    correction = {"family_name": "Łuk", "reason": "Schreibfehler"}
    answer = await office.act(f"/v1/persons/{person}/corrections", office.clerk, {"version": 1}, correction)
    assert answer.status_code == 200, answer.text
    assert await found(office, "luk") == 1
    assert await found(office, "müller") == 0


async def found(office: Office, words: str) -> int:
    query = case_query(words)
    assert query is not None
    async with office.database.transaction() as tx:
        return len(await store.find_cases(tx, query, 10, hidden_from=None))


async def test_a_case_of_before_the_search_is_found_as_well(office: Office) -> None:
    """What the migration does with what is there: the database writes the words itself."""
    await declared(office)
    await office.database.pool.execute("UPDATE case_words SET search = words_of(case_id)")
    assert await found(office, "ayse mü") == 1


@pytest.mark.parametrize("hidden_from", [None, "clara-clerk"])
async def test_the_search_reads_an_index(office: Office, hidden_from: str | None) -> None:
    await declared(office)
    async with office.database.transaction() as tx:
        await tx.execute("SET LOCAL enable_seqscan = off")
        plan = await tx.fetch(
            "EXPLAIN SELECT case_id FROM case_words "
            "WHERE array_to_tsvector(string_to_array(search, ' ')) @@ '''ayse'':*'::tsquery"
        )
        assert len(await store.find_cases(tx, "'ayse':*", 10, hidden_from=hidden_from)) == 1
    assert "case_words_found" in " ".join(row[0] for row in plan)


# Everybody's part


async def test_pages_with_forms_and_a_mistake_owe_nothing_to_those_who_cannot_see_them(
    lena: Browser, office: Office
) -> None:
    waiting = await declared(office, landlord_confirmation=None)
    family = await declared(office, persons=a_family())
    await office.register("move-ins", family)
    pages = [await lena.open(f"/cases/{case['case_id']}") for case in (family, waiting)]
    pages += [await lena.submit(button=SUPPLY), await lena.open("/?scope=all")]
    assert [problem for page in pages for problem in accessibility_problems(page)] == []


async def test_the_desk_speaks_english(clara: Browser, office: Office) -> None:
    case = await declared(office)
    await office.register("move-ins", case)
    page = await clara.open(f"/cases/{case['case_id']}?language=en")
    for text in (
        "registered: main residence since 25 February 2026",
        "report back to the former authority",
        "Landlord",
    ):
        assert text in page.text, text


def test_the_desk_has_the_pages_of_every_desk() -> None:
    check_places(SERVICE.web)


async def test_every_role_comes_where_it_may_and_nowhere_else(desk: Browser, office: Office) -> None:
    await check_roles(desk, UUID((await declared(office))["case_id"]))


async def test_staff_of_other_departments_and_citizens_come_nowhere(desk: Browser, office: Office) -> None:
    await check_strangers(desk, UUID((await declared(office))["case_id"]), "Müller", "MA-2026-", HOME["street"])


async def test_an_auditor_reads_and_changes_nothing_and_that_is_recorded(desk: Browser, office: Office) -> None:
    [person] = await office.registered()
    case_id = await office.database.pool.fetchval("SELECT case_id FROM declarations")
    await desk.log_in(Role.AUDITOR, sub="anna", name="Anna Demo")
    page = await desk.open(f"/cases/{case_id}")
    assert "Sie können hier nur lesen." in page.text
    assert (await desk.open("/audit")).status == 200
    page = await desk.submit({"Aktenzeichen": "MA-2026-000001"})
    assert "Entschieden: eingetragen" in page.text
    rows = await office.database.pool.fetch("SELECT read_by, how FROM record_reads WHERE person_id = $1", UUID(person))
    assert [tuple(row) for row in rows if row["read_by"] == "anna"] == [("anna", "case")] * 2
