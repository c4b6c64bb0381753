"""The documents of an application at the desk: looked at where the store has them."""

from hashlib import sha256
from io import BytesIO
from typing import Any

from amtsbus.auth import Role
from amtsbus.documents import DocumentStore
from amtsbus.testing.browsing import Browser

PDF = b"%PDF-1.7 a site plan"
PLAN = {"code": "site-plan", "name": "Lageplan.pdf", "sha256": sha256(PDF).hexdigest(), "size": len(PDF)}


async def test_a_document_is_looked_at_and_saved_and_that_is_recorded(
    desk: Browser, office: Any, documents: str
) -> None:
    await DocumentStore.at(documents).put(BytesIO(PDF))
    application_id = await office.submit(documents=[PLAN])
    await desk.log_in(Role.AUDITOR, sub="anna", name="Anna Demo")
    await desk.open(f"/cases/{application_id}")
    answer = (await desk.follow("Ansehen: Lageplan.pdf (öffnet ein neues Fenster)")).response
    assert (answer.content, answer.headers["content-type"]) == (PDF, "application/pdf")
    await desk.open(f"/cases/{application_id}")
    answer = (await desk.follow("Speichern: Lageplan.pdf")).response
    assert answer.headers["content-disposition"].startswith("attachment")
    rows = await office.database.pool.fetch("SELECT what FROM amtsbus.case_reads ORDER BY read_id")
    assert [row["what"] for row in rows] == ["case", "document 1", "case", "document 1"]


async def test_a_document_that_lies_elsewhere_is_listed_and_not_shown(desk: Browser, office: Any) -> None:
    application_id = await office.submit()
    await desk.log_in(Role.CLERK, sub="clara", name="Clara Demo")
    page = await desk.open(f"/cases/{application_id}")
    assert "site-plan.pdf" in page.text
    assert (await desk.open(f"/cases/{application_id}/documents/1")).status == 404


async def test_a_drawing_that_no_browser_shows_is_only_saved(desk: Browser, office: Any, documents: str) -> None:
    drawing = b"<svg onload=alert(1)></svg>"
    await DocumentStore.at(documents).put(BytesIO(drawing))
    plan = PLAN | {"name": "Plan.svg", "sha256": sha256(drawing).hexdigest()}
    application_id = await office.submit(documents=[plan])
    await desk.log_in(Role.CLERK, sub="clara", name="Clara Demo")
    answer = (await desk.open(f"/cases/{application_id}/documents/1")).response
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
