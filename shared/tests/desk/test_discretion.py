"""What somebody may not know of is in no list, number, search or stream of theirs, and on no other page."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from amtsbus.auth import Role
from amtsbus.desk import Discreet, reads
from amtsbus.errors import NotFoundError

from .requests_office import RequestsDesk
from .test_live import note, streaming

OPEN, SECRET = "Demo-Open", "Demo-Secret"


class DiscreetDesk(RequestsDesk):
    """Some requests are for leads alone."""

    def __init__(self) -> None:
        super().__init__()
        self.secret: set[UUID] = set()

    async def hidden(self, tx, viewer):
        return () if Role.LEAD in viewer.actor.roles else self.secret

    async def find(self, tx, words, limit, viewer):
        hidden = await self.hidden(tx, viewer)
        return [one for one in await super().find(tx, words, limit, viewer) if one not in hidden]

    async def sheet(self, tx, case_id, viewer):
        if case_id in await self.hidden(tx, viewer):
            raise NotFoundError("there is no such case")
        await reads.record_read(tx, case_id, viewer.actor.subject, "by the department")
        return await super().sheet(tx, case_id, viewer)


@pytest.fixture
def desk() -> RequestsDesk:
    return DiscreetDesk()


@pytest.fixture
async def pair(desk, request_) -> tuple[UUID, UUID]:
    """Two requests of the same person, one of them secret."""
    shown = await request_(OPEN)
    secret = await request_(SECRET)
    desk.secret.add(secret)
    return shown, secret


def test_only_who_hides_something_is_discreet() -> None:
    assert isinstance(DiscreetDesk(), Discreet)
    assert not isinstance(RequestsDesk(), Discreet)


@pytest.mark.parametrize("scope", ["team", "all"])
async def test_a_list_shows_and_counts_what_one_may_know_of(browser, pair, scope):
    await browser.log_in(Role.CLERK, sub="clara")
    page = await browser.open(f"/?scope={scope}")
    assert len(page.soup.select("[data-row]")) == 1
    assert SECRET not in page.response.text
    async with browser.another() as lead:
        await lead.log_in(Role.LEAD, sub="lena")
        assert len((await lead.open(f"/?scope={scope}")).soup.select("[data-row]")) == 2


async def test_what_is_mine_or_waits_for_a_second_person_is_not_shown_either(browser, pair, database):
    await browser.log_in(Role.CLERK, sub="clara")
    await database.pool.execute(
        "UPDATE amtsbus.cases SET assignee = 'clara', proposed_action = 'grant', proposed_by = 'lena', "
        "proposed_at = opened_at WHERE case_id = $1",
        pair[1],
    )
    for scope in ("mine", "second"):
        page = await browser.open(f"/?scope={scope}")
        assert page.soup.select("[data-row]") == []
    assert {"Meine (0)", "Unser Amt (1)", "Vier Augen (0)"} <= set(page.links)


async def test_a_search_finds_none_of_it(browser, pair):
    await browser.log_in(Role.CLERK, sub="clara")
    await browser.open("/")
    for words, shown in ((OPEN, 1), (SECRET, 0)):
        page = await browser.submit({"Aktenzeichen oder Name": words}, button="Suchen")
        assert len(page.soup.select("[data-row]")) == shown


async def test_another_case_of_the_same_person_does_not_name_it(browser, pair, database):
    await database.pool.execute(
        "UPDATE amtsbus.cases SET applicant_id = (SELECT applicant_id FROM amtsbus.cases WHERE case_id = $1)", pair[0]
    )
    await browser.log_in(Role.CLERK, sub="clara")
    page = await browser.open(f"/cases/{pair[0]}")
    assert page.status == 200
    assert str(pair[1]) not in page.response.text
    async with browser.another() as lead:
        await lead.log_in(Role.LEAD, sub="lena")
        assert str(pair[1]) in (await lead.open(f"/cases/{pair[0]}")).response.text


async def test_a_list_hears_nothing_of_its_changes(browser, pair, database, clock):
    await browser.log_in(Role.CLERK, sub="clara")
    since = clock.now().isoformat().replace("+", "%2B")
    clock.advance(timedelta(seconds=5))
    await note(database, pair[1])
    await note(database, pair[0])
    async with streaming(browser, f"/live?since={since}") as (_, events), asyncio.timeout(5):
        name, data = await anext(events)
        assert name == "changed"
        assert data["cases"] == [str(pair[0])]


async def test_the_page_of_a_case_that_becomes_secret_hears_nothing_more(browser, pair, database, desk):
    await browser.log_in(Role.CLERK, sub="clara")
    async with streaming(browser, f"/cases/{pair[0]}/live?version=1") as (status, events), asyncio.timeout(10):
        assert await status == 200
        desk.secret.add(pair[0])
        await note(database, pair[0])
        told = [name async for name, _ in events]
    assert "changed" not in told
    assert (await browser.open(f"/cases/{pair[0]}/live")).status == 404


async def test_an_open_page_that_waits_for_news_is_not_read_a_second_time(browser, pair, database):
    await browser.log_in(Role.CLERK, sub="clara")
    await browser.open(f"/cases/{pair[0]}")
    async with streaming(browser, f"/cases/{pair[0]}/live?version=1") as (status, _), asyncio.timeout(10):
        assert await status == 200
    read = await database.pool.fetch("SELECT what FROM amtsbus.case_reads ORDER BY read_id")
    assert [row["what"] for row in read] == ["by the department", "case"]
