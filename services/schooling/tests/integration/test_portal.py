"""Registrations from the portal: a child that is known is registered at once, everything else waits for a caseworker."""

import asyncio
import json
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from amtsbus.ids import new_id
from amtsbus.service import Running
from amtsbus.testing.portal import DemoPortal
from schooling.consumed import ApplicationSubmitted
from schooling.main import SERVICE
from schooling.published import CATALOGUE, PROGRESS
from schooling.subscribers import on_application_submitted
from schooling.use_cases.take_in_child import TakeInChild, take_in_child

from .handing_in import Counter, file, submitted

MOTHER = UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0e003")
FATHER = UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0e004")


# A child that is known


async def test_a_child_that_is_known_is_registered_at_once(counter: Counter) -> None:
    enrolment_id = await counter.office.invited(MOTHER, FATHER)
    application_id = await counter.apply(
        MOTHER, documents=[file("birth_certificate")], answers={"criteria": ["sibling"], "deferral": True}
    )
    view = await counter.enrolment(enrolment_id)
    assert (view["state"], view["first_choice"]["name"], view["second_choice"]) == ("received", "Demo-Schule A", None)
    assert (view["stated_criteria"], view["deferral_requested"]) == (["sibling"], True)
    assert view["documents"] == ["birth-certificate"]
    assert await counter.office.events(enrolment_id) == ["parents-invited", "enrolment-received"]
    (opened, first), (moved, last) = await counter.told(application_id)
    assert (opened, first["procedure"], first["procedure_version"]) == ("case-opened", "school-registration", 1)
    assert (first["state"], first["applicant_id"]) == ("received", str(MOTHER))
    assert (moved, last["action"], last["state"], last["closed"]) == ("case-moved", "register", "granted", True)


@pytest.mark.parametrize(
    ("given_names", "family_name"),
    [("ADA", "öztürk"), ("Ada", "Ozturk"), ("  Ada ", "Öztürk")],
)
async def test_a_name_may_be_written_as_people_write_it(counter: Counter, given_names: str, family_name: str) -> None:
    enrolment_id = await counter.office.invited(MOTHER)
    await counter.apply(MOTHER, answers={"given_names": given_names, "family_name": family_name})
    assert (await counter.enrolment(enrolment_id))["state"] == "received"


async def test_what_the_portal_has_told_twice_is_one_registration(counter: Counter) -> None:
    enrolment_id = await counter.office.invited(MOTHER)
    event = submitted(MOTHER, await counter.schools())
    for _ in range(2):
        await counter.tell("submitted", event)
    assert await counter.states(UUID(event["application_id"])) == ["received", "granted"]
    assert await counter.office.events(enrolment_id) == ["parents-invited", "enrolment-received"]


async def test_two_parents_who_register_a_child_at_once_register_it_once(counter: Counter) -> None:
    enrolment_id = await counter.office.invited(MOTHER, FATHER)
    both = await asyncio.gather(*(counter.apply(parent) for parent in (MOTHER, FATHER)))
    states = sorted([await counter.states(application_id) for application_id in both])
    assert states == [["received"], ["received", "granted"]]
    assert await counter.office.events(enrolment_id) == ["parents-invited", "enrolment-received"]


async def test_the_journal_names_no_child(counter: Counter) -> None:
    await counter.office.invited(MOTHER)
    await counter.apply(MOTHER)
    rows = await counter.office.database.pool.fetch(
        "SELECT data::text FROM amtsbus.events WHERE topic <> $1", CATALOGUE.topic
    )
    assert rows
    assert not any("Ada" in row["data"] or "ztürk" in row["data"] for row in rows)


# Whatever else is the case waits, and looks the same to whoever applies


async def test_a_child_of_others_is_to_the_applicant_one_that_does_not_exist(counter: Counter) -> None:
    enrolment_id = await counter.office.invited(MOTHER)
    stranger = new_id()
    of_others = await counter.apply(stranger)
    of_nobody = await counter.apply(stranger, answers={"given_names": "Demo-Nobody"})
    said = [await counter.told(one) for one in (of_others, of_nobody)]
    for events in said:
        for _, event in events:
            del event["case_id"], event["reference"], event["opened_at"]
    assert said[0] == said[1]
    assert [kind for kind, _ in said[0]] == ["case-opened"]
    assert (await counter.enrolment(enrolment_id))["state"] == "invited"


@pytest.mark.parametrize(
    "wrong",
    [{"given_names": "Eva"}, {"family_name": "Muster"}, {"date_of_birth": "2020-05-02"}],
)
async def test_an_answer_that_does_not_fit_leaves_the_application_to_a_caseworker(
    counter: Counter, wrong: dict[str, Any]
) -> None:
    enrolment_id = await counter.office.invited(MOTHER)
    application_id = await counter.apply(MOTHER, answers=wrong)
    assert await counter.states(application_id) == ["received"]
    assert (await counter.enrolment(enrolment_id))["state"] == "invited"


async def test_twins_that_the_answers_do_not_tell_apart_are_left_to_a_caseworker(counter: Counter) -> None:
    for names in ("Ada Eva", "Eva Ada"):
        async with counter.office.database.transaction() as tx:
            await take_in_child(TakeInChild(new_id(), names, "Öztürk", date(2020, 5, 1), (MOTHER,), arrives=True), tx)
    await counter.office.order_invitation()
    await counter.office.work_through_invitations()
    assert await counter.states(await counter.apply(MOTHER)) == ["received"]
    assert await counter.states(await counter.apply(MOTHER, answers={"given_names": "Ada Eva Maria"})) == ["received"]


async def test_a_child_that_is_not_invited_or_registered_already_is_left_to_a_caseworker(counter: Counter) -> None:
    await counter.office.arrival(MOTHER)
    assert await counter.states(await counter.apply(MOTHER)) == ["received"]
    await counter.office.order_invitation()
    await counter.office.work_through_invitations()
    assert await counter.states(await counter.apply(MOTHER)) == ["received", "granted"]
    assert await counter.states(await counter.apply(MOTHER)) == ["received"]


# What came too early


async def test_an_application_that_comes_before_the_invitation_registers_the_child_when_it_is_invited(
    counter: Counter,
) -> None:
    child_id = await counter.office.arrival(MOTHER, FATHER)
    early = [await counter.apply(MOTHER), await counter.apply(FATHER, answers={"given_names": "Demo-Nobody"})]
    await counter.office.look_anew()
    assert [await counter.states(one) for one in early] == [["received"], ["received"]]
    await counter.office.order_invitation()
    await counter.office.work_through_invitations()
    await counter.office.look_anew()
    assert [await counter.states(one) for one in early] == [["received", "granted"], ["received"]]
    enrolment_id = await counter.office.database.pool.fetchval(
        "SELECT enrolment_id FROM enrolments WHERE child_id = $1", child_id
    )
    assert await counter.office.events(enrolment_id) == ["parents-invited", "enrolment-received"]


@pytest.mark.parametrize("known_before", ["nothing", "another name", "no custody"])
async def test_an_application_that_comes_before_the_registers_entry_registers_the_child_when_that_is_right(
    counter: Counter, known_before: str
) -> None:
    child_id = new_id()

    async def entry(given_names: str, custodians: tuple[UUID, ...], *, arrives: bool) -> None:
        child = TakeInChild(child_id, given_names, "Öztürk", date(2020, 5, 1), custodians, arrives=arrives)
        async with counter.office.database.transaction() as tx:
            await take_in_child(child, tx)

    await counter.office.order_invitation()
    if known_before != "nothing":
        await entry(
            "Eva" if known_before == "another name" else "Ada",
            (FATHER,) if known_before == "no custody" else (MOTHER,),
            arrives=True,
        )
    application_id = await counter.apply(MOTHER)
    await counter.office.look_anew()
    assert await counter.states(application_id) == ["received"]
    await entry("Ada", (MOTHER, FATHER), arrives=known_before == "nothing")
    await counter.office.look_anew()
    assert await counter.states(application_id) == ["received", "granted"]


async def test_what_cannot_be_registered_by_itself_waits_for_a_caseworker_and_holds_up_nobody(counter: Counter) -> None:
    office, (gone, other) = counter.office, await counter.schools()
    for parent in (MOTHER, FATHER):
        await office.arrival(parent)
    first = await counter.apply(MOTHER, answers={"first_choice": gone})
    second = await counter.apply(FATHER, answers={"first_choice": other})
    async with office.database.transaction() as tx:
        await tx.execute("DELETE FROM capacities")
        await tx.execute("DELETE FROM schools WHERE 'school-' || school_id = $1", gone)
    await office.order_invitation()
    await office.work_through_invitations()
    await office.look_anew()
    assert await counter.states(first) == ["received"]
    assert await counter.states(second) == ["received", "granted"]


@pytest.mark.parametrize("commits_first", ["application", "invitation"])
async def test_an_application_that_crosses_with_the_invitation_registers_the_child(
    counter: Counter, commits_first: str
) -> None:
    office = counter.office
    await office.order_invitation()
    event = submitted(MOTHER, await counter.schools())
    if commits_first == "application":
        async with office.database.transaction() as invitation:
            child = TakeInChild(new_id(), "Ada", "Öztürk", date(2020, 5, 1), (MOTHER,), arrives=True)
            await take_in_child(child, invitation)
            await counter.tell("submitted", event)
            await office.look_anew()
    else:
        async with office.database.transaction() as application:
            await on_application_submitted(ApplicationSubmitted.model_validate(event), application)
            await office.arrival(MOTHER)
            await office.look_anew()
    await office.look_anew()
    assert await counter.states(UUID(event["application_id"])) == ["received", "granted"]


# Questions


async def test_answers_that_make_no_sense_are_asked_for_and_lead_to_the_child_when_they_are_right(
    counter: Counter,
) -> None:
    enrolment_id = await counter.office.invited(MOTHER)
    application_id = await counter.apply(MOTHER, answers={"date_of_birth": "a day in May", "first_choice": ["x"]})
    *_, (kind, said) = await counter.told(application_id)
    assert (kind, said["fields"], said["documents"]) == (
        "case-documents-requested",
        ["date_of_birth", "first_choice"],
        [],
    )
    assert said["due_on"] == "2026-03-16"
    [(asked, letter)] = await counter.letters(application_id)
    assert (asked, letter["applicant_id"], letter["due_on"]) == ("answers-requested", str(MOTHER), "2026-03-16")

    await counter.supply(application_id, answers={"date_of_birth": "2020-05-01"})
    *_, (kind, said) = await counter.told(application_id)
    assert (kind, said["fields"]) == ("case-documents-requested", ["first_choice"])
    assert len(await counter.letters(application_id)) == 1, "nobody is written to for what they have just seen"
    await counter.supply(application_id, answers={"first_choice": (await counter.schools())[1]})
    assert (await counter.enrolment(enrolment_id))["first_choice"]["name"] == "Demo-Schule B"
    assert (await counter.states(application_id))[-2:] == ["received", "granted"]


async def test_a_message_alone_answers_no_question(counter: Counter) -> None:
    application_id = await counter.apply(MOTHER, answers={"date_of_birth": None})
    await counter.supply(application_id, message="Ich rufe morgen an.")
    *_, (kind, said) = await counter.told(application_id)
    assert (kind, said["fields"]) == ("case-documents-requested", ["date_of_birth"])
    kept = await counter.office.database.pool.fetchrow("SELECT message, taken_over FROM application_supplements")
    assert kept is not None
    assert (kept["message"], kept["taken_over"]) == ("Ich rufe morgen an.", False)


@pytest.mark.parametrize(
    "answers",
    [
        {"given_names": None, "family_name": 5, "criteria": "sibling"},
        {"given_names": "x" * 5000, "family_name": "ß" * 5000},
        {"second_choice": {"a": [1]}, "criteria": ["no-such-thing"], "deferral": "perhaps"},
        {"nobody_asked": "for this"},
    ],
)
async def test_no_application_is_lost_whatever_is_in_it(counter: Counter, answers: dict[str, Any]) -> None:
    application_id = await counter.apply(MOTHER, answers=answers, documents=[file("a_poem"), file("birth_certificate")])
    kept = await counter.office.database.pool.fetchval(
        "SELECT answers::text FROM applications WHERE application_id = $1", application_id
    )
    assert json.loads(kept).items() >= answers.items()
    files = await counter.office.database.pool.fetch("SELECT document FROM application_files")
    assert [row["document"] for row in files] == ["birth-certificate"]


async def test_the_same_school_twice_is_asked_for(counter: Counter) -> None:
    school, _ = await counter.schools()
    application_id = await counter.apply(MOTHER, answers={"second_choice": school})
    assert (await counter.told(application_id))[-1][1]["fields"] == ["second_choice"]


# What comes later


async def test_documents_after_the_registration_go_to_the_enrolment(counter: Counter) -> None:
    enrolment_id = await counter.office.invited(MOTHER, FATHER)
    application_id = await counter.apply(MOTHER)
    before = await counter.told(application_id)
    await counter.supply(application_id, file("measles_protection"))
    assert (await counter.enrolment(enrolment_id))["documents"] == ["measles-protection"]
    assert await counter.told(application_id) == before
    assert await counter.what_happened(application_id) == ["opened", "action-taken"]


async def test_documents_that_nobody_waits_for_any_more_are_recorded(counter: Counter) -> None:
    enrolment_id = await counter.office.invited(MOTHER, FATHER)
    everything = [file("birth_certificate"), file("measles_protection", 2)]
    application_id = await counter.apply(MOTHER, documents=everything)
    await counter.office.must(enrolment_id, "confirmation", counter.office.staff(), {"criteria": []})
    await counter.supply(application_id, file("custody_evidence", 3))
    assert (await counter.what_happened(application_id))[-1] == "supplied-late"


async def test_what_nobody_asked_for_is_kept_with_the_application(counter: Counter) -> None:
    application_id = await counter.apply(MOTHER)
    await counter.supply(application_id, file("custody_evidence"), answers={"family_name": "Demo-Other"})
    assert (await counter.what_happened(application_id))[-1] == "supplied-unasked"
    row = await counter.office.database.pool.fetchrow(
        "SELECT a.answers ->> 'family_name', s.answers ->> 'family_name', s.replaced ->> 'family_name', "
        "(SELECT count(*) FROM application_files) "
        "FROM applications a JOIN application_supplements s USING (application_id)"
    )
    assert row is not None
    assert tuple(row) == ("Öztürk", "Demo-Other", "Öztürk", 1)


async def test_a_withdrawal_closes_the_application_once(counter: Counter) -> None:
    application_id = await counter.apply(MOTHER)
    for _ in range(2):
        await counter.withdraw(application_id)
    await counter.supply(application_id, file("birth_certificate"), message="Zu spät")
    assert await counter.states(application_id) == ["received", "withdrawn"]
    assert (await counter.what_happened(application_id))[-2:] == ["withdrawn-after-the-end", "supplied-late"]
    kept = await counter.office.database.pool.fetchrow(
        "SELECT message, (SELECT document FROM application_files) FROM application_supplements"
    )
    assert kept is not None
    assert tuple(kept) == ("Zu spät", "birth-certificate"), "what a citizen sends is kept"


async def test_a_question_is_withdrawn_with_its_application(counter: Counter) -> None:
    application_id = await counter.apply(MOTHER, answers={"date_of_birth": None})
    await counter.withdraw(application_id)
    assert (await counter.states(application_id))[-1] == "withdrawn"


async def test_a_withdrawal_after_the_registration_ends_the_enrolment_while_parents_may_end_it(
    counter: Counter,
) -> None:
    enrolment_id = await counter.office.invited(MOTHER, FATHER)
    application_id = await counter.apply(MOTHER)
    for _ in range(2):
        await counter.withdraw(application_id)
    view = await counter.enrolment(enrolment_id)
    assert (view["state"], view["withdrawn_because"]) == ("withdrawn", "by-parents")
    assert await counter.office.events(enrolment_id) == [
        "parents-invited",
        "enrolment-received",
        "enrolment-withdrawn",
    ]
    assert (await counter.what_happened(application_id))[-1] == "withdrawn-after-the-end", "the second one"


async def test_whoever_has_no_custody_any_more_withdraws_nothing(counter: Counter) -> None:
    enrolment_id = await counter.office.invited(MOTHER, FATHER)
    application_id = await counter.apply(MOTHER)
    await counter.office.database.pool.execute("UPDATE children SET custodian_ids = ARRAY[$1::uuid]", FATHER)
    await counter.withdraw(application_id)
    await counter.supply(application_id, file("measles_protection"))
    view = await counter.enrolment(enrolment_id)
    assert (view["state"], view["documents"]) == ("received", [])
    assert (await counter.what_happened(application_id))[-2:] == ["withdrawn-after-the-end", "supplied-late"]


# What is offered


async def test_the_service_is_offered_with_the_citys_schools_and_not_before_there_are_two(
    office: Any, settings_of: Any
) -> None:
    counter = Counter(office)
    running = Running(settings_of(SERVICE, office.database), office.database)
    await office.school("Demo-Schule A")
    await counter.publish(running)
    assert await counter.offers() == []
    await office.school("Demo-Schule B")
    for _ in range(2):
        await counter.publish(running)
    [first] = await counter.offers()
    assert first["version"] == 1
    assert counter.options(first, "first_choice") == ["Demo-Schule A", "Demo-Schule B"]
    await office.school("Demo-Schule Ä")
    await counter.publish(running)
    _, second = await counter.offers()
    assert second["version"] == 2
    assert len(counter.options(second, "first_choice")) == 3
    assert counter.options(second, "second_choice") == counter.options(second, "first_choice")


async def test_an_application_is_read_by_the_form_that_was_filled_in(counter: Counter, settings_of: Any) -> None:
    enrolment_id = await counter.office.invited(MOTHER)
    event = submitted(MOTHER, await counter.schools())
    await counter.office.school("Demo-Schule C")
    await counter.publish(Running(settings_of(SERVICE, counter.office.database), counter.office.database))
    await counter.tell("submitted", event)
    assert (await counter.enrolment(enrolment_id))["state"] == "received"


# Over the bus


@pytest.fixture
async def portal(office: Any, service_database: Any, town_bus: Any, tmp_path: Path) -> DemoPortal:
    (tmp_path / "migrations").mkdir()
    return await DemoPortal.before((SERVICE, office.database), service_database, town_bus, tmp_path / "migrations")


async def test_the_worker_offers_schools_within_seconds_and_the_reader_goes_on_whatever_parents_hand_in(
    office: Any, portal: DemoPortal
) -> None:
    counter = Counter(office)
    for nth in (1, 2):
        await office.school(f"Demo-Schule {nth}")
    while not await counter.offers():
        await portal.bus.settled()
    await office.school("Demo-Schule 3")
    while len(await counter.offers()) < 2:
        await portal.bus.settled()
    enrolment_id = await office.invited(MOTHER)
    schools = await counter.schools()
    strange = submitted(MOTHER, schools, answers={"given_names": {"x": [None]}}, documents=[file("a_poem")] * 3)
    empty = submitted(MOTHER, schools, documents=[]) | {"answers": {}}
    good = submitted(MOTHER, schools)
    await portal.hand_in(strange, empty, good)
    rows = await office.database.pool.fetch(
        "SELECT case_id, state FROM amtsbus.cases WHERE procedure_key = 'school-registration'"
    )
    assert {str(row["case_id"]): row["state"] for row in rows} == {
        strange["application_id"]: "asked",
        empty["application_id"]: "asked",
        good["application_id"]: "registered",
    }
    assert (await counter.enrolment(enrolment_id))["state"] == "received"
    assert await office.database.pool.fetchval("SELECT count(*) FROM amtsbus.dead_letters") == 0
    assert PROGRESS.topic in {event.topic for event in SERVICE.published}
