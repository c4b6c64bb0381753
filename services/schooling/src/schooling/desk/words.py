"""What the codes of an enrolment are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from amtsbus.casework.case import Decision, HistoryEntry
from amtsbus.desk.due import Kind
from amtsbus.desk.words import KeyedWords

from schooling.domain.application import Evidence, Ground
from schooling.domain.enrolment import RefusalGround
from schooling.domain.events import Document, WithdrawalCause
from schooling.domain.procedure import State
from schooling.domain.reasons import read
from schooling.domain.rules import Criterion

_KINDS: Final[Mapping[str, Kind]] = {
    State.DOCUMENTS_REQUESTED: "warning",
    State.NOT_ACCEPTED: "danger",
    State.ACCEPTED: "success",
}
KEYS: Final[Mapping[type[StrEnum], str]] = {
    Criterion: "schooling.criterion.",
    Document: "schooling.document.",
    RefusalGround: "schooling.ground.",
    WithdrawalCause: "schooling.cause.",
    Evidence: "schooling.evidence.",
    Ground: "schooling.reason.",
}
"""What the keys of each kind of code begin with in the files of the languages."""
_REASONS: Final[Mapping[str, StrEnum]] = {
    code.value: code for kind in (RefusalGround, WithdrawalCause, Evidence, Ground) for code in kind
}
"""The codes that a line of the history gives as its reason."""


@dataclass(frozen=True, slots=True)
class EnrolmentWords(KeyedWords):
    """The school administration's words, in the viewer's language."""

    prefix = "schooling"
    kinds = _KINDS
    keys = KEYS

    def reason(self, entry: HistoryEntry) -> str | None:
        """Why: always codes, since nobody can write anything here."""
        codes = [_REASONS[code] for code in (entry.reason or "").split(", ") if code in _REASONS]
        return " ".join(self.code(code) for code in codes) or None

    def reasons(self, decision: Decision) -> tuple[str, ...]:
        """The reasons in the viewer's language."""
        return tuple(self._sentence(text) for text in decision.reasons)

    def _sentence(self, text: str) -> str:
        stated = read(text)
        if stated is None:
            return text
        values = dict(stated.numbers)
        return self.viewer.say(
            f"schooling.reason.{stated.reason}", **values, criteria=self.codes(stated.criteria) or self.none
        )

    # what only the school administration has

    @property
    def none(self) -> str:
        """That there is none of something."""
        return self.viewer.say("schooling.none")

    def school_year(self, school_year: int) -> str:
        """A school year: `2026/27`."""
        return f"{school_year}/{(school_year + 1) % 100:02d}"

    def procedure(self, school_year: int, *, early_entry: bool) -> str:
        """What is applied for, and for when."""
        key = "schooling.early_entry" if early_entry else "schooling.enrolment"
        return self.viewer.say(key, school_year=self.school_year(school_year))

    def yes(self, value: bool) -> str:
        """Yes or no."""
        return self.viewer.say("schooling.yes") if value else self.viewer.say("schooling.no")
