"""The disclosure blocks that wait for a lead."""

from collections.abc import Sequence
from typing import Any

from amtsbus.casework import store as cases
from amtsbus.casework.store import WorkListRow
from amtsbus.postgres import Tx

from registration.domain.procedures import DISCLOSURE_BLOCK
from registration.use_cases.fill_page import fill_page


async def list_block_requests(after: Sequence[Any] | None, limit: int, tx: Tx) -> list[WorkListRow]:
    """Requests for disclosure blocks that wait for a lead."""

    async def page(after: Sequence[Any] | None, limit: int) -> list[WorkListRow]:
        return await cases.work_list(tx, states={DISCLOSURE_BLOCK.initial}, after=after, limit=limit)

    async def of_procedure(rows: list[WorkListRow]) -> list[WorkListRow]:
        return [row for row in rows if row.procedure_key == DISCLOSURE_BLOCK.key]

    return await fill_page(page, of_procedure, cases.work_list_key, after, limit)
