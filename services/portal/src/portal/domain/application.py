"""An application after it was handed in: what the portal knows of it from the citizen, and from the office's events."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal
from uuid import UUID

from amtsbus.errors import RuleViolationError
from amtsbus.procedures import answers as reading
from amtsbus.procedures import conditions
from amtsbus.procedures.answers import Problem
from amtsbus.procedures.declaration import Page, ProcedureFile, Text
from amtsbus.procedures.steps import STANDARD_STATES, state_name, step_name

from portal.domain.sent import asked_names
from portal.domain.upload import KeptFile

Language = Literal["de", "en", "plain"]
Identification = Literal["none", "basic", "substantial", "high"]

LINK_LIFETIME: Final = timedelta(days=365)
"""So long a secret link opens an application for which nobody had to say who they are."""


class NextStep(StrEnum):
    """What happens next, or what the citizen has to do."""

    WAIT_FOR_RECEIPT = "wait-for-receipt"
    ANSWER = "answer"
    PAY = "pay"
    WAIT_FOR_WITHDRAWAL = "wait-for-withdrawal"
    WAIT = "wait"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who applies, as far as they said so."""

    person_id: UUID | None
    name: str | None
    email: str | None
    identification: Identification


@dataclass(frozen=True, slots=True)
class Request:
    """What the office asks for, by the keys of the procedure."""

    documents: tuple[str, ...]
    fields: tuple[str, ...]
    due_on: date


@dataclass(kw_only=True)
class Application:
    """An application. What comes from the office is None or empty until the office has said it."""

    application_id: UUID
    office: str
    procedure: str
    version: int
    applicant: Applicant
    language: Language
    answers: dict[str, Any]
    handed_in_at: datetime
    visitor_id: UUID | None = None
    """The browser's session in which it was handed in, which sees it as long as it lives where nobody is known."""
    reference: str | None = None
    state: str | None = None
    due_on: date | None = None
    opened_at: datetime | None = None
    is_closed: bool = False
    outcome: Literal["granted", "refused"] | None = None
    request: Request | None = None
    withdrawn_at: datetime | None = None
    charged_cents: int = 0
    pay_until: date | None = None
    settled_cents: int = 0
    paid_cents: int = 0
    """What the payment provider has confirmed; the office records it a little later."""
    files: list[KeptFile] = field(default_factory=list)
    """What was handed in with it or later."""

    @property
    def owed_cents(self) -> int:
        """What is still to be paid."""
        return max(0, self.charged_cents - max(self.settled_cents, self.paid_cents))

    @property
    def next_step(self) -> NextStep:
        """What comes next; what the citizen has to do comes first."""
        if self.withdrawn_at is not None and not self.is_closed:
            return NextStep.WAIT_FOR_WITHDRAWAL
        if self.request is not None and not self.is_closed:
            return NextStep.ANSWER
        if self.owed_cents:
            return NextStep.PAY
        if self.is_closed:
            return NextStep.NOTHING
        return NextStep.WAIT if self.opened_at else NextStep.WAIT_FOR_RECEIPT

    @property
    def next_step_until(self) -> date | None:
        """By when."""
        match self.next_step:
            case NextStep.ANSWER:
                return self.request.due_on if self.request else None
            case NextStep.PAY:
                return self.pay_until
            case NextStep.WAIT:
                return self.due_on
            case _:
                return None

    @property
    def is_open(self) -> bool:
        """Whether the citizen can still hand something in or withdraw it."""
        return not self.is_closed and self.withdrawn_at is None

    def require_open(self) -> None:
        """Let pass what can be done only while the office works on it.

        Raises:
            RuleViolationError: code `application-closed`.
        """
        if not self.is_open:
            raise RuleViolationError(
                "The application has come to its end: nothing can be handed in any more.", code="application-closed"
            )

    def asked_documents(self, declared: ProcedureFile, today: date) -> list[str]:
        """The keys of the documents that can be handed in now: those that the office asks for, else all that belong to it."""
        if self.request is not None:
            known = {document.key for document in declared.documents}
            return [key for key in self.request.documents if key in known]
        return [one.key for one in reading.asked_documents(declared.documents, self.answers, today=today)]


def state_in_words(declared: ProcedureFile, state: str) -> Text:
    """What the office calls a state. One that the file does not know would be the office's mistake, and is shown as it is."""
    known = {*STANDARD_STATES, *(one.key for one in declared.states)}
    return state_name(declared, state) if state in known else Text(de=state, en=state)


def step_in_words(declared: ProcedureFile, action: str) -> Text:
    """What the office calls a step."""
    try:
        return step_name(declared, action)
    except KeyError:
        return Text(de=action, en=action)


@dataclass(frozen=True, slots=True)
class Correction:
    """Answers that the office asked for once more: what is asked now, what was answered, and what is wrong."""

    pages: tuple[Page, ...]
    """The pages with the fields that are asked, and no others."""
    answers: Mapping[str, Any]
    """All answers as they are after it."""
    changed: Mapping[str, Any]
    """What the office is told: new answers, and None for those that are not asked any more."""
    problems: tuple[Problem, ...]
    """What is wrong with them, as far as it was right when it was handed in or is asked about now."""
    names: frozenset[str] = frozenset()
    """The names of the fields that are asked (`sent.asked_names`)."""

    def is_complete(self, shown: Collection[str]) -> bool:
        """Whether every question was shown, and nothing is wrong."""
        return not self.problems and self.names <= set(shown)


def corrected(
    declared: ProcedureFile,
    answers: Mapping[str, Any],
    asked: Collection[str],
    sent: Mapping[str, Any] | None,
    today: date,
) -> Correction:
    """Read corrected answers. Where one of them raises a question that was not asked before, it is asked as well.

    Args:
        answers: as they were handed in.
        asked: the fields that the office names.
        sent: what came for the fields of the form; None to begin with.
    """
    wanted = set(asked)
    # What was right when it was handed in can be wrong by now, a day that lies in the past for one: nobody asks for that again.
    before = {_field(problem) for problem in _read(declared, answers, (), {}, today)[2]} - wanted
    while True:
        pages, kept, problems = _read(declared, answers, wanted, sent, today)
        problems = [problem for problem in problems if _field(problem) not in before]
        further = {_field(problem) for problem in problems} - wanted
        if not further:
            break
        wanted |= further
    if sent is None:
        return Correction(pages, answers, {}, ())
    changed = {key: value for key, value in kept.items() if key in wanted}
    changed |= {key: None for key in answers if key not in kept}
    names = {name for page in pages for name in asked_names(page, sent, kept, today=today)}
    return Correction(pages, kept, changed, tuple(problems), frozenset(names))


def _field(problem: Problem) -> str:
    return problem.at.partition(".")[0]


def _read(
    declared: ProcedureFile,
    answers: Mapping[str, Any],
    wanted: Collection[str],
    sent: Mapping[str, Any] | None,
    today: date,
) -> tuple[tuple[Page, ...], dict[str, Any], list[Problem]]:
    """The pages that ask `wanted`, all answers with those that were sent, and what is wrong with them as a whole."""
    kept: dict[str, Any] = {}
    pages: list[Page] = []
    problems: list[Problem] = []
    for page in declared.form.pages:
        if not conditions.holds(page.when, kept, today=today):
            continue
        asked = [one for one in page.fields if one.key in wanted]
        values = dict(answers) if sent is None else dict(answers) | {one.key: sent.get(one.key) for one in asked}
        read, wrong = reading.read_page(page, values, kept, today=today)
        stale = {_field(problem) for problem in wrong} - set(wanted)
        kept |= read | {key: answers[key] for key in stale if key in answers}
        problems += wrong
        if asked:
            pages.append(page.model_copy(update={"fields": tuple(asked)}))
    return tuple(pages), kept, problems or reading.failed_checks(declared.form, kept, today=today)
