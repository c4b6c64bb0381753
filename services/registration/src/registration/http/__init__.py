"""The HTTP interface of registration: the outside world to use cases."""

from registration.http.blocks import router as blocks
from registration.http.declarations import DECLARATION_ROUTERS, work_list
from registration.http.persons import me, persons

ROUTERS = (*DECLARATION_ROUTERS, work_list, me, persons, blocks)

__all__ = ["ROUTERS"]
