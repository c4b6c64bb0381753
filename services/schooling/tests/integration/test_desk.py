"""A day at the school administration's desk: from the registration on paper to a place at a school."""

import asyncio
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from amtsbus.auth import Role
from amtsbus.ids import new_id
from amtsbus.testing.browsing import Browser, Page
from amtsbus.testing.desks import accessibility_problems, check_places, check_roles, check_strangers
from schooling import store
from schooling.main import SERVICE

REGISTER, REQUEST, SHOWN = "Anmeldung aufnehmen", "Nachweise anfordern", "Vorgelegte Nachweise eintragen"
COMPLETE, ACCEPT, REFUSE = "Vollständigkeit bestätigen", "Aufnehmen", "Nicht aufnehmen"
DEFER, END = "Zurückstellen", "Anmeldung beenden"
BIRTH, MEASLES, CUSTODY = "Geburtsurkunde", "Masernschutznachweis", "Sorgerechtsnachweis"
REPORT = "Das schulärztliche Gutachten wurde eingesehen"
PARK, FIELD = "Grundschule Am Park", "Grundschule Im Feld"


def offered(page: Page) -> set[str]:
    """The names of everything that can be done."""
    section = page.main.select_one("section[aria-labelledby=actions]")
    assert section is not None
    return {button.get_text(strip=True) for button in section.find_all("button")} - {""}


async def seen(office: Any, enrolment_id: str) -> Any:
    return await office.get(f"/v1/enrolments/{enrolment_id}", office.staff())


async def received(office: Any, first_choice: str, **wishes: Any) -> str:
    """A child whose parents have registered it, without any documents."""
    parent = new_id()
    enrolment_id: str = await office.invited(parent)
    await office.must(enrolment_id, "registration", office.parent(parent), {"first_choice": first_choice, **wishes})
    return enrolment_id


async def applied_early(office: Any, first_choice: str) -> str:
    """A child that is to start school a year before it must."""
    parent = new_id()
    child_id = await office.arrival(parent, born=date(2020, 12, 1))
    form = {
        "child_id": str(child_id),
        "school_year": 2026,
        "first_choice": first_choice,
        "documents": ["birth-certificate", "measles-protection", "custody-evidence"],
    }
    answer = await office.post("/v1/early-entries", office.parent(parent), form)
    assert answer.status_code == 201, answer.text
    enrolment_id: str = answer.json()["enrolment_id"]
    await office.must(enrolment_id, "confirmation", office.staff(), {})
    return enrolment_id


async def test_a_caseworker_finds_an_enrolment_takes_it_and_has_it_among_their_own(clara: Browser, office: Any) -> None:
    mother, father = new_id(), new_id()
    enrolment_id = await office.invited(mother, father)
    reference = (await seen(office, enrolment_id))["reference"]
    page = await clara.open("/?scope=team")
    assert [cell.get_text(" ", strip=True) for cell in page.soup.select("[data-row] td")[1:5]] == [
        "Ada Öztürk",
        "Schulanmeldung 2026/27",
        "eingeladen",
        "auf die Anmeldung warten",
    ]
    page = await clara.follow(reference)
    for text in ("Ada", "Öztürk", "1. Mai 2020", str(mother), str(father), "2026/27", "Frist beginnt: Anmeldung"):
        assert text in page.text, text
    await clara.submit(button="Selbst übernehmen")
    page = await clara.open("/")
    assert reference in page.links


async def test_a_child_gets_a_place_by_what_its_parents_bring_on_paper(clara: Browser, office: Any) -> None:
    await office.school(PARK, places=50)
    await office.school(FIELD, places=50)
    enrolment_id = await office.invited(new_id(), new_id())
    await clara.open(f"/cases/{enrolment_id}")
    page = await clara.submit(button=REGISTER)
    assert list(page.errors.values()) == ["„Erstwunsch“ fehlt noch."]
    free = "(50 von 50 Plätzen frei)"
    wishes = {
        "Erstwunsch": f"{PARK} {free}",
        "Zweitwunsch": f"{PARK} {free}",
        "Kriterien": ["Geschwisterkind"],
        "Welche Nachweise lagen vor?": [BIRTH],
    }
    page = await clara.submit(wishes, button=REGISTER)
    assert list(page.errors.values()) == [
        "Erst- und Zweitwunsch sind dieselbe Schule. Wählen Sie eine andere, oder lassen Sie den Zweitwunsch weg."
    ]
    page = await clara.submit({"Zweitwunsch": f"{FIELD} {free}"}, button=REGISTER)
    assert f"Es fehlt: {MEASLES}" in page.text
    assert COMPLETE not in offered(page), "something is missing"

    page = await clara.submit(button=REQUEST)
    assert "auf Nachweise warten" in page.text
    page = await clara.submit({"Welche Nachweise lagen vor?": [MEASLES]}, button=SHOWN)
    assert "Nachweise prüfen" in page.text
    assert REQUEST not in offered(page)
    page = await clara.submit({"Kriterien": ["Geschwisterkind", "Schulweg"]}, button=COMPLETE)
    assert f"Zuerst entscheidet: {PARK} (50 von 50 Plätzen frei)." in page.text
    page = await clara.submit(button=ACCEPT)
    view = await seen(office, enrolment_id)
    assert (view["state"], view["accepted_by"]["name"]) == ("accepted", PARK)
    assert view["criteria"] == ["sibling", "way-to-school"]
    for text in (
        "Entschieden: aufgenommen",
        "Die Schule hat 50 Plätze, davon waren bei der Entscheidung 50 frei.",
        "Festgestellte Kriterien: Geschwisterkind, Schulweg.",
        "49 von 50 Plätzen frei",
        "auf den Schulbeginn warten",
    ):
        assert text in page.text, text
    assert await office.events(enrolment_id) == [
        "parents-invited",
        "enrolment-received",
        "documents-requested",
        "enrolment-confirmed",
        "child-accepted",
    ]


async def test_a_school_that_is_full_refuses_and_another_one_takes_the_child(
    clara: Browser, lena: Browser, office: Any
) -> None:
    park = await office.school(PARK, places=0)
    await office.school(FIELD, places=3)
    enrolment_id = await office.confirmed(park)
    page = await clara.open(f"/cases/{enrolment_id}")
    assert REFUSE not in offered(page), "a lead refuses"
    page = await clara.submit(button=ACCEPT)
    assert list(page.errors.values()) == ["Die Schule hat keinen freien Platz mehr."]

    await lena.open(f"/cases/{enrolment_id}")
    page = await lena.submit({"Grund": "Aufnahmekapazität erschöpft"}, button=REFUSE)
    assert "Entschieden: nicht aufgenommen" in page.text
    assert "Wartende Kinder, die nach den festgestellten Kriterien vorgehen: 0." in page.text
    assert "Aufnahmekapazität erschöpft Lena Demo" in page.text
    assert f"{PARK} Erstwunsch, hat nicht aufgenommen" in page.text

    await clara.open(f"/cases/{enrolment_id}")
    page = await clara.submit(button=ACCEPT)
    assert list(page.errors.values()) == ["„Schule“ fehlt noch."]
    await clara.submit({"Schule": f"{FIELD} (3 von 3 Plätzen frei)"}, button=ACCEPT)
    assert (await seen(office, enrolment_id))["accepted_by"]["name"] == FIELD


async def test_a_school_with_a_place_does_not_refuse(lena: Browser, office: Any) -> None:
    enrolment_id = await office.confirmed(await office.school(PARK, places=3))
    await lena.open(f"/cases/{enrolment_id}")
    page = await lena.submit(button=REFUSE)
    assert list(page.errors.values()) == ["Die Schule hat einen Platz für das Kind. Nehmen Sie es auf."]
    assert (await seen(office, enrolment_id))["state"] == "confirmed"


async def test_a_child_is_put_off_by_a_lead_and_nobody_learns_why(clara: Browser, lena: Browser, office: Any) -> None:
    park = await office.school(PARK, places=3)
    enrolment_id = await received(office, park, deferral=True)
    page = await clara.open(f"/cases/{enrolment_id}")
    assert "Zurückstellung beantragt ja" in page.text
    assert DEFER not in offered(page)
    await lena.open(f"/cases/{enrolment_id}")
    page = await lena.submit(button=DEFER)
    assert list(page.errors.values()) == [f"„{REPORT}“ fehlt noch."]
    page = await lena.submit({REPORT: True}, button=DEFER)
    assert "Zurückgestellt auf Antrag bis zum Schuljahr, das 2027 beginnt." in page.text
    assert offered(page) == set()
    assert (await office.events(enrolment_id))[-1] == "entry-deferred"
    data = await office.database.pool.fetchval(
        "SELECT data FROM amtsbus.events WHERE type = 'schooling.entry-deferred.v1'"
    )
    assert "report" not in data
    assert "Gutachten" not in data


async def test_early_entry_goes_by_the_school_doctors_report(clara: Browser, lena: Browser, office: Any) -> None:
    enrolment_id = await applied_early(office, await office.school(PARK, places=3))
    page = await clara.open(f"/cases/{enrolment_id}")
    assert "Vorzeitige Aufnahme 2026/27" in page.heading
    page = await clara.submit(button=ACCEPT)
    assert list(page.errors.values()) == [f"„{REPORT}“ fehlt noch."]

    page = await lena.open(f"/cases/{enrolment_id}")
    assert DEFER not in offered(page), "it is voluntary"
    not_ready = {"Grund": "Schulfähigkeit noch nicht gegeben"}
    page = await lena.submit(not_ready, button=REFUSE)
    assert list(page.errors.values()) == ["Das geht nur, wenn das schulärztliche Gutachten eingesehen wurde."]
    page = await lena.submit({REPORT: True}, button=REFUSE)
    assert "Die Voraussetzungen der vorzeitigen Aufnahme liegen noch nicht vor." in page.text
    assert (await seen(office, enrolment_id))["state"] == "not-accepted"


async def test_an_enrolment_ends_with_a_cause_and_a_move_is_none_of_the_causes(clara: Browser, office: Any) -> None:
    enrolment_id = await office.confirmed(await office.school(PARK, places=3))
    page = await clara.open(f"/cases/{enrolment_id}")
    assert "weggezogen" not in page.text
    page = await clara.submit(button=END)
    assert list(page.errors.values()) == ["„Warum endet die Anmeldung?“ fehlt noch."]
    page = await clara.submit({"Warum endet die Anmeldung?": "Schule in freier Trägerschaft"}, button=END)
    assert "beendet ohne Schulplatz" in page.text
    assert "Schule in freier Trägerschaft Clara Demo" in page.text
    assert (await seen(office, enrolment_id))["withdrawn_because"] == "private-school"


@pytest.mark.parametrize(
    ("button", "name", "forged"), [(END, "cause", "moved-away"), (SHOWN, "documents", "doctors-letter")]
)
async def test_what_is_not_offered_cannot_be_sent(
    clara: Browser, office: Any, button: str, name: str, forged: str
) -> None:
    enrolment_id = await received(office, await office.school(PARK, places=3))
    before = await seen(office, enrolment_id)
    page = await clara.open(f"/cases/{enrolment_id}")
    form = next(form for form in page.forms if form.button(button))
    choice = next(field for field in form.tag.find_all("input") if field.get("name") == name)
    choice["value"], choice["checked"] = forged, ""
    page = await clara.send(form)
    assert page.status == 422
    assert await seen(office, enrolment_id) == before


async def test_a_school_that_does_not_exist_cannot_be_chosen(clara: Browser, office: Any) -> None:
    await office.school(PARK, places=3)
    enrolment_id = await office.invited(new_id())
    for forged in ("everywhere", str(new_id())):
        page = await clara.open(f"/cases/{enrolment_id}")
        form = next(form for form in page.forms if form.button(REGISTER))
        choice = form.tag.find("select", attrs={"name": "first_choice"})
        assert choice is not None
        option = choice.find_all("option")[-1]
        option["value"], option["selected"] = forged, ""
        page = await clara.send(form)
        assert list(page.errors.values()) == ["Diese Schule gibt es nicht."]
    assert (await seen(office, enrolment_id))["state"] == "invited"


async def test_there_is_no_field_for_text_where_findings_on_health_could_end_up(lena: Browser, office: Any) -> None:
    park = await office.school(PARK, places=1)
    cases = [
        await office.invited(new_id()),
        await received(office, park),
        await office.confirmed(park),
        await applied_early(office, park),
    ]
    for enrolment_id in cases:
        page = await lena.open(f"/cases/{enrolment_id}")
        section = page.main.select_one("section[aria-labelledby=actions]")
        assert section is not None
        assert section.find_all("textarea") == []
        kinds = {str(field.get("type")) for field in section.find_all("input")}
        assert kinds <= {"hidden", "radio", "checkbox"}
        headings = {heading.get_text(strip=True) for heading in page.main.find_all("h2")}
        assert not {"Notizen", "Unterlagen", "Schreiben"} & headings


async def test_an_enrolment_is_handed_over_and_given_back(clara: Browser, lena: Browser, office: Any) -> None:
    enrolment_id = await office.invited(new_id())
    await clara.open(f"/cases/{enrolment_id}")
    await clara.submit({"An wen?": "Lena Demo"}, button="Übergeben")
    page = await lena.open("/")
    assert "Ada Öztürk" in page.text
    await lena.open(f"/cases/{enrolment_id}")
    await lena.submit(button="In den Pool zurückgeben")
    page = await lena.open("/")
    assert "Ada Öztürk" not in page.text


async def test_what_is_for_somebody_who_is_away_goes_to_their_deputy(
    clara: Browser, lena: Browser, office: Any
) -> None:
    enrolment_id = await office.invited(new_id())
    await lena.open("/absence")
    days = {"Erster Tag": "1.3.2026", "Letzter Tag": "9.3.2026"}
    await lena.submit({"Wer ist abwesend?": "Lena Demo", "Vertretung": "Clara Demo", **days}, button="Eintragen")
    await clara.open(f"/cases/{enrolment_id}")
    await clara.submit({"An wen?": "Lena Demo (abwesend)"}, button="Übergeben")
    assignee = await office.database.pool.fetchval("SELECT assignee FROM amtsbus.cases")
    assert assignee == "clara-clerk"


async def test_what_somebody_filled_in_survives_that_another_was_faster(
    clara: Browser, lena: Browser, office: Any
) -> None:
    park = await office.school(PARK, places=3)
    enrolment_id = await received(office, park)
    await clara.open(f"/cases/{enrolment_id}")
    await lena.open(f"/cases/{enrolment_id}")
    await lena.submit(button="Selbst übernehmen")
    page = await clara.submit({"Welche Nachweise lagen vor?": [BIRTH, MEASLES]}, button=SHOWN)
    assert page.status == 409
    assert "Zugewiesen an Lena Demo" in page.text
    await clara.submit(button=SHOWN)
    assert (await seen(office, enrolment_id))["documents"] == ["birth-certificate", "measles-protection"]


async def test_two_who_give_the_last_place_at_once_give_it_once(clara: Browser, lena: Browser, office: Any) -> None:
    park = await office.school(PARK, places=1)
    first, second = await office.confirmed(park), await office.confirmed(park)
    await clara.open(f"/cases/{first}")
    await lena.open(f"/cases/{second}")
    pages = await asyncio.gather(clara.submit(button=ACCEPT), lena.submit(button=ACCEPT))
    [refused] = [page for page in pages if page.status == 422]
    assert list(refused.errors.values()) == ["Die Schule hat keinen freien Platz mehr."]
    [capacity] = await office.get(f"/v1/schools/{park}/capacities", office.staff())
    assert (capacity["accepted"], capacity["free"]) == (1, 0)


async def test_whoever_has_custody_is_nothing_but_a_parent(desk: Browser, office: Any) -> None:
    """VwVfG NRW § 20 (1): also a lead of the school administration."""
    mother = new_id()
    own, other = await office.invited(mother), await office.invited(new_id())
    await desk.log_in(Role.LEAD, sub="lena-lead", name="Lena Demo", person_id=mother)
    page = await desk.open(f"/cases/{other}")
    form = next(form for form in page.forms if form.button("Selbst übernehmen"))
    form.tag["action"] = f"{desk.base}/cases/{own}/actions/take-over"
    assert (await desk.send(form)).status == 403
    assert (await desk.open(f"/cases/{own}")).status == 403
    assert (await desk.open(f"/cases/{own}/documents/1")).status == 403
    assert (await desk.open(f"/cases/{own}/live")).status == 403
    assert await office.database.pool.fetchval("SELECT count(*) FROM amtsbus.cases WHERE assignee IS NOT NULL") == 0
    rows = await office.database.pool.fetch("SELECT case_id FROM amtsbus.case_reads")
    assert {str(row["case_id"]) for row in rows} == {other}


@pytest.mark.parametrize(
    ("words", "finds"),
    [
        ("ada", True),
        ("OZTURK", True),
        ("öztürk ad", True),
        ("se-2026", True),
        ("ada se-2026", True),
        ("zturk", False),
        ("ada bea", False),
        ("it's \\ & | ! :* ( '", False),
    ],
)
async def test_an_enrolment_is_found_by_the_childs_name_and_by_its_reference(
    clara: Browser, office: Any, words: str, finds: bool
) -> None:
    await office.invited(new_id())
    await clara.open("/")
    page = await clara.submit({"Aktenzeichen oder Name": words}, button="Suchen")
    assert page.status == 200
    assert len(page.soup.select("[data-row]")) == int(finds)


async def test_a_child_is_found_by_its_new_name_and_not_by_the_old_one(office: Any) -> None:
    mother = new_id()
    enrolment_id = await office.invited(mother)
    child_id = await office.database.pool.fetchval("SELECT child_id FROM enrolments")
    await office.database.pool.execute("UPDATE children SET family_name = 'Demo-Weiß' WHERE child_id = $1", child_id)
    async with office.database.transaction() as tx:
        assert await store.find(tx, "weiss", 10) == [UUID(enrolment_id)]
        assert await store.find(tx, "öztürk", 10) == []


async def test_an_enrolment_of_before_the_search_is_found_as_well(office: Any) -> None:
    """What the migration does with the rows that are there: the database writes their words itself."""
    enrolment_id = await office.invited(new_id())
    await office.database.pool.execute("UPDATE enrolments SET search = ''")
    async with office.database.transaction() as tx:
        assert await store.find(tx, "ada oz", 10) == [UUID(enrolment_id)]


async def test_the_search_reads_an_index(office: Any) -> None:
    await office.invited(new_id())
    async with office.database.transaction() as tx:
        await tx.execute("SET LOCAL enable_seqscan = off")
        plan = await tx.fetch(
            "EXPLAIN SELECT enrolment_id FROM enrolments "
            "WHERE array_to_tsvector(string_to_array(search, ' ')) @@ $1::tsquery",
            "'ada':*",
        )
    assert "enrolments_words" in " ".join(row[0] for row in plan)


async def test_pages_with_forms_and_a_mistake_owe_nothing_to_those_who_cannot_see_them(
    lena: Browser, office: Any
) -> None:
    park = await office.school(PARK, places=1)
    cases = [
        await office.invited(new_id()),
        await received(office, park),
        await office.confirmed(park),
        await applied_early(office, park),
    ]
    pages = [await lena.open(f"/cases/{enrolment_id}") for enrolment_id in cases]
    pages += [await lena.submit(button=ACCEPT), await lena.open("/?scope=all")]
    assert [problem for page in pages for problem in accessibility_problems(page)] == []


async def test_the_desk_speaks_english(clara: Browser, office: Any) -> None:
    enrolment_id = await office.confirmed(await office.school(PARK, places=3), criteria=("sibling",))
    await office.must(enrolment_id, "acceptance", office.staff(), {})
    page = await clara.open(f"/cases/{enrolment_id}?language=en")
    for text in ("accepted", "Recorded criteria: Sibling at the school.", "2 of 3 places free", "Birth certificate"):
        assert text in page.text, text


def test_the_desk_has_the_pages_of_every_desk() -> None:
    check_places(SERVICE.web)


async def test_every_role_comes_where_it_may_and_nowhere_else(desk: Browser, office: Any) -> None:
    await check_roles(desk, UUID(await office.invited(new_id())))


async def test_staff_of_other_departments_and_citizens_come_nowhere(desk: Browser, office: Any) -> None:
    await check_strangers(desk, UUID(await office.invited(new_id())), "Öztürk", "SE-2026-")


async def test_an_auditor_reads_and_changes_nothing_and_that_is_recorded(desk: Browser, office: Any) -> None:
    enrolment_id = await office.invited(new_id())
    await desk.log_in(Role.AUDITOR, sub="anna", name="Anna Demo")
    page = await desk.open(f"/cases/{enrolment_id}")
    assert "Sie können hier nur lesen." in page.text
    rows = await office.database.pool.fetch("SELECT who, what FROM amtsbus.case_reads")
    assert [tuple(row) for row in rows] == [("anna", "case")]


async def test_an_operator_sees_how_far_an_invitation_is_and_no_child(desk: Browser, office: Any) -> None:
    await office.school(PARK)
    await office.arrival(new_id())
    await office.arrival()
    page = await desk.log_in(Role.OPERATOR, sub="otto", back_to="/operations")
    assert "Einladung zum Schuljahr 2026/27" in page.text
    for text in ("noch nicht angeordnet", "2 Kinder", "ohne bekannte Sorgeberechtigte: 1", "Aufnahmekapazität: 1"):
        assert text in page.text, text
    await office.order_invitation()
    assert "noch einzuladen: 2" in (await desk.open("/operations")).text
    await office.work_through_invitations()
    page = await desk.open("/operations")
    assert "alle sind eingeladen" in page.text
    assert "Öztürk" not in page.response.text
