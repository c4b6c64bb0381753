"""Everything that is stored about somebody, for themselves and for nobody else."""

import json
from io import BytesIO
from zipfile import ZipFile

from portal.pages import data as pages

from ..demo import MAX, PDF
from ..portals import Portal


async def archive(browser) -> ZipFile:
    answer = (await browser.open("/my-data/download")).response
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith("attachment;")
    return ZipFile(BytesIO(answer.content))


async def test_somebody_gets_everything_that_is_stored_about_them(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    await portal.opened(application_id)
    await portal.wrote(application_id)
    draft_id = await portal.begin(browser)
    await portal.fill_in(browser, until="tortoises")
    found = await archive(browser)
    told = json.loads(found.read("data.json"))
    [application] = told["applications"]
    assert application["answers"]["keeper"] == "Erika Demo-Muster"
    assert [one["what"] for one in application["happenings"]] == ["handed-in", "received"]
    assert [draft["draft_id"] for draft in told["drafts"]] == [str(draft_id)]
    assert [letter["subject"] for letter in told["letters"]] == ["Ihre Schildkröte ist angemeldet"]
    [file] = [name for name in found.namelist() if name != "data.json"]
    assert file.endswith("herkunft.pdf")
    assert found.read(file) == PDF


async def test_nobody_gets_what_is_somebody_elses(portal: Portal):
    await portal.apply(await portal.erika())
    other = await portal.browser()
    await other.log_in(person_id=MAX, name="Max Demo-Muster")
    found = await archive(other)
    assert found.namelist() == ["data.json"]
    told = json.loads(found.read("data.json"))
    assert (told["applications"], told["drafts"], told["letters"]) == ([], [], [])
    assert told["contact_preferences"]["email"] is None


async def test_a_browser_that_applied_without_a_log_in_gets_that(portal: Portal):
    browser = await portal.browser()
    application_id = await portal.report_cat(browser)
    told = json.loads((await archive(browser)).read("data.json"))
    assert [one["application_id"] for one in told["applications"]] == [str(application_id)]


async def test_a_file_that_the_store_has_lost_is_told_and_the_rest_comes(portal: Portal):
    browser = await portal.erika()
    application_id = await portal.apply(browser)
    [(_, submitted)] = await portal.events(application_id)
    await portal.documents.delete(submitted["documents"][0]["sha256"])
    assert any(name.endswith(".missing.txt") for name in (await archive(browser)).namelist())


async def test_downloads_have_a_rate_limit(portal: Portal, monkeypatch):
    monkeypatch.setattr(pages, "DOWNLOADS", type(pages.DOWNLOADS)(times=1, per_seconds=60))
    browser = await portal.erika()
    assert [(await browser.open("/my-data/download")).status for _ in range(2)] == [200, 429]
