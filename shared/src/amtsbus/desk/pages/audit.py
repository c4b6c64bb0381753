"""What an auditor asks: who saw and did what, by case, or by person and time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from amtsbus.auth import Role
from amtsbus.casework import store as cases
from amtsbus.clock import BERLIN
from amtsbus.desk import audit, history, reads, work_list
from amtsbus.desk.department import Department, Viewer
from amtsbus.desk.pages.remembered import remember, remembered
from amtsbus.desk.pages.viewing import viewer_of
from amtsbus.desk.reads import CASE, Read
from amtsbus.http import InRecordingTx
from amtsbus.postgres import Tx
from amtsbus.web import Visit, german_date, pages, staff

MOST: Final = 200
"""Lines that are shown of each kind; who wants to know more asks for a shorter time."""
_QUESTIONS: Final = "audits"


@dataclass(frozen=True, slots=True)
class Line:
    """Somebody saw or did something."""

    at: datetime
    who: str
    reference: str
    what: str
    reason: str | None = None


def router_of(department: Department) -> APIRouter:
    """The page."""
    router = pages(prefix="/audit")

    @router.get("", dependencies=[staff(Role.AUDITOR)])
    async def get_audit(visit: Visit, tx: InRecordingTx, asked: Annotated[str, Query(max_length=20)] = "") -> Response:
        """The questions, and the answer to the one that was asked.

        A department can record whose case somebody has read here.
        """
        viewer = await viewer_of(visit, tx)
        question: dict[str, str] = remembered(visit, _QUESTIONS, asked) or {}
        answer, mistakes = await _answer(tx, department, viewer, question)
        return visit.render(
            "desk/audit.html",
            422 if mistakes else 200,
            errors=mistakes,
            question=question,
            people=[(one.subject, one.name) for one in viewer.staff],
            most=MOST,
            **answer,
        )

    @router.post("", dependencies=[staff(Role.AUDITOR)])
    async def post_audit(visit: Visit) -> Response:
        """Ask; whom it is about stays in the session and is in no address."""
        form = await visit.form()
        question = {name: form.text(name)[:100] for name in ("reference", "who", "begins", "ends")}
        return visit.go(f"/audit?asked={remember(visit, _QUESTIONS, question)}")

    return router


async def _answer(
    tx: Tx, department: Department, viewer: Viewer, question: dict[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    nothing: dict[str, Any] = {"read": None, "done": None}
    if question.get("reference"):
        case_id = await audit.case_of_reference(tx, question["reference"].upper())
        if case_id is None:
            return nothing, {"reference": viewer.say("desk.audit.no_such_case")}
        sheet = await department.sheet(tx, case_id, viewer)
        read = _reads(await reads.of_case(tx, case_id, limit=MOST), viewer)
        told = history.in_words(await cases.history(tx, case_id), sheet.case, sheet.words, viewer)
        done = [Line(one.at, one.who, sheet.case.reference, one.what, one.reason) for one in reversed(told)]
        return {"read": read, "done": done[:MOST]}, {}
    if question.get("who"):
        span, mistakes = _span(question, viewer)
        if span is None:
            return nothing, mistakes
        read = _reads(await reads.by_person(tx, question["who"], *span, limit=MOST), viewer)
        deeds = await audit.by_person(tx, question["who"], *span, limit=MOST)
        return {"read": read, "done": await _done(tx, department, viewer, deeds)}, {}
    return nothing, {}


def _span(question: dict[str, str], viewer: Viewer) -> tuple[tuple[datetime, datetime] | None, dict[str, str]]:
    """From the begin of the first day to the end of the last one; without days, the last thirty."""
    days: dict[str, date] = {"begins": viewer.today - timedelta(days=30), "ends": viewer.today}
    mistakes = {}
    for name in days:
        if question.get(name):
            try:
                days[name] = german_date(question[name])
            except ValueError:
                mistakes[name] = viewer.say("desk.mistake.date")
    if not mistakes and days["ends"] < days["begins"]:
        mistakes["ends"] = viewer.say("desk.rule.absence-ends-before")
    if mistakes:
        return None, mistakes
    return (_begin_of(days["begins"]), _begin_of(days["ends"] + timedelta(days=1))), {}


def _begin_of(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), BERLIN)


def _reads(found: Sequence[Read], viewer: Viewer) -> list[Line]:
    say = viewer.say
    return [
        Line(
            one.read_at,
            viewer.name_of(one.who),
            one.reference,
            say("desk.audit.read_case") if one.what == CASE else say("desk.audit.read_document", document=one.what),
        )
        for one in found
    ]


async def _done(tx: Tx, department: Department, viewer: Viewer, deeds: Sequence[audit.Deed]) -> list[Line]:
    listed = {one.case_id: one for one in await work_list.listed(tx, list({deed.case_id for deed in deeds}))}
    words = await department.in_words(tx, list(listed.values()), viewer)
    lines = []
    for deed in deeds:
        applicant = listed[deed.case_id].applicant_id
        told = history.line_in_words(deed.entry, applicant, words[deed.case_id].words, viewer)
        lines.append(Line(told.at, told.who, deed.reference, told.what, told.reason))
    return lines
