"""The municipal baths, which let people book a lane: a service small enough to test pages with."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from amtsbus.auth import PUBLIC, Role, allow
from amtsbus.errors import ConflictError, NotFoundError, RuleViolationError
from amtsbus.events import Published
from amtsbus.http import InRecordingTx, InTx, routes
from amtsbus.ids import new_id
from amtsbus.service import Service
from amtsbus.web import (
    RateLimit,
    Visit,
    Web,
    german_date,
    machines,
    pages,
    people,
    staff,
    uploads,
    visitors,
)
from pydantic import Field
from starlette.responses import PlainTextResponse, Response


class LaneBookedV1(Published, type="baths.lane-booked.v1", topic="baths.booking.events"):
    """Somebody swims here."""

    booking_id: UUID = Field(description="The booking", examples=["018f0000-0000-7000-8000-000000000001"])


class Season:
    """What a test does to the service from outside while a request is at work."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.before_booking: Callable[[], Awaitable[None]] | None = None
        self.failures: list[Exception] = []
        self.runs = 0
        self.tries = RateLimit(2, per_seconds=60)


SEASON = Season()
router = pages()
api = routes(prefix="/v1/lanes")


@api.get("", dependencies=[allow(PUBLIC)])
async def get_lanes() -> list[int]:
    """The lanes."""
    return [1, 2, 3]


@router.get("/", dependencies=[visitors()])
async def get_home(visit: Visit, tx: InTx) -> Response:
    return visit.render("home.html", booked=await tx.fetchval("SELECT count(*) FROM bookings"))


@router.get("/booking", dependencies=[visitors()])
async def get_booking(visit: Visit) -> Response:
    return visit.render("booking.html", form={"guest": visit.recall("guest", "")})


@router.post("/booking", dependencies=[visitors()])
async def post_booking(visit: Visit, tx: InTx) -> Response:
    SEASON.runs += 1
    form = await visit.form()
    visitor = visit.open_session().visitor_id
    await tx.execute(
        "INSERT INTO bookings (booking_id, visitor_id, person_id, guest) VALUES ($1, $2, $3, $4)",
        *(new_id(), visitor, visit.caller.person_id if visit.caller else None, form.text("guest")),
    )
    visit.remember("guest", form.text("guest"))
    if SEASON.before_booking is not None:
        await SEASON.before_booking()
    if SEASON.failures:
        raise SEASON.failures.pop()
    mistakes = mistakes_in(form)
    if mistakes:
        kept = form.has("keep")
        return visit.render("booking.html", 422, keep_changes=kept, errors=mistakes, form=dict(form.items()))
    visit.notice("booked", guest=form.text("guest"))
    return visit.go("/booking/done")


def mistakes_in(form: Any) -> dict[str, str]:
    mistakes = {}
    if not form.text("guest"):
        mistakes["guest"] = "Geben Sie Ihren Namen an."
    try:
        german_date(form.text("day", "1.1.2026"))
    except ValueError:
        mistakes["day"] = "Schreiben Sie den Tag wie 24.12.1990."
    return mistakes


@router.get("/booking/done", dependencies=[visitors()])
async def get_done(visit: Visit) -> Response:
    return visit.render("home.html", booked=1)


@router.get("/mine", dependencies=[people()])
async def get_mine(visit: Visit, tx: InTx) -> Response:
    assert visit.session is not None
    rows = await tx.fetch("SELECT guest FROM bookings WHERE visitor_id = $1", visit.session.visitor_id)
    return visit.render("list.html", rows=[row["guest"] for row in rows])


@router.post("/mine", dependencies=[people()])
async def post_mine(visit: Visit) -> Response:
    return visit.go("/mine")


@router.get("/season-ticket", dependencies=[people(identification="substantial")])
async def get_season_ticket(visit: Visit) -> Response:
    return visit.render("list.html", rows=[visit.session.identification if visit.session else ""])


@router.get("/lanes/{level}", dependencies=[visitors()])
async def get_lane(level: str, visit: Visit) -> Response:
    visit.require(identification="high" if level == "high" else "none")
    return visit.render("list.html", rows=[level])


@router.get("/staff", dependencies=[staff(Role.CLERK, Role.LEAD)])
async def get_staff(visit: Visit, tx: InRecordingTx) -> Response:
    assert visit.caller is not None
    await tx.execute("INSERT INTO viewings (subject) VALUES ($1)", visit.caller.subject)
    return visit.render("list.html", rows=[visit.caller.name])


@router.get("/photos", dependencies=[visitors()])
async def get_photos(visit: Visit) -> Response:
    return visit.render("photos.html")


@router.post("/photos", dependencies=[visitors()])
@uploads(limit_bytes=3_000_000, files=2)
async def post_photos(visit: Visit) -> Response:
    form = await visit.form()
    told = [f"{one.filename} {one.size} {(await one.read(4))!r} {one.content_type}" for one in form.files("photo")]
    return visit.render("list.html", rows=told + form.texts("caption"))


@router.post("/payments", dependencies=[machines()])
async def post_payment(visit: Visit, tx: InTx) -> Response:
    assert visit.session is None
    await tx.execute("INSERT INTO viewings (subject) VALUES ($1)", (await visit.body()).decode())
    return PlainTextResponse("thanks")


@router.get("/refusal/{kind}", dependencies=[visitors()])
async def get_refusal(kind: str, visit: Visit, tx: InTx, seconds: float = 0) -> Response:
    match kind:
        case "missing":
            raise NotFoundError("there is no such towel of Demo-Ada")
        case "conflict":
            raise ConflictError
        case "rule":
            raise RuleViolationError("Nobody under 1.20 m dives here.")
        case "often":
            SEASON.tries.check(visit.client_address)
        case "slow":
            await asyncio.sleep(60)
        case "pool":
            await tx.execute("SELECT pg_sleep($1)", seconds)
        case "defect":
            raise KeyError("the secret password is seahorse")
    return visit.render("list.html", rows=[kind])


@router.get("/towels/{number}", dependencies=[visitors()])
async def get_towel(number: UUID, visit: Visit) -> Response:
    return visit.render("list.html", rows=[str(number)])


@router.get("/elsewhere", dependencies=[visitors()])
async def get_elsewhere(visit: Visit, to: str = "/") -> Response:
    return visit.go(to)


@router.get("/gallery", dependencies=[visitors()])
async def get_gallery(visit: Visit, text: str = "text", wrong: bool = False) -> Response:
    """Every component."""
    names = ("text", "area", "choice", "radio", "boxes", "box", "day", "file", "amount")
    errors = dict.fromkeys(names, f"wrong {text}") if wrong else {}
    return visit.render("gallery.html", 422 if wrong else 200, text=text, errors=errors)


class BathsService(Service):
    """Not installed, so it has no distribution to take its version from."""

    @property
    def version(self) -> str:
        return "1.2.3"


HERE = Path(__file__).parent
WEB = Web(
    routers=(router,),
    templates=HERE / "templates",
    languages=HERE / "languages",
    audience="citizens",
    title="Demo-Stadt",
)
BATHS = BathsService(
    name="baths",
    title="Baths",
    published=(LaneBookedV1,),
    routers=(api,),
    migrations=HERE / "migrations_baths",
    web=WEB,
)
