"""The work list of a department: whose cases, which of them, in order of due date, and how many there are.

Built for a million cases: whatever is asked for is read from its own end of an index, a page costs the same wherever it lies, and
nothing is counted beyond `MOST_COUNTED`. List and counts come from one snapshot (`one_snapshot`), so they agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from amtsbus.casework.store import NOTHING_DUE
from amtsbus.errors import RuleViolationError
from amtsbus.postgres import Row, Tx

PAGE: Final = 25
MOST_COUNTED: Final = 500
"""A larger number is shown as more than this."""
SOON: Final = timedelta(days=7)
NOBODY: Final = "-"
"""Stands for the pool where a caseworker is asked for."""


class Scope(StrEnum):
    """Whose cases a list shows. Closed ones are only in `ALL`, and wherever a final state is asked for."""

    MINE = "mine"
    """One's own, and those of whom one stands in for."""
    TEAM = "team"
    """Those of the whole department, and those that nobody has yet."""
    SECOND = "second"
    """Those that wait for a second person."""
    ALL = "all"


class Due(StrEnum):
    """Which due dates a list shows."""

    OVERDUE = "overdue"
    WEEK = "week"
    """Overdue, or due within seven days."""
    NOTHING = "nothing"
    """Nothing is due."""


@dataclass(frozen=True, slots=True)
class ListedCase:
    """A case as the list shows it. `due_on` is the earliest due date of its running periods."""

    case_id: UUID
    procedure_key: str
    reference: str
    state: str
    version: int
    applicant_id: UUID
    assignee: str | None
    opened_at: datetime
    closed_at: datetime | None
    due_on: date | None
    proposed_action: str | None
    proposed_by: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list shows.

    Args:
        subjects: whose cases are one's own.
        assignee: only this caseworker's; `NOBODY` for the pool.
        among: only these, as a search has found them.
        hidden: neither shown nor counted, see `amtsbus.desk.discretion`.
    """

    scope: Scope
    subjects: tuple[str, ...] = ()
    procedure: str | None = None
    state: str | None = None
    due: Due | None = None
    assignee: str | None = None
    among: tuple[UUID, ...] | None = None
    hidden: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: behind a case, or, backwards, before it."""

    due_on: date
    case_id: UUID
    backwards: bool = False

    @classmethod
    def parse(cls, after: str, before: str) -> "Cursor | None":
        """The cursor of a page's address; None for the first page.

        Raises:
            RuleViolationError: code `cursor-malformed`.
        """
        text = after or before
        if not text:
            return None
        try:
            due_on, _, case_id = text.partition("~")
            return cls(date.fromisoformat(due_on), UUID(case_id), backwards=not after)
        except ValueError as error:
            raise RuleViolationError(
                "the address is not one of this list: start again from its first page", code="cursor-malformed"
            ) from error


def cursor_of(case: ListedCase) -> str:
    """Where `case` stands in the list, as part of an address; names no person."""
    return f"{(case.due_on or NOTHING_DUE).isoformat()}~{case.case_id}"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many cases there are, at most one more than `MOST_COUNTED` each."""

    shown: int
    mine: int
    team: int
    second: int


@dataclass(frozen=True, slots=True)
class WorkListPage:
    """One page of the list: its cases, where the pages around it begin, and the counts."""

    cases: tuple[ListedCase, ...]
    after: str
    """The cursor of the next page; empty where there is none."""
    before: str
    counts: Counts


async def one_snapshot(tx: Tx) -> None:
    """Let everything that this transaction reads be of one moment; to be called before anything else in it."""
    await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


async def work_list(tx: Tx, wanted: Wanted, cursor: Cursor | None = None, *, limit: int = PAGE) -> WorkListPage:
    """A page of the list, with all counts."""
    states = await _states(tx, wanted)
    statement = _Statement(tx.clock.today(), states)
    sql = statement.select(wanted, _COLUMNS, limit + 1, cursor)
    rows = [_listed(row) for row in await tx.fetch(sql, *statement.arguments)]
    is_more = len(rows) > limit
    rows = rows[:limit]
    backwards = cursor is not None and cursor.backwards
    if backwards:
        rows.reverse()
    has_next = bool(rows) and (backwards or is_more)
    has_previous = bool(rows) and (is_more if backwards else cursor is not None)
    return WorkListPage(
        cases=tuple(rows),
        after=cursor_of(rows[-1]) if has_next else "",
        before=cursor_of(rows[0]) if has_previous else "",
        counts=await _counts(tx, wanted, states),
    )


async def _counts(tx: Tx, wanted: Wanted, states: Sequence[str]) -> Counts:
    statement = _Statement(tx.clock.today(), states)
    asked = {
        "shown": wanted,
        "mine": Wanted(Scope.MINE, wanted.subjects, hidden=wanted.hidden),
        "team": Wanted(Scope.TEAM, hidden=wanted.hidden),
        "second": Wanted(Scope.SECOND, hidden=wanted.hidden),
    }
    columns = ", ".join(
        f"(SELECT count(*) FROM ({statement.select(one, '1', MOST_COUNTED + 1)}) AS counted) AS {name}"  # noqa: S608 - built from constants
        for name, one in asked.items()
    )
    row = await tx.fetchrow(f"SELECT {columns}", *statement.arguments)
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return Counts(**dict(row))


async def listed(tx: Tx, case_ids: Sequence[UUID]) -> list[ListedCase]:
    """These cases, in order of due date; those that do not exist are left out."""
    statement = _Statement(tx.clock.today(), ())
    sql = statement.select(Wanted(Scope.ALL, among=tuple(case_ids)), _COLUMNS, len(case_ids))
    return [_listed(row) for row in await tx.fetch(sql, *statement.arguments)]


# How it is asked

_COLUMNS: Final = (
    "c.case_id, c.procedure_key, c.reference, c.state, c.version, c.applicant_id, c.assignee, c.opened_at, c.closed_at, "
    "c.due_on, c.proposed_action, c.proposed_by"
)

# The states that there are: a step from one to the next in an index, however many cases each has.
_STATES: Final = """
WITH RECURSIVE found AS (
    (SELECT state FROM amtsbus.cases WHERE {where} ORDER BY state LIMIT 1)
    UNION ALL
    SELECT (SELECT state FROM amtsbus.cases WHERE {where} AND state > found.state ORDER BY state LIMIT 1)
    FROM found WHERE found.state IS NOT NULL
)
SELECT state FROM found WHERE state IS NOT NULL
"""


async def _states(tx: Tx, wanted: Wanted) -> list[str]:
    """The states to look through where a list of all cases has no other index to go by."""
    if wanted.scope is not Scope.ALL or wanted.state is not None or wanted.among is not None:
        return []
    if wanted.procedure is None:
        rows = await tx.fetch(_STATES.format(where="true"))
    else:
        rows = await tx.fetch(_STATES.format(where="procedure_key = $1"), wanted.procedure)
    return [row["state"] for row in rows]


class _Statement:
    """SQL with its arguments; several selections can share one statement."""

    def __init__(self, today: date, states: Sequence[str]) -> None:
        self.arguments: list[Any] = []
        self._today = today
        self._states = states

    def select(self, wanted: Wanted, columns: str, limit: int, cursor: Cursor | None = None) -> str:
        """What is wanted, at most `limit` rows of it; in order where `columns` are those of a case."""
        where = self._where(wanted)
        ordered = columns is _COLUMNS
        backwards = cursor is not None and cursor.backwards
        if cursor is not None:
            sign = "<" if backwards else ">"
            where.append(f"(c.due_on, c.case_id) {sign} ({self._bind(cursor.due_on)}, {self._bind(cursor.case_id)})")
        direction = " DESC" if backwards else ""

        def one(more: str = "") -> str:
            # Counted in order as well: without one PostgreSQL reads the table from its oldest end, where all cases are closed.
            order = f" ORDER BY c.due_on{direction}, c.case_id{direction}"
            conditions = " AND ".join([*where, more] if more else where) or "true"
            return f"SELECT {columns} FROM amtsbus.cases c WHERE {conditions}{order} LIMIT {limit}"  # noqa: S608 - built from constants

        # Where several ends of an index hold what is wanted, each is read by itself, then they are merged: one condition
        # for all of them would read and sort every case.
        apart = self._apart(wanted)
        if apart is None:
            return one()
        column, values = apart
        order = f" ORDER BY f.due_on{direction}, f.case_id{direction}" if ordered else ""
        return (
            f"SELECT f.* FROM unnest({self._bind(list(values))}::text[]) AS a (value) "  # noqa: S608 - built from constants
            f"CROSS JOIN LATERAL ({one(f'c.{column} = a.value')}) AS f{order} LIMIT {limit}"
        )

    def _apart(self, wanted: Wanted) -> tuple[str, Sequence[str]] | None:
        if wanted.among is not None:
            return None
        if wanted.scope is Scope.MINE:
            return "assignee", wanted.subjects
        if wanted.scope is Scope.ALL and wanted.state is None:
            return "state", self._states
        return None

    def _where(self, wanted: Wanted) -> list[str]:
        where = []
        if wanted.scope is Scope.SECOND:
            where.append("c.proposed_action IS NOT NULL")
        elif wanted.scope is not Scope.ALL and wanted.state is None:
            where.append("c.closed_at IS NULL")
        if wanted.scope is Scope.MINE and wanted.among is not None:
            where.append(f"c.assignee = ANY({self._bind(list(wanted.subjects))}::text[])")
        if wanted.procedure is not None:
            where.append(f"c.procedure_key = {self._bind(wanted.procedure)}")
        if wanted.state is not None:
            where.append(f"c.state = {self._bind(wanted.state)}")
        if wanted.assignee == NOBODY:
            where.append("c.assignee IS NULL")
        elif wanted.assignee is not None:
            where.append(f"c.assignee = {self._bind(wanted.assignee)}")
        match wanted.due:
            case Due.OVERDUE:
                where.append(f"c.due_on < {self._bind(self._today)}")
            case Due.WEEK:
                where.append(f"c.due_on <= {self._bind(self._today + SOON)}")
            case Due.NOTHING:
                # Not "=": with one day only PostgreSQL would go by the ids alone, past all closed cases.
                where.append(f"c.due_on >= {self._bind(NOTHING_DUE)}")
            case None:
                pass
        if wanted.among is not None:
            where.append(f"c.case_id = ANY({self._bind(list(wanted.among))}::uuid[])")
        if wanted.hidden:
            where.append(f"c.case_id <> ALL({self._bind(list(wanted.hidden))}::uuid[])")
        return where

    def _bind(self, value: Any) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}"


def _listed(row: Row) -> ListedCase:
    case = ListedCase(**row)
    return replace(case, due_on=None) if case.due_on == NOTHING_DUE else case
