"""Pages: what a service shows in a browser, rendered on the server, beside its API in the same process.

::

    from amtsbus.http import InTx
    from amtsbus.web import Visit, Web, pages, people

    router = pages(prefix="/apply")

    @router.get("/{key}", dependencies=[people(identification="basic")])
    async def get_start(key: str, visit: Visit, tx: InTx) -> Response:
        return visit.render("apply/start.html", procedure=await procedure_of(tx, key))

A worker may import a service's pages as well: nothing here loads the template engine before a page is rendered.
"""

from amtsbus.web.answers import SANDBOXED, attachment
from amtsbus.web.declaration import Identification, Web, is_at_least
from amtsbus.web.errors import LoginNeededError, TooManyRequestsError
from amtsbus.web.forms import Form, Upload, german_date
from amtsbus.web.guards import machines, people, staff, visitors
from amtsbus.web.rates import RateLimit
from amtsbus.web.routes import pages, uploads
from amtsbus.web.sessions import Session
from amtsbus.web.visit import PageVisit, Visit

__all__ = [
    "SANDBOXED",
    "Form",
    "Identification",
    "LoginNeededError",
    "PageVisit",
    "RateLimit",
    "Session",
    "TooManyRequestsError",
    "Upload",
    "Visit",
    "Web",
    "attachment",
    "german_date",
    "is_at_least",
    "machines",
    "pages",
    "people",
    "staff",
    "uploads",
    "visitors",
]
