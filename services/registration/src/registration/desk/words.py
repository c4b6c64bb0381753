"""What the codes of the registration office are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from amtsbus.casework.case import HistoryEntry
from amtsbus.desk.due import Kind
from amtsbus.desk.words import KeyedWords

from registration.domain.persons import Language
from registration.domain.procedures import (
    AWAITING_CONFIRMATION,
    CLOSED,
    GRANTED,
    PROCEDURES,
    REFUSED,
    REGISTERED,
    REJECTED,
)
from registration.domain.residences import Address, ResidenceKind

RETURNED: Final = "return-to-clerk"
"""The step that the daily round takes where a checked declaration cannot be entered any more."""

_KINDS: Final[Mapping[str, Kind]] = {
    AWAITING_CONFIRMATION: "warning",
    REGISTERED: "success",
    CLOSED: "success",
    GRANTED: "success",
    REJECTED: "danger",
    REFUSED: "danger",
}


@dataclass(frozen=True, slots=True)
class RegistrationWords(KeyedWords):
    """The registration office's words, in the viewer's language."""

    prefix = "registration"
    kinds = _KINDS

    def event(self, entry: HistoryEntry) -> str | None:
        """What the service has noted by itself stands at the head of the page, see `sheets`."""
        return self.viewer.say("registration.noted") if entry.what == "noted" else None

    def reason(self, entry: HistoryEntry) -> str | None:
        """Why, as somebody wrote it; what the daily round writes is for its log."""
        if entry.about == RETURNED:
            return self.viewer.say("registration.returned")
        return entry.reason

    # what only the registration office has

    def procedure(self, key: str) -> str:
        """What is declared, or asked for."""
        return self.viewer.say(f"registration.procedure.{key}")

    def next_step(self, procedure_key: str, state: str) -> str:
        """What somebody has to do now, or what is waited for."""
        final = state in PROCEDURES[procedure_key].final
        return self.viewer.say("registration.next.nothing" if final else f"registration.next.{state}")

    def home_kind(self, kind: ResidenceKind) -> str:
        """Whether a home is the main one."""
        return self.viewer.say(f"registration.home.{kind}")

    def language(self, language: Language) -> str:
        """A language of correspondence."""
        return self.viewer.say(f"registration.language.{language}")

    def field(self, name: str) -> str:
        """What an entry on a person, or a field of a form, is called."""
        return self.viewer.say(f"registration.field.{name}")

    def address(self, address: Address | None) -> str:
        """An address in one line; of another country with its code."""
        if address is None:
            return self.viewer.say("registration.unknown")
        care_of = "" if address.care_of is None else f"{address.care_of}, "
        country = "" if address.country == "DE" else f", {address.country}"
        street = f"{address.street} {address.house_number}"
        return f"{care_of}{street}, {address.postal_code} {address.locality}{country}"
