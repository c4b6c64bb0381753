"""The person that a message is for, as far as the register and the person have told us."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Language(StrEnum):
    """The languages that every template exists in."""

    GERMAN = "de"
    ENGLISH = "en"


_HOME = frozenset({"DE", "DEU", "DEUTSCHLAND", "GERMANY"})


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """Where the post finds somebody. Personal data: belongs on letters, never into logs, events or e-mails."""

    street: str
    house_number: str
    postal_code: str
    locality: str
    country: str
    care_of: str | None = None

    def lines(self) -> list[str]:
        """The lines below the name (DIN 5008); the country only where it is not Germany."""
        lines = [f"c/o {self.care_of}"] if self.care_of else []
        lines += [f"{self.street} {self.house_number}".strip(), f"{self.postal_code} {self.locality}".strip()]
        if self.country.upper() not in _HOME:
            lines.append(self.country.upper())
        return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """A person, with what is known of them.

    Attributes:
        told_at: when the register last told us who this is; null: never yet, and every message to this person waits.
        address: null although `told_at`: not known any more (moved away); letters then go to the inbox alone.
        registry_language: the language of correspondence in the register; one that no template knows counts as German.
        preferred_language: the person's own choice, which wins.
        email_notice: whether an e-mail may say that something is waiting.
    """

    person_id: UUID
    told_at: datetime | None
    given_names: str = ""
    family_name: str = ""
    registry_language: str = Language.GERMAN
    address: PostalAddress | None = None
    preferred_language: Language | None = None
    email: str | None = None
    email_notice: bool = True

    def is_known_as_of(self, instant: datetime | None) -> bool:
        """Whether the register has told us who this is, and nothing that it knew at `instant` is still on its way."""
        return self.told_at is not None and (instant is None or self.told_at >= instant)

    @property
    def name(self) -> str:
        return f"{self.given_names} {self.family_name}".strip()

    @property
    def language(self) -> Language:
        if self.preferred_language is not None:
            return self.preferred_language
        return Language.ENGLISH if self.registry_language == Language.ENGLISH else Language.GERMAN

    @property
    def wants_email(self) -> bool:
        return self.email is not None and self.email_notice

    def envelope(self) -> list[str]:
        """Name and address as they stand on the envelope; empty where no address is known."""
        return [self.name, *self.address.lines()] if self.address else []
