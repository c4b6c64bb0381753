"""A day at the desk of an office: cases are taken, asked about, heard, and decided by two people."""

import json
from datetime import timedelta

import pytest
from amtsbus.auth import Role
from amtsbus.procedures import steps
from offices.use_cases.supply_documents import SupplyDocuments, supply_documents

from .conftest import PARROTS, document


@pytest.fixture
async def clara(desk):
    browser = await desk()
    await browser.log_in(Role.CLERK, sub="clara", name="Clara Demo")
    return browser


@pytest.fixture
async def lena(clara):
    async with clara.another() as browser:
        await browser.log_in(Role.LEAD, sub="lena", name="Lena Demo")
        yield browser


async def test_a_caseworker_finds_a_fresh_case_takes_it_and_has_it_among_their_own(clara, pets):
    case_id = await pets.apply()
    reference = (await pets.file(case_id)).case.reference
    page = await clara.open("/?scope=team")
    assert tuple(cell.get_text(strip=True) for cell in page.soup.select("[data-row] td")[2:5]) == (
        "Papagei halten",
        "in Bearbeitung",
        "prüfen und entscheiden",
    )
    page = await clara.follow(reference)
    for text in (
        "Erika Demo-Muster",
        "Wer?",
        "Papageien",
        "2",
        "Nein",
        "Demo-Papageiengesetz § 1",
        "20,00 €, noch nicht",
    ):
        assert text in page.text, text
    await clara.submit(button="Selbst übernehmen")
    page = await clara.open("/")
    assert reference in page.links


async def test_documents_are_requested_with_reasons_and_what_comes_is_looked_at(clara, pets):
    case_id = await pets.apply(answers=PARROTS | {"parrots": 3}, documents=(document(),))
    await clara.open(f"/cases/{case_id}")
    page = await clara.submit(
        {
            "Welche Unterlagen?": ["Plan des Käfigs"],
            "Welche Angaben sollen berichtigt oder ergänzt werden?": ["Sind sie laut?"],
            "Begründung": "Der Plan ist unscharf.",
        },
        button="Unterlagen anfordern",
    )
    file = await pets.file(case_id)
    assert file.case.state == steps.DOCUMENTS_REQUESTED
    assert file.open_request is not None
    assert (file.open_request.documents, file.open_request.fields) == (("cage_plan",), ("loud",))
    assert "Plan des Käfigs, Sind sie laut?" in page.text
    assert "Es wird auf die Antragstellerin oder den Antragsteller gewartet." in page.text
    assert (await pets.letters(case_id))[-1].about == "documents_requested"

    await pets.do(supply_documents, SupplyDocuments(case_id, (), {"loud": True}, "Ja, sehr."))
    page = await clara.reload()
    assert "Sind sie laut?: false" in page.text
    assert "Ja, sehr." in page.text


async def test_a_request_for_nothing_says_what_to_do(clara, pets):
    case_id = await pets.apply()
    await clara.open(f"/cases/{case_id}")
    page = await clara.submit(button="Unterlagen anfordern")
    assert page.status == 422
    assert list(page.errors.values()) == ["Sagen Sie, was fehlt: eine Unterlage, eine Angabe oder eine Begründung."]


async def test_the_applicant_gets_more_time_and_is_told_until_when(clara, pets):
    case_id = await pets.apply(answers=PARROTS | {"parrots": 3})
    asked = (await pets.file(case_id)).open_request
    await clara.open(f"/cases/{case_id}")
    page = await clara.submit(
        {"Neuer letzter Tag": "1.3.2026", "Begründung": "Krank."}, button="Frist für Unterlagen verlängern"
    )
    assert list(page.errors.values()) == ["Die neue Frist muss später enden als die bisherige."]
    later = asked.due_on + timedelta(days=20)
    page = await clara.submit({"Neuer letzter Tag": f"{later:%d.%m.%Y}"}, button="Frist für Unterlagen verlängern")
    assert page.status == 200
    file = await pets.file(case_id)
    assert (file.open_request.due_on, file.case.due_on) == (later, later)
    told = [told["due_on"] for kind, told in await pets.events(case_id) if kind == "documents-requested"]
    assert told == [asked.due_on.isoformat(), later.isoformat()]


async def test_two_people_decide_and_the_applicant_gets_the_reasons_of_the_first(clara, lena, pets):
    case_id = await pets.apply()
    await clara.open(f"/cases/{case_id}")
    page = await clara.submit({"Begründung": "Leise Tiere."}, button="Vorschlagen: Bewilligen")
    assert "Bestätigen können: Lena Demo." in page.text
    assert "Confirm" not in page.text
    page = await lena.open("/?scope=second")
    await lena.follow((await pets.file(case_id)).case.reference)
    page = await lena.submit(button="Bestätigen: Bewilligen")
    assert "Entschieden: bewilligt" in page.text
    assert "festgesetzt 20,00 €, bezahlt 0,00 €" in page.text.replace("\u00a0", " ")
    assert (await pets.file(case_id)).case.decisions[0].reasons == ("Leise Tiere.",)
    assert "Leise Tiere." in (await pets.letters(case_id))[-1].paragraphs
    buttons = {button.get_text(strip=True) for button in page.main.find_all("button")}
    assert "Notiz schreiben" in buttons
    assert not {"Selbst übernehmen", "Unterlagen anfordern"} & buttons


async def test_a_proposal_is_sent_back_with_a_reason_or_taken_back(clara, lena, pets):
    case_id = await pets.apply()
    await clara.open(f"/cases/{case_id}")
    await clara.submit({"Begründung": "Laut."}, button="Vorschlagen: Ablehnen")
    await lena.open(f"/cases/{case_id}")
    page = await lena.submit({"Begründung": ""}, button="Vorschlag zurückgeben")
    assert list(page.errors.values()) == ["„Begründung“ fehlt noch."]
    page = await lena.submit({"Begründung": "Bitte messen."}, button="Vorschlag zurückgeben")
    assert "Vorschlag zurückgegeben: Ablehnen Bitte messen. Lena Demo" in page.text
    assert (await pets.file(case_id)).case.proposal is None
    await clara.open(f"/cases/{case_id}")
    await clara.submit({"Begründung": "Gemessen."}, button="Vorschlagen: Bewilligen")
    await clara.submit({"Begründung": "Doch nicht."}, button="Eigenen Vorschlag zurückziehen")
    assert (await pets.file(case_id)).case.proposal is None


async def test_where_one_person_is_enough_they_decide_alone(clara, pets):
    case_id = await pets.apply("goldfish", answers={"owner": "Max Demo-Muster", "healthy": False})
    await clara.open(f"/cases/{case_id}")
    page = await clara.submit({"Begründung": ""}, button="Ablehnen")
    assert list(page.errors.values()) == ["„Begründung“ fehlt noch."]
    page = await clara.submit({"Begründung": "Der Fisch ist krank."}, button="Ablehnen")
    assert (await pets.file(case_id)).case.state == steps.REFUSED
    assert "nichts mehr" in page.text


async def test_other_offices_are_asked_and_their_opinions_recorded(clara, pets):
    case_id = await pets.apply()
    await clara.open(f"/cases/{case_id}")
    page = await clara.submit({"Wen beteiligen?": ["noise"]}, button="Andere Stellen beteiligen")
    assert "auf Stellungnahmen warten" in page.text
    page = await clara.submit({"Wortlaut": "nachts abdecken"}, button="Stellungnahme eintragen")
    assert list(page.errors.values()) == ["„Ergebnis“ fehlt noch."]
    assert page.field("Wortlaut") == "nachts abdecken"
    page = await clara.submit({"Ergebnis": "keine Bedenken mit Auflagen"}, button="Stellungnahme eintragen")
    assert "Stellungnahme von noise: keine Bedenken mit Auflagen" in page.text
    assert (await pets.file(case_id)).case.state == steps.RECEIVED


async def test_a_step_of_the_procedures_own_is_taken_at_the_desk(clara, pets):
    case_id = await pets.apply()
    await clara.open(f"/cases/{case_id}")
    await clara.submit(button="Käfig ansehen")
    assert (await pets.letters(case_id))[-1].about == "visit"


async def test_a_case_is_handed_over_with_a_word_to_whoever_gets_it(clara, lena, pets):
    case_id = await pets.apply()
    await clara.open(f"/cases/{case_id}")
    values = {"An wen?": "Lena Demo", "Was soll die Person wissen?": "Ich kenne den Halter."}
    page = await clara.submit(values, button="Übergeben")
    assert "Ich kenne den Halter." in page.text
    assert (await pets.file(case_id)).case.assignee == "lena"


async def test_what_somebody_typed_survives_that_another_was_faster(clara, lena, pets):
    case_id = await pets.apply()
    await clara.open(f"/cases/{case_id}")
    await lena.open(f"/cases/{case_id}")
    await lena.submit({"Notiz": "Der Halter hat angerufen."}, button="Notiz schreiben")
    page = await clara.submit({"Begründung": "Leise, sagt der Nachbar."}, button="Vorschlagen: Bewilligen")
    assert page.status == 409
    assert "Notiz geschrieben Lena Demo" in page.text
    page = await clara.submit(button="Vorschlagen: Bewilligen")
    assert (await pets.file(case_id)).case.proposal.reason == "Leise, sagt der Nachbar."


@pytest.mark.parametrize(
    ("words", "finds"),
    [
        ("erika", True),
        ("ERIKA muster", True),
        ("demo-mus", True),
        ("muster eri", True),
        ("papa-2026", True),
        ("erik max", False),
        ("rika", False),
        ("it's \\ & | ! :* ( '", False),
    ],
)
async def test_a_case_is_found_by_the_beginnings_of_names_and_by_its_reference(clara, pets, words, finds):
    await pets.apply()
    page = await clara.submit({"Aktenzeichen oder Name": words}, button="Suchen")
    assert page.status == 200
    assert len(page.soup.select("[data-row]")) == (1 if finds else 0)


async def test_a_case_is_found_by_its_bare_number(clara, pets):
    case_id = await pets.apply()
    number = (await pets.file(case_id)).case.reference.rsplit("-", 1)[-1].lstrip("0")
    page = await clara.submit({"Aktenzeichen oder Name": number.zfill(2)}, button="Suchen")
    assert page.status == 200
    page = await clara.submit({"Aktenzeichen oder Name": f"{number} erika"}, button="Suchen")
    assert len(page.soup.select("[data-row]")) == 1


async def test_a_case_whose_answers_are_nonsense_is_shown_all_the_same(clara, pets):
    nonsense = {"keeper": ["x"], "parrots": "viele", "loud": "<b>", "since": "irgendwann", "colour": "<b>grün"}
    case_id = await pets.apply()
    await pets.database.pool.execute("UPDATE applications SET answers = $1::jsonb", json.dumps(nonsense))
    page = await clara.open(f"/cases/{case_id}")
    assert page.status == 200
    for text in ("viele", "irgendwann", "Danach war nicht gefragt", "<b>grün"):
        assert text in page.text, text


async def test_the_desk_speaks_english(clara, pets):
    case_id = await pets.apply()
    page = await clara.open(f"/cases/{case_id}?language=en")
    for text in ("Keep a parrot", "being worked on", "examine and decide", "Request documents", "How many?"):
        assert text in page.text, text


async def test_an_application_without_a_name_is_called_so(clara, pets):
    case_id = await pets.apply("goldfish", answers={"owner": "Max Demo-Muster", "healthy": False}, applicant_name=None)
    page = await clara.open(f"/cases/{case_id}")
    assert "ohne Anmeldung gestellt" in page.text
