"""All SQL of schooling. The case itself (state, periods, decisions, history) is kept by `amtsbus.casework.store`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

import asyncpg
from amtsbus.casework import store as cases
from amtsbus.casework.case import HistoryEntry
from amtsbus.desk.search import query_of
from amtsbus.errors import ConflictError, NotFoundError
from amtsbus.ids import new_id
from amtsbus.postgres import Row, Tx

from schooling.domain.admission import Admission
from schooling.domain.child import Child
from schooling.domain.enrolment import Enrolment, NewCase
from schooling.domain.events import Document, WithdrawalCause
from schooling.domain.procedure import PRIMARY_ENROLMENT
from schooling.domain.rules import Criterion, EnrolmentRules, Rulebook, School

COHORT_LOCK: Final = 0x636F686F  # "coho": the class of the advisory locks of cohorts


# the law


async def rulebook(tx: Tx) -> Rulebook:
    """All editions of the rules."""
    rows = await tx.fetch("SELECT * FROM enrolment_rules ORDER BY from_school_year")
    return Rulebook(
        tuple(
            EnrolmentRules(
                from_school_year=row["from_school_year"],
                cut_off_month=row["cut_off_month"],
                cut_off_day=row["cut_off_day"],
                register_month=row["register_month"],
                register_day=row["register_day"],
                late_registration_days=row["late_registration_days"],
                documents_days=row["documents_days"],
                early_entry_years=row["early_entry_years"],
                admission_order=tuple(Criterion(criterion) for criterion in row["admission_order"]),
            )
            for row in rows
        )
    )


# schools and their places


async def add_school(tx: Tx, school: School) -> None:
    """Keep a new school.

    Raises:
        ConflictError: there is a school of this name.
    """
    added = await tx.fetchval(
        "INSERT INTO schools (school_id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING true",
        school.school_id,
        school.name,
    )
    if not added:
        raise ConflictError("there is a school of this name already: use it, or choose another name")


async def schools(tx: Tx, *, after: tuple[str, UUID] | None, limit: int) -> list[School]:
    """The schools by name."""
    name, school_id = after or (None, None)
    rows = await tx.fetch(
        """
        SELECT school_id, name FROM schools
        WHERE $1::text IS NULL OR (name, school_id) > ($1, $2::uuid)
        ORDER BY name, school_id LIMIT $3
        """,
        name,
        school_id,
        limit,
    )
    return [School(row["school_id"], row["name"]) for row in rows]


async def schools_by_id(tx: Tx, school_ids: Collection[UUID]) -> dict[UUID, School]:
    """Those of `school_ids` that exist."""
    rows = await tx.fetch("SELECT school_id, name FROM schools WHERE school_id = ANY($1::uuid[])", list(school_ids))
    return {row["school_id"]: School(row["school_id"], row["name"]) for row in rows}


async def school(tx: Tx, school_id: UUID) -> School:
    """One school.

    Raises:
        NotFoundError: there is none of this id.
    """
    found = (await schools_by_id(tx, [school_id])).get(school_id)
    if found is None:
        raise NotFoundError("there is no such school")
    return found


@dataclass(frozen=True)
class Capacity:
    """The places of a school in one school year."""

    school_year: int
    places: int
    accepted: int


async def lock_places(tx: Tx, school_id: UUID, school_year: int) -> int | None:
    """The number of places, locked until the end of the transaction; None where none were set.

    Whoever gives a place holds this lock, so two of them never count the same free place.
    """
    places: int | None = await tx.fetchval(
        "SELECT places FROM capacities WHERE school_id = $1 AND school_year = $2 FOR UPDATE", school_id, school_year
    )
    return places


async def accepted_children(tx: Tx, school_id: UUID, school_year: int) -> int:
    """How many children have a place at the school; read it under `lock_places`."""
    accepted: int = await tx.fetchval(
        "SELECT count(*) FROM enrolments WHERE accepted_by = $1 AND school_year = $2", school_id, school_year
    )
    return accepted


async def set_places(tx: Tx, school_id: UUID, school_year: int, places: int) -> None:
    """Set the number of places; hold `lock_places` where there is a row already."""
    await tx.execute(
        """
        INSERT INTO capacities (school_id, school_year, places) VALUES ($1, $2, $3)
        ON CONFLICT (school_id, school_year) DO UPDATE SET places = excluded.places
        """,
        school_id,
        school_year,
        places,
    )


async def capacities(tx: Tx, school_id: UUID) -> list[Capacity]:
    """The places of a school, latest school year first."""
    rows = await tx.fetch(
        """
        SELECT c.school_year, c.places,
               (SELECT count(*) FROM enrolments e
                WHERE e.accepted_by = c.school_id AND e.school_year = c.school_year) AS accepted
        FROM capacities c WHERE c.school_id = $1 ORDER BY c.school_year DESC
        """,
        school_id,
    )
    return [Capacity(row["school_year"], row["places"], row["accepted"]) for row in rows]


async def school_places(tx: Tx, school_year: int) -> list[tuple[School, Capacity | None]]:
    """All schools by name, with their places in one school year; None where the city has set none."""
    rows = await tx.fetch(
        """
        SELECT s.school_id, s.name, c.places,
               (SELECT count(*) FROM enrolments e WHERE e.accepted_by = s.school_id AND e.school_year = $1) AS accepted
        FROM schools s LEFT JOIN capacities c ON c.school_id = s.school_id AND c.school_year = $1
        ORDER BY s.name, s.school_id
        """,
        school_year,
    )
    return [
        (
            School(row["school_id"], row["name"]),
            None if row["places"] is None else Capacity(school_year, row["places"], row["accepted"]),
        )
        for row in rows
    ]


async def lock_admission(tx: Tx, school_id: UUID, enrolment: Enrolment) -> Admission | None:
    """How the school stands for this child, with its places locked; None where the city has set no places."""
    places = await lock_places(tx, school_id, enrolment.school_year)
    if places is None:
        return None
    waiting = await tx.fetch(
        """
        SELECT e.criteria FROM enrolments e JOIN amtsbus.cases c ON c.case_id = e.enrolment_id
        WHERE e.first_choice = $1 AND e.school_year = $2 AND c.state = 'confirmed' AND e.enrolment_id <> $3
        """,
        school_id,
        enrolment.school_year,
        enrolment.case.case_id,
    )
    return Admission(
        places,
        await accepted_children(tx, school_id, enrolment.school_year),
        tuple(_criteria(row["criteria"]) for row in waiting),
    )


# children


async def lock_child(tx: Tx, child_id: UUID) -> Child | None:
    """A child as it is known, its row locked: all changes of one child and its enrolments come one after another."""
    row = await tx.fetchrow("SELECT * FROM children WHERE child_id = $1 FOR NO KEY UPDATE", child_id)
    return None if row is None else _child(row)


async def put_child(tx: Tx, child: Child) -> None:
    """Keep a child as it stands now."""
    await tx.execute(
        """
        INSERT INTO children (child_id, given_names, family_name, date_of_birth, custodian_ids, school_year, deferred_to,
                              moved_out_on)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (child_id) DO UPDATE SET
            given_names = excluded.given_names, family_name = excluded.family_name,
            date_of_birth = excluded.date_of_birth, custodian_ids = excluded.custodian_ids,
            school_year = excluded.school_year, deferred_to = excluded.deferred_to, moved_out_on = excluded.moved_out_on
        """,
        child.child_id,
        child.given_names,
        child.family_name,
        child.date_of_birth,
        list(child.custodian_ids),
        child.school_year,
        child.deferred_to,
        child.moved_out_on,
    )


async def children_of_administration(tx: Tx, *, school_year: int | None, after: UUID | None, limit: int) -> list[Child]:
    """Children who live here, of one cohort or of all, in the order of their ids."""
    rows = await tx.fetch(
        """
        SELECT * FROM children
        WHERE moved_out_on IS NULL AND ($1::smallint IS NULL OR school_year = $1) AND ($2::uuid IS NULL OR child_id > $2)
        ORDER BY child_id LIMIT $3
        """,
        school_year,
        after,
        limit,
    )
    return [_child(row) for row in rows]


async def children_of_custodian(tx: Tx, custodian_id: UUID, *, after: UUID | None, limit: int) -> list[Child]:
    """Children who live here and of whom this person has custody, in the order of their ids."""
    rows = await tx.fetch(
        """
        SELECT * FROM children
        WHERE moved_out_on IS NULL AND custodian_ids @> ARRAY[$1::uuid] AND ($2::uuid IS NULL OR child_id > $2)
        ORDER BY child_id LIMIT $3
        """,
        custodian_id,
        after,
        limit,
    )
    return [_child(row) for row in rows]


# cohorts


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
    return [_child(row) for row in rows]


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


# enrolments


async def new_case(tx: Tx) -> NewCase:
    """An id and a reference for a case that is about to be opened."""
    reference = await cases.next_reference(tx, PRIMARY_ENROLMENT, tx.clock.today().year)
    return NewCase(new_id(), reference)


async def add_enrolment(tx: Tx, enrolment: Enrolment) -> None:
    """Keep a new enrolment; call it under `lock_child`.

    Raises:
        ConflictError: the child has an enrolment for this school year.
    """
    await cases.add(tx, enrolment.case)
    try:
        await tx.execute(
            """
            INSERT INTO enrolments (enrolment_id, child_id, school_year, early_entry, first_choice, second_choice,
                                    deferral_requested, documents, stated_criteria, criteria, accepted_by, refused_by,
                                    report_seen, withdrawn_because)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            """,
            enrolment.case.case_id,
            enrolment.child.child_id,
            enrolment.school_year,
            enrolment.early_entry,
            *_what_changes(enrolment),
        )
    except asyncpg.UniqueViolationError as error:
        raise ConflictError("the child has an enrolment for this school year already: act on that one") from error


async def save_enrolment(tx: Tx, enrolment: Enrolment) -> None:
    """Keep what has changed.

    Raises:
        ConflictError: somebody else has changed it since it was read.
    """
    await cases.save(tx, enrolment.case)
    await tx.execute(
        """
        UPDATE enrolments SET first_choice = $2, second_choice = $3, deferral_requested = $4, documents = $5,
            stated_criteria = $6, criteria = $7, accepted_by = $8, refused_by = $9, report_seen = $10,
            withdrawn_because = $11
        WHERE enrolment_id = $1
        """,
        enrolment.case.case_id,
        *_what_changes(enrolment),
    )


async def enrolment(tx: Tx, enrolment_id: UUID) -> Enrolment:
    """An enrolment to look at.

    Raises:
        NotFoundError: there is none of this id.
    """
    row = await tx.fetchrow(
        "SELECT c.* FROM enrolments e JOIN children c USING (child_id) WHERE e.enrolment_id = $1", enrolment_id
    )
    if row is None:
        raise NotFoundError("there is no such enrolment")
    return await _enrolment(tx, enrolment_id, _child(row))


async def lock_enrolment(tx: Tx, enrolment_id: UUID) -> Enrolment:
    """An enrolment to change, its child locked (see `lock_child`).

    Raises:
        NotFoundError: there is none of this id.
    """
    child_id = await tx.fetchval("SELECT child_id FROM enrolments WHERE enrolment_id = $1", enrolment_id)
    child = None if child_id is None else await lock_child(tx, child_id)
    if child is None:
        raise NotFoundError("there is no such enrolment")
    return await _enrolment(tx, enrolment_id, child)


async def enrolments_of_child(tx: Tx, child: Child) -> list[Enrolment]:
    """All enrolments of a child, oldest first; to change them, hold `lock_child`."""
    rows = await tx.fetch(
        "SELECT enrolment_id FROM enrolments WHERE child_id = $1 ORDER BY enrolment_id", child.child_id
    )
    return [await _enrolment(tx, row["enrolment_id"], child) for row in rows]


async def history(tx: Tx, enrolment_id: UUID) -> list[HistoryEntry]:
    """Who did what to an enrolment, oldest first."""
    return await cases.history(tx, enrolment_id)


@dataclass(frozen=True)
class EnrolmentRow:
    """An enrolment as a list shows it. `due_on` is the earliest due date of its running periods."""

    enrolment_id: UUID
    reference: str
    school_year: int
    state: str
    version: int
    due_on: date | None
    child_id: UUID
    given_names: str
    family_name: str
    date_of_birth: date
    early_entry: bool
    deferral_requested: bool
    first_choice: UUID | None
    second_choice: UUID | None
    accepted_by: UUID | None


async def find(tx: Tx, text: str, limit: int) -> list[UUID]:
    """At most `limit` enrolments that have a word beginning like each word of `text`, in name or reference; in no order."""
    query = query_of(text)
    if query is None:
        return []
    rows = await tx.fetch(
        "SELECT enrolment_id FROM enrolments "
        "WHERE array_to_tsvector(string_to_array(search, ' ')) @@ $1::tsquery LIMIT $2",
        query,
        limit,
    )
    return [row["enrolment_id"] for row in rows]


async def rows_of(tx: Tx, enrolment_ids: Collection[UUID]) -> dict[UUID, EnrolmentRow]:
    """Enrolments as a list shows them, by id; those that do not exist are left out."""
    rows = await tx.fetch(f"{_ROWS} WHERE e.enrolment_id = ANY($1::uuid[])", list(enrolment_ids))
    return {row["enrolment_id"]: EnrolmentRow(**row) for row in rows}


_ROWS: Final = """
SELECT e.enrolment_id, c.reference, e.school_year, c.state, c.version,
       nullif(c.due_on, 'infinity') AS due_on,
       k.child_id, k.given_names, k.family_name, k.date_of_birth,
       e.early_entry, e.deferral_requested, e.first_choice, e.second_choice, e.accepted_by
FROM enrolments e
JOIN children k USING (child_id)
JOIN amtsbus.cases c ON c.case_id = e.enrolment_id
"""


async def enrolments_of_custodian(tx: Tx, custodian_id: UUID, *, after: UUID | None, limit: int) -> list[EnrolmentRow]:
    """The enrolments of all children that this person has custody of, oldest first."""
    rows = await tx.fetch(
        f"""
        {_ROWS}
        WHERE k.custodian_ids @> ARRAY[$1::uuid] AND ($2::uuid IS NULL OR e.enrolment_id > $2)
        ORDER BY e.enrolment_id LIMIT $3
        """,
        custodian_id,
        after,
        limit,
    )
    return [EnrolmentRow(**row) for row in rows]


async def work_list(
    tx: Tx,
    *,
    school_year: int | None,
    states: Sequence[str] | None,
    first_choice: UUID | None,
    due_before: date | None,
    after: tuple[int, UUID] | None,
    limit: int,
) -> list[EnrolmentRow]:
    """Enrolments for the administration, by school year and age of the case."""
    after_year, after_id = after or (None, None)
    rows = await tx.fetch(
        f"""
        {_ROWS}
        WHERE ($1::smallint IS NULL OR e.school_year = $1)
          AND ($2::text[] IS NULL OR c.state = ANY($2))
          AND ($3::uuid IS NULL OR e.first_choice = $3)
          AND ($4::date IS NULL OR c.due_on < $4)
          AND ($5::smallint IS NULL OR (e.school_year, e.enrolment_id) > ($5, $6::uuid))
        ORDER BY e.school_year, e.enrolment_id LIMIT $7
        """,
        school_year,
        states,
        first_choice,
        due_before,
        after_year,
        after_id,
        limit,
    )
    return [EnrolmentRow(**row) for row in rows]


# rows and what they stand for


async def _enrolment(tx: Tx, enrolment_id: UUID, child: Child) -> Enrolment:
    case = await cases.get(tx, enrolment_id, PRIMARY_ENROLMENT)
    row = await tx.fetchrow("SELECT * FROM enrolments WHERE enrolment_id = $1", enrolment_id)
    if row is None:
        raise NotFoundError("there is no such enrolment")
    named = [row[column] for column in ("first_choice", "second_choice", "accepted_by") if row[column] is not None]
    known = await schools_by_id(tx, named) if named else {}
    return Enrolment(
        case=case,
        child=child,
        school_year=row["school_year"],
        early_entry=row["early_entry"],
        first_choice=known.get(row["first_choice"]),
        second_choice=known.get(row["second_choice"]),
        deferral_requested=row["deferral_requested"],
        documents=frozenset(Document(code) for code in row["documents"]),
        stated_criteria=_criteria(row["stated_criteria"]),
        criteria=_criteria(row["criteria"]),
        accepted_by=known.get(row["accepted_by"]),
        refused_by=tuple(row["refused_by"]),
        report_seen=row["report_seen"],
        withdrawn_because=WithdrawalCause(row["withdrawn_because"]) if row["withdrawn_because"] else None,
    )


def _what_changes(enrolment: Enrolment) -> list[object]:
    return [
        enrolment.first_choice.school_id if enrolment.first_choice else None,
        enrolment.second_choice.school_id if enrolment.second_choice else None,
        enrolment.deferral_requested,
        sorted(enrolment.documents),
        sorted(enrolment.stated_criteria),
        sorted(enrolment.criteria),
        enrolment.accepted_by.school_id if enrolment.accepted_by else None,
        list(enrolment.refused_by),
        enrolment.report_seen,
        enrolment.withdrawn_because,
    ]


def _child(row: Row) -> Child:
    return Child(
        child_id=row["child_id"],
        given_names=row["given_names"],
        family_name=row["family_name"],
        date_of_birth=row["date_of_birth"],
        custodian_ids=tuple(row["custodian_ids"]),
        school_year=row["school_year"],
        deferred_to=row["deferred_to"],
        moved_out_on=row["moved_out_on"],
    )


def _criteria(codes: list[str]) -> frozenset[Criterion]:
    return frozenset(Criterion(code) for code in codes)
