"""Cohorts, and inviting them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from amtsbus.postgres import Tx

from schooling.domain.child import Child
from schooling.store.children import child_of

COHORT_LOCK: Final = 0x636F686F  # "coho": the class of the advisory locks of cohorts


@dataclass(frozen=True)
class CohortInvitation:
    """That the parents of a cohort are to be invited, and since when all of them have been."""

    school_year: int
    ordered_by: str
    ordered_at: datetime
    finished_at: datetime | None


async def order_invitation(tx: Tx, school_year: int, ordered_by: str, now: datetime) -> bool:
    """Order the invitation of a cohort; False where it was ordered before.

    Waits for children who are just arriving, and they for this: a child either is there when the cohort is worked through, or
    finds the invitation ordered (`is_ordered`).
    """
    await tx.execute("SELECT pg_advisory_xact_lock($1, $2)", COHORT_LOCK, school_year)
    ordered = await tx.fetchval(
        """
        INSERT INTO cohort_invitations (school_year, ordered_by, ordered_at) VALUES ($1, $2, $3)
        ON CONFLICT (school_year) DO NOTHING RETURNING true
        """,
        school_year,
        ordered_by,
        now,
    )
    return bool(ordered)


async def is_ordered(tx: Tx, school_year: int) -> bool:
    """Whether the cohort's invitation has been ordered; call it after the child was put."""
    await tx.execute("SELECT pg_advisory_xact_lock_shared($1, $2)", COHORT_LOCK, school_year)
    return await invitation(tx, school_year) is not None


async def invitation(tx: Tx, school_year: int) -> CohortInvitation | None:
    """The invitation of a cohort, where it was ordered."""
    row = await tx.fetchrow("SELECT * FROM cohort_invitations WHERE school_year = $1", school_year)
    return None if row is None else CohortInvitation(**row)


async def claim_unfinished_invitation(tx: Tx) -> int | None:
    """The school year of an invitation that is not finished and that no other worker is at; claimed until the commit."""
    school_year: int | None = await tx.fetchval(
        """
        SELECT school_year FROM cohort_invitations WHERE finished_at IS NULL
        ORDER BY school_year LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
        """
    )
    return school_year


async def claim_uninvited_children(tx: Tx, school_year: int, limit: int) -> list[Child]:
    """Up to `limit` children of the cohort who have not been invited, locked; those that somebody else holds are left out.

    Locks first and looks second: only under the lock is what the view says of a child final.
    """
    locked = await tx.fetch(
        """
        SELECT child_id FROM children
        WHERE child_id IN (SELECT child_id FROM uninvited_children WHERE school_year = $1 ORDER BY child_id LIMIT $2)
        FOR NO KEY UPDATE SKIP LOCKED
        """,
        school_year,
        limit,
    )
    rows = await tx.fetch(
        """
        SELECT c.* FROM uninvited_children u JOIN children c USING (child_id)
        WHERE u.school_year = $1 AND u.child_id = ANY($2::uuid[]) ORDER BY child_id
        """,
        school_year,
        [row["child_id"] for row in locked],
    )
    return [child_of(row) for row in rows]


async def is_uninvited(tx: Tx, child: Child) -> bool:
    """Whether the child lives here and has no enrolment yet; call it under `lock_child`."""
    return bool(await tx.fetchval("SELECT true FROM uninvited_children WHERE child_id = $1", child.child_id))


async def count_uninvited(tx: Tx, school_year: int) -> int:
    """How many children of the cohort have not been invited."""
    count: int = await tx.fetchval("SELECT count(*) FROM uninvited_children WHERE school_year = $1", school_year)
    return count


async def finish_invitation(tx: Tx, school_year: int, now: datetime) -> None:
    """Record that every child of the cohort has been invited."""
    await tx.execute("UPDATE cohort_invitations SET finished_at = $2 WHERE school_year = $1", school_year, now)


@dataclass(frozen=True)
class CohortCounts:
    """A cohort in numbers."""

    children: int
    uninvited: int
    without_custodian: int
    overdue: int
    by_state: dict[str, int]


async def cohort_counts(tx: Tx, school_year: int, today: date) -> CohortCounts:
    """A cohort in numbers; enrolments count by their school year, so early entries are among them."""
    row = await tx.fetchrow(
        """
        SELECT count(*) AS children, count(*) FILTER (WHERE custodian_ids = '{}') AS without_custodian
        FROM children WHERE school_year = $1 AND moved_out_on IS NULL
        """,
        school_year,
    )
    states = await tx.fetch(
        """
        SELECT c.state, count(*) AS enrolments, count(*) FILTER (WHERE c.due_on < $2) AS overdue
        FROM enrolments e JOIN amtsbus.cases c ON c.case_id = e.enrolment_id
        WHERE e.school_year = $1 GROUP BY c.state ORDER BY c.state
        """,
        school_year,
        today,
    )
    if row is None:
        raise AssertionError("an aggregate has a row")
    return CohortCounts(
        children=row["children"],
        uninvited=await count_uninvited(tx, school_year),
        without_custodian=row["without_custodian"],
        overdue=sum(state["overdue"] for state in states),
        by_state={state["state"]: state["enrolments"] for state in states},
    )
