"""What most departments' cases are called: by the keys of the department's language files."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from amtsbus.casework.case import Decision, HistoryEntry
from amtsbus.desk.department import Viewer
from amtsbus.desk.due import Kind
from amtsbus.web.languages import written_date


@dataclass(frozen=True, slots=True)
class KeyedWords:
    """`Words` by the keys `<prefix>.state.<state>`, `.action.`, `.period.`; a department says otherwise where it must.

    Reasons are given as they were written, nothing happens that not every case knows, and nothing costs anything.
    """

    prefix: ClassVar[str]
    kinds: ClassVar[Mapping[str, Kind]]
    """How states look at a glance; those that are not named are `info`."""
    keys: ClassVar[Mapping[type[StrEnum], str]] = MappingProxyType({})
    """What the keys of each kind of code begin with in the files of the languages."""

    viewer: Viewer

    def state(self, state: str) -> str:
        """Where a case stands."""
        return self.viewer.say(f"{self.prefix}.state.{state}")

    def kind(self, state: str) -> Kind:
        """How a state looks at a glance."""
        return self.kinds.get(state, "info")

    def action(self, action: str) -> str:
        """What is done with it."""
        return self.viewer.say(f"{self.prefix}.action.{action}")

    def outcome(self, outcome: str) -> str:
        """What was decided: the state that the decision led to."""
        return self.state(outcome)

    def period(self, kind: str) -> str:
        """What a period is for."""
        return self.viewer.say(f"{self.prefix}.period.{kind}")

    def fee(self, kind: str) -> str:
        """Where nothing costs anything there is no word for a fee."""
        return kind

    def event(self, entry: HistoryEntry) -> str | None:  # noqa: ARG002 - for whom it says something
        """Nothing that not every case knows."""
        return None

    def reason(self, entry: HistoryEntry) -> str | None:
        """Why, as somebody wrote it."""
        return entry.reason

    def reasons(self, decision: Decision) -> tuple[str, ...]:
        """As they were written."""
        return decision.reasons

    def code(self, code: StrEnum) -> str:
        """A code of the department's vocabulary."""
        return self.viewer.say(f"{self.keys[type(code)]}{code}")

    def codes(self, codes: Iterable[StrEnum]) -> str:
        """Several codes in one line."""
        return ", ".join(self.code(code) for code in codes)

    def day(self, day: date) -> str:
        """A day as it is written."""
        return written_date(self.viewer.language, day)
