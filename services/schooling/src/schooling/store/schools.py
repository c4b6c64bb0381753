"""Schools and their places."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from amtsbus.errors import ConflictError, NotFoundError
from amtsbus.postgres import Tx

from schooling.domain.admission import Admission
from schooling.domain.enrolment import Enrolment
from schooling.domain.rules import School
from schooling.store.law import criteria_of


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
        tuple(criteria_of(row["criteria"]) for row in waiting),
    )
