"""What of an office's own its operator sees: the folder of procedures."""

import shutil

import pytest
from amtsbus.auth import Role
from offices.main import make

from .conftest import FOLDER


@pytest.fixture
async def operations(desk, pets, tmp_path, monkeypatch):
    """The page, with the folder as a test has changed it."""
    folder = tmp_path / "city" / "pets"
    shutil.copytree(FOLDER, folder)
    monkeypatch.setenv("AMTSBUS_PROCEDURES", str(folder.parent))

    async def shown():
        browser = await desk(make("pets"))
        return await browser.log_in(Role.OPERATOR, sub="otto", back_to="/operations")

    return folder, shown


async def test_a_folder_that_is_published_is_fine(operations):
    _, shown = operations
    page = await shown()
    assert "Angebotene Verfahren 2" in page.text.replace("Hinweis: ", "")
    assert "in Ordnung und veröffentlicht" in page.text


async def test_a_mistake_in_the_folder_is_named_with_file_and_line(operations):
    folder, shown = operations
    (folder / "parrot.yaml").write_text("key: parrot\n")
    page = await shown()
    assert "Es gilt weiter, was zuletzt richtig war" in page.text
    assert "parrot.yaml:1" in page.text


async def test_a_folder_that_nobody_has_published_yet_is_told(operations):
    folder, shown = operations
    (folder / "goldfish.yaml").unlink()
    page = await shown()
    assert "läuft der Worker?" in page.text
