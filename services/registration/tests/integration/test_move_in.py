"""A family moves in: journey 1 as far as registration goes."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

from amtsbus.clock import FixedClock
from registration.published import POSTAL_ADDRESSES, RESIDENTS, SCHOOL_AGE_CHILDREN

from .conftest import ELSEWHERE, HOME, LANDLORD, OTHER_HOME, Office, a_family, a_move_in, a_person


async def test_a_family_of_four_is_registered_and_each_reader_learns_its_part(office: Office) -> None:
    mother = str(uuid4())
    case = await office.submit("move-ins", a_move_in(persons=a_family()), office.citizen(mother))
    assert case["state"] == "submitted"
    assert case["reference"].startswith("MA-2026-")
    assert case["days_late"] == 0
    assert case["persons"][0]["person_id"] == mother
    assert await office.events() == []

    registered = await office.register("move-ins", case)
    assert registered["state"] == "registered"
    assert registered["decision"]["outcome"] == "registered"
    assert registered["due_on"] == "2026-03-05", "three Werktage to report back, BMG § 33"

    family = [person["person_id"] for person in case["persons"]]
    residents = await office.events(RESIDENTS)
    assert [kind for kind, _ in residents] == ["resident-registered"] * 4
    assert {event["person_id"] for _, event in residents} == set(family)
    assert [event["adult"] for _, event in residents] == [True, True, False, False]
    assert len({event["household_id"] for _, event in residents}) == 1
    assert "Hauptstraße" not in str(residents)

    addresses = dict(zip(family, [event for _, event in await office.events(POSTAL_ADDRESSES)], strict=True))
    assert addresses[mother]["language"] == "en"
    assert addresses[mother]["address"]["street"] == "Hauptstraße"
    assert addresses[mother]["disclosure_blocked"] is False

    [(kind, child)] = await office.events(SCHOOL_AGE_CHILDREN)
    assert kind == "school-age-child-registered"
    assert child == {
        "child_id": family[2],
        "given_names": "Jana",
        "family_name": "Müller",
        "date_of_birth": "2020-08-14",
        "custodian_ids": family[:2],
    }


async def test_each_adult_sees_the_result_and_own_record_and_nobody_else_does(office: Office) -> None:
    mother, father, child, _baby = await office.registered(*a_family())
    cases = (await office.client.get("/v1/move-ins", headers=office.citizen(mother))).json()["items"]
    assert [case["state"] for case in cases] == ["registered"]
    path = f"/v1/move-ins/{cases[0]['case_id']}"
    for adult in (mother, father):
        answer = await office.client.get(path, headers=office.citizen(adult))
        assert answer.status_code == 200
        assert answer.json()["file"] is None
        own = (await office.client.get("/v1/me", headers=office.citizen(adult))).json()
        assert own["residences"][0]["address"]["street"] == "Hauptstraße"
        assert len(own["household"]) == 3
        assert (await office.client.get(f"/v1/persons/{child}", headers=office.citizen(adult))).status_code == 200
    stranger = office.citizen(uuid4())
    for foreign in (path, f"/v1/persons/{mother}", "/v1/me"):
        assert (await office.client.get(foreign, headers=stranger)).status_code == 404
    assert (await office.client.get("/v1/move-ins", headers=stranger)).json()["items"] == []
    actions = {"landlord-confirmation": LANDLORD, "landlord-refusal": {"statement": "No"}, "withdraw": None}
    for action, form in actions.items():
        assert (await office.act(f"{path}/{action}", stranger, cases[0], form)).status_code == 404
        assert (await office.act(f"{path}/{action}", office.citizen(father), cases[0], form)).status_code == 404
    assert (await office.act(f"{path}/register", stranger, cases[0])).status_code == 403


async def test_without_the_landlords_confirmation_the_case_waits_for_it(office: Office) -> None:
    person = office.citizen(uuid4())
    case = await office.submit("move-ins", a_move_in(landlord_confirmation=None), person)
    assert case["state"] == "awaiting-confirmation"
    assert case["due_on"] == "2026-03-16"
    path = f"/v1/move-ins/{case['case_id']}"
    early = await office.act(f"{path}/register", office.clerk, case)
    assert early.status_code == 422
    assert early.json()["type"].endswith("action-not-permitted")

    answer = await office.act(f"{path}/landlord-confirmation", person, case, LANDLORD | {"moved_in_on": "2026-02-01"})
    assert answer.status_code == 200, answer.text
    supplied = answer.json()
    assert supplied["state"] == "submitted"
    assert supplied["landlord_confirmation"]["status"] == "confirmed"
    notes = (await office.client.get(path, headers=office.clerk)).json()["file"]["notes"]
    assert "2026-02-01" in notes[0]["text"], "the clerk is told that the dates differ"
    assert (await office.register("move-ins", supplied))["state"] == "registered"


async def test_a_landlord_who_refuses_does_not_stop_the_registration(office: Office) -> None:
    person = office.citizen(uuid4())
    case = await office.submit("move-ins", a_move_in(landlord_confirmation=None), person)
    path = f"/v1/move-ins/{case['case_id']}/landlord-refusal"
    reported = (await office.act(path, person, case, {"statement": "He does not answer."})).json()
    assert reported["landlord_confirmation"]["status"] == "refused"
    assert (await office.register("move-ins", reported))["state"] == "registered"


async def test_a_late_declaration_is_noted_and_registered(office: Office) -> None:
    case = await office.submit("move-ins", a_move_in(moved_in_on="2026-01-05"), office.clerk)
    assert case["days_late"] == 42, "the two weeks of § 17 (1) ended on 19 January"
    assert "42 days" in case["file"]["notes"][0]["text"]
    assert (await office.register("move-ins", case))["state"] == "registered"


async def test_an_action_on_an_old_version_is_refused(office: Office) -> None:
    case = await office.submit("move-ins", a_move_in(), office.citizen(uuid4()))
    path = f"/v1/move-ins/{case['case_id']}"
    await office.act(f"{path}/assign", office.clerk, case, {"assignee": "clerk-schmitz"})
    assert (await office.act(f"{path}/register", office.clerk, case)).status_code == 412
    assert (await office.client.post(f"{path}/register", headers=office.clerk)).status_code == 428
    assert await office.events() == []


async def test_a_rejected_and_a_withdrawn_case_enter_nothing(office: Office) -> None:
    person = office.citizen(uuid4())
    case = await office.submit("move-ins", a_move_in(), person)
    path = f"/v1/move-ins/{case['case_id']}"
    rejected = await office.act(f"{path}/reject", office.clerk, case, {"reason": "The home does not exist."})
    assert rejected.json()["decision"] == {
        "outcome": "rejected",
        "reasons": ["The home does not exist."],
        "decided_on": "2026-03-02",
    }
    other = await office.submit("move-ins", a_move_in(), person)
    withdrawn = await office.act(f"/v1/move-ins/{other['case_id']}/withdraw", person, other)
    assert withdrawn.json()["state"] == "withdrawn"
    assert withdrawn.json()["actions"] == []
    assert await office.events() == []
    assert await office.database.pool.fetchval("SELECT count(*) FROM persons") == 0


async def test_a_move_in_ahead_of_its_day_is_entered_by_the_calendar_on_the_day(
    office: Office, clock: FixedClock
) -> None:
    from registration.settings import RegistrationSettings
    from registration.use_cases.follow_the_calendar import follow_the_calendar

    law = RegistrationSettings(service="registration", database_url=office.database.url).office
    case = await office.submit("move-ins", a_move_in(moved_in_on="2026-03-10"), office.citizen(uuid4()))
    checked = await office.register("move-ins", case)
    assert checked["state"] == "checked"
    again = await office.act(f"/v1/move-ins/{case['case_id']}/register", office.clerk, checked)
    assert again.json()["type"].endswith("waits-for-its-day")
    await follow_the_calendar(office.database, law)
    assert await office.events() == []
    clock.advance(timedelta(days=12))
    await follow_the_calendar(office.database, law)
    await follow_the_calendar(office.database, law)
    assert [kind for kind, _ in await office.events(RESIDENTS)] == ["resident-registered"]
    entered = (await office.client.get(f"/v1/move-ins/{case['case_id']}", headers=office.clerk)).json()
    assert entered["state"] == "registered"


async def test_what_cannot_be_entered_on_its_day_any_more_returns_to_a_clerk(office: Office, clock: FixedClock) -> None:
    from registration.settings import RegistrationSettings
    from registration.use_cases.follow_the_calendar import follow_the_calendar

    law = RegistrationSettings(service="registration", database_url=office.database.url).office
    person = uuid4()
    ahead = await office.submit("move-ins", a_move_in(moved_in_on="2026-03-10"), office.citizen(person))
    await office.register("move-ins", ahead)
    sooner = await office.submit("move-ins", a_move_in(), office.citizen(person))
    await office.register("move-ins", sooner)
    clock.advance(timedelta(days=10))
    await follow_the_calendar(office.database, law)
    returned = (await office.client.get(f"/v1/move-ins/{ahead['case_id']}", headers=office.clerk)).json()
    assert returned["state"] == "submitted"
    assert "already" in returned["file"]["history"][-1]["reason"]


async def test_a_secondary_residence_needs_a_main_one_and_letters_go_to_that(office: Office) -> None:
    without = a_move_in(residence_kind="secondary")
    refused = await office.client.post("/v1/move-ins", json=without, headers=office.citizen(uuid4()))
    assert refused.json()["type"].endswith("main-residence-missing")
    [person] = await office.registered(
        a_person(is_declarant=True), residence_kind="secondary", main_residence=ELSEWHERE
    )
    [(_, resident)] = await office.events(RESIDENTS)
    assert resident["residence_kind"] == "secondary"
    [(_, postal)] = await office.events(POSTAL_ADDRESSES, person)
    assert postal["address"]["locality"] == "Bonn"


async def test_nobody_gets_two_main_residences(office: Office) -> None:
    [person] = await office.registered()
    again = await office.client.post("/v1/move-ins", json=a_move_in(address=OTHER_HOME), headers=office.citizen(person))
    assert again.status_code == 422
    assert again.json()["type"].endswith("already-registered")


async def test_two_cases_of_one_person_cannot_both_be_registered(office: Office) -> None:
    person = office.citizen(uuid4())
    first = await office.submit("move-ins", a_move_in(), person)
    second = await office.submit("move-ins", a_move_in(address=OTHER_HOME), person)
    await office.register("move-ins", first)
    refused = await office.act(f"/v1/move-ins/{second['case_id']}/register", office.clerk, second)
    assert refused.status_code == 422
    assert len(await office.events(RESIDENTS)) == 1


async def test_a_clerk_sees_who_may_be_the_same_person_already(office: Office) -> None:
    [known] = await office.registered(a_person("Jürgen Karl", "Weiß", "1960-01-31", is_declarant=True))
    case = await office.submit(
        "move-ins", a_move_in(persons=[a_person("Juergen", "Weiss", "1960-01-31", is_declarant=True)]), office.clerk
    )
    assert case["file"]["possible_duplicates"] == [known]


async def test_a_person_is_named_by_id_by_their_own_household_only(office: Office) -> None:
    parent, child = await office.registered(
        a_person(is_declarant=True), a_person("Jana", "Müller", "2020-08-14", custodian_positions=[0])
    )
    second_home = a_move_in(
        residence_kind="secondary",
        address=OTHER_HOME,
        persons=[
            a_person(is_declarant=True),
            a_person("Jana", "Müller", "2020-08-14", person_id=child, custodian_ids=[parent]),
        ],
    )
    stranger = await office.client.post("/v1/move-ins", json=second_home, headers=office.citizen(uuid4()))
    assert stranger.status_code == 422
    assert stranger.json()["type"].endswith("unknown-person")
    second_home["persons"][1]["custodian_ids"] = []
    second_home["persons"][1]["custodian_positions"] = [0]
    case = await office.submit("move-ins", second_home, office.citizen(parent))
    assert case["persons"][1]["person_id"] == child


IMPLAUSIBLE: list[tuple[dict[str, Any], str]] = [
    ({"moved_in_on": "2026-05-01"}, "too-far-ahead"),
    ({"address": ELSEWHERE}, "not-in-this-city"),
    ({"persons": [a_person()]}, "declarant-missing"),
    ({"persons": [a_person(is_declarant=True), a_person("X", is_declarant=True)]}, "declarant-missing"),
    ({"persons": [a_person(is_declarant=True, born_on="2026-03-03")]}, "implausible-date"),
    (
        {"persons": [a_person(is_declarant=True, born_on="2014-03-03", custodian_positions=[0])]},
        "implausible-custodian",
    ),
    ({"persons": [a_person(is_declarant=True, born_on="2014-03-03")]}, "custodian-missing"),
    ({"persons": [a_person(is_declarant=True), a_person("J", "M", "2020-01-01")]}, "custodian-missing"),
    (
        {"persons": [a_person(is_declarant=True), a_person("J", "M", "2020-01-01", custodian_positions=[7])]},
        "unknown-person",
    ),
    ({"persons": [a_person(is_declarant=True), a_person()]}, "person-twice"),
    ({"persons": [a_person(is_declarant=True, person_id=str(uuid4()))]}, "declarant-not-caller"),
    ({"main_residence": ELSEWHERE}, "two-main-residences"),
]


async def test_an_implausible_move_in_is_refused_with_its_reason(office: Office) -> None:
    for wrong, code in IMPLAUSIBLE:
        answer = await office.client.post("/v1/move-ins", json=a_move_in(**wrong), headers=office.citizen(uuid4()))
        assert answer.status_code == 422, wrong
        assert answer.json()["type"].endswith(":" + code), (wrong, answer.text)
    assert await office.database.pool.fetchval("SELECT count(*) FROM declarations") == 0


MALFORMED: list[dict[str, Any]] = [
    {"moved_in_on": "31.12.2025"},
    {"moved_in_on": "1200-01-01"},
    {"moved_in_on": None},
    {"address": HOME | {"house_number": "'; DROP TABLE persons; --"}},
    {"address": HOME | {"country": "Deutschland"}},
    {"persons": []},
    {"persons": [a_person(is_declarant=True)] * 21},
    {"persons": [a_person("😀", is_declarant=True)]},
    {"persons": [a_person("Robert'); DROP TABLE persons;--", is_declarant=True)]},
    {"persons": [a_person("{{ 7*7 }}", is_declarant=True)]},
    {"persons": [a_person("", is_declarant=True)]},
    {"persons": [a_person("x" * 121, is_declarant=True)]},
    {"persons": [a_person(is_declarant=True, born_on="1899-12-31")]},
    {"persons": [a_person(is_declarant=True) | {"is_admin": True}]},
    {"persons": "everybody"},
    {"residence_kind": "third"},
    {"surprise": 1},
]


async def test_malformed_forms_get_a_clear_answer_and_write_nothing(office: Office) -> None:
    for wrong in MALFORMED:
        answer = await office.client.post("/v1/move-ins", json=a_move_in(**wrong), headers=office.citizen(uuid4()))
        assert answer.status_code == 422, wrong
        problem = answer.json()
        assert problem["type"].endswith("validation"), wrong
        assert problem["errors"][0]["pointer"], wrong
        assert "DROP" not in answer.text
    assert await office.database.pool.fetchval("SELECT count(*) FROM declarations") == 0


async def test_names_with_combining_letters_are_kept_and_found(office: Office) -> None:
    name = "C̆ernık̂ová"
    [person] = await office.registered(a_person("M̄aria", name, is_declarant=True))
    record = (await office.client.get("/v1/me", headers=office.citizen(person))).json()
    assert record["family_name"] == name
    found = await office.client.get("/v1/persons", params={"name": "cernikova"}, headers=office.clerk)
    assert [hit["person_id"] for hit in found.json()["items"]] == [person]


async def test_the_same_declaration_sent_twice_with_one_key_is_one_case(office: Office) -> None:
    who = office.citizen(uuid4()) | {"Idempotency-Key": "once"}
    answers = [await office.client.post("/v1/move-ins", json=a_move_in(), headers=who) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["case_id"] for answer in answers}) == 1
    assert await office.database.pool.fetchval("SELECT count(*) FROM declarations") == 1


async def test_two_clerks_who_register_at_once_register_once(office: Office) -> None:
    case = await office.submit("move-ins", a_move_in(persons=a_family()), office.citizen(uuid4()))
    path = f"/v1/move-ins/{case['case_id']}/register"
    answers = await asyncio.gather(*(office.act(path, office.clerk, case) for _ in range(4)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {409, 412}
    assert len(await office.events(RESIDENTS)) == 4


async def test_two_cases_of_one_person_registered_at_once_enter_one_home(office: Office) -> None:
    person = office.citizen(uuid4())
    cases = [await office.submit("move-ins", a_move_in(address=home), person) for home in (HOME, OTHER_HOME)]
    answers = await asyncio.gather(
        *(office.act(f"/v1/move-ins/{case['case_id']}/register", office.clerk, case) for case in cases)
    )
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert statuses[1] in (409, 422)
    assert len(await office.events(RESIDENTS)) == 1
    assert await office.database.pool.fetchval("SELECT count(*) FROM residences") == 1


async def test_a_family_declared_twice_moves_without_a_deadlock(office: Office) -> None:
    family = await office.registered(*a_family())
    forms = [
        {"moved_on": "2026-03-01", "address": OTHER_HOME, "person_ids": ids, "landlord_confirmation": LANDLORD}
        for ids in (family, family[::-1])
    ]
    cases = [await office.submit("moves", form, office.clerk) for form in forms]
    answers = await asyncio.gather(
        *(office.act(f"/v1/moves/{case['case_id']}/register", office.clerk, case) for case in cases)
    )
    # The second one finds the family in its new home since the same day: a move on that day again, which changes nothing.
    assert all(answer.status_code in (200, 409, 422) for answer in answers)
    homes = await office.database.pool.fetchval(
        "SELECT count(*) FROM residences WHERE kind = 'main' AND moved_out_on IS NULL AND superseded_by IS NULL"
    )
    assert homes == 4
