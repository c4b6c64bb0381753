"""A caseworker's work list."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from amtsbus.casework import store as cases
from amtsbus.casework.store import WorkListRow
from amtsbus.postgres import Tx

from registration import store
from registration.domain.access import Viewer
from registration.use_cases.fill_page import fill_page


@dataclass(frozen=True, slots=True)
class ListWork:
    viewer: Viewer
    states: Collection[str] | None
    assignee: str | None
    due_before: date | None
    after: Sequence[Any] | None
    limit: int


async def list_work(query: ListWork, tx: Tx) -> list[WorkListRow]:
    """Open cases, the most urgent first. Cases of blocked persons are in nobody's list who could not open them."""

    async def page(after: Sequence[Any] | None, limit: int) -> list[WorkListRow]:
        return await cases.work_list(
            tx,
            states=query.states,
            assignee=query.assignee,
            due_before=query.due_before,
            after=after,
            limit=limit,
        )

    async def visible(rows: list[WorkListRow]) -> list[WorkListRow]:
        if query.viewer.sees_blocked:
            return rows
        hidden = await store.protected_cases(tx, [row.case_id for row in rows])
        return [row for row in rows if row.case_id not in hidden]

    return await fill_page(page, visible, cases.work_list_key, query.after, query.limit)
