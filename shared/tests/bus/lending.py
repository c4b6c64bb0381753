"""Two small services to try the chassis with: a library lends books, and a reminder service reads of it."""

from pathlib import Path
from uuid import UUID

from amtsbus.events import Consumed, Published
from amtsbus.postgres import Tx
from amtsbus.reader import Reader
from amtsbus.service import Service
from pydantic import Field

FOLDER = Path(__file__).parent


class BookLentV1(Published, type="lending.book-lent.v1", topic="lending.loan.events"):
    """A book was lent."""

    loan_id: UUID = Field(description="The loan", examples=["0190a0a0-0000-7000-8000-000000000001"])
    title: str = Field(description="What was lent", examples=["Faust"])


class BookReturnedV1(Published, type="lending.book-returned.v1", topic="lending.loan.events"):
    """A book came back."""

    loan_id: UUID = Field(description="The loan", examples=["0190a0a0-0000-7000-8000-000000000001"])


class ShelfMovedV1(Published, type="lending.shelf-moved.v1", topic="lending.loan.events"):
    """Something that the reminder service does not know."""

    loan_id: UUID = Field(description="The loan", examples=["0190a0a0-0000-7000-8000-000000000001"])


class BookLent(Consumed, type="lending.book-lent.v1"):
    loan_id: UUID
    title: str


class BookReturned(Consumed, type="lending.book-returned.v1"):
    loan_id: UUID


LENDING = Service(
    name="lending",
    title="Lending",
    published=(BookLentV1, BookReturnedV1, ShelfMovedV1),
    routers=(),
    migrations=FOLDER / "migrations_lending",
)


def reminders_service() -> Service:
    """A fresh declaration: each test's readers are its own."""
    loans = Reader("lending.loan.events", group="reminders.loans")

    @loans(BookLent)
    async def on_book_lent(event: BookLent, tx: Tx) -> None:
        if event.title.startswith("unreadable"):
            rule = await tx.fetchval("SELECT count(*) FROM mended")
            if not rule:
                raise LookupError(f"cannot read {event.title}")
        await write_down(tx, event.meta.subject, event.title)

    @loans(BookReturned)
    async def on_book_returned(event: BookReturned, tx: Tx) -> None:
        await write_down(tx, event.meta.subject, "returned")

    return Service(
        name="reminders",
        title="Reminders",
        published=(),
        routers=(),
        readers=(loans,),
        migrations=FOLDER / "migrations_reminders",
    )


async def write_down(tx: Tx, loan_id: UUID, what: str) -> None:
    """The effect: a row per handled event, in the order of handling."""
    await tx.execute("INSERT INTO effects (loan_id, what) VALUES ($1, $2)", loan_id, what)
