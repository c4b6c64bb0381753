"""The way through a form: which pages somebody with these answers is asked, which are done, and which comes next.

Answers to questions that are not asked any more stay in the draft, so that who changes an answer back finds them again; they are
no part of the application.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from amtsbus.procedures import answers as reading
from amtsbus.procedures import conditions
from amtsbus.procedures.answers import Problem
from amtsbus.procedures.declaration import DocumentAsked, Page, ProcedureFile


@dataclass(frozen=True, slots=True)
class Step:
    """One page on the way: a page of the form, or the page on which one document is uploaded."""

    asks: Page | DocumentAsked
    is_done: bool

    @property
    def path(self) -> str:
        """Its address below that of the draft."""
        return path_of(self.asks)


def path_of(asks: Page | DocumentAsked) -> str:
    """The address of a page below that of the draft; no page of a form has a slash in its key."""
    return asks.key if isinstance(asks, Page) else f"documents/{asks.key}"


class Journey:
    """The way of one draft, as its answers are now.

    Args:
        done: the paths of the steps that were left without a mistake.
        uploaded: the keys of the documents for which there is a file.
    """

    def __init__(
        self,
        declared: ProcedureFile,
        answers: Mapping[str, Any],
        *,
        done: Collection[str],
        uploaded: Collection[str],
        today: date,
    ) -> None:
        self.declared = declared
        self.today = today
        self.answers: dict[str, Any] = {}
        """The answers that count: to questions that are asked."""
        self._before: dict[str, dict[str, Any]] = {}
        steps: list[Step] = []
        for page in declared.form.pages:
            if not conditions.holds(page.when, self.answers, today=today) or not self._asks_something(page):
                continue
            self._before[page.key] = dict(self.answers)
            read, problems = reading.read_page(page, answers, self.answers, today=today)
            self.answers |= read
            steps.append(Step(page, page.key in done and not problems))
        for document in reading.asked_documents(declared.documents, self.answers, today=today):
            missing = self.is_required(document) and document.key not in uploaded
            steps.append(Step(document, path_of(document) in done and not missing))
        self.steps = tuple(steps)

    def _asks_something(self, page: Page) -> bool:
        return any(conditions.holds(field.when, self.answers, today=self.today) for field in page.fields)

    def is_required(self, document: DocumentAsked) -> bool:
        """Whether the application cannot be handed in without this document."""
        return conditions.is_required(document.required, self.answers, today=self.today)

    def step(self, path: str) -> Step | None:
        """The step at `path`; None where somebody with these answers is not asked."""
        return next((step for step in self.steps if step.path == path), None)

    def before(self, page: Page) -> dict[str, Any]:
        """The answers of the pages before `page`."""
        return self._before[page.key]

    def number(self, step: Step) -> int:
        """Which one it is, from 1."""
        return self.steps.index(step) + 1

    def following(self, step: Step) -> Step | None:
        """The step after `step`; None after the last one."""
        number = self.number(step)
        return self.steps[number] if number < len(self.steps) else None

    def preceding(self, step: Step) -> Step | None:
        """The step before `step`; None before the first one."""
        number = self.number(step)
        return self.steps[number - 2] if number > 1 else None

    @property
    def first_open(self) -> Step | None:
        """The first step that is not done; None where all are."""
        return next((step for step in self.steps if not step.is_done), None)

    def problems(self) -> list[Problem]:
        """What is wrong with the application as a whole: answers, and those that do not go together."""
        return reading.read_all(self.declared.form, self.answers, today=self.today)[1]

    def page_of(self, field: str) -> Page | None:
        """The page that asks the field."""
        return next(
            (step.asks for step in self.steps if isinstance(step.asks, Page) and _has(step.asks, field)),
            None,
        )


def _has(page: Page, field: str) -> bool:
    return any(one.key == field for one in page.fields)
