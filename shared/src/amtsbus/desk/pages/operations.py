"""What an operator looks after: relay, readers, dead letters, the department's own. No case, no person, no content."""

import asyncio
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter
from starlette.responses import Response

from amtsbus import deadletters, operations
from amtsbus.auth import Role
from amtsbus.deadletters import Choice
from amtsbus.desk.department import Department
from amtsbus.desk.pages.viewing import caller_of, state_of, viewer_of
from amtsbus.errors import NotFoundError
from amtsbus.http import InTx
from amtsbus.postgres import Tx
from amtsbus.reader import Reader
from amtsbus.web import Form, PageVisit, Visit, pages, staff

if TYPE_CHECKING:
    from amtsbus.status import ServiceStatus

FRESH_SECONDS: Final = 5.0
"""A look at Kafka that is younger than this is shown again."""
MOST: Final = 100
LONGEST_REASON: Final = 500


def router_of(department: Department) -> APIRouter:
    """The pages."""
    router = pages(prefix="/operations")

    @router.get("", dependencies=[staff(Role.OPERATOR)])
    async def get_operations(visit: Visit, tx: InTx) -> Response:
        """How the service is, and what needs a human."""
        return await _show(visit, tx, department)

    @router.post("/retry", dependencies=[staff(Role.OPERATOR)])
    async def post_retry(visit: Visit, tx: InTx) -> Response:
        """Have the worker handle a parked key again."""
        form = await visit.form()
        why = form.text("why")[:LONGEST_REASON]
        if not why:
            return await _show(visit, tx, department, _reason_missing(visit, form))
        keys = await deadletters.list_parked(tx, Choice(dead_letter_id=_letter(form)), limit=1)
        if not keys:
            raise NotFoundError("nothing is parked there any more")
        await deadletters.request_retry(tx, keys, by=caller_of(visit).subject, why=why)
        visit.notice("desk.operations.retried")
        return visit.go("/operations")

    @router.post("/skip", dependencies=[staff(Role.OPERATOR)])
    async def post_skip(visit: Visit, tx: InTx) -> Response:
        """Give up one event for good."""
        form = await visit.form()
        why = form.text("why")[:LONGEST_REASON]
        if not why:
            return await _show(visit, tx, department, _reason_missing(visit, form))
        letter = await deadletters.get(tx, _letter(form))
        if letter is None:
            raise NotFoundError("there is no such dead letter")
        remembers = all(one.remembers_gaps for one in _readers(visit) if one.group == letter.consumer)
        by = caller_of(visit).subject
        if not await deadletters.skip(tx, letter.dead_letter_id, by=by, why=why, remembers_gaps=remembers):
            raise NotFoundError("it is not parked any more")
        visit.notice("desk.operations.skipped")
        return visit.go("/operations")

    return router


def _letter(form: Form) -> int:
    text = form.text("dead_letter_id")
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise NotFoundError("there is no such dead letter")
    return int(text)


def _reason_missing(visit: PageVisit, form: Form) -> dict[str, str]:
    return {f"why-{form.text('dead_letter_id')}": visit.t("desk.operations.why_missing")}


def _readers(visit: PageVisit) -> tuple[Reader, ...]:
    readers: tuple[Reader, ...] = visit.site.state.service.readers
    return readers


async def _show(visit: PageVisit, tx: Tx, department: Department, mistakes: dict[str, str] | None = None) -> Response:
    viewer = await viewer_of(visit, tx)
    return visit.render(
        "desk/operations.html",
        422 if mistakes else 200,
        errors=mistakes or {},
        looked=await _status(visit),
        parked=await deadletters.list_parked(tx, limit=MOST),
        conditions=await department.conditions(tx, viewer),
        actions=list(reversed(await operations.actions(tx, limit=20))),
        name_of=viewer.name_of,
    )


async def _status(visit: PageVisit) -> "ServiceStatus":
    """How the service is, at most `FRESH_SECONDS` old: several operators who look cost as much as one."""
    from amtsbus import status  # brings Kafka's client along, which nothing else in this process needs

    state = state_of(visit)
    async with state.looking:
        now = asyncio.get_running_loop().time()
        if state.status is None or now - state.status[0] > FRESH_SECONDS:
            found = await status.of_service(visit.site.state.service, visit.settings)
            state.status = (asyncio.get_running_loop().time(), found)
        looked: ServiceStatus = state.status[1]
        return looked
