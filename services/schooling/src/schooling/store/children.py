"""Children of school age, as the registration authority reports them."""

from uuid import UUID

from amtsbus.postgres import Row, Tx

from schooling.domain.child import Child


async def lock_child(tx: Tx, child_id: UUID) -> Child | None:
    """A child as it is known, its row locked: all changes of one child and its enrolments come one after another."""
    row = await tx.fetchrow("SELECT * FROM children WHERE child_id = $1 FOR NO KEY UPDATE", child_id)
    return None if row is None else child_of(row)


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
    return [child_of(row) for row in rows]


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
    return [child_of(row) for row in rows]


def child_of(row: Row) -> Child:
    """The child of a row."""
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
