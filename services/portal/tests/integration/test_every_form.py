"""A form is filled in to its end by an invented applicant, over HTTP, page by page."""

from pathlib import Path

import pytest
from amtsbus.procedures import sampling
from amtsbus.procedures.checking import Office, procedure_files, read_procedure

from ..demo import ANIMALS, ERIKA, animals
from ..filling import Applicant
from ..portals import TODAY, Portal

FILES = procedure_files(ANIMALS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_a_form_is_filled_in_to_its_end_and_says_what_was_answered(portal: Portal, file: Path):
    declared = read_procedure(file)
    await portal.offer(Office(animals().declaration, {declared.key: declared}), version=2)
    applicant = Applicant(declared, sampling.one(declared, 7, today=TODAY))
    browser = await portal.browser()
    await browser.log_in(person_id=ERIKA, name="Erika Demo-Muster", identification="high")
    draft_id = await portal.begin(browser, declared.key)
    page = await applicant.fill_in(browser)
    assert page.heading == "Stimmt alles?"
    await browser.submit(button="Antrag abgeben")
    [(kind, told)] = await portal.events(draft_id)
    assert kind == "application-submitted"
    assert told["answers"] == applicant.answers
