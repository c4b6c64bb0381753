"""Uploads: kept for their owner, and for nobody and nothing else."""

from datetime import timedelta

import pytest
from amtsbus.testing.browsing import Browser, File, Value
from portal.domain import upload
from portal.pages import apply as pages
from portal.scanning import InfectedError, ScannerAwayError
from portal.tasks import sweep_once

from ..demo import JPEG, PDF, PNG
from ..portals import Portal


@pytest.fixture
async def at_document(portal: Portal) -> Browser:
    """A browser that shows the page of the proof of origin."""
    browser = await portal.erika()
    await portal.begin(browser)
    await portal.fill_in(browser, until="documents/origin_proof")
    return browser


async def choose(browser: Browser, *files: File, button: str = "Datei hochladen"):
    label = "Weitere Datei auswählen" if browser.shown.forms[0].has("Weitere Datei auswählen") else "Datei auswählen"
    return await browser.submit({label: list(files)}, button=button)


async def test_files_are_added_seen_and_removed(portal: Portal, at_document):
    page = await choose(at_document, File("eins.pdf", PDF), File("zwei.png", PNG))
    assert {"eins.pdf", "zwei.png"} <= set(page.links)
    page = await choose(at_document, File("drei.jpg", JPEG))
    assert await portal.count("files") == 3
    page = await at_document.submit(button="zwei.png entfernen")
    assert "zwei.png" not in page.links
    assert await portal.count("files") == 2


async def test_a_required_document_is_asked_for_until_it_is_there(portal: Portal, at_document):
    page = await at_document.submit(button="Weiter")
    assert (page.status, page.errors) == (422, {"Datei auswählen": "Laden Sie die Datei hoch."})


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (File("leer.pdf", b""), "leer"),
        (File("seite.pdf", b"<html>"), "keine Datei, die wir öffnen können"),
        (File("vertrag.exe", PDF), "Name der Datei"),
        (File("gross.pdf", PDF + b" " * 10_000_001), "größer als 10 MB"),
    ],
    ids=lambda value: value.name if isinstance(value, File) else "",
)
async def test_a_file_that_is_not_taken_is_told_and_not_kept(portal: Portal, at_document, file, why):
    page = await choose(at_document, file)
    assert page.status == 422
    assert why in page.errors["Datei auswählen"]
    assert (await portal.count("files"), await portal.count("kept_documents")) == (0, 0)


async def test_one_bad_file_does_not_keep_the_good_one_out(portal: Portal, at_document):
    page = await choose(at_document, File("gut.pdf", PDF), File("schlecht.pdf", b"<html>"))
    assert page.status == 422
    assert "gut.pdf" in page.links


async def test_all_files_together_have_a_limit(portal: Portal, at_document, monkeypatch):
    monkeypatch.setattr("portal.use_cases.keep_file.MOST_BYTES_TOGETHER", 2 * len(PDF))
    await choose(at_document, File("eins.pdf", PDF), File("zwei.pdf", PDF + b" "))
    page = await choose(at_document, File("drei.pdf", PDF + b"\n"))
    assert "50 MB" in next(iter(page.errors.values()))
    assert await portal.count("files") <= 2


class Scanning:
    """A scanner that finds what a test wants."""

    def __init__(self, found: Exception) -> None:
        self.found = found

    async def scan(self, content):
        raise self.found


@pytest.mark.parametrize(
    ("found", "why"),
    [(InfectedError("Eicar-Test-Signature"), "Schadprogramm"), (ScannerAwayError("away"), "gerade nicht auf Viren")],
    ids=["infected", "scanner away"],
)
async def test_what_a_scanner_does_not_clear_is_not_kept(portal: Portal, at_document, monkeypatch, found, why):
    monkeypatch.setattr(pages, "scanner_of", lambda _: Scanning(found))
    page = await choose(at_document, File("datei.pdf", PDF))
    assert why in page.errors["Datei auswählen"]
    assert (await portal.count("files"), await portal.count("kept_documents")) == (0, 0)


async def test_without_a_scanner_the_page_says_so(portal: Portal, at_document):
    page = await choose(at_document, File("datei.pdf", PDF))
    assert "nicht auf Viren geprüft" in page.text


async def test_a_file_is_given_out_as_an_attachment_that_no_browser_runs(portal: Portal, at_document):
    page = await choose(at_document, File("mein vertrag.pdf", PDF))
    answer = (await at_document.follow("mein vertrag.pdf")).response
    assert answer.content == PDF
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    preview = (await at_document.open(f"{page.links['mein vertrag.pdf']}?inline=yes")).response
    assert preview.headers["content-type"] == "application/pdf"
    assert "sandbox" in preview.headers["content-security-policy"]


@pytest.mark.parametrize("name", ["../../etc/passwd.pdf", "a\\b\\c.pdf", 'x".pdf', "\u202efdp.pdf"])
async def test_a_name_leads_nowhere(portal: Portal, at_document, name):
    await choose(at_document, File(name, PDF))
    [row] = await portal.database.pool.fetch("SELECT name FROM files")
    assert not set(row["name"]) & set('/\\"\u202e')


async def test_a_photo_belongs_to_its_item_of_the_group(portal: Portal):
    browser = await portal.erika()
    draft_id = await portal.begin(browser)
    await portal.fill_in(browser, until="tortoises")
    first: dict[str, Value] = {
        "tortoises.0.called": "Eins",
        "tortoises.0.weight": "1",
        "tortoises.0.portrait": File("eins.png", PNG),
    }
    await browser.submit(first, button="Weitere Angabe hinzufügen: Schildkröte")
    second: dict[str, Value] = {
        "tortoises.1.called": "Zwei",
        "tortoises.1.weight": "2",
        "tortoises.1.portrait": File("zwei.jpg", JPEG),
    }
    await browser.submit(second, button="Weiter")
    page = await portal.fill_in(browser)
    assert "eins.png" in page.text
    await browser.submit(button="Antrag abgeben")
    [(_, told)] = await portal.events(draft_id)
    assert [item["portrait"][0]["name"] for item in told["answers"]["tortoises"]] == ["eins.png", "zwei.jpg"]
    assert await portal.documents.exists(told["answers"]["tortoises"][1]["portrait"][0]["sha256"])


async def test_a_photo_can_be_taken_out_again(portal: Portal):
    browser = await portal.erika()
    await portal.begin(browser)
    await portal.fill_in(browser, until="tortoises")
    item: dict[str, Value] = {
        "tortoises.0.called": "Eins",
        "tortoises.0.weight": "1",
        "tortoises.0.portrait": File("eins.png", PNG),
    }
    await browser.submit(item, button="Weitere Angabe hinzufügen: Schildkröte")
    page = await browser.submit(button="eins.png entfernen")
    assert "eins.png" not in page.text
    assert await portal.count("files") == 0
    assert page.field("tortoises.0.called") == "Eins"


async def stored(portal: Portal) -> int:
    return await portal.count("kept_documents")


async def test_what_nobody_refers_to_is_removed_a_day_later(portal: Portal, at_document):
    await choose(at_document, File("eins.pdf", PDF))
    [row] = await portal.database.pool.fetch("SELECT sha256 FROM files")
    digest = bytes(row["sha256"]).hex()
    await at_document.submit(button="eins.pdf entfernen")
    await sweep_once(portal.database, portal.documents)
    assert await portal.documents.exists(digest)
    portal.clock.instant += timedelta(days=1, minutes=1)
    await sweep_once(portal.database, portal.documents)
    assert not await portal.documents.exists(digest)
    assert await stored(portal) == 0


async def test_what_was_handed_in_stays(portal: Portal):
    application_id = await portal.apply(await portal.erika())
    portal.clock.instant += timedelta(days=400)
    await sweep_once(portal.database, portal.documents)
    [(_, told)] = await portal.events(application_id)
    assert await portal.documents.read(told["documents"][0]["sha256"]) == PDF


async def test_a_file_that_two_drafts_have_stays_when_one_of_them_goes(portal: Portal, at_document):
    await choose(at_document, File("eins.pdf", PDF))
    other = await portal.erika()
    await portal.begin(other)
    await portal.fill_in(other, until="documents/origin_proof")
    await choose(other, File("anders.pdf", PDF))
    await at_document.submit(button="eins.pdf entfernen")
    portal.clock.instant += timedelta(days=2)
    await sweep_once(portal.database, portal.documents)
    assert (await other.follow("anders.pdf")).response.content == PDF


async def test_a_draft_is_deleted_thirty_days_after_its_last_change(portal: Portal, at_document):
    await choose(at_document, File("eins.pdf", PDF))
    portal.clock.instant += timedelta(days=29)
    await sweep_once(portal.database, portal.documents)
    assert await portal.count("drafts") == 1
    portal.clock.instant += timedelta(days=1)
    await sweep_once(portal.database, portal.documents)
    assert (await portal.count("drafts"), await portal.count("files"), await stored(portal)) == (0, 0, 0)


async def test_uploads_have_a_rate_limit(portal: Portal, at_document, monkeypatch):
    monkeypatch.setattr(pages, "UPLOADS", type(pages.UPLOADS)(times=1, per_seconds=60))
    await choose(at_document, File("eins.pdf", PDF))
    assert (await choose(at_document, File("zwei.pdf", PDF + b" "))).status == 429


def test_the_form_is_as_large_as_all_files_may_be_together():
    assert pages.FORM_BYTES > upload.MOST_BYTES_TOGETHER
