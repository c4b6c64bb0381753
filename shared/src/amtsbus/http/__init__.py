"""The HTTP edge: everything between a request and a use case.

::

    from amtsbus.auth import CurrentCaller, Role, allow
    from amtsbus.http import InTx, routes

    router = routes(prefix="/v1/applications", tags=["applications"])

    @router.post("", status_code=201, dependencies=[allow(Role.CITIZEN)])
    async def post_application(form: ApplicationForm, caller: CurrentCaller, tx: InTx) -> ApplicationCreated: ...
"""

from amtsbus.http.app import UnguardedRouteError, create_app
from amtsbus.http.etags import IfMatch, set_etag
from amtsbus.http.fields import (
    Cents,
    CountryCode,
    EmailAddress,
    GermanPostalCode,
    HouseNumber,
    InputModel,
    LongText,
    PersonName,
    PlausibleDate,
    PostalCode,
    Reference,
    ShortText,
    WholeNumber,
)
from amtsbus.http.idempotency import sweep_idempotency_keys
from amtsbus.http.pagination import Page, PageQuery, PageRequest
from amtsbus.http.problems import Problem, ProblemError
from amtsbus.http.routes import retry_on_conflict, routes
from amtsbus.http.transaction import InRecordingTx, InTx

__all__ = [
    "Cents",
    "CountryCode",
    "EmailAddress",
    "GermanPostalCode",
    "HouseNumber",
    "IfMatch",
    "InRecordingTx",
    "InTx",
    "InputModel",
    "LongText",
    "Page",
    "PageQuery",
    "PageRequest",
    "PersonName",
    "PlausibleDate",
    "PostalCode",
    "Problem",
    "ProblemError",
    "Reference",
    "ShortText",
    "UnguardedRouteError",
    "WholeNumber",
    "create_app",
    "retry_on_conflict",
    "routes",
    "set_etag",
    "sweep_idempotency_keys",
]
