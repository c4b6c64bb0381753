"""The streams of server-sent events that keep open pages up to date."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from amtsbus.desk import live
from amtsbus.desk.department import Department
from amtsbus.desk.discretion import Discreet, hidden_from
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
            if moment is not None and (missed := await _known(visit, department, await _missed(visit, moment))):
                yield _of_list(missed)
            async for portion in changes_of(stream):
                known = await _known(visit, department, portion) if portion else portion
                # What nobody may know of is as if it had not happened; an empty portion, though, stands for everything.
                yield HEARTBEAT if known is None or (portion and not known) else _of_list(known)
            if stream.over.is_set():
                yield ENDED

        return _streamed(visit, None, events)

    @router.get("/cases/{case_id}/live", dependencies=[staff(*READERS)])
    async def get_case_live(
        case_id: UUID, visit: Visit, version: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0
    ) -> Response:
        """What changes in a case of which the browser shows `version`, and who else looks at it; for whom it may be shown to."""
        async with visit.database.transaction() as tx:
            viewer = await viewer_of(visit, tx)
            # Asked is whether it may be shown: the page has been read before, and what its department recorded of that is enough.
            trial = tx.connection.transaction()
            await trial.start()
            try:
                await department.sheet(tx, case_id, viewer)
            finally:
                await trial.rollback()

        async def events(stream: Stream) -> AsyncIterator[bytes]:
            yield RETRY
            told, said = version, ""
            news = changes_of(stream)
            while True:
                seen = await _look(visit, department, case_id, told)
                if seen is None:
                    break
                newest, changed, watching = seen
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


async def _known(visit: PageVisit, department: Department, changes: list[Change]) -> list[Change]:
    """The changes of cases that the viewer may know of."""
    if not isinstance(department, Discreet):
        return changes
    async with visit.database.transaction() as tx:
        hidden = await hidden_from(tx, department, await viewer_of(visit, tx))
    return [change for change in changes if change.case_id not in hidden]


async def _look(visit: PageVisit, department: Department, case_id: UUID, told: int) -> tuple[int, str, str] | None:
    """The case's version, the sentence that says who changed it, and the one that says who looks at it; None where the viewer may
    not know of it any more."""
    async with visit.database.transaction() as tx:
        viewer = await viewer_of(visit, tx)
        if case_id in await hidden_from(tx, department, viewer):
            return None
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
