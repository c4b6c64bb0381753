"""What changes elsewhere appears by itself."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from amtsbus.auth import Role
from amtsbus.casework import store as cases
from amtsbus.desk import watching
from amtsbus.desk.live import MOST_OF_ONE, MOST_WAITING, Change, Feed, TooManyStreamsError, changes_of
from amtsbus.web import sessions
from amtsbus.web.sessions import Session, id_of

from ..casework.requests import MIRA, REQUESTS

NOTHING = 5.0
"""Seconds after which a test gives up waiting."""


@pytest.fixture
def feed(database):
    return Feed(database, look_seconds=0.02)


@pytest.fixture
async def session(database):
    """Somebody's session that is alive."""
    token = sessions.new_token()
    await sessions.begin(database.pool, token, Session(subject="clara"), "staff")
    return id_of(token)


async def note(database, case_id, text="something new"):
    async with database.transaction() as tx:
        case = await cases.get(tx, case_id, REQUESTS)
        case.note(text, MIRA, tx.clock.now())
        await cases.save(tx, case)


async def looked(feed):
    """Until the feed knows what was there before."""
    async with asyncio.timeout(NOTHING):
        while feed._seen is None:
            await asyncio.sleep(0.01)


async def next_portion(stream):
    async with asyncio.timeout(NOTHING):
        async for portion in changes_of(stream):
            # That somebody has come to look is told as well, without a version.
            if portion is not None and (not portion or any(change.version for change in portion)):
                return [change for change in portion if change.version]
    raise AssertionError("the stream ended")


async def test_a_list_hears_of_every_case_and_a_case_only_of_itself(feed, session, database, request_):
    first, second = await request_(), await request_()
    with feed.stream(session, "clara", None) as of_list, feed.stream(session, "clara", second) as of_case:
        await looked(feed)
        await note(database, first)
        await note(database, second)
        heard = {change.case_id: change.version for change in await next_portion(of_list)}
        while len(heard) < 2:
            heard |= {change.case_id: change.version for change in await next_portion(of_list)}
        assert heard == {first: 2, second: 2}
        assert [(one.case_id, one.version) for one in await next_portion(of_case)] == [(second, 2)]


async def test_a_change_is_told_once_and_what_was_there_before_not_at_all(feed, session, database, request_):
    case_id = await request_()
    with feed.stream(session, "clara", None) as stream:
        await looked(feed)
        await note(database, case_id)
        assert len(await next_portion(stream)) == 1
        await feed._look()
        await feed._look()
        assert stream.waiting.empty()


async def test_a_case_that_is_opened_appears(feed, session, request_):
    with feed.stream(session, "clara", None) as stream:
        await looked(feed)
        case_id = await request_()
        assert [(one.case_id, one.version) for one in await next_portion(stream)] == [(case_id, 1)]


async def test_logging_out_ends_the_stream(feed, session, database):
    with feed.stream(session, "clara", None) as stream:
        await looked(feed)
        await database.pool.execute("DELETE FROM amtsbus.web_sessions")
        async with asyncio.timeout(NOTHING):
            assert [portion async for portion in changes_of(stream)] == []
        assert stream.over.is_set()


async def test_whoever_is_too_slow_is_told_that_everything_may_have_changed(feed, session, request_, clock):
    case_id = await request_()
    with feed.stream(session, "clara", None) as stream:
        for version in range(MOST_WAITING + 5):
            stream.offer(Change(case_id, version, clock.now()))
        assert await next_portion(stream) == []


async def test_nobody_looks_while_nothing_is_open_and_streams_have_a_bound(feed, session, request_):
    assert feed._task is None
    opened = [feed.stream(session, "clara", None) for _ in range(MOST_OF_ONE)]
    for one in opened:
        one.__enter__()
    with pytest.raises(TooManyStreamsError), feed.stream(session, "clara", None):
        pass
    with feed.stream(session, "mira", None):
        assert feed.streams == MOST_OF_ONE + 1
    for one in opened:
        one.__exit__(None, None, None)
    assert (feed.streams, feed._task) == (0, None)


async def test_an_open_page_says_that_it_is_open(feed, session, database, request_):
    case_id = await request_()
    with feed.stream(session, "clara", case_id):
        await looked(feed)
        async with database.transaction() as tx:
            assert await watching.others(tx, [case_id]) == {case_id: [("clara", "clara")]}


# Over HTTP


@asynccontextmanager
async def streaming(browser, path, **headers):
    """The events of a stream as they come: (name, data)."""
    received: asyncio.Queue[bytes | None] = asyncio.Queue()
    status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    gone = asyncio.Event()

    async def receive():
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if message["type"] == "http.response.start":
            status.set_result(message["status"])
        elif message.get("body"):
            received.put_nowait(message["body"])
        if message["type"] == "http.response.body" and not message.get("more_body"):
            received.put_nowait(None)

    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    sent = {"host": "service.test", "cookie": cookies, "accept-language": "de", **headers}
    path, _, query = f"/desk{path}".partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("service.test", 443),
        "state": {},
    }
    task = asyncio.create_task(browser.app(scope, receive, send))

    async def events():
        while (piece := await received.get()) is not None:
            for block in piece.decode().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
                if "event" in fields:
                    yield fields["event"], json.loads(fields["data"])

    try:
        yield status, events()
    finally:
        gone.set()
        await asyncio.wait([task], timeout=NOTHING)


async def test_an_open_case_is_told_of_the_change_and_by_whom(browser, request_, database):
    case_id = await request_()
    await browser.log_in(Role.CLERK, sub="clara", name="Clara Demo")
    async with streaming(browser, f"/cases/{case_id}/live?version=1") as (status, events), asyncio.timeout(NOTHING):
        assert await status == 200
        await note(database, case_id)
        name, data = await anext(events)
        assert (name, data["version"]) == ("changed", 2)
        assert data["text"].startswith("Der Vorgang hat sich geändert")


async def test_a_page_that_was_made_before_the_last_change_is_told_at_once(browser, request_, database):
    case_id = await request_()
    await browser.log_in(Role.CLERK, sub="clara")
    await note(database, case_id)
    async with streaming(browser, f"/cases/{case_id}/live?version=1") as (_, events), asyncio.timeout(NOTHING):
        assert (await anext(events))[1]["version"] == 2


async def test_a_list_that_was_made_before_the_last_change_is_told_which_cases_changed(browser, request_, clock):
    await browser.log_in(Role.CLERK, sub="clara")
    since = clock.now().isoformat().replace("+", "%2B")
    clock.advance(timedelta(seconds=1))
    case_id = await request_()
    async with streaming(browser, f"/live?since={since}") as (_, events), asyncio.timeout(NOTHING):
        assert await anext(events) == ("changed", {"cases": [str(case_id)]})


async def test_a_stream_ends_when_its_session_does(browser, database):
    await browser.log_in(Role.CLERK, sub="clara")
    async with streaming(browser, "/live") as (status, events), asyncio.timeout(NOTHING):
        assert await status == 200
        await browser.log_out()
        assert [name async for name, _ in events] == ["ended"]


async def test_there_is_no_stream_for_operators_or_for_nobody(browser, request_):
    case_id = await request_()
    async with streaming(browser, "/live") as (status, _):
        assert await status == 303
    await browser.log_in(Role.OPERATOR, sub="otto")
    for path in ("/live", f"/cases/{case_id}/live"):
        async with streaming(browser, path) as (status, _):
            assert await status == 403
