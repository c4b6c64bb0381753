"""What the codes of a building application are called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from amtsbus.desk.due import Kind
from amtsbus.desk.words import KeyedWords
from amtsbus.web.languages import written_money

from permits.domain.application import HEARING, Project, local_day
from permits.domain.codes import Agency, AgencyOutcome, Cited, ConditionCode, DocumentCode, GroundCode, ProjectKind
from permits.domain.procedure import State

_KINDS: Final[Mapping[str, Kind]] = {
    State.DOCUMENTS_REQUESTED: "warning",
    State.CONSULTING: "warning",
    State.APPROVED: "success",
    State.REFUSED: "danger",
}
KEYS: Final[Mapping[type[StrEnum], str]] = {
    ProjectKind: "permits.kind.",
    DocumentCode: "permits.document.",
    Agency: "permits.agency.",
    AgencyOutcome: "permits.outcome.",
    ConditionCode: "permits.condition.",
    GroundCode: "permits.ground.",
}
"""What the keys of each kind of code begin with in the files of the languages."""


@dataclass(frozen=True, slots=True)
class PermitWords(KeyedWords):
    """The building authority's words, in the viewer's language.

    Args:
        questions: those of the form that an applicant filled in at the portal, by their keys.
    """

    prefix = "permits"
    kinds = _KINDS
    keys = KEYS
    questions: Mapping[str, str] = field(default_factory=dict)

    def period(self, kind: str) -> str:
        """What a period is for."""
        if kind.startswith(HEARING):
            agency = self.code(Agency(kind.removeprefix(HEARING)))
            return self.viewer.say("permits.period.hearing", agency=agency)
        return KeyedWords.period(self, kind)

    def fee(self, kind: str) -> str:  # noqa: ARG002 - the building authority has one kind
        """The fee of the decision."""
        return self.viewer.say("permits.fee")

    # what only the building authority has

    def cited(self, code: Cited) -> str:
        """A code with the rule that it stands on."""
        return f"{self.code(code)} ({code.legal_basis})"

    def site(self, project: Project) -> str:
        """Where is to be built, in one line: the address, or the parcel where there is none yet."""
        address, parcel = project.address, project.parcel
        if address is not None:
            return f"{address.street} {address.house_number}, {address.postal_code} {address.locality}"
        return self.viewer.say("permits.parcel", district=parcel.district, section=parcel.section, number=parcel.number)

    def day_of(self, moment: datetime) -> str:
        """The day in the city on which something happened."""
        return self.day(local_day(moment))

    def money(self, cents: int) -> str:
        """An amount of euros."""
        return written_money(self.viewer.language, cents)
