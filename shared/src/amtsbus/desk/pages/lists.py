"""The work list: mine, my team's, all, and what waits for a second person; with filters and a search."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from amtsbus.auth import Role
from amtsbus.desk import work_list
from amtsbus.desk.department import CaseInWords, Department, Viewer
from amtsbus.desk.discretion import hidden_from
from amtsbus.desk.due import DueInWords, due_in_words
from amtsbus.desk.pages.remembered import remember, remembered
from amtsbus.desk.pages.viewing import READERS, viewer_of
from amtsbus.desk.staff import stands_in_for
from amtsbus.desk.work_list import Cursor, Due, ListedCase, Scope, Wanted
from amtsbus.http import InRecordingTx
from amtsbus.postgres import Tx
from amtsbus.web import Visit, pages, staff

MOST_FOUND: Final = 500
"""Cases that a search looks at; who finds more has to say more."""
SHORTEST_SEARCH: Final = 2
LONGEST_SEARCH: Final = 100
_SEARCHES: Final = "searches"

Choice = Annotated[str, Query(max_length=100)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; what it does not understand is left out."""

    scope: str = ""
    procedure: str = ""
    state: str = ""
    due: str = ""
    assignee: str = ""
    search: str = ""
    after: str = ""
    before: str = ""

    def address(self, **changes: str) -> str:
        """The address of the list with some of it changed; always of a first page, unless a cursor is given."""
        kept = {name: getattr(self, name) for name in ("scope", "procedure", "state", "due", "assignee", "search")}
        asked = {name: value for name, value in (kept | changes).items() if value}
        return f"/?{urlencode(asked)}" if asked else "/"


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the list."""

    case: ListedCase
    words: CaseInWords
    due: DueInWords
    assignee: str
    is_mine: bool
    proposed_by_me: bool


async def shown(
    tx: Tx, department: Department, viewer: Viewer, asked: Asked, search: str | None = None
) -> dict[str, Any]:
    """Everything that the page of the list shows, as its template wants it.

    Args:
        tx: in `work_list.one_snapshot`.
        search: what is searched for, where something is.
    """
    subjects = (viewer.actor.subject, *stands_in_for(viewer.staff, viewer.actor.subject, viewer.today))
    found = None if search is None else await department.find(tx, search, MOST_FOUND + 1, viewer)
    wanted = Wanted(
        scope=_scope(asked, viewer),
        subjects=subjects,
        procedure=asked.procedure or None,
        state=asked.state or None,
        due=next((one for one in Due if one == asked.due), None),
        assignee=asked.assignee or None,
        among=None if found is None else tuple(found[:MOST_FOUND]),
        hidden=tuple(await hidden_from(tx, department, viewer)),
    )
    page = await work_list.work_list(tx, wanted, Cursor.parse(asked.after, asked.before))
    words = await department.in_words(tx, page.cases, viewer)
    return {
        "lines": [_line(case, words, viewer, subjects) for case in page.cases],
        "scope": wanted.scope,
        "counts": page.counts,
        "most_counted": work_list.MOST_COUNTED,
        "next_page": asked.address(after=page.after) if page.after else "",
        "previous_page": asked.address(before=page.before) if page.before else "",
        "asked": asked,
        "search": search,
        "found_too_many": found is not None and len(found) > MOST_FOUND,
        "procedures": await department.procedures(tx, viewer),
        "states": await department.states(tx, viewer),
        "workers": [(one.subject, one.name) for one in viewer.staff if {"clerk", "lead"} & set(one.roles)],
        "nobody": work_list.NOBODY,
        "stands_in_for": [viewer.name_of(one) for one in subjects[1:]],
        "as_of": viewer.now.isoformat(),
    }


def _scope(asked: Asked, viewer: Viewer) -> Scope:
    works = not {Role.CLERK, Role.LEAD}.isdisjoint(viewer.actor.roles)
    return next((one for one in Scope if one == asked.scope), Scope.MINE if works else Scope.ALL)


def _line(case: ListedCase, words: Mapping[UUID, CaseInWords], viewer: Viewer, subjects: tuple[str, ...]) -> Line:
    return Line(
        case=case,
        words=words[case.case_id],
        due=due_in_words(case.due_on, viewer.today, viewer.say, closed=case.closed_at is not None),
        assignee="" if case.assignee is None else viewer.name_of(case.assignee),
        is_mine=case.assignee in subjects,
        proposed_by_me=case.proposed_by == viewer.actor.subject,
    )


def router_of(department: Department) -> APIRouter:
    """The pages with lists."""
    router = pages()

    @router.get("", dependencies=[staff(*READERS, Role.OPERATOR)])
    @router.get("/", dependencies=[staff(*READERS, Role.OPERATOR)])
    async def get_list(
        visit: Visit,
        tx: InRecordingTx,
        scope: Choice = "",
        procedure: Choice = "",
        state: Choice = "",
        due: Choice = "",
        assignee: Choice = "",
        search: Choice = "",
        after: Choice = "",
        before: Choice = "",
    ) -> Response:
        """The work list; an operator, who sees no case, is shown the operations instead.

        A department can record whose names somebody has read here.
        """
        if visit.caller is not None and visit.caller.roles.isdisjoint(READERS):
            return visit.go("/operations")
        asked = Asked(scope, procedure, state, due, assignee, search, after, before)
        words = remembered(visit, _SEARCHES, search)
        if search and words is None:
            visit.notice("desk.search.forgotten", kind="info")
            return visit.go(asked.address(search=""))
        await work_list.one_snapshot(tx)
        viewer = await viewer_of(visit, tx)
        return visit.render("desk/list.html", **await shown(tx, department, viewer, asked, words))

    @router.post("/search", dependencies=[staff(*READERS)])
    async def post_search(visit: Visit) -> Response:
        """Search; what is searched for names a person, so it stays in the session and is in no address."""
        form = await visit.form()
        words = form.text("words")[:LONGEST_SEARCH]
        if not words:
            return visit.go("/")
        if len(words) < SHORTEST_SEARCH:
            visit.notice("desk.search.too_short", kind="warning")
            return visit.go("/")
        return visit.go(Asked(scope=Scope.ALL, search=remember(visit, _SEARCHES, words)).address())

    return router
