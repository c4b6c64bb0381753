"""Actions that every department's cases have: who works on a case, and notes. Their forms, for a department to offer."""

from collections.abc import Iterable, Iterator
from typing import Final

from amtsbus.casework.case import Case
from amtsbus.casework.roles import Role
from amtsbus.desk.department import Action, Field, Viewer
from amtsbus.desk.staff import Caseworker

TAKE_OVER: Final = "take-over"
HAND_OVER: Final = "hand-over"
RETURN_TO_POOL: Final = "return-to-pool"
NOTE: Final = "note"

ASSIGNEE: Final = "assignee"
TEXT: Final = "text"

_WORKERS: Final = frozenset({Role.CLERK, Role.LEAD})
_ROLES: Final = {role.value: role for role in Role}


def may_work(viewer: Viewer) -> bool:
    """Whether the viewer works on cases at all, and does not only look at them."""
    return not _WORKERS.isdisjoint(viewer.actor.roles)


def about_assignment(case: Case, viewer: Viewer) -> Iterator[Action]:
    """Take a case over, hand it over, or give it back to the pool."""
    if case.is_closed or not may_work(viewer):
        return
    say = viewer.say
    if case.assignee != viewer.actor.subject:
        yield Action(TAKE_OVER, say("desk.action.take-over"), kind="secondary")
    colleagues = [one for one in colleagues_of(viewer) if one.subject != case.assignee]
    if colleagues:
        yield Action(
            HAND_OVER,
            say("desk.action.hand-over"),
            (
                Field(
                    ASSIGNEE,
                    "select",
                    say("desk.field.assignee"),
                    options=tuple((one.subject, _name(one, viewer)) for one in colleagues),
                ),
                Field(TEXT, "textarea", say("desk.field.handover_note"), required=False),
            ),
            kind="secondary",
        )
    if case.assignee is not None:
        yield Action(RETURN_TO_POOL, say("desk.action.return-to-pool"), kind="secondary")


def note(viewer: Viewer) -> Action:
    """Write something into the file; also into a closed one."""
    say = viewer.say
    return Action(
        NOTE,
        say("desk.action.note"),
        (Field(TEXT, "textarea", say("desk.field.note"), with_text_blocks=True),),
        kind="secondary",
    )


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
