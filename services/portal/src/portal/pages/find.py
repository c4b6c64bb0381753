"""Finding a service: by everyday words, by what happens in life, from A to Z, by office."""

from amtsbus.errors import NotFoundError
from amtsbus.http import InTx
from amtsbus.procedures import wording
from amtsbus.procedures.declaration import LegalPeriod, LifeEvent, ProcedureFile
from amtsbus.web import PageVisit, Visit, pages, visitors
from starlette.responses import Response

from portal.store import procedures

router = pages()


@router.get("/", dependencies=[visitors()])
async def get_home(visit: Visit, tx: InTx) -> Response:
    """Where everybody begins."""
    catalogue = await procedures.catalogue(tx)
    return visit.render(
        "find/home.html",
        life_events=catalogue.life_events,
        offices=catalogue.offices(visit.language),
        count=len(catalogue.services),
    )


@router.get("/search", dependencies=[visitors()])
async def get_search(visit: Visit, tx: InTx, q: str = "") -> Response:
    """What fits the words that somebody has typed."""
    catalogue = await procedures.catalogue(tx)
    asked = " ".join(q.split())[:200]
    return visit.render("find/results.html", asked=asked, services=catalogue.find(asked) if asked else [])


@router.get("/services", dependencies=[visitors()])
async def get_services(visit: Visit, tx: InTx) -> Response:
    """All services from A to Z."""
    catalogue = await procedures.catalogue(tx)
    return visit.render("find/letters.html", letters=catalogue.by_letter(visit.language))


@router.get("/services/{key}", dependencies=[visitors()])
async def get_service(key: str, visit: Visit, tx: InTx) -> Response:
    """All that somebody should know before they begin."""
    service = await procedures.offered(tx, key)
    return visit.render(
        "find/service.html",
        service=service,
        declared=service.declared,
        office=service.office,
        cost=cost_in_words(visit, service.declared),
        deadline=period_in_words(visit, service.declared.deadline.period) if service.declared.deadline else "",
    )


@router.get("/life-events/{event}", dependencies=[visitors()])
async def get_life_event(event: str, visit: Visit, tx: InTx) -> Response:
    """What somebody may need when this happens."""
    if event not in {one.value for one in LifeEvent}:
        raise NotFoundError("There is no such life event.")
    catalogue = await procedures.catalogue(tx)
    services = catalogue.of_life_event(LifeEvent(event), visit.language)
    return visit.render("find/group.html", title=visit.t(f"life-event.{event}"), office=None, services=services)


@router.get("/offices", dependencies=[visitors()])
async def get_offices(visit: Visit, tx: InTx) -> Response:
    """The offices of the city."""
    catalogue = await procedures.catalogue(tx)
    return visit.render("find/offices.html", offices=catalogue.offices(visit.language))


@router.get("/offices/{key}", dependencies=[visitors()])
async def get_office(key: str, visit: Visit, tx: InTx) -> Response:
    """One office: how to reach it, and what it offers."""
    catalogue = await procedures.catalogue(tx)
    office = catalogue.office(key)
    if office is None:
        raise NotFoundError(f"There is no office {key!r}.")
    return visit.render(
        "find/group.html",
        title=office.name.in_language(visit.language),
        office=office,
        services=catalogue.of_office(key, visit.language),
    )


def cost_in_words(visit: PageVisit, declared: ProcedureFile) -> str:
    """What a service costs, as far as that is known before somebody has filled in the form."""
    if declared.fee.cents is not None:
        return wording.euros(declared.fee.cents, visit.language) if declared.fee.cents else visit.t("cost.nothing")
    if declared.fee.by_own_code:
        return visit.t("cost.told-with-the-decision")
    return visit.t("cost.depends") if declared.fee.rule else visit.t("cost.set-by-city")


def period_in_words(visit: PageVisit, period: LegalPeriod) -> str:
    """A period: three months."""
    [(unit, count)] = period.model_dump(exclude_none=True).items()
    return visit.t(f"period.{unit}", count=count)
