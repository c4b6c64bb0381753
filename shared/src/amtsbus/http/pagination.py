"""Long lists: pages with an opaque cursor that says after which item to go on.

A cursor holds the sort key of the last item, so a page costs the same wherever it lies, and nothing is shown twice or left
out because something was added in front.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Generic, Self, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from amtsbus.http.problems import ProblemError

T = TypeVar("T")

LARGEST_PAGE = 100


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page the caller wants.

    Ask the store for `limit + 1` rows (`fetch`): the extra one only tells that there is more.
    """

    limit: int
    after: list[Any] | None
    """The sort key after which to go on, as JSON values; comes from the caller, so convert it with `after_as`."""

    @property
    def fetch(self) -> int:
        """How many rows to ask the store for."""
        return self.limit + 1

    def after_as(self, *types: type) -> list[Any] | None:
        """The cursor's values as `types` (str, int, UUID, date, datetime), one each.

        Raises:
            ProblemError: 422, the cursor is of another list.
        """
        if self.after is None:
            return None
        if len(self.after) != len(types):
            raise _bad_cursor()
        return [_as(kind, value) for kind, value in zip(types, self.after, strict=True)]


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: str | None = Field(description="Send it as `after` to get the next page; null: there is no more")

    @classmethod
    def of(cls, rows: Sequence[T], limit: int, key: Callable[[T], Sequence[Any]]) -> Self:
        """The page of at most `limit` items of `rows`.

        Args:
            rows: up to `limit + 1` of them (`PageRequest.fetch`): whether there is one too many decides about `next`.
            key: the sort key of an item, as the store's `after` takes it.
        """
        items = list(rows[:limit])
        return cls(items=items, next=_encode(key(items[-1])) if len(rows) > limit else None)


def _encode(values: Sequence[Any]) -> str:
    text = json.dumps(list(values), default=_as_text, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _as_text(value: Any) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be part of a cursor")


def _decode(cursor: str) -> list[Any]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True).decode())
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _bad_cursor() from error
    if not isinstance(values, list) or not values:
        raise _bad_cursor()
    for value in values:
        if not isinstance(value, str | int | None) or (
            isinstance(value, str) and ("\0" in value or _has_surrogate(value))
        ):
            raise _bad_cursor()
        if isinstance(value, int) and abs(value) >= 2**63:
            raise _bad_cursor()
    return values


def _has_surrogate(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)


def _as(kind: type, value: Any) -> Any:
    try:
        if value is None or type(value) is kind:
            return value
        if isinstance(value, str) and kind is UUID:
            return UUID(value)
        if isinstance(value, str) and kind in (date, datetime):
            return kind.fromisoformat(value)
    except ValueError as error:
        raise _bad_cursor() from error
    raise _bad_cursor()


def _bad_cursor() -> ProblemError:
    return ProblemError(422, "cursor-invalid", "`after` is not a cursor of this list; take it from `next` of a page.")


async def _page_request(
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="How many items at most")] = 25,
    after: Annotated[
        str | None,
        Query(max_length=2000, pattern="^[A-Za-z0-9_-]+$", description="The cursor `next` of the page before"),
    ] = None,
) -> PageRequest:
    return PageRequest(limit=limit, after=None if after is None else _decode(after))


PageQuery = Annotated[PageRequest, Depends(_page_request)]
"""`limit` and `after` of the query string."""
