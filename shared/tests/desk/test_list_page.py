"""The work list in a browser."""

from datetime import timedelta

from amtsbus.auth import Role
from amtsbus.desk import staff


def shown(page) -> list[str]:
    """The applicants in the list, from the top."""
    return [row.find_all("td")[1].get_text(strip=True) for row in page.soup.select("[data-row]")]


async def test_a_caseworker_first_sees_their_own_cases_the_most_urgent_first(browser, request_):
    await request_("Demo-Late", assignee="clara", due_in=9)
    await request_("Demo-Soon", assignee="clara", due_in=1)
    await request_("Demo-Never", assignee="clara")
    await request_("Demo-Other", assignee="mira", due_in=1)
    page = await browser.log_in(Role.CLERK, sub="clara", name="Clara Demo")
    assert page.status == 200
    assert shown(page) == ["Demo-Soon", "Demo-Late", "Demo-Never"]
    assert "3 Vorgänge" in page.text
    assert "morgen" in page.text


async def test_the_address_of_the_desk_itself_is_the_list(browser, request_):
    await request_("Demo-One", assignee="clara")
    await browser.log_in(Role.CLERK, sub="clara")
    page = await browser.open("")
    assert page.status == 200
    assert shown(page) == ["Demo-One"]


async def test_the_tabs_say_how_many_cases_they_have(browser, request_):
    for name in ("Demo-A", "Demo-B"):
        await request_(name, assignee="clara")
    await request_("Demo-Pool")
    page = await browser.log_in(Role.CLERK, sub="clara")
    assert {"Meine (2)", "Unser Amt (3)", "Vier Augen (0)", "Alle, auch abgeschlossene"} <= page.links.keys()
    page = await browser.follow("Unser Amt (3)")
    assert len(shown(page)) == 3


async def test_filters_narrow_the_list_and_can_be_taken_away(browser, request_):
    await request_("Demo-Pool")
    await request_("Demo-Clara", assignee="clara")
    await browser.log_in(Role.CLERK, sub="clara", name="Clara Demo")
    await browser.open("/?scope=team")
    page = await browser.submit({"Zuständig": "Niemand (Pool)"}, button="Filtern")
    assert shown(page) == ["Demo-Pool"]
    page = await browser.submit({"Zuständig": "Clara Demo", "Stand": "received"}, button="Filtern")
    assert shown(page) == ["Demo-Clara"]
    page = await browser.submit({"Stand": "granted"}, button="Filtern")
    assert "Hier gibt es keine Vorgänge" in page.text
    page = await browser.follow("Filter aufheben")
    assert len(shown(page)) == 2


async def test_a_search_stays_out_of_the_address_and_each_tab_has_its_own(browser, request_):
    await request_("Demo-Ada Muster")
    await request_("Demo-Bert Muster", assignee="mira")
    await browser.log_in(Role.CLERK, sub="clara")
    page = await browser.submit({"Aktenzeichen oder Name": "demo-a"}, button="Suchen")
    assert shown(page) == ["Demo-Ada Muster"]
    assert page.field("Aktenzeichen oder Name") == "demo-a"
    assert "demo" not in page.url.lower()
    first = page.path.removeprefix("/desk")
    page = await browser.submit({"Aktenzeichen oder Name": "demo-b"}, button="Suchen")
    assert shown(page) == ["Demo-Bert Muster"]
    assert shown(await browser.open(first)) == ["Demo-Ada Muster"]
    assert len(shown(await browser.follow("Suche beenden"))) == 0


async def test_a_search_that_is_not_known_any_more_says_so(browser, request_):
    await request_("Demo-Ada", assignee="clara")
    await browser.log_in(Role.CLERK, sub="clara")
    page = await browser.open("/?scope=all&search=elsewhere")
    assert any("nicht mehr bekannt" in notice for notice in page.notices)
    assert shown(page) == ["Demo-Ada"]
    page = await browser.submit({"Aktenzeichen oder Name": "d"}, button="Suchen")
    assert any("mindestens zwei Zeichen" in notice for notice in page.notices)


async def test_a_long_list_is_read_page_by_page_and_back(browser, request_):
    names = [f"Demo-{nth:02}" for nth in range(30)]
    for nth, name in enumerate(names):
        await request_(name, assignee="clara", due_in=nth + 1)
    first = await browser.log_in(Role.CLERK, sub="clara")
    assert shown(first) == names[:25]
    assert shown(await browser.follow("Weiter")) == names[25:]
    assert shown(await browser.follow("Zurück")) == names[:25]


async def test_a_deputy_sees_the_cases_of_whoever_is_away_among_their_own(browser, request_, database, clock):
    await request_("Demo-Clara's", assignee="clara")
    async with database.transaction() as tx:
        today = tx.clock.today()
        await staff.meet(tx, "clara", "Clara Demo", ["clerk"])
        await staff.meet(tx, "mira", "Mira Demo", ["clerk"])
        await staff.set_absence(tx, "clara", today, today + timedelta(days=4), "mira")
    page = await browser.log_in(Role.CLERK, sub="mira", name="Mira Demo")
    assert shown(page) == ["Demo-Clara's"]
    assert "Sie vertreten: Clara Demo" in page.text
    clock.advance(timedelta(days=5))
    assert shown(await browser.reload()) == []


async def test_nonsense_in_the_address_is_left_out_or_refused_and_never_a_crash(browser, request_):
    await request_("Demo-Ada", assignee="clara")
    await browser.log_in(Role.CLERK, sub="clara")
    page = await browser.open("/?scope=everything&due=sometime&procedure=none&state=none&assignee=none")
    assert page.status == 200
    assert (await browser.open("/?after=nonsense")).status == 422
    assert (await browser.open("/?scope=" + "x" * 200)).status == 400


async def test_what_an_applicant_calls_themself_is_text_and_nothing_else(browser, request_):
    await request_("<script>alert(1)</script>", assignee="clara")
    page = await browser.log_in(Role.CLERK, sub="clara")
    assert shown(page) == ["<script>alert(1)</script>"]
    assert "<script>alert" not in page.response.text


async def test_the_desk_speaks_english_as_well(browser, request_):
    await request_("Demo-Ada", assignee="clara", due_in=1)
    await browser.log_in(Role.CLERK, sub="clara")
    page = await browser.open("/?language=en")
    assert page.language == "en"
    assert page.heading == "Cases"
    assert "tomorrow" in page.text
