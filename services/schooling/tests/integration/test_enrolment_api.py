"""From the invitation to a place at school, through the API."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from amtsbus.auth import Role
from amtsbus.clock import FixedClock
from amtsbus.errors import ConflictError
from amtsbus.ids import new_id
from amtsbus.postgres import Database
from schooling import store

EVERYTHING = ["birth-certificate", "measles-protection", "custody-evidence"]


async def test_a_child_is_invited_registered_confirmed_and_accepted(office: Any) -> None:
    mother, father = new_id(), new_id()
    park = await office.school("Grundschule Am Park", places=50)
    field = await office.school("Grundschule Im Feld", places=50)
    enrolment_id = await office.invited(mother, father)

    [mine] = (await office.get("/v1/enrolments", office.parent(father)))["items"]
    assert (mine["enrolment_id"], mine["state"], mine["school_year"]) == (enrolment_id, "invited", 2026)
    assert mine["reference"].startswith("SE-2026-")

    seen = await office.must(
        enrolment_id,
        "registration",
        office.parent(mother),
        {"first_choice": park, "second_choice": field, "criteria": ["sibling"], "documents": ["birth-certificate"]},
    )
    assert seen["state"] == "received"
    assert seen["missing_documents"] == ["measles-protection"], "two custodians need no custody evidence"

    asked = await office.must(enrolment_id, "document-requests", office.staff())
    assert (asked["state"], asked["documents_due_on"]) == ("documents-requested", "2026-03-16")
    await office.must(enrolment_id, "documents", office.parent(father), {"documents": ["measles-protection"]})

    confirmed = await office.must(enrolment_id, "confirmation", office.staff(), {})
    assert confirmed["criteria"] == ["sibling"]
    accepted = await office.must(enrolment_id, "acceptance", office.staff(), {})
    assert (accepted["state"], accepted["accepted_by"]["name"]) == ("accepted", "Grundschule Am Park")

    letter = await office.get(f"/v1/enrolments/{enrolment_id}", office.parent(mother))
    [decision] = letter["decisions"]
    assert decision["outcome"] == "accepted"
    assert decision["legal_basis"] == "§ 46 SchulG NRW, § 1 AO-GS"
    assert letter["actions"] == ["withdraw"]
    assert await office.events(enrolment_id) == [
        "parents-invited",
        "enrolment-received",
        "documents-requested",
        "enrolment-confirmed",
        "child-accepted",
    ]
    [capacity] = await office.get(f"/v1/schools/{park}/capacities", office.staff())
    assert capacity == {"school_year": 2026, "places": 50, "accepted": 1, "free": 49}


async def test_both_custodians_see_the_same_case_and_everybody_else_none(office: Any) -> None:
    mother, father = new_id(), new_id()
    enrolment_id = await office.invited(mother, father)
    one = await office.get(f"/v1/enrolments/{enrolment_id}", office.parent(mother))
    assert one == await office.get(f"/v1/enrolments/{enrolment_id}", office.parent(father))

    stranger = office.parent(new_id())
    school = await office.school("Grundschule Am Park", places=1)
    for action, form in {
        "registration": {"first_choice": school},
        "documents": {"documents": ["birth-certificate"]},
        "withdrawal": {"because": "by-parents"},
    }.items():
        assert (await office.act(enrolment_id, action, stranger, form)).status_code == 404
    for path in (f"/v1/enrolments/{enrolment_id}", f"/v1/enrolments/{enrolment_id}/history"):
        assert (await office.client.get(path, headers=stranger)).status_code == 404
    assert (await office.get("/v1/enrolments", stranger))["items"] == []
    assert (await office.get("/v1/children", stranger))["items"] == []
    assert await office.events(enrolment_id) == ["parents-invited"]


async def test_custody_that_ended_shows_nothing_any_more(office: Any) -> None:
    mother, father = new_id(), new_id()
    enrolment_id = await office.invited(mother, father)
    child_id = UUID((await office.get(f"/v1/enrolments/{enrolment_id}", office.staff()))["child"]["child_id"])
    await office.arrival(mother, child_id=child_id)
    answer = await office.client.get(f"/v1/enrolments/{enrolment_id}", headers=office.parent(father))
    assert answer.status_code == 404


async def test_when_both_custodians_register_at_once_one_choice_holds_and_the_other_is_told(office: Any) -> None:
    mother, father = new_id(), new_id()
    park, field = await office.school("Grundschule Am Park"), await office.school("Grundschule Im Feld")
    enrolment_id = await office.invited(mother, father)
    answers = await asyncio.gather(
        office.act(enrolment_id, "registration", office.parent(mother), {"first_choice": park}, version='"1"'),
        office.act(enrolment_id, "registration", office.parent(father), {"first_choice": field}, version='"1"'),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert await office.events(enrolment_id) == ["parents-invited", "enrolment-received"]


async def test_who_changes_nothing_is_refused(office: Any) -> None:
    enrolment_id = await office.invited(new_id())
    school = await office.school("Grundschule Am Park", places=5)
    for role in (Role.AUDITOR, Role.OPERATOR):
        who = office.staff(role)
        for action, form in {
            "registration": {"first_choice": school},
            "documents": {"documents": ["birth-certificate"]},
            "document-requests": None,
            "confirmation": {},
            "acceptance": {},
            "refusal": {"ground": "capacity-exhausted"},
            "deferral": {"report_seen": True},
            "withdrawal": {"because": "by-parents"},
        }.items():
            assert (await office.act(enrolment_id, action, who, form)).status_code == 403, (role, action)
        for path, form in (
            ("/v1/schools", {"name": "x"}),
            ("/v1/cohorts/2026/invitation", None),
            (f"/v1/schools/{school}/capacities", {"school_year": 2026, "places": 1}),
            ("/v1/early-entries", {"child_id": school, "school_year": 2026, "first_choice": school}),
        ):
            assert (await office.post(path, who, form)).status_code == 403, (role, path)
    assert (await office.get(f"/v1/enrolments/{enrolment_id}", office.staff(Role.AUDITOR)))["actions"] == []


async def test_an_operator_sees_no_content(office: Any) -> None:
    enrolment_id = await office.invited(new_id())
    school = await office.school("Grundschule Am Park")
    for path in (
        "/v1/schools",
        f"/v1/schools/{school}/capacities",
        "/v1/cohorts/2026",
        "/v1/children",
        "/v1/enrolments",
        f"/v1/enrolments/{enrolment_id}",
        f"/v1/enrolments/{enrolment_id}/history",
    ):
        assert (await office.client.get(path, headers=office.staff(Role.OPERATOR))).status_code == 403, path


async def test_a_clerk_of_another_department_is_nobody_here(office: Any) -> None:
    enrolment_id = await office.invited(new_id())
    who = office.staff(Role.LEAD, department="permits")
    assert (await office.client.get(f"/v1/enrolments/{enrolment_id}", headers=who)).status_code == 403


async def test_nobody_decides_on_their_own_child(office: Any) -> None:
    mother = new_id()
    park = await office.school("Grundschule Am Park", places=5)
    enrolment_id = await office.invited(mother)
    herself = office.client.as_(Role.LEAD, Role.CITIZEN, person_id=mother)
    await office.must(enrolment_id, "registration", herself, {"first_choice": park, "documents": EVERYTHING})
    assert (await office.act(enrolment_id, "confirmation", herself, {})).status_code == 403
    assert [row["enrolment_id"] for row in (await office.get("/v1/enrolments", herself, mine=True))["items"]] == [
        enrolment_id
    ]


async def test_an_action_needs_the_present_version(office: Any) -> None:
    mother = new_id()
    park = await office.school("Grundschule Am Park")
    enrolment_id = await office.invited(mother)
    path = f"/v1/enrolments/{enrolment_id}/registration"
    answer = await office.post(path, office.parent(mother), {"first_choice": park})
    assert answer.status_code == 428
    answer = await office.act(
        enrolment_id, "registration", office.parent(mother), {"first_choice": park}, version='"99"'
    )
    assert answer.status_code == 412
    assert "read it again" in answer.json()["detail"]


async def test_the_same_registration_sent_twice_is_taken_once(office: Any) -> None:
    mother = new_id()
    park = await office.school("Grundschule Am Park")
    enrolment_id = await office.invited(mother)
    headers = office.parent(mother) | {"If-Match": '"1"', "Idempotency-Key": "mothers-only-try"}
    path = f"/v1/enrolments/{enrolment_id}/registration"
    answers = await asyncio.gather(
        *(office.client.post(path, json={"first_choice": park}, headers=headers) for _ in range(3))
    )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert await office.events(enrolment_id) == ["parents-invited", "enrolment-received"]


async def test_parents_register_after_15_november_as_well(office: Any, clock: FixedClock) -> None:
    mother = new_id()
    park = await office.school("Grundschule Am Park")
    enrolment_id = await office.invited(mother)
    clock.advance(timedelta(days=60))
    cohort = await office.get("/v1/cohorts/2026", office.staff())
    assert cohort["overdue"] == 1
    await office.must(enrolment_id, "registration", office.parent(mother), {"first_choice": park})
    assert (await office.get("/v1/cohorts/2026", office.staff()))["overdue"] == 0


async def test_a_refused_child_goes_to_its_second_choice(office: Any) -> None:
    park = await office.school("Grundschule Am Park", places=0)
    field = await office.school("Grundschule Im Feld", places=1)
    enrolment_id = await office.confirmed(park, second_choice=field)
    too_early = await office.act(enrolment_id, "acceptance", office.staff(), {"school_id": field})
    assert too_early.json()["type"].endswith("first-choice-first")
    assert (
        await office.act(enrolment_id, "refusal", office.staff(), {"ground": "capacity-exhausted"})
    ).status_code == 403
    refused = await office.must(enrolment_id, "refusal", office.staff(Role.LEAD), {"ground": "capacity-exhausted"})
    assert (refused["state"], refused["refused_by"]) == ("not-accepted", [park])
    accepted = await office.must(enrolment_id, "acceptance", office.staff(), {})
    assert accepted["accepted_by"]["school_id"] == field
    assert (await office.events(enrolment_id))[-2:] == ["child-not-accepted", "child-accepted"]


async def test_a_school_without_a_capacity_decides_nothing(office: Any) -> None:
    enrolment_id = await office.confirmed(await office.school("Grundschule Am Park"))
    answer = await office.act(enrolment_id, "acceptance", office.staff(), {})
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("capacity-not-set")


async def test_the_last_place_goes_by_the_recorded_criteria(office: Any) -> None:
    park = await office.school("Grundschule Am Park", places=1)
    sibling = await office.confirmed(park, criteria=("sibling",))
    nearest = await office.confirmed(park, criteria=("nearest-school",))
    answer = await office.act(sibling, "acceptance", office.staff(), {})
    assert answer.json()["type"].endswith("others-go-first")
    await office.must(nearest, "acceptance", office.staff(), {})
    answer = await office.act(sibling, "acceptance", office.staff(), {})
    assert answer.json()["type"].endswith("school-full")


async def test_a_school_is_never_over_capacity_however_many_clerks_accept_at_once(office: Any) -> None:
    park = await office.school("Grundschule Am Park", places=5)
    waiting = [await office.confirmed(park) for _ in range(14)]
    answers = await asyncio.gather(
        *(
            office.act(enrolment_id, "acceptance", office.staff(sub=f"clerk-{n}"), {})
            for n, enrolment_id in enumerate(waiting)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [422] * 9
    [capacity] = await office.get(f"/v1/schools/{park}/capacities", office.staff())
    assert (capacity["accepted"], capacity["free"]) == (5, 0)
    accepted = await office.database.pool.fetchval(
        "SELECT count(*) FROM amtsbus.events WHERE type = 'schooling.child-accepted.v1'"
    )
    assert accepted == 5


async def test_a_capacity_is_not_lowered_below_the_accepted_children(office: Any) -> None:
    park = await office.school("Grundschule Am Park", places=2)
    enrolment_id = await office.confirmed(park)
    await office.must(enrolment_id, "acceptance", office.staff(), {})
    answer = await office.post(
        f"/v1/schools/{park}/capacities", office.staff(Role.LEAD), {"school_year": 2026, "places": 0}
    )
    assert answer.json()["type"].endswith("below-accepted")


async def test_a_withdrawn_child_s_place_goes_to_the_next(office: Any) -> None:
    park = await office.school("Grundschule Am Park", places=1)
    first, second = await office.confirmed(park), await office.confirmed(park)
    await office.must(first, "acceptance", office.staff(), {})
    assert (await office.act(second, "acceptance", office.staff(), {})).status_code == 422
    await office.must(first, "withdrawal", office.staff(), {"because": "private-school"})
    await office.must(second, "acceptance", office.staff(), {})
    assert (await office.events(first))[-1] == "enrolment-withdrawn"


async def test_a_deferred_child_joins_the_next_cohort_with_an_enrolment_of_its_own(office: Any) -> None:
    park = await office.school("Grundschule Am Park", places=1)
    mother = new_id()
    enrolment_id = await office.invited(mother)
    await office.must(
        enrolment_id,
        "registration",
        office.parent(mother),
        {"first_choice": park, "documents": EVERYTHING, "deferral": True},
    )
    assert (
        (await office.act(enrolment_id, "deferral", office.staff(Role.LEAD), {}))
        .json()["type"]
        .endswith("report-not-seen")
    )
    deferred = await office.must(enrolment_id, "deferral", office.staff(Role.LEAD), {"report_seen": True})
    assert (deferred["state"], deferred["actions"]) == ("deferred", [])
    await office.order_invitation(2027)
    await office.work_through_invitations()
    mine = (await office.get("/v1/enrolments", office.parent(mother)))["items"]
    assert [(row["school_year"], row["state"]) for row in mine] == [(2026, "deferred"), (2027, "invited")]


async def test_a_deferral_into_a_cohort_that_is_invited_already_invites_at_once(office: Any) -> None:
    mother = new_id()
    enrolment_id = await office.invited(mother)
    await office.order_invitation(2027)
    await office.work_through_invitations()
    await office.must(enrolment_id, "deferral", office.staff(Role.LEAD), {"report_seen": True})
    mine = (await office.get("/v1/enrolments", office.parent(mother)))["items"]
    assert [row["school_year"] for row in mine] == [2026, 2027]


async def test_a_younger_child_starts_early_and_is_not_invited_again(office: Any) -> None:
    mother = new_id()
    park = await office.school("Grundschule Am Park", places=1)
    child_id = str(await office.arrival(mother, born=date(2020, 11, 1)))
    [child] = (await office.get("/v1/children", office.parent(mother)))["items"]
    assert (child["child_id"], child["school_year"]) == (child_id, 2027)
    form = {"child_id": child_id, "school_year": 2026, "first_choice": park, "documents": EVERYTHING}
    assert (await office.post("/v1/early-entries", office.parent(new_id()), form)).status_code == 404
    answer = await office.post("/v1/early-entries", office.parent(mother), form)
    assert answer.status_code == 201, answer.text
    enrolment_id = answer.json()["enrolment_id"]
    assert (await office.post("/v1/early-entries", office.parent(mother), form)).status_code == 409

    await office.must(enrolment_id, "confirmation", office.staff(), {})
    answer = await office.act(enrolment_id, "acceptance", office.staff(), {})
    assert answer.json()["type"].endswith("report-not-seen")
    await office.must(enrolment_id, "acceptance", office.staff(), {"report_seen": True})
    assert (await office.events(enrolment_id)) == ["early-entry-requested", "enrolment-confirmed", "child-accepted"]
    await office.order_invitation(2027)
    assert await office.work_through_invitations() == 0


async def test_a_child_whose_early_entry_is_withdrawn_is_invited_when_its_cohort_is(office: Any) -> None:
    mother = new_id()
    park = await office.school("Grundschule Am Park", places=1)
    child_id = str(await office.arrival(mother, born=date(2020, 11, 1)))
    form = {"child_id": child_id, "school_year": 2026, "first_choice": park}
    enrolment_id = (await office.post("/v1/early-entries", office.parent(mother), form)).json()["enrolment_id"]
    await office.must(enrolment_id, "withdrawal", office.parent(mother), {"because": "by-parents"})
    await office.order_invitation(2027)
    assert await office.work_through_invitations() == 1


async def test_the_work_list_shows_what_a_clerk_asks_for(office: Any) -> None:
    park, field = await office.school("Grundschule Am Park", places=9), await office.school("Grundschule Im Feld")
    at_park, at_field = await office.confirmed(park), await office.confirmed(field)
    waiting = await office.invited(new_id())

    async def listed(**filters: Any) -> list[str]:
        page = await office.get("/v1/enrolments", office.staff(), **filters)
        return [row["enrolment_id"] for row in page["items"]]

    assert await listed() == [at_park, at_field, waiting]
    assert await listed(state=["confirmed"]) == [at_park, at_field]
    assert await listed(first_choice=field) == [at_field]
    assert await listed(school_year=2027) == []
    assert await listed(due_before="2026-03-24") == [waiting]
    assert await listed(due_before="2026-03-23") == []
    first = await office.get("/v1/enrolments", office.staff(), limit=2)
    rest = await office.get("/v1/enrolments", office.staff(), limit=2, after=first["next"])
    assert [row["enrolment_id"] for row in first["items"] + rest["items"]] == [at_park, at_field, waiting]
    assert rest["next"] is None


async def test_parents_do_not_learn_which_clerk_it_was(office: Any) -> None:
    mother = new_id()
    enrolment_id = await office.invited(mother)
    for who, named in ((office.staff(), True), (office.parent(mother), False)):
        lines = await office.get(f"/v1/enrolments/{enrolment_id}/history", who)
        assert [line["about"] for line in lines if line["what"] == "action-taken"] == ["invite"]
        assert all((line["who"] is not None) == named for line in lines)


async def test_schools_have_one_name_each_and_are_listed_by_it(office: Any) -> None:
    for name in ("Grundschule Im Feld", "Grundschule Am Park", "Grundschule Zur Mühle"):
        await office.school(name)
    answer = await office.post("/v1/schools", office.staff(Role.LEAD), {"name": "Grundschule Am Park"})
    assert answer.status_code == 409
    assert (await office.post("/v1/schools", office.staff(), {"name": "Grundschule Neu"})).status_code == 403
    first = await office.get("/v1/schools", office.parent(new_id()), limit=2)
    rest = await office.get("/v1/schools", office.parent(new_id()), limit=2, after=first["next"])
    assert [school["name"] for school in first["items"] + rest["items"]] == [
        "Grundschule Am Park",
        "Grundschule Im Feld",
        "Grundschule Zur Mühle",
    ]


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"first_choice": "the one around the corner"},
        {"first_choice": None},
        {"first_choice": 7},
        {"first_choice": "$park", "reasons": "asthma"},
        {"first_choice": "$park", "health": "🙂"},
        {"first_choice": "$park", "criteria": ["my uncle knows the head"]},
        {"first_choice": "$park", "criteria": "sibling"},
        {"first_choice": "$park", "documents": ["'; DROP TABLE children; --"]},
        {"first_choice": "$park", "documents": ["{{7*7}}"] * 1000},
        {"first_choice": "$park", "deferral": "yes"},
        {"first_choice": "$park", "second_choice": "$park"},
        {"first_choice": "00000000-0000-0000-0000-000000000000"},
        [],
    ],
)
async def test_a_wrong_registration_is_refused_and_changes_nothing(office: Any, form: Any) -> None:
    mother = new_id()
    park = await office.school("Grundschule Am Park")
    enrolment_id = await office.invited(mother)
    if isinstance(form, dict):
        form = {key: park if value == "$park" else value for key, value in form.items()}
    answer = await office.act(enrolment_id, "registration", office.parent(mother), form)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "asthma" not in answer.text
    assert (await office.get(f"/v1/enrolments/{enrolment_id}", office.staff()))["state"] == "invited"
    assert await office.events(enrolment_id) == ["parents-invited"]


@pytest.mark.parametrize("school_year", [0, 1999, 2101, 10**30, "2026/27", -1])
async def test_an_absurd_school_year_is_refused(office: Any, school_year: Any) -> None:
    assert (await office.client.get(f"/v1/cohorts/{school_year}", headers=office.staff())).status_code in (404, 422)


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 201, "Grund\u0000schule", "Grund\nschule", "Schule \u202eelbarap", 5, None]
)
async def test_a_school_needs_a_proper_name(office: Any, name: Any) -> None:
    answer = await office.post("/v1/schools", office.staff(Role.LEAD), {"name": name})
    assert answer.status_code in (400, 422)
    assert (await office.get("/v1/schools", office.staff()))["items"] == []


async def test_a_move_is_not_reported_here(office: Any) -> None:
    mother = new_id()
    enrolment_id = await office.invited(mother)
    answer = await office.act(enrolment_id, "withdrawal", office.parent(mother), {"because": "moved-away"})
    assert answer.json()["type"].endswith("report-the-move")


async def test_hot_queries_use_their_indexes_in_a_city_of_twenty_cohorts(
    office: Any, owner_url: Callable[[Database], str]
) -> None:
    owner = await asyncpg.connect(owner_url(office.database))
    try:
        await owner.execute(
            """
            INSERT INTO children (child_id, given_names, family_name, date_of_birth, custodian_ids, school_year)
            SELECT gen_random_uuid(), 'Ada', 'Öztürk', '2020-05-01', ARRAY[gen_random_uuid()], 2010 + n % 20
            FROM generate_series(1, 30000) n
            """
        )
        await owner.execute("ANALYZE children")
        hot = {
            "children_of_custodian": "SELECT * FROM children WHERE moved_out_on IS NULL AND custodian_ids @> ARRAY[$1::uuid]",
            "children_of_cohort": "SELECT * FROM uninvited_children WHERE school_year = 2026 ORDER BY child_id LIMIT 50",
            "enrolments_accepted": "SELECT count(*) FROM enrolments WHERE accepted_by = $1 AND school_year = 2026",
            "enrolments_waiting": "SELECT criteria FROM enrolments WHERE first_choice = $1 AND school_year = 2026",
        }
        await owner.execute("SET enable_seqscan = off")  # enrolments are empty here
        for index, query in hot.items():
            plan = await owner.fetch(f"EXPLAIN {query.replace('$1', repr(str(new_id())))}")
            assert index in "\n".join(row[0] for row in plan)
    finally:
        await owner.close()


async def test_the_database_itself_refuses_a_second_enrolment_of_a_child_for_a_year(office: Any) -> None:
    enrolment_id = UUID(await office.invited(new_id()))
    async with office.database.transaction() as tx:
        copy = await store.enrolment(tx, enrolment_id)
        copy.case = replace(copy.case, case_id=new_id(), reference="SE-2026-999999")
        with pytest.raises(ConflictError, match="already"):
            await store.add_enrolment(tx, copy)
