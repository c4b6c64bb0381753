"""What the codes of a case are called, by the procedure file that it goes by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from amtsbus.casework.case import Decision, HistoryEntry
from amtsbus.desk import Viewer
from amtsbus.desk.due import Kind
from amtsbus.procedures import steps
from amtsbus.procedures.declaration import ProcedureFile, Text

from offices.domain.case_file import DECISION, DOCUMENTS, HEARING, WAITS_FOR_APPLICANT

_KINDS: Final[Mapping[str, Kind]] = {
    steps.DOCUMENTS_REQUESTED: "warning",
    steps.HEARING: "warning",
    steps.GRANTED: "success",
    steps.REFUSED: "danger",
}
OUTCOMES: Final = ("no-objection", "conditions", "objection")
"""What another office can answer."""


def kind_of(state: str) -> Kind:
    """How a state looks at a glance."""
    return _KINDS.get(state, "info")


@dataclass(frozen=True, slots=True)
class ProcedureWords:
    """The words of one version of a procedure, in the viewer's language.

    Args:
        offices: the names of the city's offices, by key.
    """

    declared: ProcedureFile
    viewer: Viewer
    offices: Mapping[str, str]

    def state(self, state: str) -> str:
        """What a state is called."""
        return self._in_language(steps.state_name, state)

    def action(self, action: str) -> str:
        """What a step is called."""
        return self._in_language(steps.step_name, action)

    def outcome(self, outcome: str) -> str:
        """What was decided: the state that the decision led to."""
        return self.state(outcome)

    def period(self, kind: str) -> str:
        """What a period is for."""
        if kind in (DECISION, DOCUMENTS):
            return self.viewer.say(f"offices.period.{kind}")
        return self.viewer.say("offices.period.hearing", office=self.office(kind.removeprefix(HEARING)))

    def fee(self, kind: str) -> str:  # noqa: ARG002 - an office has one kind
        """The fee of the application."""
        return self.viewer.say("offices.fee")

    def office(self, key: str) -> str:
        """What an office of the city is called; its key where that is not known here."""
        return self.offices.get(key, key)

    def event(self, entry: HistoryEntry) -> str | None:
        """A line of the history that only an office has."""
        say, about = self.viewer.say, entry.about or ""
        match entry.what:
            case "opinion-recorded":
                outcome = say(f"offices.opinion.{entry.reason}") if entry.reason else ""
                return say("offices.history.opinion-recorded", office=self.office(about), outcome=outcome)
            case "proposal-sent-back":
                return say("offices.history.proposal-sent-back", action=self.action(about))
            case "fee-paid" | "supplied" | "supplied-after-the-end" | "withdrawn-after-the-end":
                return say(f"offices.history.{entry.what}")
            case _:
                return None

    def reason(self, entry: HistoryEntry) -> str | None:
        """Why, as somebody wrote it; what the office's own rules give as a reason is said in the viewer's language."""
        if entry.what == "opinion-recorded":
            return None
        if entry.reason == WAITS_FOR_APPLICANT:
            return self.viewer.say("offices.waits_for_applicant")
        return entry.reason

    def reasons(self, decision: Decision) -> tuple[str, ...]:
        """As they were written."""
        return decision.reasons

    def _in_language(self, name_of: Callable[[ProcedureFile, str], Text], key: str) -> str:
        try:
            return name_of(self.declared, key).in_language(self.viewer.language)
        except KeyError:  # a state or step of a version that is gone
            return key
