"""Actions that every department's cases have: who works on a case, notes, a second pair of eyes. Their forms, for a department
to offer, and what somebody has filled in."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final, TypeVar

from amtsbus.casework.case import Case
from amtsbus.casework.roles import Role
from amtsbus.desk.department import Action, Field, Filled, MistakesError, Viewer
from amtsbus.desk.staff import Caseworker

TAKE_OVER: Final = "take-over"
HAND_OVER: Final = "hand-over"
RETURN_TO_POOL: Final = "return-to-pool"
NOTE: Final = "note"
SEND_BACK: Final = "send-back"
PROPOSE: Final = "propose-"
CONFIRM: Final = "confirm-"
"""Begin the keys of what is done about a step that needs two people."""

ASSIGNEE: Final = "assignee"
TEXT: Final = "text"
REASONS: Final = "reasons"

_WORKERS: Final = frozenset({Role.CLERK, Role.LEAD})
_ROLES: Final = {role.value: role for role in Role}


def may_work(viewer: Viewer) -> bool:
    """Whether the viewer works on cases at all, and does not only look at them."""
    return not _WORKERS.isdisjoint(viewer.actor.roles)


def about_assignment(case: Case, viewer: Viewer, *, with_note: bool = True) -> Iterator[Action]:
    """Take a case over, hand it over, or give it back to the pool.

    Args:
        with_note: whether whoever hands it over can write something into its file.
    """
    if case.is_closed or not may_work(viewer):
        return
    say = viewer.say
    if case.assignee != viewer.actor.subject:
        yield Action(TAKE_OVER, say("desk.action.take-over"), kind="secondary")
    colleagues = [one for one in colleagues_of(viewer) if one.subject != case.assignee]
    if colleagues:
        options = tuple((one.subject, _name(one, viewer)) for one in colleagues)
        to_whom = Field(ASSIGNEE, "select", say("desk.field.assignee"), options=options)
        word = Field(TEXT, "textarea", say("desk.field.handover_note"), required=False)
        fields = (to_whom, word) if with_note else (to_whom,)
        yield Action(HAND_OVER, say("desk.action.hand-over"), fields, kind="secondary")
    if case.assignee is not None:
        yield Action(RETURN_TO_POOL, say("desk.action.return-to-pool"), kind="secondary")


def given_to(action: str, form: Filled, viewer: Viewer) -> str | None:
    """To whom one of the actions about assignment gives the case; None: back to the pool."""
    if action == TAKE_OVER:
        return viewer.actor.subject
    return form.text(ASSIGNEE) if action == HAND_OVER else None


def note(viewer: Viewer) -> Action:
    """Write something into the file; also into a closed one."""
    say = viewer.say
    return Action(
        NOTE,
        say("desk.action.note"),
        (Field(TEXT, "textarea", say("desk.field.note"), with_text_blocks=True),),
        kind="secondary",
    )


def reasons(viewer: Viewer, *, required: bool, hint: str = "") -> Field:
    """A field for the reasons of a step."""
    label = viewer.say("desk.field.reasons")
    return Field(REASONS, "textarea", label, hint=hint, required=required, with_text_blocks=True)


def propose(step: str, name: str, viewer: Viewer, fields: tuple[Field, ...]) -> Action:
    """Propose a step that needs two people; `name` is what it is called."""
    return Action(PROPOSE + step, viewer.say("desk.action.propose", step=name), fields)


def confirm(step: str, name: str, viewer: Viewer, fields: tuple[Field, ...] = (), intro: str = "") -> Action:
    """Take a step that somebody else has proposed: what a second person comes for, so its form is open."""
    return Action(CONFIRM + step, viewer.say("desk.action.confirm", step=name), fields, intro, open=True)


def send_back(case: Case, viewer: Viewer) -> Action:
    """Drop what is proposed, with a reason: as a second person, or as whoever has proposed it."""
    by_me = case.proposal is not None and case.proposal.proposed_by == viewer.actor.subject
    label = viewer.say("desk.action.take-back") if by_me else viewer.say("desk.action.send-back")
    return Action(SEND_BACK, label, (reasons(viewer, required=True),), kind="secondary")


def colleagues_of(viewer: Viewer) -> list[Caseworker]:
    """Who else works on cases here."""
    return [
        one
        for one in viewer.staff
        if one.subject != viewer.actor.subject and not _WORKERS.isdisjoint(_roles(one.roles))
    ]


def _roles(names: Iterable[str]) -> set[Role]:
    return {_ROLES[name] for name in names if name in _ROLES}


def _name(one: Caseworker, viewer: Viewer) -> str:
    return viewer.say("desk.absent_name", name=one.name) if one.is_absent(viewer.today) else one.name


_Code = TypeVar("_Code", bound=StrEnum)


def ticked(form: Filled, name: str, known: Iterable[_Code]) -> tuple[_Code, ...]:
    """Those of the `known` codes that were chosen in a field, in their order."""
    sent = set(form.texts(name))
    return tuple(code for code in known if code.value in sent)


def some_ticked(form: Filled, name: str, known: Iterable[_Code], label: str, viewer: Viewer) -> tuple[_Code, ...]:
    """The same where at least one must be chosen; `label` is the field's.

    Raises:
        MistakesError: none was, or none that is known.
    """
    codes = ticked(form, name, known)
    if not codes:
        raise MistakesError({name: viewer.say("desk.mistake.required", label=label)})
    return codes


def who_may_confirm(case: Case, viewer: Viewer) -> list[str]:
    """The names of those who may take what was proposed: not whoever proposed it."""
    if case.proposal is None:
        return []
    step = case.procedure.transition(case.state, case.proposal.action)
    if step is None:
        return []
    return [
        _name(one, viewer)
        for one in viewer.staff
        if one.subject != case.proposal.proposed_by and step.open_to(_roles(one.roles))
    ]
