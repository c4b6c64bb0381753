"""Journey 8: another system, without a line of our code, reads the permit events by their published contract."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
from aiokafka import AIOKafkaConsumer

from town.day import building
from town.day.city import City
from town.day.residents import settle

TITLE = "Another system reads along"
TOPIC = "permits.application.events"


async def play(city: City) -> None:
    """A subscriber that knows Kafka, CloudEvents and the JSON Schemas in `services/permits/contracts`, and nothing else."""
    [builder] = await settle(city, "Demo-Nachbar", [("Nora", 58)])
    receipt = await building.submit(city, builder, "A fence")
    case_id = receipt.body["application_id"]
    city.says(builder, f"applies: {receipt.body['reference']}")
    await building.step(city, receipt, "withdrawal", None, by=builder)
    city.says(builder, "thinks better of it and withdraws")
    await city.follows("permits.application-withdrawn.v1", application_id=case_id)

    told = await read_by_contract(
        city.addresses.kafka, city.watcher.prefix + TOPIC, city.home.tree / "services" / "permits" / "contracts"
    )
    city.says("another system", f"reads {len(told)} permit events from the beginning; each keeps its contract")
    of_this_case = [kind for case, kind in told if case == case_id]
    city.expect(
        of_this_case == ["permits.application-submitted.v1", "permits.application-withdrawn.v1"],
        "the other system saw the case from its beginning to its end, in order",
    )


async def read_by_contract(bootstrap_servers: str, topic: str, contracts: Path) -> list[tuple[str, str]]:
    """All events on `topic` as (case, type), each checked against its JSON Schema and for gaps in its sequence.

    Raises:
        ValueError: an event breaks the published contract.
    """
    schemas: dict[str, Any] = {}
    latest: dict[str, int] = {}
    told: list[tuple[str, str]] = []
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap_servers, group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    headers = {name: value.decode() for name, value in record.headers}
                    kind = headers["ce_type"].removeprefix("de.amtsbus.")
                    if kind not in schemas:
                        schemas[kind] = jsonschema_rs.validator_for(
                            json.loads((contracts / f"{kind.removeprefix('permits.')}.schema.json").read_text())
                        )
                    schemas[kind].validate(json.loads(record.value))
                    case, number = headers["ce_subject"], int(headers["ce_sequence"])
                    if case != record.key.decode():
                        raise ValueError(f"{kind}: the key is not the subject")
                    if number > latest.get(case, 0) + 1:
                        raise ValueError(f"{kind}: an event of its case is missing before number {number}")
                    if number > latest.get(case, 0):  # else a repeat, which a subscriber ignores
                        latest[case] = number
                        told.append((case, kind))
    finally:
        await consumer.stop()
    return told
