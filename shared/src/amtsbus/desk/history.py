"""A case's history in words: one sentence for each line, with the names of those who did it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from amtsbus.casework.case import Case, HistoryEntry
from amtsbus.casework.roles import Actor
from amtsbus.desk.department import Viewer, Words

_ABOUT_ACTIONS: Final = frozenset({"action-taken", "action-proposed", "proposal-dropped"})
_ABOUT_PERIODS: Final = frozenset(
    {"period-started", "period-suspended", "period-resumed", "period-extended", "period-ended"}
)
_OTHERS: Final = frozenset({"opened", "noted", "returned-to-pool"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line: when, who, what, and why."""

    at: datetime
    who: str
    what: str
    reason: str | None


def in_words(entries: Iterable[HistoryEntry], case: Case, words: Words, viewer: Viewer) -> list[Line]:
    """The lines of a history, in its order."""
    return [line_in_words(one, case.applicant_id, words, viewer) for one in entries]


def line_in_words(entry: HistoryEntry, applicant_id: UUID, words: Words, viewer: Viewer) -> Line:
    """One line of a history."""
    return Line(entry.at, who(entry.who, applicant_id, viewer), _what(entry, words, viewer), words.reason(entry))


def who(subject: str, applicant_id: UUID, viewer: Viewer) -> str:
    """The name of whoever did something: a caseworker, the applicant, or nobody."""
    if subject == Actor.system().subject:
        return viewer.say("desk.by_itself")
    if subject == str(applicant_id):
        return viewer.say("desk.applicant")
    return viewer.name_of(subject)


def _what(entry: HistoryEntry, words: Words, viewer: Viewer) -> str:
    own = words.event(entry)
    if own is not None:
        return own
    say, about = viewer.say, entry.about or ""
    if entry.what in _ABOUT_ACTIONS:
        return say(f"desk.history.{entry.what}", action=words.action(about))
    if entry.what in _ABOUT_PERIODS:
        return say(f"desk.history.{entry.what}", period=words.period(about))
    if entry.what == "fee-charged":
        return say("desk.history.fee-charged", fee=words.fee(about))
    if entry.what == "decided":
        return say("desk.history.decided", outcome=words.outcome(about))
    if entry.what == "assigned":
        return say("desk.history.assigned", name=viewer.name_of(about))
    if entry.what in _OTHERS:
        return say(f"desk.history.{entry.what}")
    return say("desk.history.unknown", code=entry.what)
