"""The files of a case: shown in a cage, saved under a safe name, and every look at them recorded."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from amtsbus.auth import Role

from .requests_office import PDF, PICTURE


@pytest.fixture
async def clara(browser):
    await browser.log_in(Role.CLERK, sub="clara", name="Clara Demo")
    return browser


@pytest.mark.parametrize(
    ("document", "content", "media_type"), [("photo", PICTURE, "image/png"), ("plan", PDF, "application/pdf")]
)
async def test_pictures_and_pdf_are_shown_in_a_sandbox(clara, request_, document, content, media_type):
    case_id = await request_()
    answer = (await clara.open(f"/cases/{case_id}/documents/{document}")).response
    assert answer.content == content
    assert answer.headers["content-type"] == media_type
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"].startswith("inline")


async def test_what_a_browser_could_run_is_only_ever_saved(clara, request_):
    case_id = await request_()
    for place in ("page", "page/file"):
        answer = (await clara.open(f"/cases/{case_id}/documents/{place}")).response
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["content-security-policy"]


async def test_every_look_at_a_file_is_recorded_even_where_the_store_has_lost_it(clara, request_, database):
    case_id = await request_()
    assert (await clara.open(f"/cases/{case_id}/documents/plan")).status == 200
    assert (await clara.open(f"/cases/{case_id}/documents/plan/file")).status == 200
    assert (await clara.open(f"/cases/{case_id}/documents/gone")).status == 404
    assert (await clara.open(f"/cases/{case_id}/documents/unknown")).status == 404
    rows = await database.pool.fetch("SELECT what FROM amtsbus.case_reads ORDER BY read_id")
    assert [row["what"] for row in rows] == ["document plan", "document plan", "document gone"]


async def test_a_file_that_is_not_what_was_handed_in_is_not_shown(clara, request_, documents):
    case_id = await request_()
    [kept] = [path for path in Path(urlsplit(documents).path).rglob("*") if path.is_file() and path.read_bytes() == PDF]
    kept.write_bytes(b"%PDF-1.7 another")
    page = await clara.open(f"/cases/{case_id}/documents/plan")
    assert page.status == 500
    assert "another" not in page.response.text
