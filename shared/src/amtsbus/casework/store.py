"""Cases in PostgreSQL (schema `amtsbus`): one statement to open a case, one to read it, one to save it."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from uuid import UUID

import asyncpg

from amtsbus.casework.calendar import Period, Unit
from amtsbus.casework.case import Case, Decision, Fee, HistoryEntry, Note, Proposal, Stored
from amtsbus.casework.periods import CasePeriod
from amtsbus.casework.procedure import Procedure
from amtsbus.errors import ConflictError, NotFoundError, RuleViolationError
from amtsbus.postgres import Row, Tx

NOTHING_DUE = date.max
"""How asyncpg writes and reads PostgreSQL's 'infinity': the due date of a case without a running period."""


@dataclass(frozen=True, slots=True)
class WorkListRow:
    """A case as a list shows it. `due_on` is the earliest due date of its running periods."""

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


# One case


async def next_reference(tx: Tx, procedure: Procedure, year: int) -> str:
    """The next reference number (Aktenzeichen) of a procedure, for example `BA-2026-000123`.

    Unique in the service, rising, with gaps. The number comes from a sequence, which no intake holds until its commit: a
    counter row per prefix and year would queue all of them up behind one lock. Hence all procedures and years of a
    service share one row of numbers, and a transaction that is rolled back leaves a gap.
    """
    number = await tx.fetchval("SELECT nextval('amtsbus.case_numbers')")
    return f"{procedure.reference_prefix}-{year:04d}-{number:06d}"


async def add(tx: Tx, case: Case) -> None:
    """Store a case that `Case.open` made.

    Raises:
        ConflictError: its id or its reference is already taken.
    """
    children = _new_children(case)
    try:
        await tx.fetchval(
            _statement(_INSERT, tuple(children)),
            case.case_id,
            case.version,
            case.state,
            case.assignee,
            case.closed_at,
            case.due_on or NOTHING_DUE,
            *_proposal_columns(case),
            case.procedure_key,
            case.reference,
            case.applicant_id,
            case.subject_ids,
            case.opened_at,
            *children.values(),
        )
    except asyncpg.UniqueViolationError as error:
        raise ConflictError(f"the case {case.case_id} or its reference is already there") from error
    _settle(case)


async def get(tx: Tx, case_id: UUID, procedure: Procedure) -> Case:
    """The case as it was last saved; its history and notes are read by themselves.

    Raises:
        NotFoundError: there is no such case of this procedure.
    """
    row = await tx.fetchrow(_GET, case_id, procedure.key)
    if row is None:
        raise NotFoundError(f"there is no case {case_id} of the procedure {procedure.key}")
    proposal = None
    if row["proposed_action"] is not None:
        proposal = Proposal(row["proposed_action"], row["proposed_by"], row["proposed_at"], row["proposed_reason"])
    case = Case(
        case_id=case_id,
        procedure=procedure,
        reference=row["reference"],
        state=row["state"],
        version=row["version"],
        applicant_id=row["applicant_id"],
        subject_ids=tuple(row["subject_ids"]),
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        assignee=row["assignee"],
        periods=[_period(stored) for stored in json.loads(row["periods"] or "[]")],
        fees=[
            Fee(stored["kind"], stored["amount_cents"], stored["legal_basis"])
            for stored in json.loads(row["fees"] or "[]")
        ],
        decisions=[
            Decision(
                stored["outcome"],
                tuple(stored["reasons"]),
                stored["decided_by"],
                datetime.fromisoformat(stored["decided_at"]),
                stored["legal_basis"],
            )
            for stored in json.loads(row["decisions"] or "[]")
        ],
        proposal=proposal,
    )
    _settle(case)
    return case


async def save(tx: Tx, case: Case) -> None:
    """Save what has changed since the case was read: new lines are added, old ones stay untouched.

    Raises:
        ConflictError: somebody else saved the case meanwhile; nothing was written.
    """
    children = _new_children(case)
    version = await tx.fetchval(
        _statement(_UPDATE, tuple(children)),
        case.case_id,
        case.version,
        case.state,
        case.assignee,
        case.closed_at,
        case.due_on or NOTHING_DUE,
        *_proposal_columns(case),
        *children.values(),
    )
    if version is None:
        raise ConflictError(
            f"the case {case.case_id} has changed since version {case.version}: read it again and decide anew"
        )
    case.version = version
    _settle(case)


async def history(tx: Tx, case_id: UUID, *, after_version: int = 0) -> list[HistoryEntry]:
    """Everything that happened to a case, oldest first; or what happened since it was at `after_version`."""
    rows = await tx.fetch(
        "SELECT who, at, what, about, state, reason FROM amtsbus.case_history WHERE case_id = $1 AND version > $2 "
        "ORDER BY version, nth",
        case_id,
        after_version,
    )
    return [HistoryEntry(**row) for row in rows]


async def notes(tx: Tx, case_id: UUID) -> list[Note]:
    """The notes in a case's file, oldest first."""
    rows = await tx.fetch(
        "SELECT text, written_by, written_at FROM amtsbus.case_notes WHERE case_id = $1 ORDER BY version, nth",
        case_id,
    )
    return [Note(**row) for row in rows]


# Lists


async def work_list(
    tx: Tx,
    *,
    states: Collection[str] | None = None,
    assignee: str | None = None,
    due_before: date | None = None,
    after: Sequence[Any] | None = None,
    limit: int = 25,
) -> list[WorkListRow]:
    """The cases that want work, the most urgent first; cases without a due date last.

    Args:
        states: only cases in these states, closed ones too where a final state is named. None: all open cases.
        assignee: only those of this caseworker. None: everybody's, and nobody's.
        due_before: only those that are due before this day.
        after: the `work_list_key` of the last row of the page before.

    Raises:
        RuleViolationError: code `cursor-malformed`.
    """
    arguments: list[Any] = [limit]

    def bind(value: Any) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    conditions = []
    if assignee is not None:
        conditions.append(f"c.assignee = {bind(assignee)}")
    if due_before is not None:
        conditions.append(f"c.due_on < {bind(due_before)}")
    if after is not None:
        due, case_id = _cursor(after, date)
        conditions.append(f"(c.due_on, c.case_id) > ({bind(due)}, {bind(case_id)})")
    if states is None:
        sql = _OPEN.format(columns=_COLUMNS, where=" AND ".join(["c.closed_at IS NULL", *conditions]))
    else:
        sql = _IN_STATES.format(
            columns=_COLUMNS,
            states=bind(sorted(set(states))),
            where=" AND ".join(["c.state = wanted.state", *conditions]),
        )
    return [_work_list_row(row) for row in await tx.fetch(sql, *arguments)]


def work_list_key(row: WorkListRow) -> list[Any]:
    """Where `row` stands in the work list: the cursor after it, as JSON values."""
    return [(row.due_on or NOTHING_DUE).isoformat(), str(row.case_id)]


async def of_applicant(
    tx: Tx, applicant_id: UUID, after: Sequence[Any] | None = None, limit: int = 25
) -> list[WorkListRow]:
    """An applicant's own cases, the newest first; `after` is the `of_applicant_key` of the page before's last row.

    Raises:
        RuleViolationError: code `cursor-malformed`.
    """
    further, cursor = (
        ("", ()) if after is None else (" AND (c.opened_at, c.case_id) < ($3, $4)", _cursor(after, datetime))
    )
    rows = await tx.fetch(_OF_APPLICANT.format(columns=_COLUMNS, further=further), applicant_id, limit, *cursor)
    return [_work_list_row(row) for row in rows]


def of_applicant_key(row: WorkListRow) -> list[Any]:
    """Where `row` stands among its applicant's cases: the cursor after it, as JSON values."""
    return [row.opened_at.isoformat(), str(row.case_id)]


def _cursor(after: Sequence[Any], kind: type[date]) -> tuple[date, UUID]:
    try:
        when, case_id = after
        if issubclass(kind, datetime):
            return datetime.fromisoformat(when).astimezone(UTC), UUID(case_id)
        return NOTHING_DUE if when is None else date.fromisoformat(when), UUID(case_id)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise RuleViolationError(
            "the cursor is not one of this list: start again from the first page", code="cursor-malformed"
        ) from error


# How it is kept

_COLUMNS = (
    "c.case_id, c.procedure_key, c.reference, c.state, c.version, c.applicant_id, c.assignee, c.opened_at, c.closed_at, "
    "c.due_on"
)

_OPEN = "SELECT {columns} FROM amtsbus.cases c WHERE {where} ORDER BY c.due_on, c.case_id LIMIT $1"

# Each state by itself from its own end of the index, then merged: `state = ANY` would read and sort all of them.
_IN_STATES = """
SELECT found.* FROM unnest({states}::text[]) AS wanted (state)
CROSS JOIN LATERAL (
    SELECT {columns} FROM amtsbus.cases c WHERE {where} ORDER BY c.due_on, c.case_id LIMIT $1
) AS found
ORDER BY found.due_on, found.case_id LIMIT $1
"""

_OF_APPLICANT = """
SELECT {columns} FROM amtsbus.cases c WHERE c.applicant_id = $1{further}
ORDER BY c.opened_at DESC, c.case_id DESC LIMIT $2
"""

_GET = """
SELECT c.reference, c.state, c.version, c.applicant_id, c.subject_ids, c.opened_at, c.closed_at, c.assignee,
       c.proposed_action, c.proposed_by, c.proposed_at, c.proposed_reason,
       (SELECT json_agg(p ORDER BY p.nth)::text FROM amtsbus.case_periods p WHERE p.case_id = c.case_id) AS periods,
       (SELECT json_agg(f ORDER BY f.nth)::text FROM amtsbus.case_fees f WHERE f.case_id = c.case_id) AS fees,
       (SELECT json_agg(d ORDER BY d.nth)::text FROM amtsbus.case_decisions d WHERE d.case_id = c.case_id) AS decisions
FROM amtsbus.cases c
WHERE c.case_id = $1 AND c.procedure_key = $2
"""

_INSERT = """
WITH changed AS (
    INSERT INTO amtsbus.cases (
        case_id, version, state, assignee, closed_at, due_on, proposed_action, proposed_by, proposed_at, proposed_reason,
        procedure_key, reference, applicant_id, subject_ids, opened_at
    ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
    RETURNING case_id, version
)"""

_UPDATE = """
WITH changed AS (
    UPDATE amtsbus.cases SET
        version = version + 1, state = $3, assignee = $4, closed_at = $5, due_on = $6,
        proposed_action = $7, proposed_by = $8, proposed_at = $9, proposed_reason = $10
    WHERE case_id = $1 AND version = $2
    RETURNING case_id, version
)"""

# Each adds its rows only where the case itself was written: a lost race writes nothing at all.
_CHILDREN = {
    # A period that is due on another day than before rings anew.
    "periods": """
INSERT INTO amtsbus.case_periods AS p (
    case_id, nth, kind, starts_on, unit, count, fixed_on, ends_on, due_on, land, warn_days_before, suspended_on, ended_at
)
SELECT changed.case_id, n.*
FROM changed, json_to_recordset({rows}::json) AS n (
    nth integer, kind text, starts_on date, unit text, count integer, fixed_on date, ends_on date, due_on date,
    land text, warn_days_before integer, suspended_on date, ended_at timestamptz
)
ORDER BY n.nth
ON CONFLICT (case_id, nth) DO UPDATE SET
    ends_on = excluded.ends_on, due_on = excluded.due_on, suspended_on = excluded.suspended_on,
    ended_at = excluded.ended_at,
    due_soon_at = CASE WHEN p.due_on = excluded.due_on THEN p.due_soon_at END,
    overdue_at = CASE WHEN p.due_on = excluded.due_on THEN p.overdue_at END,
    clock_failures = CASE WHEN p.due_on = excluded.due_on THEN p.clock_failures ELSE 0 END,
    clock_retry_at = CASE WHEN p.due_on = excluded.due_on THEN p.clock_retry_at END""",
    "history": """
INSERT INTO amtsbus.case_history (case_id, version, nth, who, at, what, about, state, reason)
SELECT changed.case_id, changed.version, n.*
FROM changed, json_to_recordset({rows}::json) AS n (
    nth integer, who text, at timestamptz, what text, about text, state text, reason text
)""",
    "notes": """
INSERT INTO amtsbus.case_notes (case_id, version, nth, text, written_by, written_at)
SELECT changed.case_id, changed.version, n.*
FROM changed, json_to_recordset({rows}::json) AS n (
    nth integer, text text, written_by text, written_at timestamptz
)""",
    "fees": """
INSERT INTO amtsbus.case_fees (case_id, nth, kind, amount_cents, legal_basis)
SELECT changed.case_id, n.*
FROM changed, json_to_recordset({rows}::json) AS n (nth integer, kind text, amount_cents bigint, legal_basis text)""",
    "decisions": """
INSERT INTO amtsbus.case_decisions (case_id, nth, outcome, reasons, decided_by, decided_at, legal_basis)
SELECT changed.case_id, n.*
FROM changed, json_to_recordset({rows}::json) AS n (
    nth integer, outcome text, reasons text[], decided_by text, decided_at timestamptz, legal_basis text
)""",
}


@cache
def _statement(head: str, children: tuple[str, ...]) -> str:
    """One statement that writes the case and those of its children that have new rows."""
    first = 16 if head is _INSERT else 11
    parts = [f", {name} AS ({_CHILDREN[name].format(rows=f'${first + nth}')})" for nth, name in enumerate(children)]
    return head + "".join(parts) + "\nSELECT version FROM changed"


def _new_children(case: Case) -> dict[str, str]:
    """The rows that this change adds (or, for periods, changes), as JSON by kind; kinds without any are left out."""
    before = {period.nth: period for period in case.stored.periods}
    rows: dict[str, list[dict[str, Any]]] = {
        "periods": [
            {
                "nth": period.nth,
                "kind": period.kind,
                "starts_on": period.starts_on,
                "unit": period.period.unit,
                "count": period.period.count,
                "fixed_on": period.period.fixed_on,
                "ends_on": period.ends_on,
                "due_on": period.due_on,
                "land": period.land,
                "warn_days_before": period.warn_days_before,
                "suspended_on": period.suspended_on,
                "ended_at": period.ended_at,
            }
            for period in case.periods
            if before.get(period.nth) != period
        ],
        "history": [
            {
                "nth": nth,
                "who": entry.who,
                "at": entry.at,
                "what": entry.what,
                "about": entry.about,
                "state": entry.state,
                "reason": entry.reason,
            }
            for nth, entry in enumerate(case.history, 1)
        ],
        "notes": [
            {"nth": nth, "text": note.text, "written_by": note.written_by, "written_at": note.written_at}
            for nth, note in enumerate(case.notes, 1)
        ],
        "fees": [
            {"nth": nth, "kind": fee.kind, "amount_cents": fee.amount_cents, "legal_basis": fee.legal_basis}
            for nth, fee in enumerate(case.fees, 1)
            if nth > case.stored.fees
        ],
        "decisions": [
            {
                "nth": nth,
                "outcome": decision.outcome,
                "reasons": decision.reasons,
                "decided_by": decision.decided_by,
                "decided_at": decision.decided_at,
                "legal_basis": decision.legal_basis,
            }
            for nth, decision in enumerate(case.decisions, 1)
            if nth > case.stored.decisions
        ],
    }
    return {kind: json.dumps(new, default=_as_json) for kind, new in rows.items() if new}


def _as_json(value: date) -> str:
    return value.isoformat()


def _settle(case: Case) -> None:
    """Remember what the database has now, so that the next save adds only what comes after."""
    case.stored = Stored(tuple(case.periods), len(case.fees), len(case.decisions))
    case.history.clear()
    case.notes.clear()


def _proposal_columns(case: Case) -> tuple[Any, ...]:
    proposal = case.proposal
    if proposal is None:
        return None, None, None, None
    return proposal.action, proposal.proposed_by, proposal.proposed_at, proposal.reason


def _period(stored: dict[str, Any]) -> CasePeriod:
    return CasePeriod(
        nth=stored["nth"],
        kind=stored["kind"],
        starts_on=date.fromisoformat(stored["starts_on"]),
        period=Period(stored["count"], Unit(stored["unit"]), _day(stored["fixed_on"])),
        ends_on=date.fromisoformat(stored["ends_on"]),
        due_on=date.fromisoformat(stored["due_on"]),
        land=stored["land"],
        warn_days_before=stored["warn_days_before"],
        suspended_on=_day(stored["suspended_on"]),
        ended_at=datetime.fromisoformat(stored["ended_at"]) if stored["ended_at"] else None,
    )


def _day(stored: str | None) -> date | None:
    return date.fromisoformat(stored) if stored else None


def _work_list_row(row: Row) -> WorkListRow:
    columns = dict(row)
    if columns["due_on"] == NOTHING_DUE:
        columns["due_on"] = None
    return WorkListRow(**columns)
