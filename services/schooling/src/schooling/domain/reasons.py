"""The reasons of decisions: sentences that are composed of recorded facts, and read back to be said in another language.

They are kept as sentences, because a decision keeps its reasons as they were stated (VwVfG NRW § 39). They hold numbers and
criteria, and nothing that somebody wrote.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from string import Formatter
from typing import Final

from schooling.domain.rules import Criterion

NO_CRITERIA: Final = "none"


class Reason(StrEnum):
    """Which sentence it is."""

    PLACES = "places"
    CRITERIA = "criteria"
    AHEAD = "ahead"
    NOT_READY = "not-ready"
    DEFERRED_ON_APPLICATION = "deferred-on-application"
    DEFERRED_EX_OFFICIO = "deferred-ex-officio"
    CHILD_NOT_ESTABLISHED = "child-not-established"
    ALREADY_REGISTERED = "already-registered"
    NOT_THIS_YEAR = "not-this-year"


_SENTENCES: Final[Mapping[Reason, str]] = {
    Reason.PLACES: "The school has {places} places, {free} of them free when this was decided.",
    Reason.CRITERIA: "Recorded criteria: {criteria}.",
    Reason.AHEAD: (
        "Waiting children who go first by the recorded criteria: {ahead}. This child's criteria: {criteria}."
    ),
    Reason.NOT_READY: "The conditions of early entry are not met yet; the school doctor's report was seen.",
    Reason.DEFERRED_ON_APPLICATION: (
        "Entry into school is deferred to the school year beginning in {school_year}, on application; "
        "the school doctor's report was seen."
    ),
    Reason.DEFERRED_EX_OFFICIO: (
        "Entry into school is deferred to the school year beginning in {school_year}, ex officio; "
        "the school doctor's report was seen."
    ),
    Reason.CHILD_NOT_ESTABLISHED: (
        "The answers and the evidence do not show which child the applicant can register (Elternrecht, BGB §§ 1626, 1629)."
    ),
    Reason.ALREADY_REGISTERED: "The child has been registered already.",
    Reason.NOT_THIS_YEAR: "By the date of birth that was given, no registration is due at present.",
}


@dataclass(frozen=True)
class Stated:
    """A sentence taken apart: which it is, its numbers by name, and the criteria that it names."""

    reason: Reason
    numbers: Mapping[str, int]
    criteria: tuple[Criterion, ...] = ()


def sentence(reason: Reason, *, criteria: frozenset[Criterion] = frozenset(), **numbers: int) -> str:
    """The sentence with its numbers and criteria."""
    return _SENTENCES[reason].format(criteria=_named(criteria), **numbers)


def read(text: str) -> Stated | None:
    """A sentence taken apart; None where it is none of these."""
    for reason, pattern in _PATTERNS.items():
        found = pattern.fullmatch(text)
        if found is not None:
            parts = found.groupdict()
            named = parts.pop("criteria", NO_CRITERIA)
            numbers = {name: int(number) for name, number in parts.items()}
            return Stated(reason, numbers, tuple(one for one in Criterion if one.value in named.split(", ")))
    return None


def _named(criteria: Iterable[Criterion]) -> str:
    met = set(criteria)
    return ", ".join(one for one in Criterion if one in met) or NO_CRITERIA


def _pattern(text: str) -> re.Pattern[str]:
    parts = []
    for literal, name, _, _ in Formatter().parse(text):
        parts.append(re.escape(literal))
        if name is not None:
            parts.append(f"(?P<{name}>{'[a-z, -]+' if name == 'criteria' else '[0-9]+'})")
    return re.compile("".join(parts))


_PATTERNS: Final = {reason: _pattern(text) for reason, text in _SENTENCES.items()}
