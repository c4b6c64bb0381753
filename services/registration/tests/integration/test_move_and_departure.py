"""Moves within the city (journey 3) and departures."""

from datetime import timedelta
from uuid import uuid4

from amtsbus.clock import FixedClock
from registration.published import POSTAL_ADDRESSES, RESIDENTS, SCHOOL_AGE_CHILDREN
from registration.settings import RegistrationSettings
from registration.use_cases.follow_the_calendar import follow_the_calendar

from .conftest import ELSEWHERE, LANDLORD, OTHER_HOME, Office, a_family, a_person


def a_move(*persons: str, **more: object) -> dict[str, object]:
    return {
        "moved_on": "2026-03-01",
        "address": OTHER_HOME,
        "person_ids": list(persons),
        "landlord_confirmation": LANDLORD | {"moved_in_on": "2026-03-01"},
    } | more


async def test_the_builder_moves_and_letters_go_to_the_new_home(office: Office) -> None:
    [builder] = await office.registered()
    case = await office.submit("moves", a_move(builder), office.citizen(builder))
    assert case["reference"].startswith("UM-")
    await office.register("moves", case)
    assert [kind for kind, _ in await office.events(RESIDENTS, builder)] == ["resident-registered", "resident-moved"]
    kind, postal = (await office.events(POSTAL_ADDRESSES, builder))[-1]
    assert kind == "postal-address-changed"
    assert postal["address"]["street"] == "Am Büchelter Hof"
    homes = (await office.client.get("/v1/me", headers=office.citizen(builder))).json()["residences"]
    assert [home["moved_out_on"] for home in homes] == ["2026-03-01", None]


async def test_a_family_that_moves_as_a_whole_stays_one_household_and_one_who_leaves_it_founds_another(
    office: Office,
) -> None:
    family = await office.registered(*a_family())
    before = (await office.client.get("/v1/me", headers=office.citizen(family[0]))).json()
    await office.register("moves", await office.submit("moves", a_move(*family), office.citizen(family[0])))
    after = (await office.client.get("/v1/me", headers=office.citizen(family[0]))).json()
    assert after["residences"][-1]["household_id"] == before["residences"][0]["household_id"]
    await office.register(
        "moves", await office.submit("moves", a_move(family[1], moved_on="2026-03-02"), office.citizen(family[1]))
    )
    left = (await office.client.get("/v1/me", headers=office.citizen(family[1]))).json()
    assert left["household"] == []
    assert (await office.client.get(f"/v1/persons/{family[1]}", headers=office.citizen(family[0]))).status_code == 404


async def test_nobody_moves_somebody_elses_family(office: Office) -> None:
    [victim] = await office.registered()
    [stranger] = await office.registered(a_person("Otto", is_declarant=True))
    known = await office.client.post("/v1/moves", json=a_move(victim), headers=office.citizen(stranger))
    unknown = await office.client.post("/v1/moves", json=a_move(str(uuid4())), headers=office.citizen(stranger))
    assert known.status_code == unknown.status_code == 422
    assert known.json()["detail"] == unknown.json()["detail"]
    departure = {"moved_out_on": "2026-03-01", "person_ids": [victim]}
    assert (
        await office.client.post("/v1/departures", json=departure, headers=office.citizen(stranger))
    ).status_code == 422


async def test_a_move_without_the_landlords_confirmation_waits_for_it(office: Office) -> None:
    [person] = await office.registered()
    case = await office.submit("moves", a_move(person, landlord_confirmation=None), office.citizen(person))
    assert case["state"] == "awaiting-confirmation"
    path = f"/v1/moves/{case['case_id']}/landlord-confirmation"
    assert (await office.act(path, office.citizen(person), case, LANDLORD)).json()["state"] == "submitted"


async def test_a_case_is_found_under_its_own_address_only(office: Office) -> None:
    [person] = await office.registered()
    case = await office.submit("moves", a_move(person), office.citizen(person))
    for noun in ("move-ins", "departures"):
        assert (await office.client.get(f"/v1/{noun}/{case['case_id']}", headers=office.clerk)).status_code == 404


async def test_a_family_leaves_the_city(office: Office) -> None:
    family = await office.registered(*a_family())
    form = {"moved_out_on": "2026-02-28", "person_ids": family, "new_address": ELSEWHERE}
    case = await office.submit("departures", form, office.citizen(family[0]))
    assert case["reference"].startswith("AB-")
    await office.register("departures", case)
    assert (await office.events(RESIDENTS, family[0]))[-1][0] == "resident-moved-away"
    assert (await office.events(POSTAL_ADDRESSES, family[0]))[-1][1]["address"]["locality"] == "Bonn"
    assert (await office.events(SCHOOL_AGE_CHILDREN))[-1] == (
        "school-age-child-moved-away",
        {"child_id": family[2], "moved_out_on": "2026-02-28"},
    )


async def test_an_address_that_is_not_known_any_more_is_null(office: Office) -> None:
    [person] = await office.registered()
    form = {"moved_out_on": "2026-03-02", "person_ids": [person]}
    await office.register("departures", await office.submit("departures", form, office.clerk))
    assert (await office.events(POSTAL_ADDRESSES, person))[-1][1]["address"] is None


async def test_a_departure_is_declared_from_a_week_before_and_late_ones_are_noted(office: Office) -> None:
    [person] = await office.registered(moved_in_on="2025-12-01")
    early = {"moved_out_on": "2026-03-10", "person_ids": [person]}
    refused = await office.client.post("/v1/departures", json=early, headers=office.citizen(person))
    assert refused.json()["type"].endswith("too-early")
    assert "2026-03-03" in refused.json()["detail"]
    late = await office.submit(
        "departures", {"moved_out_on": "2026-02-01", "person_ids": [person]}, office.citizen(person)
    )
    assert late["days_late"] == 14, "due on Monday, 16 February, since the 15th is a Sunday"
    assert (await office.register("departures", late))["state"] == "registered"


async def test_a_departure_takes_effect_on_the_day_of_leaving(office: Office, clock: FixedClock) -> None:
    law = RegistrationSettings(service="registration", database_url=office.database.url).office
    [person] = await office.registered()
    form = {"moved_out_on": "2026-03-08", "person_ids": [person]}
    case = await office.register("departures", await office.submit("departures", form, office.citizen(person)))
    assert case["state"] == "checked"
    for days, events in ((5, 1), (1, 2), (1, 2)):
        clock.advance(timedelta(days=days))
        await follow_the_calendar(office.database, law)
        assert len(await office.events(RESIDENTS, person)) == events


async def test_who_left_comes_back_as_the_same_person(office: Office) -> None:
    [person] = await office.registered(a_person(is_declarant=True), moved_in_on="2020-01-01")
    form = {"moved_out_on": "2025-06-30", "person_ids": [person], "new_address": ELSEWHERE}
    await office.register("departures", await office.submit("departures", form, office.citizen(person)))
    from .conftest import a_move_in

    await office.register("move-ins", await office.submit("move-ins", a_move_in(), office.citizen(person)))
    homes = (await office.client.get("/v1/me", headers=office.citizen(person))).json()["residences"]
    assert [(home["in_city"], home["moved_out_on"]) for home in homes] == [
        (True, "2025-06-30"),
        (False, "2026-02-25"),
        (True, None),
    ]


async def test_a_move_within_the_city_is_no_departure(office: Office) -> None:
    [person] = await office.registered()
    form = {"moved_out_on": "2026-03-01", "person_ids": [person], "new_address": OTHER_HOME}
    refused = await office.client.post("/v1/departures", json=form, headers=office.citizen(person))
    assert refused.json()["type"].endswith("not-a-departure")
