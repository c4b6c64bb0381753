"""Small services for real processes: a lost property office, notices that are written about its items, and a statistic."""

import asyncio
from pathlib import Path
from typing import Annotated
from uuid import UUID

from amtsbus.auth import Role, allow
from amtsbus.events import Consumed, Published
from amtsbus.http import InputModel, InTx, ShortText, routes
from amtsbus.ids import new_id
from amtsbus.postgres import Tx
from amtsbus.reader import Reader
from amtsbus.service import Service
from fastapi import Path as InPath
from pydantic import BaseModel, Field

FOLDER = Path(__file__).parent
TOPIC = "lostproperty.item.events"
SHELVES = "lostproperty.shelf.events"
AUCTIONS = "lostproperty.auction.events"
WRITING, COUNTING = "notices.items", "statistics.items"

_ITEM = UUID("0190a0a0-0000-7000-8000-000000000001")


class ItemFoundV1(Published, type="lostproperty.item-found.v1", topic=TOPIC):
    """Somebody handed in what they had found."""

    item_id: UUID = Field(description="The item", examples=[_ITEM])
    what: str = Field(description="What it is", examples=["umbrella"])


class ItemMovedV1(Published, type="lostproperty.item-moved.v1", topic=TOPIC):
    """It lies on another shelf."""

    item_id: UUID = Field(description="The item", examples=[_ITEM])
    nth: int = Field(description="How often it has been moved", examples=[1])


class ShelfBuiltV1(Published, type="lostproperty.shelf-built.v1", topic=SHELVES):
    """The office has one more shelf."""

    shelf_id: UUID = Field(description="The shelf", examples=[_ITEM])


class AuctionHeldV1(Published, type="lostproperty.auction-held.v1", topic=AUCTIONS):
    """What nobody had fetched was sold."""

    auction_id: UUID = Field(description="The auction", examples=[_ITEM])


class ItemFound(Consumed, type="lostproperty.item-found.v1"):
    item_id: UUID
    what: str


class ItemMoved(Consumed, type="lostproperty.item-moved.v1"):
    item_id: UUID
    nth: int


class FoundForm(InputModel):
    what: ShortText


class Item(BaseModel):
    item_id: UUID
    what: str


router = routes(prefix="/v1/items", tags=["items"])


@router.post("", status_code=201, dependencies=[allow(Role.CITIZEN)])
async def post_item(form: FoundForm, tx: InTx) -> Item:
    """Hand in what you have found."""
    item_id = new_id()
    await tx.execute("INSERT INTO items (item_id, what) VALUES ($1, $2)", item_id, form.what)
    await tx.append(item_id, ItemFoundV1(item_id=item_id, what=form.what))
    return Item(item_id=item_id, what=form.what)


@router.post("/{item_id}/moves", status_code=201, dependencies=[allow(Role.CITIZEN)])
async def post_move(item_id: Annotated[UUID, InPath(description="The item")], tx: InTx) -> int:
    """Put an item on another shelf; the answer is how often that has been done."""
    nth: int = await tx.fetchval("UPDATE items SET moves = moves + 1 WHERE item_id = $1 RETURNING moves", item_id)
    await tx.append(item_id, ItemMovedV1(item_id=item_id, nth=nth))
    return nth


LOST_PROPERTY = Service(
    name="lostproperty",
    title="Lost property",
    published=(ItemFoundV1, ItemMovedV1, ShelfBuiltV1, AuctionHeldV1),
    routers=(router,),
    migrations=FOLDER / "migrations_lostproperty",
)

writing = Reader(TOPIC, group=WRITING)
counting = Reader(TOPIC, group=COUNTING)


@writing(ItemFound)
async def on_item_found(event: ItemFound, tx: Tx) -> None:
    if event.what.startswith("unreadable") and not await tx.fetchval("SELECT count(*) FROM mended"):
        raise LookupError(f"nobody can read {event.what}")
    if event.what.startswith("heavy "):  # how many seconds it takes is written on it
        await asyncio.sleep(float(event.what.split()[1]))
    await _write(tx, event.meta.subject, event.what)


@writing(ItemMoved)
async def on_item_moved(event: ItemMoved, tx: Tx) -> None:
    await _write(tx, event.meta.subject, f"moved {event.nth}")


async def _write(tx: Tx, item_id: UUID, what: str) -> None:
    """The effect: a row per handled event, in the order of handling. Nothing but the inbox keeps it from happening twice."""
    await tx.execute("INSERT INTO notices (item_id, what) VALUES ($1, $2)", item_id, what)


@counting(ItemFound)
async def on_item_found_count(event: ItemFound, tx: Tx) -> None:
    await tx.execute("INSERT INTO counted (item_id) VALUES ($1)", event.meta.subject)


NOTICES = Service(
    name="notices",
    title="Notices",
    published=(),
    routers=(),
    readers=(writing,),
    migrations=FOLDER / "migrations_notices",
)

STATISTICS = Service(
    name="statistics",
    title="Statistics",
    published=(),
    routers=(),
    readers=(counting,),
    migrations=FOLDER / "migrations_statistics",
)
