"""Files are taken by what they are: the right kind, not a wrong one, not one that is too large."""

from uuid import uuid4

import pytest
import pytest_asyncio
from playwright.async_api import FilePayload, expect

from tests.browser import dog
from tests.browser.conftest import Opens
from tests.browser.windows import Window

CITIZEN = f"Demo-Ute Unterlagen-{uuid4().hex[:6]}"
"""Somebody of their own: nobody may have more than twenty drafts."""
PDF = b"%PDF-1.7\n1 0 obj <</Demo true>> endobj\ntrailer <<>>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x02\x00\x00\x00\x03\x08\x02\x00\x00\x00" + b"\x00" * 20
JPEG = b"\xff\xd8\xff\xe0\x00\x04JF\xff\xc0\x00\x0b\x08\x00\x03\x00\x02\x01\x01\x11\x00\xff\xda\x00\x02\xff\xd9"
TAKEN = {"vertrag.pdf": PDF, "foto.jpg": JPEG, "scan.png": PNG}
REFUSED = {
    "programm.pdf": (b"MZ\x90\x00 this is none of ours", "Das ist keine Datei, die wir öffnen können."),
    "seite.html": (b"<script>alert(1)</script>", "Das ist keine Datei, die wir öffnen können."),
    "bild.pdf": (PNG, "Der Name der Datei passt nicht zu ihrem Inhalt."),
    "leer.pdf": (b"", "Die Datei ist leer."),
    "gross.pdf": (PDF + b"0" * 10_000_000, "Die Datei ist größer als 10 MB."),
}


def file(name: str, content: bytes) -> FilePayload:
    return FilePayload(name=name, mimeType="application/pdf", buffer=content)


@pytest_asyncio.fixture(loop_scope="session")
async def citizen(window: Opens) -> Window:
    """Somebody at the page that asks for a document."""
    made = await window()
    await dog.begin(made, CITIZEN)
    await dog.fill_in(made, until=dog.RELIEF)
    await made.fill({"Hund aus einem Tierheim": True})
    await made.click("Weiter")
    for heading in list(dog.PAGES)[-2:]:
        await made.fill(dog.PAGES[heading])
        await made.click("Weiter")
    assert await made.heading() == "Nachweis für die Ermäßigung oder Befreiung"
    return made


@pytest.mark.parametrize("name", TAKEN)
async def test_a_file_of_the_right_kind_is_taken_shown_and_can_be_removed(citizen, name):
    await citizen.page.locator("input[type=file]").set_input_files(file(name, TAKEN[name]))
    await citizen.click("Datei hochladen")
    await expect(citizen.page.get_by_role("link", name=name)).to_be_visible()
    await citizen.click(f"{name} entfernen")
    await expect(citizen.page.get_by_role("link", name=name)).to_have_count(0)
    await citizen.page.locator("input[type=file]").set_input_files(file(name, TAKEN[name]))
    await citizen.click("Weiter")
    assert await citizen.heading() == dog.CHECK
    assert name in await citizen.text()


@pytest.mark.parametrize("name", REFUSED)
async def test_any_other_file_is_refused_with_what_to_do(citizen, name):
    content, why = REFUSED[name]
    await citizen.page.locator("input[type=file]").set_input_files(file(name, content))
    await citizen.click("Weiter")
    await expect(citizen.page.locator("#errors")).to_contain_text(why)
    assert await citizen.page.get_by_role("link", name=name, exact=True).count() == 0


async def test_what_was_uploaded_comes_back_as_something_to_save_and_never_as_a_page(citizen):
    await citizen.page.locator("input[type=file]").set_input_files(file("vertrag.pdf", PDF))
    await citizen.click("Datei hochladen")
    address = await citizen.page.get_by_role("link", name="vertrag.pdf").get_attribute("href")
    answer = await citizen.context.request.get(f"{citizen.town.portal}{address}")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert await answer.body() == PDF
