"""A library that lends books, and a reminder service that reads of it."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from amtsbus.cli import run

from ..installed import Town

TOPICS = """
topics:
  - name: lending.loan.events
    owner: lending
    key: loan_id
    partitions: 3
    retention: forever
    cleanup: delete
    purpose: Where a loan stands.
    personal_data: pseudonymous
    legal_basis: Library statute § 4
    readers:
      - service: reminders
        group: reminders.loans
        purpose: Reminding readers of the day of return
"""

LENDING = '''
from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from amtsbus.events import Published
from amtsbus.service import Service


class Branch(BaseModel):
    """A branch of the library."""

    code: str = Field(description="The branch's code", examples=["OPL"])
    city: str = Field(description="Where it is", examples=["Opladen"])


class BookLentV1(Published, type="lending.book-lent.v1", topic="lending.loan.events"):
    """A book was lent to a reader."""

    loan_id: UUID = Field(description="The loan", examples=["0190a0a0-0000-7000-8000-000000000001"])
    title: str = Field(description="What was lent", examples=["Straße der Übersicht"])
    medium: Literal["book", "disc"] = Field(description="What kind of thing it is", examples=["book"])
    due_on: date = Field(description="The day by which it has to be back", examples=["2026-03-30"])
    branch: Branch = Field(description="Where it was lent")
    note: str | None = Field(None, description="A remark of the librarian", examples=[None])


class BookReturnedV1(Published, type="lending.book-returned.v1", topic="lending.loan.events"):
    """A book came back."""

    loan_id: UUID = Field(description="The loan", examples=["0190a0a0-0000-7000-8000-000000000001"])


SERVICE = Service(
    name="lending",
    title="Stadtbibliothek",
    published=(BookLentV1, BookReturnedV1),
    routers=(),
    migrations=MIGRATIONS,
)
'''

REMINDERS = """
from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from amtsbus.events import Consumed
from amtsbus.postgres import Tx
from amtsbus.reader import Reader
from amtsbus.service import Service


class Branch(BaseModel):
    city: str


class BookLent(Consumed, type="lending.book-lent.v1"):
    title: str
    medium: Literal["book", "disc"]
    due_on: date
    branch: Branch


loans = Reader("lending.loan.events", group="reminders.loans")


@loans(BookLent)
async def on_book_lent(event: BookLent, tx: Tx) -> None:
    pass


SERVICE = Service(
    name="reminders", title="Erinnerungen", published=(), routers=(), readers=(loans,), migrations=MIGRATIONS
)
"""


@dataclass
class Outcome:
    """What a command said, and its exit code."""

    exit_code: int
    text: str


@dataclass
class Library:
    """The town of this test, with both services installed and their contracts generated."""

    town: Town
    capsys: pytest.CaptureFixture[str]

    def amtsbus(self, *arguments: str) -> Outcome:
        self.capsys.readouterr()
        code = run(arguments)
        captured = self.capsys.readouterr()
        return Outcome(code, captured.out + captured.err)

    def check(self, *services: str) -> Outcome:
        return self.amtsbus("contracts", "check", *services)

    def generate(self, *arguments: str) -> Outcome:
        return self.amtsbus("contracts", "generate", *arguments)

    def change_lending(self, before: str, after: str) -> None:
        """Install lending with one piece of its code replaced."""
        assert before in LENDING
        self.town.install("lending", LENDING.replace(before, after))

    def change_reminders(self, before: str, after: str) -> None:
        """Install reminders with one piece of its code replaced."""
        assert before in REMINDERS
        self.town.install("reminders", REMINDERS.replace(before, after))

    def contract(self, name: str) -> Path:
        return self.town.contracts("lending") / name


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Library:
    town = Town(tmp_path, monkeypatch)
    town.topics(TOPICS)
    town.install("lending", LENDING)
    town.install("reminders", REMINDERS)
    library = Library(town, capsys)
    generated = library.generate()
    assert generated.exit_code == 0, generated.text
    return library
