"""Whatever is sent, the answer is clear, nothing is half written and nothing leaks."""

from typing import Any


async def applications(office: Any) -> int:
    count: int = await office.database.pool.fetchval("SELECT count(*) FROM amtsbus.cases")
    return count


BAD_FIELDS: dict[str, dict[str, Any]] = {
    "a kind that nobody knows": {"kind": "castle"},
    "a description of nothing but spaces": {"description": "   "},
    "a description that never ends": {"description": "x" * 5_001},
    "a control character": {"description": "a\x07b"},
    "a negative sum": {"gross_building_sum_cents": -1},
    "a sum in words": {"gross_building_sum_cents": "300000"},
    "a broken sum": {"gross_building_sum_cents": 1.5},
    "a sum beyond all buildings": {"gross_building_sum_cents": 10**30},
    "no site": {"site": None},
    "half an address": {
        "site": {"parcel": {"district": "W", "section": "1", "number": "2"}, "address": {"street": "Hauptstraße"}}
    },
    "a foreign postal code": {
        "site": {
            "parcel": {"district": "W", "section": "1", "number": "2"},
            "address": {"street": "Rue", "house_number": "1", "postal_code": "1234", "locality": "Liège"},
        }
    },
    "a document that nobody knows": {
        "documents": [{"code": "love-letter", "name": "a", "sha256": "aa" * 32, "size": 1}]
    },
    "a hash that is none": {"documents": [{"code": "site-plan", "name": "a", "sha256": "zz" * 32, "size": 1}]},
    "an empty document": {"documents": [{"code": "site-plan", "name": "a", "sha256": "aa" * 32, "size": 0}]},
    "too many documents": {"documents": [{"code": "site-plan", "name": "a", "sha256": "aa" * 32, "size": 1}] * 101},
    "a field that nobody asked for": {"state": "approved"},
    "an applicant that is no id": {"applicant_id": "me"},
}


async def test_a_bad_field_is_named_and_nothing_is_written(office: Any) -> None:
    for what, changes in BAD_FIELDS.items():
        answer = await office.client.post("/v1/applications", json=office.form(**changes), headers=office.builder)
        assert answer.status_code == 422, what
        assert answer.headers["content-type"] == "application/problem+json"
        pointers = [error["pointer"] for error in answer.json()["errors"]]
        assert any(pointer.startswith(f"/{next(iter(changes))}") for pointer in pointers), (what, pointers)
    assert await applications(office) == 0


async def test_broken_bodies_are_refused(office: Any) -> None:
    for body in (b"{", b"[]", b"null", b'"text"', b'{"kind": NaN}', b"\xff\xfe", b""):
        answer = await office.client.post(
            "/v1/applications", content=body, headers=office.builder | {"Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 422), body
    assert await applications(office) == 0


async def test_ten_megabytes_are_refused(office: Any) -> None:
    answer = await office.client.post(
        "/v1/applications", json=office.form(description="x" * 10_000_000), headers=office.builder
    )
    assert answer.status_code == 413


async def test_strange_text_is_text(office: Any) -> None:
    for text in (
        "'; DROP TABLE applications; --",
        "{{ 7 * 7 }} ${7*7} <script>alert(1)</script>",
        "Ein Haus für Zoë Ångström-Đặng 🏠 n̂",
        "line one\nline two",
    ):
        application_id = await office.submit(description=text)
        assert (await office.read(application_id))["description"] == text


async def test_combining_characters_are_composed(office: Any) -> None:
    application_id = await office.submit(description="Gru\u0308ne Mauer")
    assert (await office.read(application_id))["description"] == "Gr\u00fcne Mauer"


BAD_STEPS: list[tuple[str, dict[str, Any]]] = [
    ("document-requests", {"documents": [], "reasons": "Why", "period_days": 14}),
    ("document-requests", {"documents": ["site-plan"], "reasons": "Why", "period_days": 6}),
    ("document-requests", {"documents": ["site-plan"], "reasons": "Why", "period_days": 10**9}),
    ("document-requests", {"documents": ["site-plan"], "period_days": 14}),
    ("documents", {"documents": []}),
    ("hearings", {"agencies": []}),
    ("hearings", {"agencies": ["the-neighbour"]}),
    ("hearings/the-neighbour/response", {"outcome": "no-objection"}),
    ("hearings/fire-protection/response", {"outcome": "silent"}),
    ("proposals", {"decision": "perhaps"}),
    ("proposals", {"decision": "refuse", "grounds": [], "reasons": "No"}),
    ("proposals", {"decision": "approve", "grounds": ["distance-areas"]}),
    ("proposals", {"decision": "approve", "conditions": ["smile"]}),
    ("proposals", {}),
    ("decision", {"verdict": "send-back"}),
    ("assignment", {}),
    ("notes", {"text": ""}),
]


async def test_a_bad_step_is_refused_before_anything_happens(office: Any) -> None:
    application_id = await office.submit()
    for step, form in BAD_STEPS:
        answer = await office.try_step(application_id, step, form, office.lead)
        assert answer.status_code == 422, (step, form)
        assert answer.json()["errors"], (step, form)
    assert await office.journal(application_id) == ["application-submitted"]


async def test_a_bad_query_is_refused(office: Any) -> None:
    for query in ("state=nowhere", "limit=0", "limit=101", "due_before=0001-01-01", "due_before=soon", "after=%%%"):
        answer = await office.client.get(f"/v1/applications?{query}", headers=office.clerk)
        assert answer.status_code == 422, query


async def test_an_address_that_is_no_id_is_refused(office: Any) -> None:
    assert (await office.client.get("/v1/applications/BA-2026-000001", headers=office.clerk)).status_code == 422
