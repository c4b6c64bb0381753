"""What the law wants on every portal: who runs it, what it does with data, and whether everybody can use it."""

from amtsbus.web import Visit, pages, visitors
from starlette.responses import Response

router = pages()


@router.get("/imprint", dependencies=[visitors()])
async def get_imprint(visit: Visit) -> Response:
    """Who runs the portal (§ 5 DDG)."""
    return visit.render("information/imprint.html")


@router.get("/privacy", dependencies=[visitors()])
async def get_privacy(visit: Visit) -> Response:
    """What happens with data (GDPR article 13)."""
    return visit.render("information/privacy.html")


@router.get("/accessibility", dependencies=[visitors()])
async def get_accessibility(visit: Visit) -> Response:
    """Whether everybody can use it, and whom to tell if not (BITV NRW, § 12b BGG)."""
    return visit.render("information/accessibility.html")
