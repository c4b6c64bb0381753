"""A draft: an application that somebody is still filling in."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from amtsbus.procedures import answers as reading
from amtsbus.procedures import conditions
from amtsbus.procedures.answers import Problem
from amtsbus.procedures.declaration import Page, ProcedureFile

from portal.domain.journey import Journey
from portal.domain.owner import Owner
from portal.domain.sent import asked_names, told
from portal.domain.upload import KeptFile

LIFETIME: Final = timedelta(days=30)
"""So long after the last change a draft is kept."""
MOST_DRAFTS: Final = 20
"""So many somebody has at once."""


@dataclass(kw_only=True)
class Draft:
    """What somebody has filled in so far. Its id becomes that of the application, so it is handed in once."""

    draft_id: UUID
    procedure: str
    version: int
    person_id: UUID | None
    visitor_id: UUID | None
    answers: dict[str, Any] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    """The paths of the steps that were left without a mistake."""
    files: list[KeptFile] = field(default_factory=list)
    begun_at: datetime
    changed_at: datetime

    @property
    def expires_at(self) -> datetime:
        """When it is deleted, if nobody goes on with it."""
        return self.changed_at + LIFETIME

    @property
    def is_untouched(self) -> bool:
        """Whether nothing has been filled in yet."""
        return not self.answers and not self.done and not self.files

    def journey(self, declared: ProcedureFile, today: date) -> Journey:
        """The way through the form with what is filled in so far."""
        uploaded = {file.slot for file in self.files}
        return Journey(declared, self.answers, done=self.done, uploaded=uploaded, today=today)

    def files_of(self, slots: Collection[str]) -> dict[str, dict[str, dict[str, Any]]]:
        """The files of some fields or documents, by field and hash, as they stand in an answer."""
        found: dict[str, dict[str, dict[str, Any]]] = {slot: {} for slot in slots}
        for file in self.files:
            if file.slot in found:
                found[file.slot][file.sha256] = file.as_answer()
        return found

    def take_over(self, owner: Owner, now: datetime) -> None:
        """Note that somebody works on it: from the log-in on it is theirs, on every device."""
        self.changed_at = now
        if self.person_id is None and owner.person_id is not None:
            self.person_id = owner.person_id

    def answer(self, page: Page, sent: Mapping[str, Any], shown: Collection[str], journey: Journey) -> list[Problem]:
        """Take in one page: what is right is kept, also where something else on the page is wrong.

        A question that this page asks because of what was answered on it is no mistake: `shown` (see `sent.told`) does not have
        it yet, and the page comes once more, with it.

        Returns:
            What is wrong with what was shown. Whether the page is done is in `done`.
        """
        read, problems = reading.read_page(page, sent, journey.before(page), today=journey.today)
        if not problems:
            keys = [one.key for one in page.fields]
            together = journey.before(page) | read
            problems = reading.failed_checks(journey.declared.form, together, today=journey.today, at=keys)
        self._replace(page, read, journey)
        unseen = asked_names(page, sent, journey.before(page), today=journey.today) - set(shown)
        if problems or unseen:
            self.done.discard(page.key)
        else:
            self.done.add(page.key)
        return told(problems, shown)

    def _replace(self, page: Page, read: Mapping[str, Any], journey: Journey) -> None:
        """Put in what was read; an answer that is asked for and was emptied goes, one that is not asked now stays."""
        known = {**journey.before(page), **read}
        for one in page.fields:
            if one.key in read:
                self.answers[one.key] = read[one.key]
            elif conditions.holds(one.when, known, today=journey.today):
                self.answers.pop(one.key, None)

    def handed_in_files(self, documents: Iterable[str]) -> list[KeptFile]:
        """The files of some documents, in the order in which they were uploaded."""
        wanted = set(documents)
        return [file for file in self.files if file.slot in wanted]
