"""A person with a disclosure block (Auskunftssperre, BMG § 51): journey 7 as far as registration goes."""

import logging
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from amtsbus.clock import FixedClock
from registration.published import POSTAL_ADDRESSES
from registration.settings import RegistrationSettings
from registration.use_cases.follow_the_calendar import follow_the_calendar

from .conftest import HOME, Office, a_family, a_move_in, a_person
from .test_move_and_departure import a_move

SECRET = HOME | {"street": "Verborgene Gasse"}


async def test_a_block_needs_a_second_person_and_that_a_lead(office: Office) -> None:
    [person] = await office.registered()
    form = {"person_id": person, "grounds": "Threats"}
    proposed = (await office.client.post("/v1/disclosure-blocks", json=form, headers=office.lead)).json()
    assert proposed["state"] == "requested"
    grant = f"/v1/disclosure-blocks/{proposed['case_id']}/grant"
    assert (await office.act(grant, office.clerk, proposed)).status_code == 403
    assert (await office.act(grant, office.lead, proposed)).status_code == 403, "whoever proposed it cannot grant it"
    assert (await office.client.get(f"/v1/persons/{person}", headers=office.clerk)).status_code == 200
    from amtsbus.auth import Role

    second = office.client.as_(Role.LEAD, sub="lead-second")
    granted = (await office.act(grant, second, proposed)).json()
    assert (granted["state"], granted["valid_from"], granted["valid_until"]) == ("granted", "2026-03-02", "2028-03-02")
    waiting = await office.client.get("/v1/disclosure-blocks", headers=office.lead)
    assert waiting.json()["items"] == []


async def test_a_refused_block_protects_nobody(office: Office) -> None:
    [person] = await office.registered()
    form = {"person_id": person, "grounds": "Dislikes mail"}
    proposed = (await office.client.post("/v1/disclosure-blocks", json=form, headers=office.clerk)).json()
    path = f"/v1/disclosure-blocks/{proposed['case_id']}"
    assert [
        line["case_id"]
        for line in (await office.client.get("/v1/disclosure-blocks", headers=office.lead)).json()["items"]
    ] == [proposed["case_id"]]
    refused = await office.act(f"{path}/refuse", office.lead, proposed, {"reason": "No danger"})
    assert refused.json()["state"] == "refused"
    assert (await office.client.get(path, headers=office.clerk)).status_code == 404
    assert (await office.client.get(f"/v1/persons/{person}", headers=office.clerk)).status_code == 200


async def test_from_then_on_the_address_is_in_no_event_but_the_one_for_letters(
    office: Office, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    family = await office.registered(*a_family())
    for person in family:
        await office.block(person)
    form = a_move(*family[2:], address=SECRET)
    await office.register("moves", await office.submit("moves", form, office.lead), office.lead)
    for kind, event in await office.events():
        if kind != "postal-address-changed":
            assert "Gasse" not in str(event)
            assert "Hauptstraße" not in str(event)
    child = (await office.events(POSTAL_ADDRESSES, family[2]))[-1][1]
    assert (child["address"]["street"], child["disclosure_blocked"]) == ("Verborgene Gasse", True)
    for person in family:
        assert (await office.client.get(f"/v1/persons/{person}", headers=office.clerk)).status_code == 404
    printed = capsys.readouterr()
    for text in (printed.out, printed.err, caplog.text):
        assert "Gasse" not in text
        assert "Müller" not in text


async def test_to_a_clerk_a_blocked_person_and_nobody_look_alike(office: Office) -> None:
    case = await office.submit(
        "move-ins", a_move_in(persons=[a_person("Rosa", "Tal", is_declarant=True)]), office.clerk
    )
    await office.register("move-ins", case)
    blocked = case["persons"][0]["person_id"]
    await office.block(blocked)
    clerk, nobody = office.clerk, str(uuid4())

    async def shape(path: str, **options: Any) -> tuple[int, Any]:
        answer = await office.client.get(path, headers=clerk, **options)
        body = answer.json()
        body.pop("trace_id", None)
        return answer.status_code, body

    assert await shape("/v1/persons", params={"name": "Rosa Tal"}) == await shape(
        "/v1/persons", params={"name": "No Body"}
    )
    for path in ("/v1/persons/{}", "/v1/persons/{}/history", "/v1/move-ins/{}"):
        stored = case["case_id"] if "move-ins" in path else blocked
        assert await shape(path.format(stored)) == await shape(path.format(nobody))
    assert (await shape("/v1/work-list"))[1]["items"] == []
    correction = {"family_name": "Berg", "reason": "A guess"}
    path = "/v1/persons/{}/corrections"
    answers = [await office.act(path.format(person), clerk, {"version": 2}, correction) for person in (blocked, nobody)]
    assert [answer.status_code for answer in answers] == [404, 404]
    new = await office.submit("move-ins", a_move_in(persons=[a_person("Rosa", "Tal", is_declarant=True)]), clerk)
    assert new["file"]["possible_duplicates"] == []


async def test_a_lead_reads_it_for_a_stated_purpose_and_every_reading_is_logged(office: Office) -> None:
    [person] = await office.registered()
    await office.block(person)
    path = f"/v1/persons/{person}"
    unstated = await office.client.get(path, headers=office.lead)
    assert unstated.json()["type"].endswith("purpose-missing")
    read = await office.client.get(path, headers=office.lead | {"Access-Purpose": "Request of the police, 17 Js 1/26"})
    assert read.status_code == 200
    assert read.json()["disclosure_blocked_until"] == "2028-03-02"
    found = (await office.client.get("/v1/persons", params={"name": "Müller"}, headers=office.lead)).json()["items"]
    assert [(hit["address"], hit["disclosure_blocked"]) for hit in found] == [(None, True)]

    assert (await office.client.get(f"{path}/reads", headers=office.lead)).status_code == 403
    reads = (await office.client.get(f"{path}/reads", headers=office.auditor)).json()["items"]
    assert [(entry["how"], entry["read_by"], entry["protected"]) for entry in reads[:2]] == [
        ("search", "lead-yilmaz", True),
        ("record", "lead-yilmaz", True),
    ]
    assert reads[1]["purpose"] == "Request of the police, 17 Js 1/26"
    assert (await office.client.get(path, headers=office.citizen(person))).status_code == 200, "one's own record"


async def test_reading_an_unprotected_record_is_logged_as_well(office: Office) -> None:
    [person] = await office.registered()
    await office.client.get(f"/v1/persons/{person}", headers=office.clerk)
    await office.client.get(f"/v1/persons/{person}/history", headers=office.clerk)
    page = (await office.client.get(f"/v1/persons/{person}/reads?limit=1", headers=office.auditor)).json()
    assert [entry["how"] for entry in page["items"]] == ["history"]
    rest = await office.client.get(
        f"/v1/persons/{person}/reads", params={"after": page["next"]}, headers=office.auditor
    )
    assert "record" in [entry["how"] for entry in rest.json()["items"]]


async def test_relatives_do_not_see_a_blocked_person(office: Office) -> None:
    mother, father, child, _ = await office.registered(*a_family())
    await office.block(mother)
    own = (await office.client.get("/v1/me", headers=office.citizen(father))).json()
    assert mother not in [member["person_id"] for member in own["household"]]
    assert (await office.client.get(f"/v1/persons/{mother}", headers=office.citizen(father))).status_code == 404
    [line] = (await office.client.get("/v1/move-ins", headers=office.citizen(mother))).json()["items"]
    assert (
        await office.client.get(f"/v1/move-ins/{line['case_id']}", headers=office.citizen(father))
    ).status_code == 404
    named = await office.client.post("/v1/moves", json=a_move(mother), headers=office.citizen(father))
    assert named.json()["type"].endswith("unknown-person")
    assert (await office.client.get(f"/v1/persons/{child}", headers=office.citizen(father))).status_code == 200


async def test_a_block_is_renewed_from_its_end_and_ends_with_its_last_day(office: Office, clock: FixedClock) -> None:
    law = RegistrationSettings(service="registration", database_url=office.database.url).office
    [person] = await office.registered()
    await office.block(person)
    clock.advance(timedelta(days=700))
    assert (await office.block(person))["valid_until"] == "2030-03-02"
    clock.advance(timedelta(days=761))
    assert clock.today().isoformat() == "2030-03-02"
    await follow_the_calendar(office.database, law)
    assert (await office.client.get(f"/v1/persons/{person}", headers=office.clerk)).status_code == 404
    clock.advance(timedelta(days=1))
    for _ in range(2):
        await follow_the_calendar(office.database, law)
    assert [event["disclosure_blocked"] for _, event in await office.events(POSTAL_ADDRESSES, person)] == [
        False,
        True,
        False,
    ]
    assert (await office.client.get(f"/v1/persons/{person}", headers=office.clerk)).status_code == 200
