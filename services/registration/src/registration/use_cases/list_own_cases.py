"""A citizen's own cases."""

from collections.abc import Sequence
from typing import Any

from amtsbus.casework import store as cases
from amtsbus.casework.procedure import Procedure
from amtsbus.casework.store import WorkListRow
from amtsbus.postgres import Tx

from registration.domain.access import Viewer
from registration.use_cases.fill_page import fill_page
from registration.use_cases.open_declaration import own_person_id


async def list_own_cases(
    viewer: Viewer, procedure: Procedure, after: Sequence[Any] | None, limit: int, tx: Tx
) -> list[WorkListRow]:
    """The citizen's own cases of one procedure, the newest first."""
    applicant_id = own_person_id(viewer)

    async def page(after: Sequence[Any] | None, limit: int) -> list[WorkListRow]:
        return await cases.of_applicant(tx, applicant_id, after, limit)

    async def of_procedure(rows: list[WorkListRow]) -> list[WorkListRow]:
        return [row for row in rows if row.procedure_key == procedure.key]

    return await fill_page(page, of_procedure, cases.of_applicant_key, after, limit)
