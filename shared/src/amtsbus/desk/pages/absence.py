"""Absence: who is away, until when, and who does their work meanwhile."""

from datetime import date

from fastapi import APIRouter
from starlette.responses import Response

from amtsbus.auth import Role
from amtsbus.desk import staff as people
from amtsbus.desk.department import Viewer
from amtsbus.desk.pages.viewing import WORKERS, caller_of, viewer_of
from amtsbus.desk.standard import colleagues_of
from amtsbus.errors import ForbiddenError
from amtsbus.http import InTx
from amtsbus.web import Form, PageVisit, Visit, german_date, pages, staff


def router_of() -> APIRouter:
    """The page."""
    router = pages(prefix="/absence")

    @router.get("", dependencies=[staff(*WORKERS)])
    async def get_absence(visit: Visit, tx: InTx) -> Response:
        """One's own absence; a lead sees everybody's."""
        return _show(visit, await viewer_of(visit, tx))

    @router.post("", dependencies=[staff(*WORKERS)])
    async def post_absence(visit: Visit, tx: InTx) -> Response:
        """Enter an absence, or end it; a lead does that for others as well."""
        form = await visit.form()
        viewer = await viewer_of(visit, tx)
        who = form.text("who") or viewer.actor.subject
        if who != viewer.actor.subject and Role.LEAD not in caller_of(visit).roles:
            raise ForbiddenError("Only leads enter the absence of others.")
        if form.has("end"):
            await people.set_absence(tx, who, None, None)
            visit.notice("desk.absence.ended", name=viewer.name_of(who))
            return visit.go("/absence")
        mistakes, begins, ends = _read(form, who, viewer)
        if mistakes or begins is None or ends is None:
            return _show(visit, viewer, form, mistakes)
        await people.set_absence(tx, who, begins, ends, form.text("deputy") or None)
        visit.notice("desk.absence.entered", name=viewer.name_of(who))
        return visit.go("/absence")

    return router


def _read(form: Form, who: str, viewer: Viewer) -> tuple[dict[str, str], date | None, date | None]:
    """What is wrong with the form, and its first and last day."""
    mistakes: dict[str, str] = {}
    days: dict[str, date | None] = {}
    for name in ("begins", "ends"):
        try:
            days[name] = german_date(form.text(name))
        except ValueError:
            days[name] = None
            mistakes[name] = viewer.say("desk.mistake.date")
    begins, ends = days["begins"], days["ends"]
    if begins is not None and ends is not None and ends < begins:
        mistakes["ends"] = viewer.say("desk.rule.absence-ends-before")
    deputy = form.text("deputy")
    if deputy == who:
        mistakes["deputy"] = viewer.say("desk.rule.deputy-is-absent")
    elif deputy and deputy not in {one.subject for one in viewer.staff}:
        mistakes["deputy"] = viewer.say("desk.rule.caseworker-unknown")
    return mistakes, begins, ends


def _show(
    visit: PageVisit, viewer: Viewer, form: Form | None = None, mistakes: dict[str, str] | None = None
) -> Response:
    is_lead = Role.LEAD in caller_of(visit).roles
    me = viewer.actor.subject
    shown = viewer.staff if is_lead else tuple(one for one in viewer.staff if one.subject == me or one.deputy == me)
    return visit.render(
        "desk/absence.html",
        422 if mistakes else 200,
        errors=mistakes or {},
        is_lead=is_lead,
        me=me,
        workers=[(one.subject, one.name) for one in viewer.staff if one.subject == me or one in colleagues_of(viewer)],
        deputies=[(one.subject, one.name) for one in colleagues_of(viewer)]
        + ([(me, viewer.name_of(me))] if is_lead else []),
        absent=[one for one in shown if one.absent_until is not None and one.absent_until >= viewer.today],
        name_of=viewer.name_of,
        typed={name: form.text(name) if form else "" for name in ("who", "begins", "ends", "deputy")},
    )
