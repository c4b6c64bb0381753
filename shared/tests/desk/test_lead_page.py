"""What a lead sees at a glance."""

from datetime import timedelta

from amtsbus.auth import Role


def _rows(table) -> list[list[str]]:
    return [[cell.get_text(strip=True) for cell in row.find_all(["th", "td"])] for row in table.tbody.find_all("tr")]


async def test_the_charts_have_their_numbers_in_tables_and_what_is_overdue_is_listed(browser, request_, clock):
    await request_("Demo-Late", assignee="clara", due_in=1)
    await request_("Demo-Fine", assignee="clara", due_in=15)
    await request_("Demo-Pool")
    clock.advance(timedelta(days=4))
    async with browser.another() as clara:
        await clara.log_in(Role.CLERK, sub="clara", name="Clara Demo")
        assert (await clara.open("/lead")).status == 403
    await browser.log_in(Role.LEAD, sub="lena")
    page = await browser.open("/lead")
    assert "3 offene Vorgänge, davon überfällig: 1." in page.text
    tables = {table.caption.get_text(strip=True): _rows(table) for table in page.soup.find_all("table")}
    assert tables["Offene Vorgänge je Person"] == [["Clara Demo", "2", "1"], ["Niemand (Pool)", "1", "0"]]
    assert tables["Fristen"][0] == ["Überfällig", "1"]
    assert tables["Alter der offenen Vorgänge"][0] == ["0 bis 7 Tage", "3"]
    assert all(chart.get("role") == "img" and chart.get("aria-label") for chart in page.soup.find_all("svg"))
    assert page.soup.find(style=True) is None
    overdue = page.soup.find("section", attrs={"aria-labelledby": "overdue"})
    assert overdue is not None
    assert "Clara Demo" in overdue.get_text()
    assert len(overdue.find_all("li")) == 1


async def test_a_department_without_cases_has_a_page_for_its_lead_as_well(browser):
    await browser.log_in(Role.LEAD, sub="lena")
    page = await browser.open("/lead")
    assert page.status == 200
    assert "Nichts ist überfällig." in page.text
