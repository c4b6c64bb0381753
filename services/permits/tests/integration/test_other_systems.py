"""What others hear: a plain Kafka client reads every decision, in order, by the published contract."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema_rs
from aiokafka import AIOKafkaConsumer
from permits.main import SERVICE

TOPIC = "permits.application.events"
CONTRACTS = Path(__file__).parents[2] / "contracts"


def contract_of(event_type: str) -> jsonschema_rs.Draft202012Validator:
    """The schema that another system finds in the published contracts."""
    name = event_type.removeprefix("de.amtsbus.permits.")
    return jsonschema_rs.Draft202012Validator(json.loads((CONTRACTS / f"{name}.schema.json").read_text()))


async def read_all(kafka: str, topic: str, count: int) -> list[Any]:
    """The first `count` records of a topic, as a client without any code of ours sees them."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    try:
        return [await asyncio.wait_for(consumer.getone(), 20) for _ in range(count)]
    finally:
        await consumer.stop()


async def test_fifty_decisions_reach_other_systems_in_order_and_by_the_contract(
    office: Any, kafka: str, topic_prefix: str, town_bus: Callable[..., Awaitable[Any]]
) -> None:
    builders = [UUID(int=0x01980A527C1E7D409A3B52D1F5A10000 + nth) for nth in range(50)]

    async def decide(builder: UUID) -> UUID:
        form = office.form(applicant_id=str(builder))
        answer = await office.client.post("/v1/applications", json=form, headers=office.clerk)
        path, etag = answer.headers["Location"], answer.headers["ETag"]
        for step, body, who in (
            ("completeness", None, office.clerk),
            ("proposals", {"decision": "approve"}, office.clerk),
            ("decision", {"verdict": "confirm"}, office.lead),
        ):
            answer = await office.client.post(f"{path}/{step}", json=body, headers=who | {"If-Match": etag})
            assert answer.status_code == 200, answer.text
            etag = answer.headers["ETag"]
        return UUID(answer.json()["application_id"])

    applications = await asyncio.gather(*(decide(builder) for builder in builders))
    bus = await town_bus((SERVICE, office.database))
    await bus.settled()

    records = await read_all(kafka, topic_prefix + TOPIC, 4 * 50)
    heard: dict[str, list[str]] = {}
    for record in records:
        headers = {name: value.decode() for name, value in record.headers}
        assert headers["ce_specversion"] == "1.0"
        assert record.key.decode() == headers["ce_subject"]
        data = json.loads(record.value)
        assert data["application_id"] == headers["ce_subject"]
        contract_of(headers["ce_type"]).validate(data)
        heard.setdefault(headers["ce_subject"], []).append(headers["ce_type"])
        assert int(headers["ce_sequence"]) == len(heard[headers["ce_subject"]])
    decided = [
        f"de.amtsbus.permits.{name}.v1"
        for name in ("application-submitted", "application-complete", "application-approved", "fee-noticed")
    ]
    assert heard == {str(application): decided for application in applications}


async def test_the_workers_own_clock_lets_an_application_lapse_and_the_world_hears_of_it(
    office: Any, kafka: str, topic_prefix: str, town_bus: Callable[..., Awaitable[Any]]
) -> None:
    application_id = await office.submit("site-plan")
    await office.request_site_plan(application_id)
    await town_bus((SERVICE, office.database))
    office.clock.advance(timedelta(days=60))
    records = await read_all(kafka, topic_prefix + TOPIC, 4)
    assert [dict(record.headers)["ce_type"].decode() for record in records] == [
        f"de.amtsbus.permits.{name}.v1"
        for name in ("application-submitted", "documents-requested", "deadline-due-soon", "application-lapsed")
    ]
    lapsed = json.loads(records[-1].value)
    contract_of("de.amtsbus.permits.application-lapsed.v1").validate(lapsed)
    assert (lapsed["application_id"], lapsed["lapsed_on"]) == (str(application_id), "2026-03-17")


async def test_no_word_of_the_case_reaches_the_bus(office: Any) -> None:
    """Free text, names of files and the site stay in the case; ids, dates, amounts and codes travel."""
    secret = "Geheimnis"
    application_id = await office.submit("site-plan", description=f"A house {secret}")
    reasons = {"documents": ["site-plan"], "reasons": f"Because {secret}", "period_days": 14}
    await office.step(application_id, "document-requests", reasons)
    plan = {"documents": [{"code": "site-plan", "name": f"{secret}.pdf", "sha256": "0e" * 32, "size": 1}]}
    await office.step(application_id, "documents", plan, office.builder)
    await office.step(application_id, "notes", {"text": f"A note {secret}"})
    await office.step(application_id, "completeness")
    await office.step(application_id, "hearings", {"agencies": ["fire-protection"]})
    answer = {"outcome": "objection", "remarks": f"Remarks {secret}"}
    await office.step(application_id, "hearings/fire-protection/response", answer)
    refusal = {"decision": "refuse", "grounds": ["fire-protection"], "reasons": f"Reasons {secret}"}
    await office.step(application_id, "proposals", refusal)
    await office.step(application_id, "decision", {"verdict": "confirm"}, office.lead)

    data = " ".join(row["data"] for row in await office.database.pool.fetch("SELECT data FROM amtsbus.events"))
    for word in (secret, "Hauptstraße", "Wiesdorf", "345/6", "clara-clerk", "lena-lead"):
        assert word not in data
    view = await office.read(application_id)
    assert view["decision"]["reasons"] == [f"Reasons {secret}"]
    assert "Remarks" not in json.dumps(view)
