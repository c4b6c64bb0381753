"""What the registration authority reports reaches the school office over Kafka."""

import json
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer
from amtsbus.ids import new_id
from amtsbus.testing.fixtures import Bus
from schooling.main import SERVICE

EVERYTHING = ["birth-certificate", "measles-protection", "custody-evidence"]


def entry(child_id: UUID, *custodians: UUID, born: date = date(2020, 5, 1), given: str = "Ada") -> bytes:
    return json.dumps(
        {
            "child_id": str(child_id),
            "given_names": given,
            "family_name": "Öztürk",
            "date_of_birth": born.isoformat(),
            "custodian_ids": [str(custodian) for custodian in custodians],
        }
    ).encode()


def moved_away(child_id: UUID, on: str = "2026-04-01") -> bytes:
    return json.dumps({"child_id": str(child_id), "moved_out_on": on}).encode()


@pytest.fixture
async def bus(office: Any, town_bus: Callable[..., Awaitable[Bus]]) -> Bus:
    return await town_bus((SERVICE, office.database), poll_seconds=0.05)


async def test_a_child_s_way_from_the_register_to_its_place_and_away(
    office: Any, bus: Bus, registration: Any, kafka: str, topic_prefix: str
) -> None:
    child_id, mother, father = new_id(), new_id(), new_id()
    await office.order_invitation()
    await registration.report("registered", child_id, entry(child_id, mother, father))
    await bus.settled()
    [mine] = (await office.get("/v1/enrolments", office.parent(father)))["items"]
    enrolment_id = mine["enrolment_id"]
    park = await office.school("Grundschule Am Park", places=1)
    await office.must(
        enrolment_id, "registration", office.parent(mother), {"first_choice": park, "documents": EVERYTHING}
    )
    await office.must(enrolment_id, "confirmation", office.staff(), {})
    await office.must(enrolment_id, "acceptance", office.staff(), {})

    await registration.report("moved-away", child_id, moved_away(child_id))
    await bus.settled()
    left = await office.get(f"/v1/enrolments/{enrolment_id}", office.parent(mother))
    assert (left["state"], left["withdrawn_because"], left["accepted_by"]) == ("withdrawn", "moved-away", None)
    [capacity] = await office.get(f"/v1/schools/{park}/capacities", office.staff())
    assert capacity["free"] == 1
    assert (await office.get("/v1/children", office.staff()))["items"] == []

    consumer = AIOKafkaConsumer(
        f"{topic_prefix}schooling.enrolment.events", bootstrap_servers=kafka, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        letters = [await consumer.getone() for _ in range(5)]
    finally:
        await consumer.stop()
    assert [dict(letter.headers)["ce_type"].decode().split(".")[-2] for letter in letters] == [
        "parents-invited",
        "enrolment-received",
        "enrolment-confirmed",
        "child-accepted",
        "enrolment-withdrawn",
    ]
    for letter in letters:
        assert letter.key == enrolment_id.encode()
        assert json.loads(letter.value)["custodian_ids"] == [str(mother), str(father)]
        assert "Öztürk" not in letter.value.decode()


async def test_a_child_that_comes_back_is_invited_again(office: Any, bus: Bus, registration: Any) -> None:
    child_id, mother = new_id(), new_id()
    await office.order_invitation()
    for name, body in (
        ("registered", entry(child_id, mother)),
        ("moved-away", moved_away(child_id)),
        ("changed", entry(child_id, mother, given="Ada Lovisa")),  # a correction is no return
        ("registered", entry(child_id, mother)),
    ):
        await registration.report(name, child_id, body)
    await bus.settled()
    mine = (await office.get("/v1/enrolments", office.parent(mother)))["items"]
    assert [row["state"] for row in mine] == ["withdrawn", "invited"]


async def test_new_custody_and_a_corrected_name_hold_for_the_open_enrolment(
    office: Any, bus: Bus, registration: Any
) -> None:
    child_id, mother, father = new_id(), new_id(), new_id()
    await office.order_invitation()
    await registration.report("registered", child_id, entry(child_id, mother))
    await registration.report("changed", child_id, entry(child_id, mother, father, given="Z\u0306oe\u0301 d\u2019Arc"))
    await bus.settled()
    [mine] = (await office.get("/v1/enrolments", office.parent(father)))["items"]
    assert mine["child"]["given_names"] == "Z\u0306oe\u0301 d\u2019Arc"


async def test_a_corrected_date_of_birth_moves_a_child_to_its_cohort(office: Any, bus: Bus, registration: Any) -> None:
    child_id, mother = new_id(), new_id()
    await registration.report("registered", child_id, entry(child_id, mother, born=date(2020, 10, 1)))
    await registration.report("changed", child_id, entry(child_id, mother, born=date(2020, 9, 30)))
    await bus.settled()
    [child] = (await office.get("/v1/children", office.staff(), school_year=2026))["items"]
    assert child["child_id"] == str(child_id)


async def test_a_child_never_heard_of_moves_away_without_harm(office: Any, bus: Bus, registration: Any) -> None:
    child_id = new_id()
    await registration.report("moved-away", child_id, moved_away(child_id))
    await bus.settled()
    assert await office.database.pool.fetchval("SELECT count(*) FROM amtsbus.dead_letters") == 0


BROKEN = [
    b"{",
    b"\xff\xfe",
    b"[]",
    b"null",
    b"",
    entry(new_id()).replace(b"2020-05-01", b"2020-02-30"),
    entry(new_id()).replace(b"2020-05-01", b"1820-05-01"),
    entry(new_id()).replace(b"2020-05-01", b"2999-05-01"),
    entry(new_id(), given=""),
    entry(new_id(), given="x" * 10_000),
    entry(new_id(), given="A\x00da"),
    json.dumps({"child_id": "the little one"}).encode(),
]


async def test_broken_reports_are_parked_with_their_reasons_and_every_other_child_goes_on(
    office: Any, bus: Bus, registration: Any
) -> None:
    await office.order_invitation()
    for broken in BROKEN:
        bad, good = new_id(), new_id()
        await registration.report("registered", bad, broken)
        await registration.report("changed", bad, entry(bad, new_id()))
        await registration.report("registered", good, entry(good, new_id()))
        await registration.report("graduated", good, b'{"of_a_future": "version"}')
    await bus.settled()
    parked = await office.database.pool.fetch("SELECT key, failed, reason FROM amtsbus.dead_letters")
    assert len({letter["key"] for letter in parked}) == len(BROKEN)
    assert sorted(letter["failed"] for letter in parked) == [False] * len(BROKEN) + [True] * len(BROKEN)
    assert all(letter["reason"] and "Öztürk" not in letter["reason"] for letter in parked)
    assert (await office.get("/v1/cohorts/2026", office.staff()))["enrolments"] == {"invited": len(BROKEN)}


async def test_the_same_report_twice_invites_once(office: Any, bus: Bus, registration: Any) -> None:
    child_id, mother = new_id(), new_id()
    await office.order_invitation()
    await registration.report("registered", child_id, entry(child_id, mother))
    registration.sequences.clear()
    await registration.report("registered", child_id, entry(child_id, mother))
    await registration.report("registered", child_id, entry(child_id, mother))
    await bus.settled()
    assert len((await office.get("/v1/enrolments", office.parent(mother)))["items"]) == 1
