"""The city's catalogue: every service that an office offers, in its newest version."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

from amtsbus.procedures.declaration import LifeEvent, OfficeFile, ProcedureFile

from portal.domain.search import Index


@dataclass(frozen=True, slots=True)
class Service:
    """One service in one version, with the office that offers it."""

    declared: ProcedureFile
    office: OfficeFile
    version: int

    @property
    def key(self) -> str:
        """The key of the procedure, unique in the city."""
        return self.declared.key


@dataclass(frozen=True)
class Catalogue:
    """What is offered now. It never changes; when an office publishes something, another one takes its place."""

    services: Mapping[str, Service] = field(default_factory=dict)

    @cached_property
    def _index(self) -> Index:
        return Index(service.declared for service in self.services.values())

    def find(self, asked: str) -> list[Service]:
        """The services that fit what somebody has typed, the best first."""
        return [self.services[key] for key in self._index.find(asked)]

    def by_letter(self, language: str) -> list[tuple[str, list[Service]]]:
        """All services from A to Z, under the letters that they begin with."""
        return [
            (letter, list(group))
            for letter, group in groupby(
                self.sorted(self.services.values(), language), lambda one: _letter(one, language)
            )
        ]

    def of_life_event(self, event: LifeEvent, language: str) -> list[Service]:
        """What somebody may need when this happens."""
        return self.sorted((one for one in self.services.values() if event in one.declared.life_events), language)

    def of_office(self, office: str, language: str) -> list[Service]:
        """What an office offers."""
        return self.sorted((one for one in self.services.values() if one.office.key == office), language)

    @property
    def life_events(self) -> list[LifeEvent]:
        """Those for which there is a service, in the order in which a life goes."""
        found = {event for one in self.services.values() for event in one.declared.life_events}
        return [event for event in LifeEvent if event in found]

    def offices(self, language: str) -> list[OfficeFile]:
        """The offices that offer something, by name."""
        found = {one.office.key: one.office for one in self.services.values()}
        return sorted(found.values(), key=lambda office: sort_key(office.name.in_language(language)))

    def office(self, key: str) -> OfficeFile | None:
        """The office `key` as it describes itself."""
        return next((one.office for one in self.services.values() if one.office.key == key), None)

    @staticmethod
    def sorted(services: Iterable[Service], language: str) -> list[Service]:
        """By name, as German dictionaries sort (DIN 5007-1: ä as a)."""
        return sorted(services, key=lambda one: sort_key(one.declared.name.in_language(language)))


_DIN_5007_1 = str.maketrans({"ä": "a", "ö": "o", "ü": "u", "ß": "ss"})


def sort_key(name: str) -> str:
    """What a name is sorted by (DIN 5007-1)."""
    return name.casefold().translate(_DIN_5007_1)


def _letter(service: Service, language: str) -> str:
    first = sort_key(service.declared.name.in_language(language))[:1].upper()
    return first if first.isalpha() else "0–9"
