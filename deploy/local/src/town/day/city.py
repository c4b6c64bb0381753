"""The city as those see it who live and work in it: its APIs, its mailbox, its events, its calendar.

A journey is a plain function of a `City`. It says what happens, and checks it; the same functions are played by
`town day` and proved by `tests/journeys`.
"""

import asyncio
import json
import os
import shlex
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import httpx
from amtsbus.casework.calendar import is_working_day
from amtsbus.ids import new_id
from amtsbus.testing.servers import recorded_process
from rich.markup import escape

from town.addresses import Addresses
from town.clock import TownClock
from town.day.watching import Event, Watcher
from town.home import Home, TownError
from town.people import Issuer, Person
from town.printing import Printer
from town.supervisor import AMTSBUS

PATIENCE_SECONDS = 30.0
"""How long a journey waits for something that follows by itself."""

T = TypeVar("T")


class JourneyFailedError(TownError):
    """Something did not happen as the city has promised. The message says what."""


@dataclass(frozen=True)
class Answer:
    """What an API answered. `version` is the case's, from the ETag."""

    status: int
    body: Any
    version: int | None
    headers: httpx.Headers


@dataclass
class City:
    """Everything that a journey can do and see."""

    home: Home
    addresses: Addresses
    printer: Printer
    http: httpx.AsyncClient
    issuer: Issuer
    watcher: Watcher
    clock: TownClock
    number: int
    """The how manieth day in this town; part of names, so that each day has new people."""

    # --- what is told ---------------------------------------------------------------------------------------------

    def says(self, who: "Person | str", what: str) -> None:
        """Tell what somebody does."""
        name = who if isinstance(who, str) else who.name
        self.printer.markup(f"  [who]{escape(name):<28}[/who] {escape(what)}")

    def notes(self, what: str) -> None:
        """Tell something that nobody in particular does."""
        self.printer.markup(f"  [quiet]{'':<28} {escape(what)}[/quiet]")

    def expect(self, condition: object, promise: str) -> None:
        """Check a promise.

        Raises:
            JourneyFailedError: it does not hold.
        """
        if not condition:
            raise JourneyFailedError(f"not so: {promise}")

    # --- what people do -------------------------------------------------------------------------------------------

    async def ask(
        self,
        method: str,
        service: str,
        path: str,
        *,
        by: Person,
        body: Any = None,
        params: dict[str, Any] | None = None,
        version: int | None = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request to a service's API, in somebody's name; whatever the answer is."""
        headers = {"authorization": f"Bearer {await self.issuer.token(by.name)}"} | (headers or {})
        if method == "POST":
            headers["idempotency-key"] = key or str(new_id())
        if version is not None:
            headers["if-match"] = f'"{version}"'
        response = await self.http.request(
            method, self.addresses.services[service].api + path, json=body, params=params, headers=headers
        )
        tag = response.headers.get("etag", "").strip('"')
        return Answer(
            response.status_code,
            response.json() if response.content else None,
            int(tag) if tag.isdecimal() else None,
            response.headers,
        )

    async def get(self, service: str, path: str, *, by: Person, **params: Any) -> Answer:
        """Read something that must be there."""
        return _granted(await self.ask("GET", service, path, by=by, params=params), f"GET {path}", by)

    async def post(
        self,
        service: str,
        path: str,
        body: Any = None,
        *,
        by: Person,
        version: int | None = None,
        key: str | None = None,
    ) -> Answer:
        """Do something that must be granted."""
        answer = await self.ask("POST", service, path, by=by, body=body, version=version, key=key)
        return _granted(answer, f"POST {path}", by)

    async def put(self, service: str, path: str, body: Any, *, by: Person, version: int | None = None) -> Answer:
        """Replace something, which must be granted."""
        answer = await self.ask("PUT", service, path, by=by, body=body, version=version)
        return _granted(answer, f"PUT {path}", by)

    # --- what follows ---------------------------------------------------------------------------------------------

    async def until(
        self, promise: str, found: Callable[[], Awaitable[T | None]], *, seconds: float = PATIENCE_SECONDS
    ) -> T:
        """Look again and again until `found` gives something.

        Raises:
            JourneyFailedError: it did not within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while True:
            result = await found()
            if result:
                return result
            if time.monotonic() > deadline:
                raise JourneyFailedError(f"not within {seconds:.0f} s: {promise}")
            await asyncio.sleep(0.15)

    async def follows(
        self, event_type: str, *, seconds: float = PATIENCE_SECONDS, told: bool = True, **said: Any
    ) -> Event:
        """Wait for an event of this type that says `said`, and tell it."""
        wanted = {name: str(value) if isinstance(value, UUID | date) else value for name, value in said.items()}
        event = await self.watcher.first(
            lambda event: event.type == event_type and wanted.items() <= event.data.items(), seconds=seconds
        )
        if event is None:
            raise JourneyFailedError(f"not within {seconds:.0f} s: the event {event_type}")
        if told:
            place = f"{event.topic} {event.partition}/{event.offset}"
            self.printer.markup(
                f"    [event]→ {event.type}[/event] [quiet]case …{event.key[-6:]} no. {event.sequence} at {place}[/quiet]"
            )
        return event

    async def letters(self, person: Person) -> list[dict[str, Any]]:
        """What lies in somebody's inbox, oldest first."""
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            params = {"limit": 100} | ({"after": after} if after else {})
            page = (await self.get("notifications", "/v1/messages", by=person, **params)).body
            found += page["items"]
            after = page["next"]
            if after is None:
                return found[::-1]

    async def letter(self, person: Person, kind: str, *, containing: str = "", told: bool = True) -> dict[str, Any]:
        """Wait for a letter of this kind in somebody's inbox (whose text contains `containing`), and tell it.

        Returns:
            The letter with its text.
        """

        async def arrived() -> dict[str, Any] | None:
            for summary in await self.letters(person):
                if summary["kind"] == kind:
                    path = f"/v1/messages/{summary['message_id']}"
                    letter: dict[str, Any] = (await self.get("notifications", path, by=person)).body
                    if containing in letter["body"] or containing in letter["subject"]:
                        return letter
            return None

        letter = await self.until(f"a letter {kind} to {person.name}", arrived)
        if told:
            self.printer.markup(
                f"    [mail]✉ letter to {escape(person.name)}[/mail] ({letter['language']}): {escape(letter['subject'])}"
            )
        return letter

    async def mails(self, address: str) -> list[dict[str, Any]]:
        """The e-mails that an address has got, oldest first."""
        answer = await self.http.get(f"{self.addresses.mail.http}/messages", params={"to": address})
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found[::-1]

    async def mail(self, person: Person, *, count: int = 1) -> list[dict[str, Any]]:
        """Wait until somebody has got `count` e-mails, and tell the last one."""

        async def arrived() -> list[dict[str, Any]] | None:
            mails = await self.mails(person.email)
            return mails if len(mails) >= count else None

        mails = await self.until(f"{count} e-mails to {person.email}", arrived)
        self.printer.markup(f"    [mail]@ e-mail to {escape(person.email)}[/mail]: {escape(mails[-1]['subject'])}")
        return mails

    # --- what the calendar and the operator do --------------------------------------------------------------------

    def moves_to(self, day: date, why: str) -> None:
        """Move the town's calendar forward to the morning of `day`, or of the next one on which offices are open.

        It never goes back.
        """
        while not is_working_day(day):
            day += timedelta(days=1)
        if day > self.clock.today():
            self.clock.advance_to(day)
            self.notes(f"— the calendar moves to {self.clock.today():%A %d %B %Y}: {why} —")

    async def operate(self, service: str, *command: str) -> str:
        """Run one of the operator's commands (`amtsbus …`) with the environment of `service`, and tell it.

        Raises:
            JourneyFailedError: it fails.
        """
        self.says("operator", f"$ amtsbus {shlex.join(command)}")
        process = await asyncio.create_subprocess_exec(
            AMTSBUS,
            *command,
            env=os.environ | self.home.environment_of(service),
            cwd=self.home.tree,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said = (await process.communicate())[0].decode(errors="replace")
        if process.returncode:
            raise JourneyFailedError(f"amtsbus {shlex.join(command)} failed: {said.strip()}")
        return said

    @asynccontextmanager
    async def down(self, process: str) -> AsyncIterator[None]:
        """Keep one of the town's processes stopped while the block runs; it is started again whatever happens."""
        asked = self.home.paused / process
        service, _, kind = process.rpartition("-")
        url = f"{getattr(self.addresses.services[service], kind)}/readyz"
        asked.touch()
        try:
            await self.until(f"{process} stops", lambda: self._is_gone(process))
            self.notes(f"{process} is down")
            yield
        finally:
            asked.unlink(missing_ok=True)
        await self.until(f"{process} is back", lambda: self._answers(url))
        self.notes(f"{process} is back")

    async def _is_gone(self, process: str) -> bool:
        # It answers no more before it has finished what it was at.
        return recorded_process(self.home.processes / f"{process}.json") is None

    async def _answers(self, url: str) -> bool:
        try:
            return (await self.http.get(url, timeout=2)).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    @asynccontextmanager
    async def database(self, service: str) -> AsyncIterator[Any]:
        """A connection as the owner of a service's tables: a database administrator's, not a service's."""
        environment = self.home.environment_of(service)
        upper = service.upper()
        url = environment.get(f"{upper}_MIGRATOR_DATABASE_URL") or environment[f"{upper}_DATABASE_URL"]
        connection = await asyncpg.connect(url, timeout=10)
        try:
            yield connection
        finally:
            await connection.close()


def _granted(answer: Answer, what: str, by: Person) -> Answer:
    if answer.status >= 400:
        raise JourneyFailedError(f"{what} by {by.name} was answered with {answer.status}: {json.dumps(answer.body)}")
    return answer


def next_number(file: Path) -> int:
    """Count the days that have been played in this town."""
    try:
        number = int(file.read_text()) + 1
    except (OSError, ValueError):
        number = 1
    file.write_text(str(number))
    return number
