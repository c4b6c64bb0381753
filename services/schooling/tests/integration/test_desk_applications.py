"""Registrations from the portal at the school administration's desk: a child is found, a question asked, or nobody registered."""

from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from amtsbus.auth import Role
from amtsbus.documents import DocumentStore
from amtsbus.ids import new_id
from amtsbus.service import Running
from amtsbus.testing.browsing import Browser, Page
from amtsbus.testing.desks import accessibility_problems, check_roles, check_strangers
from schooling import store
from schooling.main import SERVICE

from .handing_in import Counter, file

MATCH, ASK, REFUSE = "Kind zuordnen und anmelden", "Rückfrage stellen", "Anmeldung ablehnen"
REFERENCE, EVIDENCE = "Aktenzeichen der Einladung", "Wodurch ist die Sorge belegt?"
CHECK, UPLOAD, GROUNDS = (
    "Welche Angaben soll die Person prüfen?",
    "Welche Nachweise soll die Person hochladen?",
    "Gründe",
)
CUSTODY_SHOWN = "Sorgerechtsnachweis lag vor"
UNKNOWN_CHILD = (
    "Aus Angaben und Nachweisen ergibt sich nicht, welches Kind die Person anmelden kann (§§ 1626, 1629 BGB)."
)
ALREADY = "Das Kind ist schon angemeldet."
PDF = b"%PDF-1.7 a birth certificate"


def offered(page: Page) -> set[str]:
    section = page.main.select_one("section[aria-labelledby=actions]")
    assert section is not None
    return {button.get_text(strip=True) for button in section.find_all("button")} - {""}


def mistakes(page: Page) -> list[str]:
    return list(page.errors.values())


async def reference_of(counter: Counter, enrolment_id: str) -> str:
    return str((await counter.enrolment(enrolment_id))["reference"])


async def test_a_caseworker_finds_the_child_that_was_written_otherwise(clara: Browser, counter: Counter) -> None:
    mother = new_id()
    enrolment_id = await counter.office.invited(mother, new_id())
    application_id = await counter.apply(mother, answers={"given_names": "Adda"}, documents=[file("birth_certificate")])
    page = await clara.open("/?scope=team&procedure=school-registration")
    [row] = page.soup.select("[data-row]")
    assert [cell.get_text(" ", strip=True) for cell in row.select("td")[1:5]] == [
        "Adda Öztürk",
        "Schulanmeldung aus dem Portal",
        "eingegangen, Kind nicht zugeordnet",
        "das Kind zuordnen",
    ]
    page = await clara.open(f"/cases/{application_id}")
    reference = await reference_of(counter, enrolment_id)
    for text in (
        "Demo-Deniz Öztürk",
        "substanziell",
        "Adda",
        "01.05.2020",
        "Demo-Schule A",
        f"{reference} (eingeladen)",
    ):
        assert text in page.text, text
    page = await clara.submit(button=MATCH)  # the reference of the only child that is invited stands there already
    assert "nichts mehr" in page.text
    assert reference in page.text
    view = await counter.enrolment(enrolment_id)
    assert (view["state"], view["documents"]) == ("received", ["birth-certificate"])
    assert await counter.states(application_id) == ["received", "granted"]
    assert await counter.office.events(enrolment_id) == ["parents-invited", "enrolment-received"]
    assert await counter.letters(application_id) == [], "whoever has custody is written to about the enrolment"
    page = await clara.open(f"/cases/{enrolment_id}")
    assert "Schulanmeldung aus dem Portal" in page.text


async def test_custody_that_the_register_does_not_know_has_to_be_shown(clara: Browser, counter: Counter) -> None:
    enrolment_id = await counter.office.invited(new_id())
    application_id = await counter.apply(new_id())
    await clara.open(f"/cases/{application_id}")
    reference = await reference_of(counter, enrolment_id)
    page = await clara.submit({REFERENCE: f" {reference.lower()} "}, button=MATCH)
    assert "nach dem melderegister" in mistakes(page)[0].lower()
    assert (await counter.enrolment(enrolment_id))["state"] == "invited"
    page = await clara.submit({EVIDENCE: CUSTODY_SHOWN}, button=MATCH)
    assert (await counter.enrolment(enrolment_id))["state"] == "received"
    assert page.text.count(CUSTODY_SHOWN) == 2, "among the facts, and as the reason of the step"
    await counter.withdraw(application_id)
    assert (await counter.enrolment(enrolment_id))["state"] == "received", "only those with custody end an enrolment"


async def test_only_a_child_that_is_invited_can_be_registered(clara: Browser, counter: Counter) -> None:
    enrolment_id = await counter.office.confirmed((await counter.schools())[0].removeprefix("school-"))
    application_id = await counter.apply(new_id())
    await clara.open(f"/cases/{application_id}")
    page = await clara.submit({REFERENCE: "SE-2026-999999"}, button=MATCH)
    assert mistakes(page) == ["Unter diesem Aktenzeichen gibt es keine Schulanmeldung."]
    page = await clara.submit({REFERENCE: await reference_of(counter, enrolment_id)}, button=MATCH)
    assert mistakes(page) == ["Dieses Kind ist nicht eingeladen oder schon angemeldet."]


async def test_a_question_is_answered_and_leads_to_the_child(clara: Browser, counter: Counter) -> None:
    mother = new_id()
    enrolment_id = await counter.office.invited(mother)
    application_id = await counter.apply(mother, answers={"family_name": "Demo-Oz"})
    await clara.open(f"/cases/{application_id}")
    page = await clara.submit(button=ASK)
    assert mistakes(page) == ["Kreuzen Sie mindestens eine Angabe oder einen Nachweis an."]
    page = await clara.submit({CHECK: ["Familienname des Kindes"], UPLOAD: ["Sorgerechtsnachweis"]}, button=ASK)
    for text in ("auf die Antwort warten", "Rückfrage offen: Familienname des Kindes", "offen: Sorgerechtsnachweis"):
        assert text in page.text, text
    assert ASK not in offered(page)
    *_, (kind, said) = await counter.told(application_id)
    assert (kind, said["fields"], said["documents"]) == (
        "case-documents-requested",
        ["family_name"],
        ["custody_evidence"],
    )
    assert [kind for kind, _ in await counter.letters(application_id)] == ["answers-requested"]

    await counter.supply(application_id, file("custody_evidence"), message="Hier ist der Nachweis.")
    *_, (kind, said) = await counter.told(application_id)
    assert (kind, said["fields"], said["documents"]) == ("case-documents-requested", ["family_name"], [])
    assert "Hier ist der Nachweis." in (await clara.open(f"/cases/{application_id}")).text
    await counter.supply(application_id, answers={"family_name": "Öztürk"})
    view = await counter.enrolment(enrolment_id)
    assert (view["state"], view["documents"]) == ("received", ["custody-evidence"])
    assert (await counter.states(application_id))[-1] == "granted"


async def test_what_a_caseworker_filled_in_survives_that_the_applicant_was_faster(
    clara: Browser, counter: Counter
) -> None:
    mother = new_id()
    enrolment_id = await counter.office.invited(mother)
    application_id = await counter.apply(mother, answers={"given_names": "Adda"})
    await clara.open(f"/cases/{application_id}")
    await counter.supply(application_id, file("custody_evidence"))
    page = await clara.submit(button=MATCH)
    assert page.status == 409
    assert (await counter.enrolment(enrolment_id))["state"] == "invited"
    await clara.submit(button=MATCH)
    assert (await counter.enrolment(enrolment_id))["documents"] == ["custody-evidence"]


async def test_an_answer_that_is_confirmed_is_answered(clara: Browser, counter: Counter) -> None:
    application_id = await counter.apply(new_id())
    await clara.open(f"/cases/{application_id}")
    await clara.submit({CHECK: ["Geburtsdatum des Kindes"]}, button=ASK)
    await counter.supply(application_id, answers={"date_of_birth": "2020-05-01"})
    assert (await counter.states(application_id))[-1] == "received"
    assert MATCH in offered(await clara.open(f"/cases/{application_id}"))


async def test_nobody_is_registered_without_answers_that_say_which_school(clara: Browser, counter: Counter) -> None:
    application_id = await counter.apply(new_id(), answers={"first_choice": None})
    page = await clara.open(f"/cases/{application_id}")
    assert "Angabe fehlt oder stimmt nicht: Erstwunsch" in page.text
    assert MATCH not in offered(page)


async def test_a_refusal_has_grounds_and_the_applicant_is_written_to(clara: Browser, counter: Counter) -> None:
    application_id = await counter.apply(new_id())
    await clara.open(f"/cases/{application_id}")
    assert mistakes(await clara.submit(button=REFUSE)) == ["„Gründe“ fehlt noch."]
    page = await clara.submit({GROUNDS: [UNKNOWN_CHILD]}, button=REFUSE)
    for text in ("Entschieden: abgelehnt", UNKNOWN_CHILD, "nichts mehr"):
        assert text in page.text, text
    (_, _), (moved, last), (decided, decision) = await counter.told(application_id)
    assert (moved, last["action"], last["state"], last["closed"]) == ("case-moved", "refuse", "refused", True)
    assert (decided, decision["outcome"], decision["automatic"]) == ("case-decided", "refused", False)
    [(letter, said)] = await counter.letters(application_id)
    assert (letter, said["grounds"], said["refused_on"]) == (
        "application-refused",
        ["child-not-established"],
        "2026-03-02",
    )
    assert "child-not-established" not in str(await counter.told(application_id)), "reasons are for the applicant alone"


async def test_that_a_child_is_registered_is_told_only_to_those_who_have_custody(
    clara: Browser, counter: Counter
) -> None:
    mother = new_id()
    await counter.office.invited(mother)
    of_a_stranger = await counter.apply(new_id())
    await counter.apply(mother)
    again = await counter.apply(mother)
    await clara.open(f"/cases/{of_a_stranger}")
    page = await clara.submit({GROUNDS: [ALREADY]}, button=REFUSE)
    assert "Nennen Sie einen anderen Grund" in mistakes(page)[0]
    assert await counter.states(of_a_stranger) == ["received"]
    await clara.open(f"/cases/{again}")
    await clara.submit({GROUNDS: [ALREADY]}, button=REFUSE)
    assert await counter.states(again) == ["received", "refused"]


async def test_an_application_is_taken_over_and_found_again(clara: Browser, counter: Counter) -> None:
    application_id = await counter.apply(new_id())
    await clara.open(f"/cases/{application_id}")
    await clara.submit(button="Selbst übernehmen")
    page = await clara.open("/")
    assert len(page.soup.select("[data-row]")) == 1
    await clara.open(f"/cases/{application_id}")
    await clara.submit(button="In den Pool zurückgeben")
    assert (await clara.open("/")).soup.select("[data-row]") == []


@pytest.mark.parametrize(
    ("words", "finds"), [("ada", True), ("ozturk SA-2026", True), ("sa-2026", True), ("bea", False)]
)
async def test_an_application_is_found_by_the_childs_name_and_by_its_reference(
    counter: Counter, words: str, finds: bool
) -> None:
    application_id = await counter.apply(new_id())
    async with counter.office.database.transaction() as tx:
        assert await store.find_applications(tx, words, 10) == ([application_id] if finds else [])


async def test_the_search_reads_an_index(counter: Counter) -> None:
    await counter.apply(new_id())
    async with counter.office.database.transaction() as tx:
        await tx.execute("SET LOCAL enable_seqscan = off")
        plan = await tx.fetch(
            "EXPLAIN SELECT application_id FROM applications "
            "WHERE array_to_tsvector(string_to_array(search, ' ')) @@ $1::tsquery",
            "'ada':*",
        )
    assert "applications_words" in " ".join(row[0] for row in plan)


# Who may


async def test_nobody_opens_an_application_that_is_their_own_matter(desk: Browser, counter: Counter) -> None:
    mother, father, stranger = new_id(), new_id(), new_id()
    enrolment_id = await counter.office.invited(mother, father)
    hers = await counter.apply(mother, answers={"given_names": "Adda"}, documents=[file("birth_certificate")])
    of_a_stranger = await counter.apply(stranger)
    for person_id in (mother, father):
        await desk.log_in(Role.CLERK, sub="clara-clerk", name="Clara Demo", person_id=person_id)
        page = await desk.open(f"/cases/{of_a_stranger}")
        form = next(form for form in page.forms if form.button("Selbst übernehmen"))
        form.tag["action"] = f"{desk.base}/cases/{hers}/actions/take-over"
        assert (await desk.send(form)).status == 403
        for path in ("", "/documents/1", "/live"):
            assert (await desk.open(f"/cases/{hers}{path}")).status == 403
        await desk.open(f"/cases/{of_a_stranger}")
        evidence = {REFERENCE: await reference_of(counter, enrolment_id), EVIDENCE: CUSTODY_SHOWN}
        assert (await desk.submit(evidence, button=MATCH)).status == 403
    assert (await counter.enrolment(enrolment_id))["state"] == "invited"
    assert (
        await counter.office.database.pool.fetchval("SELECT count(*) FROM amtsbus.cases WHERE assignee IS NOT NULL")
        == 0
    )


async def test_every_role_comes_where_it_may_and_nowhere_else(desk: Browser, counter: Counter) -> None:
    await check_roles(desk, await counter.apply(new_id()))


async def test_staff_of_other_departments_and_citizens_come_nowhere(desk: Browser, counter: Counter) -> None:
    await check_strangers(desk, await counter.apply(new_id()), "Öztürk", "SA-2026-")


async def test_an_auditor_reads_and_changes_nothing_and_that_is_recorded(desk: Browser, counter: Counter) -> None:
    application_id = await counter.apply(new_id())
    await desk.log_in(Role.AUDITOR, sub="anna", name="Anna Demo")
    page = await desk.open(f"/cases/{application_id}")
    assert "Sie können hier nur lesen." in page.text
    rows = await counter.office.database.pool.fetch("SELECT who, what FROM amtsbus.case_reads")
    assert [tuple(row) for row in rows] == [("anna", "case")]


async def test_an_operator_sees_whether_the_portal_offers_it(desk: Browser, office: Any, settings_of: Any) -> None:
    page = await desk.log_in(Role.OPERATOR, sub="otto", back_to="/operations")
    assert "wird nicht angeboten, solange es keine zwei Schulen gibt" in page.text
    for name in ("Demo-Schule A", "Demo-Schule B"):
        await office.school(name)
    await Counter(office).publish(Running(settings_of(SERVICE, office.database), office.database))
    assert "Schulanmeldung im Portal wird angeboten" in (await desk.open("/operations")).text


async def test_a_lead_may_do_what_a_clerk_does(lena: Browser, counter: Counter) -> None:
    page = await lena.open(f"/cases/{await counter.apply(new_id())}")
    assert {MATCH, ASK, REFUSE} <= offered(page)


async def test_an_upload_is_looked_at_and_called_what_it_is(browse: Any, counter: Counter, tmp_path: Path) -> None:
    documents = (tmp_path / "documents").as_uri()
    await DocumentStore.at(documents).put(BytesIO(PDF))
    certificate = file("birth_certificate") | {
        "name": "what a parent calls it.pdf",
        "sha256": sha256(PDF).hexdigest(),
        "size_bytes": len(PDF),
    }
    application_id = await counter.apply(new_id(), documents=[certificate])
    desk = await browse(SERVICE, counter.office.database, documents_url=documents)
    await desk.log_in(Role.CLERK, sub="clara-clerk", name="Clara Demo")
    page = await desk.open(f"/cases/{application_id}")
    assert "what a parent calls it" not in page.text
    answer = (await desk.follow("Ansehen: birth-certificate-1.pdf (öffnet ein neues Fenster)")).response
    assert (answer.content, answer.headers["content-type"]) == (PDF, "application/pdf")


async def test_the_pages_owe_nothing_to_those_who_cannot_see_them_in_german_and_english(
    clara: Browser, counter: Counter
) -> None:
    mother = new_id()
    await counter.office.invited(mother)
    application_id = await counter.apply(mother, answers={"given_names": "Eva"})
    await counter.supply(application_id, message="Demo")
    pages = [await clara.open(f"/cases/{application_id}"), await clara.submit(button=ASK)]
    assert [problem for page in pages for problem in accessibility_problems(page)] == []
    page = await clara.open(f"/cases/{application_id}?language=en")
    for text in ("received, child not matched", "Children of whom this person has custody", "Match the child"):
        assert text in page.text, text
