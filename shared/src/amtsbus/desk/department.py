"""What a department tells its desk: its cases in words, and what can be done with them.

The desk shows what every case has (state, periods, notes, history, assignee, a second pair of eyes) by itself. What is asked and
decided is the department's own: it gives that as words and as forms, and carries out what somebody does with a form.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

from amtsbus.casework.case import Case, Decision, HistoryEntry
from amtsbus.casework.roles import Actor
from amtsbus.desk.due import Kind
from amtsbus.desk.staff import Caseworker
from amtsbus.desk.work_list import ListedCase
from amtsbus.postgres import Tx
from amtsbus.settings import Settings


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, in which language, and when.

    Args:
        say: the text of a key in that language: `say("desk.due.in_days", count=3)`.
        staff: everybody who works here, by name.
        person_id: who they are as a resident, where they have said so: nobody decides in their own matter (VwVfG § 20).
        settings: those of the service whose desk it is.
    """

    actor: Actor
    language: str
    say: Callable[..., str]
    now: datetime
    today: date
    staff: tuple[Caseworker, ...] = ()
    person_id: UUID | None = None
    settings: Settings | None = None

    def name_of(self, subject: str) -> str:
        """The name of a caseworker; who has none here is called a person whose name is not known."""
        return next((one.name for one in self.staff if one.subject == subject), self.say("desk.unknown_person"))


class Words(Protocol):
    """What a case's codes are called."""

    def state(self, state: str) -> str: ...

    def action(self, action: str) -> str: ...

    def period(self, kind: str) -> str: ...

    def fee(self, kind: str) -> str: ...

    def outcome(self, outcome: str) -> str:
        """What was decided."""
        ...

    def event(self, entry: HistoryEntry) -> str | None:
        """A line of the history that only the department understands; None for what every case knows."""
        ...

    def reason(self, entry: HistoryEntry) -> str | None:
        """Why it happened, in words; None where nobody said so."""
        ...

    def reasons(self, decision: Decision) -> tuple[str, ...]:
        """The reasons of a decision, a paragraph each."""
        ...


@dataclass(frozen=True, slots=True)
class CaseInWords:
    """A case in a list."""

    applicant: str
    procedure: str
    state: str
    kind: Kind
    """How its state looks at a glance."""
    next_step: str
    """What somebody has to do now, or what is waited for."""
    words: Words


@dataclass(frozen=True, slots=True)
class Rows:
    """Some lines under a heading: a question and its answer each."""

    heading: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Something that belongs to the case, as a table; not shown where it is empty."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class CaseDocument:
    """A file that belongs to a case; its content lies in the document store under `sha256`.

    `document_id` names it within its case, as a part of an address: letters, digits, `-` and `_`.
    """

    document_id: str
    label: str
    file_name: str
    media_type: str
    size_bytes: int
    sha256: str
    supplied_at: datetime


@dataclass(frozen=True, slots=True)
class CaseLetter:
    """A letter as it was written."""

    subject: str
    addressee: str
    language: str
    paragraphs: tuple[str, ...]
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an action's form.

    Args:
        options: (value, label) or (value, label, hint) of a choice.
        value: what stands there at first; of checkboxes several.
        with_text_blocks: text blocks can be put into it.
    """

    name: str
    kind: Literal["text", "textarea", "select", "radios", "checkboxes", "checkbox", "date"]
    label: str
    hint: str = ""
    required: bool = True
    options: tuple[tuple[str, ...], ...] = ()
    value: str | tuple[str, ...] = ""
    with_text_blocks: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """Something that the viewer may do with a case as it stands now, with the form that it needs.

    Args:
        key: a part of its address: lower case with hyphens.
        label: on its button, and over its form.
        intro: what it does, where the label does not say it.
        open: whether its form shows at once.
    """

    key: str
    label: str
    fields: tuple[Field, ...] = ()
    intro: str = ""
    kind: Literal["primary", "secondary", "danger"] = "primary"
    open: bool = False


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A case on one page.

    Args:
        facts: what one has to know at first sight, beside state, due date and assignee.
        answers: what was applied for.
        problems: what is wrong or missing.
        documents: the files of the case; None where the department keeps none, so that their lack says nothing.
        letters: what was written to the applicant; None where the department does not write itself.
        actions: what the viewer may do now, and nothing else.
        text_language: in which language the applicant is written to.
        has_notes: whether notes can be written into its file at all.
        own_notes: whether notes that the service has written by itself are shown; not where the page says the same in words.
    """

    case: Case
    words: Words
    procedure: str
    applicant: str
    kind: Kind
    next_step: str
    facts: tuple[tuple[str, str], ...] = ()
    answers: tuple[Rows, ...] = ()
    problems: tuple[str, ...] = ()
    documents: tuple[CaseDocument, ...] | None = ()
    letters: tuple[CaseLetter, ...] | None = ()
    tables: tuple[Table, ...] = ()
    actions: tuple[Action, ...] = ()
    text_language: str = "de"
    has_notes: bool = True
    own_notes: bool = True


class Filled(Protocol):
    """A form as it was sent."""

    def text(self, name: str, default: str = "") -> str: ...

    def texts(self, name: str) -> list[str]: ...


class MistakesError(Exception):
    """A form cannot be taken as it is: what is wrong with which field, in the viewer's language."""

    def __init__(self, mistakes: Mapping[str, str]) -> None:
        super().__init__("a form with mistakes")
        self.mistakes = dict(mistakes)


@dataclass(frozen=True, slots=True)
class Condition:
    """How something is that an operator looks after; names no person and no case."""

    name: str
    text: str
    kind: Kind = "info"
    details: tuple[str, ...] = field(default=())


class Department(Protocol):
    """A department, as its desk sees it."""

    name: str
    """The service's name."""
    title: Mapping[str, str]
    """What the department is called, by language."""
    land: str
    """Whose public holidays it goes by (ISO 3166-2 without `DE-`)."""

    async def procedures(self, tx: Tx, viewer: Viewer) -> Sequence[tuple[str, str]]:
        """Keys and names of its procedures, in the order in which they are offered for choice."""
        ...

    async def states(self, tx: Tx, viewer: Viewer) -> Sequence[tuple[str, str]]:
        """Keys and names of the states that its cases can be in."""
        ...

    async def find(self, tx: Tx, words: str, limit: int, viewer: Viewer) -> list[UUID]:
        """At most `limit` cases whose reference or applicant's name has words that begin like all of `words`."""
        ...

    async def in_words(self, tx: Tx, cases: Sequence[ListedCase], viewer: Viewer) -> Mapping[UUID, CaseInWords]:
        """Cases as the list shows them: all at once, since a list has many."""
        ...

    async def sheet(self, tx: Tx, case_id: UUID, viewer: Viewer) -> Sheet:
        """One case.

        Raises:
            NotFoundError: there is none.
            ForbiddenError: it is the viewer's own matter.
        """
        ...

    async def act(self, tx: Tx, case_id: UUID, version: int, action: str, form: Filled, viewer: Viewer) -> None:
        """Do `action` with the case as it was seen in `version`.

        Raises:
            MistakesError: a field is wrong.
            RuleViolationError, ForbiddenError: it cannot be done, or not by this person.
            PreconditionFailedError, ConflictError: somebody was faster.
        """
        ...

    async def conditions(self, tx: Tx, viewer: Viewer) -> Collection[Condition]:
        """What of the department's own an operator has to know about."""
        ...
