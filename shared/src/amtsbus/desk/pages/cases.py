"""A case on one page, and what is done with it there.

Every form carries the version of the case that was seen. Where somebody was faster nothing is done: the page comes back with what
was typed, says who did what meanwhile, and takes the form again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from amtsbus.casework import store as cases
from amtsbus.casework.case import Case
from amtsbus.casework.periods import CasePeriod
from amtsbus.casework.roles import Actor
from amtsbus.desk import history, month, reads, standard, text_blocks, watching, work_list
from amtsbus.desk.department import Action, CaseInWords, Department, Field, Filled, MistakesError, Sheet, Viewer
from amtsbus.desk.discretion import hidden_from
from amtsbus.desk.due import due_in_words
from amtsbus.desk.pages.viewing import READERS, WORKERS, say_if_known, viewer_of
from amtsbus.desk.text_blocks import TextBlock
from amtsbus.desk.work_list import ListedCase
from amtsbus.errors import ConflictError, NotFoundError, PreconditionFailedError, RuleViolationError
from amtsbus.http import InRecordingTx, InTx
from amtsbus.postgres import Tx
from amtsbus.web import PageVisit, Visit, pages, staff

ActionKey = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
RELATED: Final = 10
INSERT: Final = "insert"
"""The button that puts a text block into a field; its value is the field's name."""


@dataclass(frozen=True)
class Typed:
    """What somebody had typed into the form of an action when it could not be carried out."""

    action: str
    values: Mapping[str, Sequence[str]]
    mistakes: Mapping[str, str] = field(default_factory=dict)
    """By field; under an empty name what is wrong with the whole."""

    @classmethod
    def of(cls, action: str, form: Filled, names: Sequence[str], mistakes: Mapping[str, str] | None = None) -> "Typed":
        return cls(action, {name: form.texts(name) for name in names}, mistakes or {})


@dataclass(frozen=True, slots=True)
class ShownField:
    """A field with what stands in it."""

    field: Field
    id: str
    value: str
    values: tuple[str, ...]
    mistake: str


@dataclass(frozen=True, slots=True)
class ShownAction:
    """An action with its form."""

    action: Action
    fields: tuple[ShownField, ...]
    is_open: bool


@dataclass(frozen=True, slots=True)
class ShownPeriod:
    """A period of the case in words."""

    name: str
    starts_on: date
    due_on: date
    status: str
    kind: str


@dataclass(frozen=True, slots=True)
class Awaiting:
    """A proposal that waits for a second person."""

    action: str
    proposed_by: str
    reason: str | None
    by_me: bool
    who_may: tuple[str, ...]


def router_of(department: Department) -> APIRouter:
    """The pages of one case."""
    router = pages(prefix="/cases")

    @router.get("/{case_id}", dependencies=[staff(*READERS)])
    async def get_case(
        case_id: UUID, visit: Visit, tx: InRecordingTx, at: Annotated[str, Query(alias="month", max_length=20)] = ""
    ) -> Response:
        """The case; that somebody has read it is recorded."""
        viewer = await viewer_of(visit, tx)
        return await show(visit, tx, department, await department.sheet(tx, case_id, viewer), viewer, shown_month=at)

    @router.get("/{case_id}/actions/{action}", dependencies=[staff(*READERS)])
    async def get_action(case_id: UUID, action: ActionKey, visit: Visit) -> Response:
        """Back to the case: where somebody comes to who was sent away from a form."""
        return visit.go(f"/cases/{case_id}#{action}")

    @router.post("/{case_id}/actions/{action}", dependencies=[staff(*WORKERS)])
    async def post_action(case_id: UUID, action: ActionKey, visit: Visit, tx: InTx) -> Response:
        """Do something with the case as it was seen."""
        form = await visit.form()
        viewer = await viewer_of(visit, tx)
        sheet = await department.sheet(tx, case_id, viewer)
        offered = next((one for one in sheet.actions if one.key == action), None)
        seen = _version(form)
        typed = Typed.of(action, form, form.names())
        if form.has(INSERT):
            filled = await _with_text_block(tx, typed, form)
            return await show(visit, tx, department, sheet, viewer, typed=filled, status=200)
        if seen != sheet.case.version or offered is None:
            return await show(visit, tx, department, sheet, viewer, typed=typed, status=409, seen=seen)
        mistakes = _left_out(offered, form, viewer)
        if not mistakes:
            try:
                # A change that fails half-way leaves nothing, and the page can still be shown.
                async with tx.connection.transaction():
                    await department.act(tx, case_id, seen, action, form, viewer)
            except MistakesError as error:
                mistakes = error.mistakes
            except RuleViolationError as error:
                mistakes = {"": say_if_known(visit, f"desk.rule.{error.code}", {}, str(error))}
            except (ConflictError, PreconditionFailedError):
                sheet = await department.sheet(tx, case_id, viewer)
                return await show(visit, tx, department, sheet, viewer, typed=typed, status=409, seen=seen)
            else:
                visit.notice("desk.done", action=offered.label)
                return visit.go(f"/cases/{case_id}")
        typed = Typed(typed.action, typed.values, mistakes)
        return await show(visit, tx, department, sheet, viewer, typed=typed, status=422)

    return router


def _version(form: Filled) -> int:
    text = form.text("version")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _left_out(action: Action, form: Filled, viewer: Viewer) -> dict[str, str]:
    """What must be filled in and is not."""
    return {
        one.name: viewer.say("desk.mistake.required", label=one.label)
        for one in action.fields
        if one.required and not any(form.texts(one.name))
    }


async def _with_text_block(tx: Tx, typed: Typed, form: Filled) -> Typed:
    """The form with a text block at the end of one of its fields."""
    name = form.text(INSERT)
    try:
        block = await text_blocks.get(tx, UUID(form.text(f"{name}-block")))
    except (ValueError, NotFoundError):
        return typed
    text = "\n\n".join(part for part in (form.text(name), block.body) if part)
    return Typed(typed.action, {**typed.values, name: [text]})


# The page


async def show(
    visit: PageVisit,
    tx: Tx,
    department: Department,
    sheet: Sheet,
    viewer: Viewer,
    *,
    typed: Typed | None = None,
    status: int = 200,
    seen: int | None = None,
    shown_month: str = "",
) -> Response:
    """The page of a case.

    Args:
        typed: what had been typed into a form.
        seen: the version of the case that the form was made for, where that is not the present one.
    """
    case = sheet.case
    await reads.record_read(tx, case.case_id, viewer.actor.subject)
    await watching.note(tx, case.case_id, viewer.actor.subject)
    blocks = await text_blocks.text_blocks(tx, sheet.text_language)
    related = await _related(tx, department, case, viewer)
    actions = _shown_actions(sheet, typed)
    meanwhile = [] if seen is None else await cases.history(tx, case.case_id, after_version=seen)
    return visit.render(
        "desk/case.html",
        status,
        keep_changes=True,  # a refused form is a read of the case all the same
        errors=_mistakes(actions, typed) if status == 422 else {},
        sheet=sheet,
        case=case,
        state=sheet.words.state(case.state),
        due=due_in_words(case.due_on, viewer.today, viewer.say, closed=case.is_closed),
        assignee="" if case.assignee is None else viewer.name_of(case.assignee),
        actions=actions,
        blocks=_choices(blocks),
        conflict=status == 409,
        meanwhile=history.in_words(meanwhile, case, sheet.words, viewer),
        kept=_kept(sheet, typed),
        awaiting=_awaiting(case, sheet, viewer),
        periods=_periods(case, sheet, viewer),
        month=_month(case, sheet, department.land, viewer, shown_month),
        timeline=history.in_words(reversed(await cases.history(tx, case.case_id)), case, sheet.words, viewer),
        notes=[
            (one, history.who(one.written_by, case.applicant_id, viewer))
            for one in await cases.notes(tx, case.case_id)
            if sheet.own_notes or one.written_by != Actor.system().subject
        ],
        decisions=[(one, history.who(one.decided_by, case.applicant_id, viewer)) for one in case.decisions],
        related=related,
        watching=await who_else_looks(tx, case.case_id, viewer),
    )


def _shown_actions(sheet: Sheet, typed: Typed | None) -> list[ShownAction]:
    shown = []
    for action in sheet.actions:
        was_typed = typed if typed is not None and typed.action == action.key else None
        shown.append(
            ShownAction(
                action,
                tuple(_shown_field(action, one, was_typed) for one in action.fields),
                is_open=action.open or was_typed is not None,
            )
        )
    return shown


def _shown_field(action: Action, one: Field, typed: Typed | None) -> ShownField:
    standing = (one.value,) if isinstance(one.value, str) else one.value
    values = tuple(typed.values.get(one.name, ())) if typed is not None else standing
    return ShownField(
        field=one,
        id=f"{action.key}-{one.name}",
        value=values[0] if values else "",
        values=values,
        mistake="" if typed is None else typed.mistakes.get(one.name, ""),
    )


def _mistakes(actions: Sequence[ShownAction], typed: Typed | None) -> dict[str, str]:
    """What the summary at the head of the page says, by the id of the field that it leads to."""
    if typed is None:
        return {}
    mistakes = {one.id: one.mistake for action in actions for one in action.fields if one.mistake}
    whole = typed.mistakes.get("")
    return {typed.action: whole} | mistakes if whole else mistakes


def _choices(blocks: Sequence[TextBlock]) -> list[tuple[str, str]]:
    return [(str(one.text_block_id), one.title) for one in blocks]


def _kept(sheet: Sheet, typed: Typed | None) -> list[str]:
    """What was typed for something that cannot be done any more: shown, so that it is not lost."""
    if typed is None or any(one.key == typed.action for one in sheet.actions):
        return []
    return [
        text
        for name, texts in typed.values.items()
        if name != "version" and not name.endswith("-block")
        for text in texts
        if text
    ]


def _awaiting(case: Case, sheet: Sheet, viewer: Viewer) -> Awaiting | None:
    proposal = case.proposal
    if proposal is None:
        return None
    return Awaiting(
        action=sheet.words.action(proposal.action),
        proposed_by=viewer.name_of(proposal.proposed_by),
        reason=proposal.reason,
        by_me=proposal.proposed_by == viewer.actor.subject,
        who_may=tuple(standard.who_may_confirm(case, viewer)),
    )


def _periods(case: Case, sheet: Sheet, viewer: Viewer) -> list[ShownPeriod]:
    return [
        ShownPeriod(
            name=sheet.words.period(period.kind),
            starts_on=period.starts_on,
            due_on=period.due_on,
            status=_status(period, viewer),
            kind="info" if not period.is_running else due_in_words(period.due_on, viewer.today, viewer.say).kind,
        )
        for period in reversed(case.periods)
    ]


def _status(period: CasePeriod, viewer: Viewer) -> str:
    if period.ended_at is not None:
        return viewer.say("desk.period.ended")
    if period.suspended_on is not None:
        return viewer.say("desk.period.suspended")
    return due_in_words(period.due_on, viewer.today, viewer.say).text


def _month(case: Case, sheet: Sheet, land: str, viewer: Viewer, asked: str) -> month.Month | None:
    """The month in which the next period ends, or the one that was asked for."""
    falls: dict[date, list[str]] = {}
    for period in case.periods:
        if period.ended_at is None:
            falls.setdefault(period.due_on, []).append(sheet.words.period(period.kind))
    if not falls:
        return None
    return month.month(month.parsed(asked, case.due_on or min(falls)), land=land, today=viewer.today, falls=falls)


async def _related(tx: Tx, department: Department, case: Case, viewer: Viewer) -> list[tuple[ListedCase, CaseInWords]]:
    """Other cases of the same applicant in this department, the latest first."""
    rows = await cases.of_applicant(tx, case.applicant_id, limit=RELATED + 1)
    others = {row.case_id for row in rows} - {case.case_id} - await hidden_from(tx, department, viewer)
    listed = await work_list.listed(tx, list(others))
    words = await department.in_words(tx, listed, viewer)
    return [(one, words[one.case_id]) for one in sorted(listed, key=lambda one: one.opened_at, reverse=True)]


async def who_else_looks(tx: Tx, case_id: UUID, viewer: Viewer) -> str:
    """The sentence that says who else has the case open; empty where nobody has."""
    others = (await watching.others(tx, [case_id])).get(case_id, [])
    names = [name for subject, name in others if subject != viewer.actor.subject]
    return viewer.say("desk.watching", count=len(names), names=", ".join(names)) if names else ""
