"""Absence, entered at the desk."""

import pytest
from amtsbus.auth import Role


@pytest.fixture
async def clara(browser):
    async with browser.another() as mira:
        await mira.log_in(Role.CLERK, sub="mira", name="Mira Demo")
    await browser.log_in(Role.CLERK, sub="clara", name="Clara Demo")
    await browser.open("/absence")
    return browser


async def test_a_caseworker_enters_when_they_are_away_and_who_stands_in(clara):
    page = await clara.submit(
        {"Erster Tag": "9.3.2026", "Letzter Tag": "13.3.2026", "Vertretung": "Mira Demo"}, button="Eintragen"
    )
    assert any("Die Abwesenheit von Clara Demo ist eingetragen" in notice for notice in page.notices)
    assert "Clara Demo: 9. März 2026 bis 13. März 2026. Vertretung: Mira Demo." in page.text
    page = await clara.submit(button="Abwesenheit von Clara Demo beenden")
    assert "9. März 2026" not in page.text


@pytest.mark.parametrize(
    ("begins", "ends", "wrong"),
    [
        ("soon", "13.3.2026", {"Erster Tag": "Schreiben Sie den Tag wie 24.12.2026."}),
        ("9.3.2026", "31.2.2026", {"Letzter Tag": "Schreiben Sie den Tag wie 24.12.2026."}),
        ("9.3.2026", "8.3.2026", {"Letzter Tag": "Der letzte Tag liegt vor dem ersten."}),
    ],
)
async def test_days_that_cannot_be_come_back_with_what_was_typed(clara, begins, ends, wrong):
    page = await clara.submit({"Erster Tag": begins, "Letzter Tag": ends}, button="Eintragen")
    assert (page.status, page.errors) == (422, wrong)
    assert (page.field("Erster Tag"), page.field("Letzter Tag")) == (begins, ends)


async def test_only_a_lead_enters_the_absence_of_others(clara):
    form = next(one for one in clara.shown.forms if one.button("Eintragen"))
    form.fill({"Erster Tag": "9.3.2026", "Letzter Tag": "9.3.2026"})
    form.fields.append(type(form.fields[0])("who", "hidden", "", ["mira"]))
    assert (await clara.send(form)).status == 403
    async with clara.another() as lena:
        await lena.log_in(Role.LEAD, sub="lena", name="Lena Demo")
        await lena.open("/absence")
        values = {"Wer ist abwesend?": "Mira Demo", "Erster Tag": "9.3.2026", "Letzter Tag": "9.3.2026"}
        page = await lena.submit({**values, "Vertretung": "Clara Demo"}, button="Eintragen")
        assert "Mira Demo: 9. März 2026" in page.text
        page = await lena.submit({**values, "Vertretung": "Mira Demo"}, button="Eintragen")
        assert page.errors == {"Vertretung": "Die Vertretung muss jemand anderes übernehmen."}
