"""The town's people, as its issuer knows them: staff of each department, and citizens. All of them are made up."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from town.home import TownError
from town.issuer import PERSON_GRANT

STAFF_ROLES = ("clerk", "lead", "auditor", "operator")


@dataclass(frozen=True)
class Person:
    """Somebody who can log in. `name` is also the login; `person_id` is the register's, for citizens."""

    name: str
    person_id: UUID | None = None
    email: str = ""


@dataclass
class Issuer:
    """Whom the town's issuer knows, and their tokens."""

    address: str
    http: httpx.AsyncClient
    _tokens: dict[str, str] = field(default_factory=dict)

    async def people(self) -> list[dict[str, Any]]:
        """Everybody who can log in."""
        answer = await self.http.get(f"{self.address}/people")
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    async def add_citizen(self, name: str, person_id: UUID, email: str, language: str = "de") -> Person:
        """A login for a resident."""
        given_name, _, family_name = name.partition(" ")
        known = {"given_name": given_name, "family_name": family_name, "email": email}
        person = {key: value for key, value in known.items() if value}
        await self._add(name=name, roles=["citizen"], person_id=str(person_id), language=language, **person)
        return Person(name, person_id, email)

    async def add_staff(self, services: Iterable[str]) -> None:
        """The staff of each department: a clerk, a lead, an auditor, an operator; named like `clerk-permits`."""
        known = {person["name"] for person in await self.people()}
        for service in services:
            for role in STAFF_ROLES:
                if (name := f"{role}-{service}") not in known:
                    await self._add(name=name, roles=[role], department=service)

    async def _add(self, **person: Any) -> None:
        answer = await self.http.post(f"{self.address}/people", json=person)
        answer.raise_for_status()

    async def token(self, name: str) -> str:
        """An access token.

        Raises:
            TownError: nobody of that name can log in.
        """
        if name not in self._tokens:
            answer = await self.http.post(f"{self.address}/token", data={"grant_type": PERSON_GRANT, "name": name})
            if answer.status_code != httpx.codes.OK:
                raise TownError(answer.json().get("error_description", f"no token for {name}"))
            self._tokens[name] = answer.json()["access_token"]
        return self._tokens[name]


def staff(role: str, service: str) -> Person:
    """A member of the staff of a department."""
    return Person(f"{role}-{service}")


def find(people: list[dict[str, Any]], wanted: str) -> str:
    """The full name of the one whose name begins with `wanted`, in any case.

    Raises:
        TownError: nobody's does, or several do.
    """
    names = [str(person["name"]) for person in people]
    if wanted in names:
        return wanted
    found = [name for name in names if name.lower().startswith(wanted.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        raise TownError(f"several people are called like that: {', '.join(sorted(found)[:20])}")
    raise TownError(f"nobody here is called {wanted!r}; `town token` without a name lists everybody")
