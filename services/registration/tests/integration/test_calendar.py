"""What a new day brings, by the worker's daily round on real Kafka."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer
from amtsbus.clock import FixedClock
from registration.main import SERVICE
from registration.published import SCHOOL_AGE_CHILDREN
from registration.settings import RegistrationSettings
from registration.use_cases.follow_the_calendar import follow_the_calendar, list_children_of_school_age

from .conftest import Office, a_person


def children(*births: str) -> list[dict[str, Any]]:
    return [
        a_person(f"Kind {letter}", "Berg", born, custodian_positions=[0])
        for letter, born in zip("abcdef", births, strict=False)
    ]


async def test_a_child_is_announced_on_its_third_birthday_once(office: Office, clock: FixedClock) -> None:
    law = RegistrationSettings(service="registration", database_url=office.database.url).office
    _, soon, later = await office.registered(a_person(is_declarant=True), *children("2023-03-05", "2024-02-29"))
    for today, announced in (("2026-03-04", []), ("2026-03-05", [soon]), ("2026-03-06", [soon])):
        clock.advance(timedelta(days=(date.fromisoformat(today) - clock.today()).days))
        await follow_the_calendar(office.database, law)
        assert [event["child_id"] for _, event in await office.events(SCHOOL_AGE_CHILDREN)] == announced
    clock.advance(timedelta(days=365))  # the worker stood still over the birthday of 2027-03-01
    await asyncio.gather(*(list_children_of_school_age(office.database, law) for _ in range(3)))
    assert [event["child_id"] for _, event in await office.events(SCHOOL_AGE_CHILDREN)] == [soon, later]


async def test_a_child_that_left_is_not_announced_and_one_that_returns_is_again(
    office: Office, clock: FixedClock
) -> None:
    from .conftest import a_move_in

    parent, child = await office.registered(
        a_person(is_declarant=True), *children("2020-08-14"), moved_in_on="2026-01-02"
    )
    leave = {"moved_out_on": "2026-02-20", "person_ids": [parent, child]}
    await office.register("departures", await office.submit("departures", leave, office.citizen(parent)))
    law = RegistrationSettings(service="registration", database_url=office.database.url).office
    await follow_the_calendar(office.database, law)
    persons = [
        a_person(is_declarant=True, person_id=parent),
        a_person("Kind a", "Berg", "2020-08-14", person_id=child, custodian_positions=[0]),
    ]
    await office.register("move-ins", await office.submit("move-ins", a_move_in(persons=persons), office.clerk))
    assert [kind for kind, _ in await office.events(SCHOOL_AGE_CHILDREN, child)] == [
        "school-age-child-registered",
        "school-age-child-moved-away",
        "school-age-child-registered",
    ]


async def test_the_worker_publishes_and_follows_the_calendar(
    office: Office, clock: FixedClock, town_bus: Callable[..., Awaitable[Any]], kafka: str, topic_prefix: str
) -> None:
    bus = await town_bus((SERVICE, office.database))
    _, child = await office.registered(a_person(is_declarant=True), *children("2023-03-05"))
    clock.advance(timedelta(days=10))
    consumer = AIOKafkaConsumer(
        topic_prefix + SCHOOL_AGE_CHILDREN,
        bootstrap_servers=kafka,
        auto_offset_reset="earliest",
        group_id=f"test-{uuid4()}",
    )
    await consumer.start()
    try:
        record = await asyncio.wait_for(consumer.getone(), 30)
    finally:
        await consumer.stop()
    assert record.key == child.encode()
    headers = dict(record.headers)
    assert headers["ce_type"] == b"de.amtsbus.registration.school-age-child-registered.v1"
    assert b"Hauptstra" not in record.value
    assert json.loads(record.value)["child_id"] == child
    await bus.settled()
