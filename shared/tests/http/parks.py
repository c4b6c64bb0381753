"""The parks department, which lends its trees to sponsors: a service small enough to test the edge with."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated
from uuid import UUID

from amtsbus.auth import PUBLIC, CurrentCaller, Role, allow
from amtsbus.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    PreconditionFailedError,
    RuleViolationError,
    TransientError,
)
from amtsbus.events import Published
from amtsbus.http import (
    Cents,
    CountryCode,
    EmailAddress,
    GermanPostalCode,
    HouseNumber,
    IfMatch,
    InputModel,
    InRecordingTx,
    InTx,
    LongText,
    Page,
    PageQuery,
    PersonName,
    PlausibleDate,
    PostalCode,
    Reference,
    ShortText,
    retry_on_conflict,
    routes,
    set_etag,
)
from amtsbus.ids import new_id
from amtsbus.service import Service
from fastapi import Path as InPath
from fastapi import Query, Response
from pydantic import BaseModel, Field


class TreeSponsoredV1(Published, type="parks.tree-sponsored.v1", topic="parks.tree.events"):
    """Somebody looks after a tree from now on."""

    tree_id: UUID = Field(description="The tree", examples=["018f0000-0000-7000-8000-000000000001"])


class SponsorshipForm(InputModel):
    species: ShortText
    plaque: PersonName | None = None
    planted: PlausibleDate | None = None
    remarks: Annotated[list[LongText], Field(default_factory=list, max_length=5)]
    email: EmailAddress | None = None
    country: CountryCode | None = None
    postal_code: PostalCode | None = None
    german_postal_code: GermanPostalCode | None = None
    house_number: HouseNumber | None = None
    reference: Reference | None = None
    donation: Cents | None = None


class Tree(BaseModel):
    tree_id: UUID
    species: str
    plaque: str | None
    version: int


class PlaqueForm(InputModel):
    plaque: PersonName


class Watered(BaseModel):
    nth: int


router = routes(prefix="/v1/trees", tags=["trees"])
TreeId = Annotated[UUID, InPath(description="The tree")]


class Season:
    """What a test does to the service from outside while a request is at work."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.before_watering: Callable[[], Awaitable[None]] | None = None
        self.failures: list[Exception] = []
        self.runs = 0


SEASON = Season()


@router.post("", status_code=201, dependencies=[allow(Role.CITIZEN)])
async def post_tree(form: SponsorshipForm, caller: CurrentCaller, tx: InTx, response: Response) -> Tree:
    """Become the sponsor of a tree."""
    SEASON.runs += 1
    tree_id = new_id()
    await tx.execute(
        "INSERT INTO trees (tree_id, sponsor, species, plaque, planted) VALUES ($1, $2, $3, $4, $5)",
        *(tree_id, caller.person_id, form.species, form.plaque, form.planted),
    )
    await tx.append(tree_id, TreeSponsoredV1(tree_id=tree_id))
    if form.species == "bonsai":
        raise RuleViolationError("A bonsai needs no sponsor.", code="too-small")
    set_etag(response, 1)
    response.headers["Location"] = f"/v1/trees/{tree_id}"
    return Tree(tree_id=tree_id, species=form.species, plaque=form.plaque, version=1)


@router.get("", dependencies=[allow(PUBLIC)])
async def get_trees(
    page: PageQuery, tx: InTx, species: Annotated[str | None, Query(max_length=100)] = None
) -> Page[Tree]:
    """All trees, by name of the species."""
    after = page.after_as(str, UUID)
    rows = await tx.fetch(
        "SELECT tree_id, species, plaque, version FROM trees WHERE ($1::text IS NULL OR species = $1) "
        "AND ($2::text IS NULL OR (species, tree_id) > ($2, $3)) ORDER BY species, tree_id LIMIT $4",
        *(species, after and after[0], after and after[1], page.fetch),
    )
    return Page[Tree].of([Tree(**dict(row)) for row in rows], page.limit, lambda tree: [tree.species, tree.tree_id])


@router.get("/{tree_id}", dependencies=[allow(Role.CITIZEN, Role.CLERK)])
async def get_tree(tree_id: TreeId, caller: CurrentCaller, tx: InTx, response: Response) -> Tree:
    """One of your trees."""
    row = await tx.fetchrow("SELECT * FROM trees WHERE tree_id = $1", tree_id)
    if row is None or not (caller.is_staff or row["sponsor"] == caller.person_id):
        raise NotFoundError("There is no such tree.")
    set_etag(response, row["version"])
    return Tree(tree_id=tree_id, species=row["species"], plaque=row["plaque"], version=row["version"])


@router.put("/{tree_id}/plaque", dependencies=[allow(Role.CITIZEN, Role.LEAD)])
async def put_plaque(
    tree_id: TreeId, form: PlaqueForm, version: IfMatch, caller: CurrentCaller, tx: InTx, response: Response
) -> Tree:
    """Change what stands on the plaque."""
    row = await tx.fetchrow("SELECT * FROM trees WHERE tree_id = $1 FOR UPDATE", tree_id)
    if row is None or not (caller.is_staff or row["sponsor"] == caller.person_id):
        raise NotFoundError
    if row["version"] != version:
        raise PreconditionFailedError
    if form.plaque == "Nobody":
        raise ForbiddenError("Only the mayor may dedicate a tree to nobody.")
    await tx.execute("UPDATE trees SET plaque = $2, version = version + 1 WHERE tree_id = $1", tree_id, form.plaque)
    set_etag(response, version + 1)
    return Tree(tree_id=tree_id, species=row["species"], plaque=form.plaque, version=version + 1)


@router.post("/{tree_id}/waterings", dependencies=[allow(Role.CITIZEN)])
@retry_on_conflict
async def post_watering(tree_id: TreeId, tx: InTx) -> Watered:
    """Count one more watering."""
    SEASON.runs += 1
    if not await tx.fetchval("SELECT true FROM trees WHERE tree_id = $1", tree_id):
        raise NotFoundError
    nth = 1 + await tx.fetchval("SELECT coalesce(max(nth), 0) FROM waterings WHERE tree_id = $1", tree_id)
    if SEASON.before_watering:
        await SEASON.before_watering()
    if SEASON.failures:
        raise SEASON.failures.pop(0)
    await tx.execute("INSERT INTO waterings (tree_id, nth) VALUES ($1, $2)", tree_id, nth)
    return Watered(nth=nth)


@router.post("/{tree_id}/felling", dependencies=[allow(Role.CLERK)])
async def post_felling(tree_id: TreeId, tx: InTx) -> Watered:
    """Fell the tree; a decision that nobody repeats by themselves."""
    SEASON.runs += 1
    await tx.execute("DELETE FROM trees WHERE tree_id = $1", tree_id)
    if SEASON.failures:
        raise SEASON.failures.pop(0)
    raise ConflictError("Somebody is sitting in the tree.")


@router.get("/{tree_id}/file", dependencies=[allow(Role.CLERK, Role.AUDITOR)])
async def get_file(tree_id: TreeId, caller: CurrentCaller, tx: InRecordingTx) -> list[str]:
    """Read the tree's file, which is recorded."""
    await tx.execute("INSERT INTO viewings VALUES ($1, $2)", tree_id, caller.subject)
    return [row["subject"] for row in await tx.fetch("SELECT subject FROM viewings WHERE tree_id = $1", tree_id)]


@router.post("/{tree_id}/shouting", status_code=204, dependencies=[allow(Role.OPERATOR)])
async def post_shouting(tree_id: TreeId) -> None:
    """Needs no database of its own accord."""
    raise TransientError("The tree does not answer at the moment.")


@router.get("/{tree_id}/growth", dependencies=[allow(Role.OPERATOR)])
async def get_growth(tree_id: TreeId, tx: InTx, seconds: Annotated[float, Query(ge=0, le=60)] = 0) -> int:
    """Watch the tree grow."""
    await tx.execute("SELECT pg_sleep($1)", seconds)
    return 1


@router.get("/{tree_id}/lightning", dependencies=[allow(Role.OPERATOR)])
async def get_lightning(tree_id: TreeId, tx: InTx, times: Annotated[int, Query()] = 0) -> int:
    """A defect."""
    await asyncio.sleep(0)
    if times:
        await tx.fetchval("SELECT $1::int", times)
    raise KeyError("the secret password is oak")


class ParksService(Service):
    """Not installed, so it has no distribution to take its version from."""

    @property
    def version(self) -> str:
        return "1.2.3"


PARKS = ParksService(
    name="parks",
    title="Parks department",
    published=(TreeSponsoredV1,),
    routers=(router,),
    migrations=Path(__file__).parent / "migrations_parks",
)
