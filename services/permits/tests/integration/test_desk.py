"""A day at the building authority's desk: every step of an application, decided by two people."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from amtsbus.auth import Role
from amtsbus.testing.browsing import Browser, Page
from amtsbus.testing.desks import accessibility_problems, check_places, check_roles, check_strangers
from permits import store
from permits.main import SERVICE

SITE = "Hauptstraße 12 a, 51373 Leverkusen"
REQUEST, COMPLETE, HEAR = "Unterlagen anfordern", "Vollständigkeit feststellen", "Stellen anhören"
RESPONSE, APPROVAL, REFUSAL = "Stellungnahme eintragen", "Vorschlagen: Genehmigen", "Vorschlagen: Ablehnen"
CONFIRM, WITHDRAWAL, BACK = "Bestätigen: Genehmigen", "Rücknahme eintragen", "Vorschlag zurückgeben"
TOO_CLOSE = {"Begründung": "Zu nah.", "Versagungsgründe": ["Abstandsflächen nicht eingehalten"]}


def offered(page: Page) -> set[str]:
    """The names of everything that can be done."""
    section = page.main.select_one("section[aria-labelledby=actions]")
    assert section is not None
    return {button.get_text(strip=True) for button in section.find_all("button")} - {"", "Textbaustein einfügen"}


async def complete(office: Any) -> UUID:
    application_id: UUID = await office.submit()
    await office.step(application_id, "completeness")
    return application_id


async def seen(office: Any, application_id: UUID) -> Any:
    return await office.read(application_id, office.lead)


async def test_a_caseworker_finds_a_fresh_application_takes_it_and_has_it_among_their_own(
    clara: Browser, office: Any
) -> None:
    application_id = await office.submit()
    reference = (await seen(office, application_id))["reference"]
    page = await clara.open("/?scope=team")
    assert [cell.get_text(" ", strip=True) for cell in page.soup.select("[data-row] td")[1:5]] == [
        "Bauherrschaft (Name hier nicht bekannt)",
        f"Errichtung: {SITE}",
        "Vollständigkeit wird geprüft",
        "auf Vollständigkeit prüfen",
    ]
    page = await clara.follow(reference)
    for text in (
        "Baugenehmigung im vereinfachten Verfahren",
        SITE,
        "Wiesdorf",
        "345/6",
        "A house for one family",
        "300.000,00 €",
        "1.800,00 € bei Genehmigung, noch nicht festgesetzt",
        "Lageplan (BauPrüfVO NRW § 3)",
        "Frist beginnt: Prüfung der Vollständigkeit",
    ):
        assert text in page.text.replace("\u00a0", " "), text
    assert "Schreiben" not in {heading.get_text(strip=True) for heading in page.main.find_all("h2")}
    await clara.submit(button="Selbst übernehmen")
    page = await clara.open("/")
    assert reference in page.links
    assert (await seen(office, application_id))["desk"]["assignee"] == "clara-clerk"


async def test_documents_are_requested_with_reasons_and_a_period(clara: Browser, office: Any) -> None:
    application_id = await office.submit("site-plan")
    page = await clara.open(f"/cases/{application_id}")
    assert "Es fehlt: Lageplan" in page.text
    assert COMPLETE not in offered(page), "it is not complete"
    assert page.field("Welche Unterlagen?") == "site-plan"
    page = await clara.submit({"Begründung": "Der Lageplan fehlt.", "Frist in Tagen": "14"}, button=REQUEST)
    assert page.status == 200
    assert (await seen(office, application_id))["asked"] == {
        "documents": ["site-plan"],
        "answers": [],
        "outstanding": ["site-plan"],
        "reasons": "Der Lageplan fehlt.",
        "due_on": "2026-03-16",
        "otherwise": "counts-as-withdrawn",
    }
    assert "Nachforderungen" in page.text
    assert "16. März 2026" in page.text
    assert not {REQUEST, COMPLETE, HEAR, APPROVAL, REFUSAL} & offered(page)
    assert await office.journal(application_id) == ["application-submitted", "documents-requested"]


@pytest.mark.parametrize(
    ("values", "mistake"),
    [
        ({"Welche Unterlagen?": [], "Begründung": "Etwas fehlt."}, "„Welche Unterlagen?“ fehlt noch."),
        ({"Begründung": "  "}, "„Begründung“ fehlt noch."),
        ({"Begründung": "Etwas fehlt.", "Frist in Tagen": "bald"}, "Schreiben Sie eine ganze Zahl von 7 bis 366."),
        ({"Begründung": "Etwas fehlt.", "Frist in Tagen": "6"}, "Schreiben Sie eine ganze Zahl von 7 bis 366."),
        ({"Begründung": "Etwas fehlt.", "Frist in Tagen": "367"}, "Schreiben Sie eine ganze Zahl von 7 bis 366."),
    ],
)
async def test_a_request_that_cannot_be_sent_says_what_is_wrong(
    clara: Browser, office: Any, values: dict[str, Any], mistake: str
) -> None:
    application_id = await office.submit("site-plan")
    await clara.open(f"/cases/{application_id}")
    page = await clara.submit(values, button=REQUEST)
    assert (page.status, list(page.errors.values())) == (422, [mistake])
    assert (await seen(office, application_id))["state"] == "submitted"


async def test_an_application_goes_its_whole_way_at_the_desk(clara: Browser, lena: Browser, office: Any) -> None:
    application_id = await office.submit()
    await clara.open(f"/cases/{application_id}")
    await clara.submit(button=COMPLETE)
    page = await clara.submit({"Wen anhören?": ["Brandschutzdienststelle", "Untere Wasserbehörde"]}, button=HEAR)
    assert "auf Stellungnahmen warten" in page.text
    assert "Stellungnahme: Untere Wasserbehörde" in page.text
    assert APPROVAL not in offered(page)

    answer = {"Von welcher Stelle?": "Brandschutzdienststelle", "Bemerkungen der Stelle": "Die Treppe ist aus Holz."}
    page = await clara.submit(answer, button=RESPONSE)
    assert list(page.errors.values()) == ["„Ergebnis“ fehlt noch."]
    assert page.field("Bemerkungen der Stelle") == "Die Treppe ist aus Holz."
    asks_for = "keine Bedenken, wenn Nebenbestimmungen aufgenommen werden"
    page = await clara.submit({"Ergebnis": asks_for}, button=RESPONSE)
    assert list(page.errors.values()) == [
        "Nebenbestimmungen gehören zu dem Ergebnis, das welche verlangt, und zu keinem anderen."
    ]
    await clara.submit({"Ergebnis": asks_for, "Nebenbestimmungen": ["Zweiter Rettungsweg"]}, button=RESPONSE)
    page = await clara.submit({"Ergebnis": "keine Bedenken"}, button=RESPONSE)
    assert "entscheidungsreif" in page.text
    [fire, water] = (await seen(office, application_id))["hearings"]
    assert (fire["outcome"], water["outcome"]) == ("conditions", "no-objection")

    page = await clara.submit({"Nebenbestimmungen": ["Zweiter Rettungsweg"]}, button=APPROVAL)
    assert list(page.errors.values()) == [
        "Eine Genehmigung mit Nebenbestimmungen braucht eine Begründung, eine Ablehnung auch."
    ]
    page = await clara.submit({"Begründung": "Ein zweiter Ausgang ist nötig."}, button=APPROVAL)
    assert "Bestätigen können: Lena Demo." in page.text
    assert CONFIRM not in offered(page), "nobody decides alone"

    await lena.open("/?scope=second")
    page = await lena.follow((await seen(office, application_id))["reference"])
    assert "Zweiter Rettungsweg (BauO NRW § 33)" in page.text
    page = await lena.submit(button=CONFIRM)
    view = await seen(office, application_id)
    assert view["decision"]["reasons"] == ["Ein zweiter Ausgang ist nötig."]
    assert view["decision"]["conditions"] == [{"code": "second-escape-route", "legal_basis": "BauO NRW § 33"}]
    for text in ("Entschieden: genehmigt", "1.800,00 €, zahlbar bis", "Baubeginn spätestens", "nichts mehr"):
        assert text in page.text.replace("\u00a0", " "), text
    assert offered(page) == {"Notiz schreiben"}
    assert (await office.journal(application_id))[-2:] == ["application-approved", "fee-noticed"]


async def test_a_refusal_needs_grounds_and_reasons_and_a_second_person(
    clara: Browser, lena: Browser, office: Any
) -> None:
    application_id = await complete(office)
    await clara.open(f"/cases/{application_id}")
    page = await clara.submit({"Begründung": "Zu nah."}, button=REFUSAL)
    assert list(page.errors.values()) == ["„Versagungsgründe“ fehlt noch."]
    await clara.submit(TOO_CLOSE, button=REFUSAL)
    await lena.open(f"/cases/{application_id}")
    page = await lena.submit(button="Bestätigen: Ablehnen")
    assert "Entschieden: abgelehnt" in page.text
    decision = (await seen(office, application_id))["decision"]
    assert (decision["outcome"], decision["reasons"]) == ("refused", ["Zu nah."])
    assert decision["grounds"] == [{"code": "distance-areas", "legal_basis": "BauO NRW § 6"}]


async def test_a_proposal_is_replaced_sent_back_with_a_reason_or_taken_back(
    clara: Browser, lena: Browser, office: Any
) -> None:
    application_id = await complete(office)
    await clara.open(f"/cases/{application_id}")
    page = await clara.submit(button=APPROVAL)
    assert BACK not in offered(page), "a clerk replaces their proposal, a lead sends it back"
    await clara.submit(TOO_CLOSE, button=REFUSAL)
    assert (await seen(office, application_id))["desk"]["proposal"]["decision"] == "refuse"

    await lena.open(f"/cases/{application_id}")
    page = await lena.submit({"Begründung": ""}, button=BACK)
    assert list(page.errors.values()) == ["„Begründung“ fehlt noch."]
    page = await lena.submit({"Begründung": "Bitte messen."}, button=BACK)
    assert "Schritt: Vorschlag zurückgeben Bitte messen. Lena Demo" in page.text
    assert (await seen(office, application_id))["desk"]["proposal"] is None

    await lena.submit(button=APPROVAL)
    await lena.submit({"Begründung": "Doch nicht."}, button="Eigenen Vorschlag zurückziehen")
    view = await seen(office, application_id)
    assert (view["state"], view["desk"]["proposal"]) == ("complete", None)


async def test_a_lead_who_proposes_does_not_confirm_either(lena: Browser, office: Any) -> None:
    application_id = await complete(office)
    await lena.open(f"/cases/{application_id}")
    page = await lena.submit(button=APPROVAL)
    assert CONFIRM not in offered(page)
    form = next(form for form in page.forms if form.button("Notiz schreiben"))
    form.tag["action"] = f"{lena.base}/cases/{application_id}/actions/confirm-approve"
    page = await lena.send(form)
    assert page.status == 409
    assert (await seen(office, application_id))["state"] == "complete"


@pytest.mark.parametrize(
    ("button", "name", "label"), [(HEAR, "agencies", "Wen anhören?"), (REFUSAL, "grounds", "Versagungsgründe")]
)
async def test_what_nobody_can_say_in_the_vocabulary_changes_nothing(
    clara: Browser, office: Any, button: str, name: str, label: str
) -> None:
    application_id = await complete(office)
    page = await clara.open(f"/cases/{application_id}")
    form = next(form for form in page.forms if form.button(button))
    box = next(field for field in form.tag.find_all("input") if field.get("name") == name)
    box["value"], box["checked"] = "fortune-tellers", ""
    for area in form.tag.find_all("textarea"):
        area.string = "Die Sterne stehen schlecht."
    page = await clara.send(form)
    assert (page.status, list(page.errors.values())) == (422, [f"„{label}“ fehlt noch."])
    view = await seen(office, application_id)
    assert (view["hearings"], view["desk"]["proposal"]) == ([], None)


async def test_nobody_says_that_an_agency_was_silent_before_its_period_ends(clara: Browser, office: Any) -> None:
    application_id = await complete(office)
    await office.step(application_id, "hearings", {"agencies": ["fire-protection"]})
    page = await clara.open(f"/cases/{application_id}")
    form = next(form for form in page.forms if form.button(RESPONSE))
    choice = next(field for field in form.tag.find_all("input") if field.get("name") == "outcome")
    choice["value"], choice["checked"] = "silent", ""
    page = await clara.send(form)
    assert (page.status, list(page.errors.values())) == (422, ["„Ergebnis“ fehlt noch."])
    assert (await seen(office, application_id))["state"] == "consulting"


async def test_the_silence_of_an_agency_is_not_recorded_by_hand(clara: Browser, office: Any) -> None:
    application_id = await complete(office)
    await office.step(application_id, "hearings", {"agencies": ["fire-protection"]})
    office.clock.instant += timedelta(days=40)  # the period is over, and the clock has not rung yet
    await clara.log_in(Role.CLERK, sub="clara-clerk", name="Clara Demo")
    page = await clara.open(f"/cases/{application_id}")
    assert RESPONSE not in offered(page)
    await office.days_pass(1)
    page = await clara.reload()
    assert "keine Antwort in der Frist, gilt als keine Bedenken" in page.text
    assert {APPROVAL, REFUSAL, HEAR} <= offered(page)


async def test_an_applicant_who_withdraws_at_the_counter_is_taken_at_their_word(clara: Browser, office: Any) -> None:
    application_id = await office.submit()
    await clara.open(f"/cases/{application_id}")
    page = await clara.submit(button=WITHDRAWAL)
    assert "zurückgenommen" in page.text
    assert offered(page) == {"Notiz schreiben"}
    assert (await office.journal(application_id))[-1] == "application-withdrawn"


async def test_an_application_is_handed_over_with_a_word_and_given_back(
    clara: Browser, lena: Browser, office: Any
) -> None:
    application_id = await office.submit()
    await clara.open(f"/cases/{application_id}")
    values = {"An wen?": "Lena Demo", "Was soll die Person wissen?": "Ich kenne das Grundstück."}
    page = await clara.submit(values, button="Übergeben")
    assert "Ich kenne das Grundstück." in page.text
    assert (await seen(office, application_id))["desk"]["assignee"] == "lena-lead"
    await lena.open(f"/cases/{application_id}")
    await lena.submit(button="In den Pool zurückgeben")
    assert (await seen(office, application_id))["desk"]["assignee"] is None


async def test_what_is_for_somebody_who_is_away_goes_to_their_deputy(
    clara: Browser, lena: Browser, office: Any
) -> None:
    application_id = await office.submit()
    await lena.open("/absence")
    days = {"Erster Tag": "1.3.2026", "Letzter Tag": "9.3.2026"}
    await lena.submit({"Wer ist abwesend?": "Lena Demo", "Vertretung": "Clara Demo", **days}, button="Eintragen")
    await clara.open(f"/cases/{application_id}")
    await clara.submit({"An wen?": "Lena Demo (abwesend)"}, button="Übergeben")
    assert (await seen(office, application_id))["desk"]["assignee"] == "clara-clerk"


async def test_what_somebody_typed_survives_that_another_was_faster(clara: Browser, lena: Browser, office: Any) -> None:
    application_id = await complete(office)
    await clara.open(f"/cases/{application_id}")
    await lena.open(f"/cases/{application_id}")
    await lena.submit({"Notiz": "Der Architekt hat angerufen."}, button="Notiz schreiben")
    values = {"Nebenbestimmungen": ["Lärmschutz"], "Begründung": "Die Straße ist laut."}
    page = await clara.submit(values, button=APPROVAL)
    assert page.status == 409
    assert "Notiz geschrieben Lena Demo" in page.text
    await clara.submit(button=APPROVAL)
    proposal = (await seen(office, application_id))["desk"]["proposal"]
    assert [code["code"] for code in proposal["conditions"]] == ["noise-protection"]
    assert proposal["reasons"] == "Die Straße ist laut."


@pytest.mark.parametrize(
    ("words", "finds"),
    [
        ("hauptstr", True),
        ("HAUPTSTRASSE 12", True),
        ("leverk haupt", True),
        ("wiesdorf 345/6", True),
        ("ba-2026", True),
        ("wiesdorf haupt ba-2026", True),
        ("nebenstr", False),
        ("straße", False),
        ("345/7", False),
        ("it's \\ & | ! :* ( '", False),
    ],
)
async def test_an_application_is_found_by_its_site_and_by_its_reference(
    clara: Browser, office: Any, words: str, finds: bool
) -> None:
    await office.submit()
    await clara.open("/")
    page = await clara.submit({"Aktenzeichen oder Name": words}, button="Suchen")
    assert page.status == 200
    assert len(page.soup.select("[data-row]")) == int(finds)


async def test_land_without_an_address_is_found_by_its_parcel_and_by_its_bare_number(
    clara: Browser, office: Any
) -> None:
    parcel = {"district": "Öd-Großdorf", "section": "3", "number": "77"}
    application_id = await office.submit(site={"parcel": parcel})
    number = (await seen(office, application_id))["reference"].rsplit("-", 1)[-1].lstrip("0")
    for words in ("od-gross", "ÖD", "großdorf", f"{number} öd"):
        await clara.open("/")
        page = await clara.submit({"Aktenzeichen oder Name": words}, button="Suchen")
        assert len(page.soup.select("[data-row]")) == 1, words
    assert "Errichtung: Gemarkung Öd-Großdorf, Flur 3, Flurstück 77" in page.text


async def test_an_application_of_before_the_search_is_found_as_well(office: Any) -> None:
    """What the migration does with the rows that are there: the database writes their words itself."""
    application_id = await office.submit()
    before = await office.database.pool.fetchval("SELECT search FROM applications")
    await office.database.pool.execute("UPDATE applications SET search = ''")
    assert await office.database.pool.fetchval("SELECT search FROM applications") == before
    async with office.database.transaction() as tx:
        assert await store.find(tx, "hauptstr", 10) == [application_id]


async def test_the_search_reads_an_index(office: Any) -> None:
    await office.submit()
    async with office.database.transaction() as tx:
        await tx.execute("SET LOCAL enable_seqscan = off")
        plan = await tx.fetch(
            "EXPLAIN SELECT application_id FROM applications "
            "WHERE array_to_tsvector(string_to_array(search, ' ')) @@ $1::tsquery",
            "'haupt':*",
        )
    assert "applications_words" in " ".join(row[0] for row in plan)


async def test_an_application_of_a_day_without_a_tariff_is_shown_all_the_same(clara: Browser, office: Any) -> None:
    application_id = await office.submit()
    await office.database.pool.execute("UPDATE fee_tariffs SET valid_from = '2030-01-01'")
    page = await clara.open(f"/cases/{application_id}")
    assert (page.status, "bei Genehmigung" in page.text) == (200, False)


async def test_a_page_with_every_form_and_a_mistake_owes_nothing_to_those_who_cannot_see_it(
    clara: Browser, lena: Browser, office: Any
) -> None:
    application_id = await office.submit("site-plan")
    await clara.open(f"/cases/{application_id}")
    mistaken = await clara.submit({"Begründung": ""}, button=REQUEST)
    other = await complete(office)
    await office.step(other, "hearings", {"agencies": ["fire-protection"]})
    heard = await clara.open(f"/cases/{other}")
    proposed = await complete(office)
    await office.step(proposed, "proposals", {"decision": "approve"})
    pages = [mistaken, heard, await lena.open(f"/cases/{proposed}"), await lena.open("/?scope=all")]
    assert [problem for page in pages for problem in accessibility_problems(page)] == []


async def test_the_desk_speaks_english(clara: Browser, office: Any) -> None:
    application_id = await office.submit("site-plan")
    page = await clara.open(f"/cases/{application_id}?language=en")
    for text in ("completeness is being checked", "Missing: Site plan", "Request documents", "New building"):
        assert text in page.text, text


def test_the_desk_has_the_pages_of_every_desk() -> None:
    check_places(SERVICE.web)


async def test_every_role_comes_where_it_may_and_nowhere_else(desk: Browser, office: Any) -> None:
    await check_roles(desk, await office.submit())


async def test_staff_of_other_departments_and_citizens_come_nowhere(desk: Browser, office: Any) -> None:
    await check_strangers(desk, await office.submit(), "Hauptstraße", "BA-2026-")


async def test_an_auditor_reads_and_changes_nothing_and_that_is_recorded(desk: Browser, office: Any) -> None:
    application_id = await office.submit()
    await desk.log_in(Role.AUDITOR, sub="anna", name="Anna Demo")
    page = await desk.open(f"/cases/{application_id}")
    assert "Sie können hier nur lesen." in page.text
    rows = await office.database.pool.fetch("SELECT who, what FROM amtsbus.case_reads")
    assert [tuple(row) for row in rows] == [("anna", "case")]


async def test_an_operator_sees_whether_the_law_is_there_and_no_case(desk: Browser, office: Any) -> None:
    page = await desk.log_in(Role.OPERATOR, sub="otto", back_to="/operations")
    assert "gelten heute" in page.text
    assert "BauO NRW 2018 § 71 (3)" in page.text
    await office.database.pool.execute("UPDATE legal_terms SET valid_from = '2030-01-01' WHERE term = 'hearing'")
    page = await desk.open("/operations")
    assert "fehlen für heute" in page.text
    assert "Anhörung der Stellen" in page.text
