"""Cases that not everybody who works here may know of: a desk shows, counts and names them nowhere to those who may not."""

from collections.abc import Collection
from typing import Protocol, runtime_checkable
from uuid import UUID

from amtsbus.desk.department import Department, Viewer
from amtsbus.postgres import Tx


@runtime_checkable
class Discreet(Protocol):
    """What a department has beside `Department` where some of its cases are not for everybody.

    Its `find` leaves those cases out as well, and its `sheet` knows none of them.
    """

    async def hidden(self, tx: Tx, viewer: Viewer) -> Collection[UUID]:
        """The cases that do not exist for the viewer. They are few beside all others: each list leaves them out by their ids."""
        ...


async def hidden_from(tx: Tx, department: Department, viewer: Viewer) -> frozenset[UUID]:
    """The department's cases that do not exist for the viewer."""
    return frozenset(await department.hidden(tx, viewer)) if isinstance(department, Discreet) else frozenset()
