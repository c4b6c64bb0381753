"""The streams of server-sent events that keep open pages up to date."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from amtsbus.desk import live
from amtsbus.desk.department import Department
from amtsbus.desk.live import ENDED, HEARTBEAT, RETRY, Change, Stream, TooManyStreamsError, changes_of, event
from amtsbus.desk.pages.cases import who_else_looks
from amtsbus.desk.pages.viewing import READERS, caller_of, state_of, viewer_of
from amtsbus.postgres import NO_ANSWER
from amtsbus.web import PageVisit, Visit, pages, staff
from amtsbus.web.sessions import id_of

MOST_NAMED: Final = 50
"""A list is told the ids of at most so many changed cases; where there are more, only that there are."""
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Events = Callable[[Stream], AsyncIterator[bytes]]


def router_of(department: Department) -> APIRouter:
    """The streams."""
    router = pages()

    @router.get("/live", dependencies=[staff(*READERS)])
    async def get_live(visit: Visit, since: Annotated[str, Query(max_length=40)] = "") -> Response:
        """What changes, for a list that was made at `since`."""
        moment = _moment(visit.request.headers.get("last-event-id", "") or since)

        async def events(stream: Stream) -> AsyncIterator[bytes]:
            yield RETRY
            if moment is not None and (missed := await _missed(visit, moment)):
                yield _of_list(missed)
            async for portion in changes_of(stream):
                yield HEARTBEAT if portion is None else _of_list(portion)
            if stream.over.is_set():
                yield ENDED

        return _streamed(visit, None, events)

    @router.get("/cases/{case_id}/live", dependencies=[staff(*READERS)])
    async def get_case_live(
        case_id: UUID, visit: Visit, version: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0
    ) -> Response:
        """What changes in a case of which the browser shows `version`, and who else looks at it; for whom it may be shown to."""
        async with visit.database.transaction() as tx:
            await department.sheet(tx, case_id, await viewer_of(visit, tx))

        async def events(stream: Stream) -> AsyncIterator[bytes]:
            yield RETRY
            told, said = version, ""
            news = changes_of(stream)
            while True:
                newest, changed, watching = await _look(visit, case_id, told)
                if newest > told:
                    told = newest
                    yield event("changed", {"version": newest, "text": changed})
                if watching != said:
                    said = watching
                    yield event("watching", {"text": watching})
                yield HEARTBEAT
                if await anext(news, _END) is _END:
                    break
            if stream.over.is_set():
                yield ENDED

        return _streamed(visit, case_id, events)

    return router


_END: Final = object()


async def _missed(visit: PageVisit, since: datetime) -> list[Change]:
    async with visit.database.transaction() as tx:
        return await live.changed_since(tx, since)


async def _look(visit: PageVisit, case_id: UUID, told: int) -> tuple[int, str, str]:
    """The case's version, the sentence that says who changed it, and the one that says who looks at it."""
    async with visit.database.transaction() as tx:
        viewer = await viewer_of(visit, tx)
        newest, by = await live.newest(tx, case_id, viewer)
        changed = viewer.say("desk.live.changed", name=by) if newest > told else ""
        return newest, changed, await who_else_looks(tx, case_id, viewer)


def _of_list(portion: list[Change]) -> bytes:
    named = {str(change.case_id) for change in portion}
    latest = max((change.at for change in portion), default=None)
    data = {"cases": sorted(named) if len(named) <= MOST_NAMED else []}
    return event("changed", data, latest.isoformat() if latest else "")


def _moment(text: str) -> datetime | None:
    """A moment as a page or an event named it; None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _streamed(visit: PageVisit, case_id: UUID | None, events: Events) -> Response:
    """A stream; without content, which a browser takes for never to try again, where there are too many."""
    feed = state_of(visit).feed
    token = visit.request.cookies.get(visit.site.cookie(visit.request), "")
    subject = caller_of(visit).subject
    if feed.is_full(subject):
        return Response(status_code=204)

    async def content() -> AsyncIterator[bytes]:
        try:
            with feed.stream(id_of(token), subject, case_id) as stream:
                async for piece in events(stream):
                    yield piece
        except (TooManyStreamsError, *NO_ANSWER):  # the browser asks again in a moment
            return

    return StreamingResponse(content(), media_type="text/event-stream", headers=_HEADERS)
