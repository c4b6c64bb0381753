"""Enrolments: what they are beyond a case. The case itself is kept by `amtsbus.casework.store`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

import asyncpg
from amtsbus.casework import store as cases
from amtsbus.casework.case import HistoryEntry
from amtsbus.desk import search
from amtsbus.errors import ConflictError, NotFoundError
from amtsbus.ids import new_id
from amtsbus.postgres import Tx

from schooling.domain.child import Child
from schooling.domain.enrolment import Enrolment, NewCase
from schooling.domain.events import Document, WithdrawalCause
from schooling.domain.procedure import PRIMARY_ENROLMENT
from schooling.store.children import child_of, lock_child
from schooling.store.law import criteria_of
from schooling.store.schools import schools_by_id


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
    return await _enrolment(tx, enrolment_id, child_of(row))


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
    return await search.find(tx, text, limit, table="enrolments", key="enrolment_id")


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
        stated_criteria=criteria_of(row["stated_criteria"]),
        criteria=criteria_of(row["criteria"]),
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
