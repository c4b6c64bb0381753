"""Building applications that come through the portal: each becomes a case, and whatever is wrong becomes a question."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from amtsbus.ids import new_id
from amtsbus.service import Running
from amtsbus.testing.portal import DemoPortal
from permits import subscribers
from permits.consumed import ApplicationSubmitted, ApplicationWithdrawn, DocumentsSupplied, FeePaid
from permits.main import SERVICE
from permits.published import CATALOGUE, PROGRESS

BUILDER = UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0c002")
APPLICATIONS = "portal.permits.applications"
CODES = ("site_plan", "building_drawings", "building_description", "structural_calculation_declaration")
HOUSE: dict[str, Any] = {
    "project_kind": "new-building",
    "description": "A house for one family",
    "cadastral_district": "Wiesdorf",
    "cadastral_section": "12",
    "parcel_number": "345/6",
    "has_address": False,
    "gross_building_sum": 30_000_000,
}


def file(key: str, content: int = 1) -> dict[str, Any]:
    return {
        "key": key,
        "name": f"{key}.pdf",
        "sha256": f"{content:02x}" * 32,
        "size_bytes": 48_213,
        "media_type": "application/pdf",
    }


def submitted(*missing: str, answers: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """What the portal tells of an application without the documents `missing`."""
    return {
        "office": "permits",
        "application_id": str(new_id()),
        "procedure": "building-permit",
        "procedure_version": 1,
        "language": "de",
        "applicant": {"person_id": str(BUILDER), "name": "Erika Demo-Muster", "identification": "basic", "email": None},
        "answers": HOUSE if answers is None else answers,
        "documents": [file(code) for code in CODES if code not in missing],
        "handed_in_at": "2026-03-02T08:59:00Z",
    } | changes


@dataclass
class Counter:
    """The authority, with the portal in front of it."""

    office: Any

    async def publish(self, settings: Any) -> None:
        [folder] = [task for task in SERVICE.tasks if getattr(task, "__name__", "") == "procedure_folder"]
        await folder.publish(Running(settings, self.office.database))  # type: ignore[attr-defined] # it is that task

    async def tell(self, handler: Any, model: Any, event: dict[str, Any]) -> UUID:
        async with self.office.database.transaction() as tx:
            await handler(model.model_validate(event), tx)
        return UUID(event["application_id"])

    async def apply(self, *missing: str, **changes: Any) -> UUID:
        event = submitted(*missing, **changes)
        return await self.tell(subscribers.on_application_submitted, ApplicationSubmitted, event)

    async def supply(self, application_id: UUID, *files: dict[str, Any], **changes: Any) -> None:
        event: dict[str, Any] = {
            "application_id": str(application_id),
            "documents": files,
            "answers": {},
            "message": None,
            "supplied_at": "2026-03-03T09:00:00Z",
        }
        await self.tell(subscribers.on_documents_supplied, DocumentsSupplied, event | changes)

    async def withdraw(self, application_id: UUID) -> None:
        event = {"application_id": str(application_id)}
        await self.tell(subscribers.on_application_withdrawn, ApplicationWithdrawn, event)

    async def pay(self, application_id: UUID, payment_id: UUID, cents: int) -> None:
        event = {
            "application_id": str(application_id),
            "payment_id": str(payment_id),
            "amount_cents": cents,
            "paid_at": "2026-03-02T10:00:00Z",
        }
        await self.tell(subscribers.on_fee_paid, FeePaid, event)

    async def told(self, application_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        """What the portal hears of the case."""
        rows = await self.office.database.pool.fetch(
            "SELECT type, data FROM amtsbus.events WHERE stream_id = $1 AND topic = $2 ORDER BY sequence",
            application_id,
            PROGRESS.topic,
        )
        return [(row["type"].removeprefix("permits.").removesuffix(".v1"), json.loads(row["data"])) for row in rows]

    async def steps(self, application_id: UUID) -> list[tuple[str, str]]:
        """The steps that the portal hears of, each with the state after it."""
        return [
            (said["action"], said["state"]) for kind, said in await self.told(application_id) if kind == "case-moved"
        ]

    async def notes(self, application_id: UUID) -> list[str]:
        answer = await self.office.client.get(f"/v1/applications/{application_id}/notes", headers=self.office.clerk)
        return [note["text"] for note in answer.json()]


@pytest.fixture
async def counter(office: Any, settings_of: Any) -> Counter:
    made = Counter(office)
    await made.publish(settings_of(SERVICE, office.database))
    return made


async def test_an_application_from_the_portal_is_a_case_of_the_same_id(counter: Counter) -> None:
    application_id = await counter.apply()
    view = await counter.office.read(application_id)
    assert view["state"] == "submitted"
    assert view["kind"] == "new-building"
    assert view["site"]["parcel"] == {"district": "Wiesdorf", "section": "12", "number": "345/6"}
    assert {document["code"] for document in view["documents"]} == {code.replace("_", "-") for code in CODES}
    assert view["gross_building_sum_cents"] == 30_000_000
    assert await counter.office.journal(application_id) == ["application-submitted"]
    [(kind, said)] = await counter.told(application_id)
    assert kind == "case-opened"
    assert said["procedure"] == "building-permit"
    assert said["procedure_version"] == 1
    assert (said["state"], said["reference"]) == ("received", view["reference"])
    assert said["applicant_id"] == str(BUILDER)


async def test_what_the_portal_has_told_twice_is_one_case(counter: Counter) -> None:
    event = submitted()
    for _ in range(2):
        await counter.tell(subscribers.on_application_submitted, ApplicationSubmitted, event)
    assert [kind for kind, _ in await counter.told(UUID(event["application_id"]))] == ["case-opened"]


async def test_a_missing_document_is_asked_for_and_completes_the_application_when_it_comes(counter: Counter) -> None:
    application_id = await counter.apply("site_plan")
    asked = (await counter.office.read(application_id))["asked"]
    assert (asked["documents"], asked["answers"], asked["due_on"]) == (["site-plan"], [], "2026-03-30")
    assert "Ohne diese Unterlagen" in asked["reasons"]
    assert [kind for kind, _ in await counter.told(application_id)] == [
        "case-opened",
        "case-moved",
        "case-documents-requested",
    ]
    told = (await counter.told(application_id))[-1][1]
    assert (told["documents"], told["fields"], told["due_on"]) == (["site_plan"], [], "2026-03-30")

    await counter.supply(application_id, file("site_plan"))
    view = await counter.office.read(application_id)
    assert (view["state"], view["asked"]) == ("submitted", None)
    assert await counter.steps(application_id) == [
        ("request-documents", "documents-requested"),
        ("supply-documents", "received"),
    ]
    assert await counter.office.step(application_id, "completeness") == "complete"


async def test_what_is_still_missing_after_an_answer_is_asked_for_again(counter: Counter) -> None:
    application_id = await counter.apply("site_plan", "building_drawings")
    await counter.supply(application_id, file("site_plan"))
    assert (await counter.office.read(application_id))["state"] == "documents-requested"
    *_, (kind, said) = await counter.told(application_id)
    assert (kind, said["documents"]) == ("case-documents-requested", ["building_drawings"])
    await counter.supply(application_id, message="Die Zeichnungen kommen nächste Woche.")
    *_, (kind, said) = await counter.told(application_id)
    assert (kind, said["documents"]) == ("case-documents-requested", ["building_drawings"])
    assert (await counter.office.read(application_id))["state"] == "documents-requested"
    assert await counter.notes(application_id) == [
        "Nachricht aus dem Kommunalportal: Die Zeichnungen kommen nächste Woche."
    ]


async def test_answers_that_make_no_sense_are_asked_for_and_answered(counter: Counter) -> None:
    nonsense = HOUSE | {"project_kind": ["castle"], "parcel_number": {"a": 1}, "gross_building_sum": -5}
    application_id = await counter.apply(answers=nonsense)
    asked = (await counter.office.read(application_id))["asked"]
    assert asked["answers"] == ["gross_building_sum", "parcel_number", "project_kind"]
    *_, (kind, said) = await counter.told(application_id)
    assert (kind, said["fields"]) == (
        "case-documents-requested",
        ["gross_building_sum", "parcel_number", "project_kind"],
    )

    await counter.supply(application_id, answers={"parcel_number": "7", "gross_building_sum": 100})
    view = await counter.office.read(application_id)
    assert view["state"] == "documents-requested"
    assert view["site"]["parcel"]["number"] == "7"
    assert view["asked"]["answers"] == ["project_kind"]

    await counter.supply(application_id, answers={"project_kind": "change-of-use"})
    view = await counter.office.read(application_id)
    assert (view["state"], view["kind"], view["gross_building_sum_cents"]) == ("submitted", "change-of-use", 100)
    assert await counter.office.step(application_id, "completeness") == "complete"


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"project_kind": None, "site_address": 5, "has_address": "perhaps"},
        {key: [{}] for key in HOUSE},
        HOUSE | {"nobody_asked": "for this"},
        HOUSE | {"site_address": {"street": "x" * 5000}, "has_address": True},
    ],
)
async def test_no_application_is_lost_whatever_is_in_it(counter: Counter, answers: dict[str, Any]) -> None:
    application_id = await counter.apply(answers=answers, documents=[file("a_poem")])
    assert (await counter.office.read(application_id))["state"] == "documents-requested"
    kept = await counter.office.database.pool.fetchrow(
        "SELECT answers::text, files::text FROM portal_applications WHERE application_id = $1", application_id
    )
    assert kept is not None
    assert json.loads(kept["answers"]) == answers
    assert [one["key"] for one in json.loads(kept["files"])] == ["a_poem"]


async def test_what_comes_too_late_is_kept_and_the_caseworkers_know(counter: Counter) -> None:
    application_id = await counter.apply()
    await counter.office.step(application_id, "completeness")
    before = await counter.told(application_id)
    await counter.supply(application_id, file("site_plan", 2), message="Hier ist ein besserer Plan.")
    assert await counter.told(application_id) == before
    assert len((await counter.office.read(application_id))["documents"]) == len(CODES)
    refused, message = await counter.notes(application_id)
    assert "site_plan.pdf" in refused
    assert "application-complete" in refused
    assert message == "Nachricht aus dem Kommunalportal: Hier ist ein besserer Plan."
    row = await counter.office.database.pool.fetchrow("SELECT refused, files::text FROM portal_supplements")
    assert row is not None
    assert (row["refused"], json.loads(row["files"])[0]["sha256"]) == ("application-complete", "02" * 32)


async def test_more_files_than_a_case_can_have_are_kept_and_stop_nobody(counter: Counter) -> None:
    application_id = await counter.apply("site_plan")
    plans = [file("site_plan") | {"sha256": f"{number:064x}"} for number in range(1, 500)]
    await counter.supply(application_id, *plans)
    assert len((await counter.office.read(application_id))["documents"]) == len(CODES) - 1
    [refused] = await counter.notes(application_id)
    assert "too-many-documents" in refused
    *_, (kind, said) = await counter.told(application_id)
    assert (kind, said["documents"]) == ("case-documents-requested", ["site_plan"]), "it is still asked for"
    await counter.supply(application_id, file("site_plan"))
    assert (await counter.office.read(application_id))["state"] == "submitted"


async def test_a_file_that_is_nothing_we_know_is_kept_and_answers_nothing(counter: Counter) -> None:
    application_id = await counter.apply("site_plan")
    await counter.supply(application_id, file("a_poem"))
    assert (await counter.office.read(application_id))["state"] == "documents-requested"
    kept = await counter.office.database.pool.fetchval("SELECT files::text FROM portal_supplements")
    assert json.loads(kept)[0]["key"] == "a_poem"


async def test_answers_that_nobody_asked_for_change_nothing_and_are_kept(counter: Counter) -> None:
    application_id = await counter.apply()
    await counter.supply(application_id, answers={"description": "A castle"})
    assert (await counter.office.read(application_id))["description"] == HOUSE["description"]
    kept = await counter.office.database.pool.fetchrow("SELECT answers::text, replaced::text FROM portal_supplements")
    assert kept is not None
    assert json.loads(kept["answers"]) == {"description": "A castle"}
    assert json.loads(kept["replaced"]) == {"description": HOUSE["description"]}


async def test_documents_after_the_end_stop_nobody(counter: Counter) -> None:
    application_id = await counter.apply("site_plan")
    await counter.office.morning_of(date(2026, 3, 31))
    assert (await counter.steps(application_id))[-1] == ("lapse", "lapsed")
    await counter.supply(application_id, file("site_plan"))
    await counter.withdraw(application_id)
    assert (await counter.office.read(application_id))["state"] == "lapsed"
    history = await counter.office.client.get(
        f"/v1/applications/{application_id}/history", headers=counter.office.clerk
    )
    assert history.json()[-1]["what"] == "withdrawn-after-the-end"


async def test_a_withdrawal_in_the_portal_closes_the_case_once(counter: Counter) -> None:
    application_id = await counter.apply()
    for _ in range(2):
        await counter.withdraw(application_id)
    kind, said = (await counter.told(application_id))[-1]
    assert (kind, said["state"], said["closed"]) == ("case-moved", "withdrawn", True)
    assert await counter.steps(application_id) == [("withdraw", "withdrawn")]
    assert await counter.office.journal(application_id) == ["application-submitted", "application-withdrawn"]


async def test_the_way_to_the_permit_is_followed_in_the_words_of_every_department(counter: Counter) -> None:
    application_id = await counter.apply()
    office = counter.office
    await office.step(application_id, "completeness")
    await office.step(application_id, "hearings", {"agencies": ["fire-protection", "water-authority"]})
    for agency in ("fire-protection", "water-authority"):
        await office.step(application_id, f"hearings/{agency}/response", {"outcome": "no-objection"})
    await office.step(application_id, "proposals", {"decision": "approve"})
    await office.step(application_id, "decision", {"verdict": "confirm"}, office.lead)
    assert await counter.steps(application_id) == [
        ("declare-complete", "complete"),
        ("hear-agencies", "consulting"),
        ("conclude-hearings", "deciding"),
        ("grant", "granted"),
    ]
    (decided, decision), (charged, fee) = (await counter.told(application_id))[-2:]
    assert (decided, decision["outcome"], decision["automatic"]) == ("case-decided", "granted", False)
    assert (charged, fee["amount_cents"], fee["due_on"]) == ("fee-charged", 180_000, "2026-04-02")


async def test_a_refusal_is_told_as_one(counter: Counter) -> None:
    application_id = await counter.apply()
    office = counter.office
    await office.step(application_id, "completeness")
    refusal = {"decision": "refuse", "grounds": ["distance-areas"], "reasons": "Three metres are missing."}
    await office.step(application_id, "proposals", refusal)
    await office.step(application_id, "decision", {"verdict": "confirm"}, office.lead)
    told = dict(await counter.told(application_id))
    assert told["case-decided"]["outcome"] == "refused"
    assert (await counter.steps(application_id))[-1] == ("refuse", "refused")
    assert "Three metres" not in json.dumps(await counter.told(application_id)), "reasons are for the applicant alone"


async def test_a_payment_counts_once(counter: Counter) -> None:
    application_id = await counter.apply()
    await counter.office.approve(application_id)
    payment_id = new_id()
    for _ in range(2):
        await counter.pay(application_id, payment_id, 180_000)
    settled = [said for kind, said in await counter.told(application_id) if kind == "fee-settled"]
    assert [said["amount_cents"] for said in settled] == [180_000]


async def test_a_case_that_came_by_the_api_is_told_in_the_same_words(counter: Counter) -> None:
    application_id = await counter.office.submit()
    await counter.office.step(application_id, "withdrawal", None, counter.office.builder)
    (opened, first), (moved, last) = await counter.told(application_id)
    assert (opened, first["procedure_version"], moved, last["state"]) == ("case-opened", 1, "case-moved", "withdrawn")


async def test_before_anything_is_published_a_case_can_be_opened_by_the_api(office: Any) -> None:
    application_id = await office.submit()
    [(_, said)] = await Counter(office).told(application_id)
    assert said["procedure_version"] == 0


async def test_the_service_is_published_once(counter: Counter, settings_of: Any) -> None:
    await counter.publish(settings_of(SERVICE, counter.office.database))
    rows = await counter.office.database.pool.fetch(
        "SELECT type, data FROM amtsbus.events WHERE topic = $1", CATALOGUE.topic
    )
    [said] = [json.loads(row["data"]) for row in rows]
    assert (said["office"], said["key"], said["version"]) == ("permits", "building-permit", 1)
    assert said["declaration"]["own_code"] is True
    assert said["office_declaration"]["key"] == "permits"


# Over the bus


@pytest.fixture
async def portal(counter: Counter, service_database: Any, town_bus: Any, tmp_path: Path) -> DemoPortal:
    (tmp_path / "migrations").mkdir()
    return await DemoPortal.before(
        (SERVICE, counter.office.database), service_database, town_bus, tmp_path / "migrations"
    )


async def test_the_reader_goes_on_whatever_citizens_hand_in(counter: Counter, portal: DemoPortal) -> None:
    good, empty = submitted(), submitted(answers={}, documents=[])
    strange = submitted(answers={key: {"x": [None]} for key in HOUSE}, documents=[file("a_poem")] * 3)
    last = submitted("site_plan")
    await portal.hand_in(good, empty, strange, last)
    rows = await counter.office.database.pool.fetch("SELECT case_id, state FROM amtsbus.cases")
    assert {str(row["case_id"]): row["state"] for row in rows} == {
        good["application_id"]: "submitted",
        empty["application_id"]: "documents-requested",
        strange["application_id"]: "documents-requested",
        last["application_id"]: "documents-requested",
    }
    assert await counter.office.database.pool.fetchval("SELECT count(*) FROM amtsbus.dead_letters") == 0
