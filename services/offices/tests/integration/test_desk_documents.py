"""The files of an application at the desk: those handed in, and those among the answers."""

from hashlib import sha256
from io import BytesIO

import pytest
from amtsbus.auth import Role
from amtsbus.documents import DocumentStore

from .conftest import PARROTS, document

PDF = b"%PDF-1.7 a cage"


@pytest.fixture
async def anna(desk, documents):
    """An auditor sees them as well."""
    await DocumentStore.at(documents).put(BytesIO(PDF))
    browser = await desk()
    await browser.log_in(Role.AUDITOR, sub="anna", name="Anna Demo")
    return browser


async def test_a_document_is_looked_at_and_saved_and_that_is_recorded(anna, pets):
    case_id = await pets.apply(answers=PARROTS | {"parrots": 3}, documents=(document(digest=sha256(PDF).hexdigest()),))
    page = await anna.open(f"/cases/{case_id}")
    assert "Plan des Käfigs" in page.text
    answer = (await anna.follow("Ansehen: cage_plan.pdf (öffnet ein neues Fenster)")).response
    assert (answer.content, answer.headers["content-type"]) == (PDF, "application/pdf")
    await anna.open(f"/cases/{case_id}")
    answer = (await anna.follow("Speichern: cage_plan.pdf")).response
    assert answer.headers["content-disposition"].startswith("attachment")
    rows = await pets.database.pool.fetch("SELECT who, what FROM amtsbus.case_reads ORDER BY read_id")
    assert [tuple(row) for row in rows] == [
        ("anna", "case"),
        ("anna", "document 1"),
        ("anna", "case"),
        ("anna", "document 1"),
    ]


async def test_a_document_of_another_case_is_not_found_through_this_one(anna, pets):
    with_it = await pets.apply(answers=PARROTS | {"parrots": 3}, documents=(document(digest=sha256(PDF).hexdigest()),))
    without = await pets.apply()
    assert (await anna.open(f"/cases/{with_it}/documents/1")).status == 200
    assert (await anna.open(f"/cases/{without}/documents/1")).status == 404
    assert (await anna.open(f"/cases/{with_it}/documents/2")).status == 404
