"""A full page of a list of which the viewer may see only a part."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from amtsbus.casework.store import WorkListRow


async def fill_page(
    page: Callable[[Sequence[Any] | None, int], Awaitable[list[WorkListRow]]],
    keep: Callable[[list[WorkListRow]], Awaitable[list[WorkListRow]]],
    key: Callable[[WorkListRow], list[Any]],
    after: Sequence[Any] | None,
    limit: int,
) -> list[WorkListRow]:
    """Read on until `limit` rows are kept or there are no more, so that a page's length tells nothing of what is hidden."""
    kept: list[WorkListRow] = []
    while len(kept) < limit:
        rows = await page(after, limit)
        kept += await keep(rows)
        if len(rows) < limit:
            break
        after = key(rows[-1])
    return kept[:limit]
