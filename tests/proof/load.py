"""The load: people and caseworkers of all four departments at a steady, bounded pace, while things break.

Whoever asks for something repeats it with the same Idempotency-Key until there is an answer, so a service that dies in the
middle costs repetitions and nothing else. What is asked and answered goes into the ledger.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Protocol
from uuid import UUID

import httpx
from amtsbus.ids import new_id
from amtsbus.telemetry import new_traceparent
from town.addresses import Addresses
from town.clock import TownClock
from town.day.building import ALL_DOCUMENTS, application, document
from town.day.residents import address, landlord
from town.home import Home, TownError
from town.people import Issuer, Person, staff

from tests.proof.ledger import Ledger

ATTEMPT_SECONDS = 6.0
"""How long somebody waits for an answer before asking again."""
PAUSES = (0.2, 0.4, 0.8, 1.5)
"""Seconds between repetitions; the last one repeats."""
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which the same request is sent again."""
MOST_CONFLICTS = 5
FINISHING_SECONDS = 60.0
"""How long journeys that have begun may go on once the load is to stop."""
PEOPLE_KEPT = 400
INVITATION_SECONDS = 240.0
LOOK_SECONDS = 3.0
PLACES = 1000
SCHOOLS = tuple(f"Proof-Grundschule {name}" for name in ("Nord", "Ost", "Süd", "West"))
MOVED = "permits.case-moved.v1"
"""Beside most of what permits tells in its own words, it tells where the case stands in those of every department."""
AGENCIES = ("fire-protection", "nature-conservation", "water-authority")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class LoadedCity(Protocol):
    """What the load needs to know of a city."""

    @property
    def home(self) -> Home: ...
    @property
    def addresses(self) -> Addresses: ...
    @property
    def clock(self) -> TownClock: ...


class People(Protocol):
    """Who can log in, and their tokens (`town.people.Issuer`)."""

    async def add_staff(self, services: Iterable[str]) -> None: ...
    async def add_citizen(self, name: str, person_id: UUID, email: str, language: str = "de") -> Person: ...
    async def token(self, name: str) -> str: ...


@dataclass(frozen=True)
class Mix:
    """How many are at it at the same time, by what they do; together they share the pace."""

    families: int = 3
    builders: int = 8
    parents: int = 4
    movers: int = 2
    readers: int = 3


@dataclass
class Resident:
    """An adult who lives here."""

    person: Person
    moved: bool = False
    reading: bool = False


@dataclass
class ExpectedChild:
    """A child of school age whose parents wait for the invitation."""

    child_id: str
    mother: Resident
    until: float
    look_at: float = 0.0


@dataclass(frozen=True)
class Reply:
    """The final answer to a request; `status` 0: there was none."""

    status: int
    body: Any = None
    version: int | None = None

    @property
    def accepted(self) -> bool:
        return 0 < self.status < 400


@dataclass(frozen=True)
class Step:
    """What somebody does next with a case."""

    path: str
    by: Person
    expects: tuple[str, ...] = ()
    body: Any = None
    named: bool = False
    """The answer says in which state the case is now; otherwise it is read again."""


@dataclass
class Case:
    """A case as its caseworker last saw it."""

    service: str
    path: str
    case_id: str
    reader: Person
    view: Mapping[str, Any]
    version: int | None

    @property
    def state(self) -> str:
        return str(self.view["state"])


Plan = Callable[[Case], Step | None]


@dataclass
class Pace:
    """Gives everybody a turn, so many in a second."""

    per_second: float
    _next: float = 0.0

    async def turn(self) -> None:
        now = time.monotonic()
        self._next = max(self._next, now) + 1 / self.per_second
        await asyncio.sleep(self._next - 1 / self.per_second - now)


class Load:
    """The people of the city. `prepare` once, then `run`."""

    def __init__(
        self,
        city: LoadedCity,
        ledger: Ledger,
        rng: Random,
        *,
        per_second: float = 10.0,
        mix: Mix | None = None,
        http: httpx.AsyncClient | None = None,
        people: People | None = None,
    ) -> None:
        """Put together the people of a city.

        Args:
            per_second: how many requests in all, repetitions not counted.
            http: how services are reached; default: by their addresses.
            people: who can log in; default: those whom the town's issuer knows.
        """
        self.city = city
        self.ledger = ledger
        self.mix = mix or Mix()
        self.residents: deque[Resident] = deque(maxlen=PEOPLE_KEPT)
        self._rng = rng
        self._pace = Pace(per_second)
        self._numbers = count()
        self._tag = "".join(rng.choices(LETTERS, k=3))
        self._children: deque[ExpectedChild] = deque()
        self._schools: dict[str, str] = {}
        self._ordered_on: date | None = None
        self._ends_at: float | None = None
        self._http = http or httpx.AsyncClient(
            timeout=ATTEMPT_SECONDS, limits=httpx.Limits(max_connections=80, max_keepalive_connections=40)
        )
        self._people = people or Issuer(city.addresses.issuer, self._http)

    async def close(self) -> None:
        """Give up all connections."""
        await self._http.aclose()

    # -- the whole -------------------------------------------------------------------------------------------------

    async def prepare(self, *, families: int = 6) -> None:
        """See to it that there are caseworkers, schools, invited cohorts and a few people to begin with."""
        await self._people.add_staff(self.city.addresses.services)
        await self._keep_school_years_open()
        async with asyncio.TaskGroup() as group:
            for _ in range(families):
                group.create_task(self._family())

    async def run(self, stop: asyncio.Event) -> None:
        """Let people go about their business until `stop` is set; what has begun is brought to its end.

        Everything should work again when `stop` is set: what has no answer `FINISHING_SECONDS` later is given up, and the
        ledger says so.
        """
        journeys: list[tuple[int, Callable[[], Awaitable[bool]]]] = [
            (self.mix.families, self._family),
            (self.mix.builders, self._build),
            (self.mix.parents, self._enrol),
            (self.mix.movers, self._move),
            (self.mix.readers, self._read),
        ]
        people = [
            asyncio.create_task(self._again_and_again(journey, stop), name=journey.__name__)
            for how_many, journey in journeys
            for _ in range(how_many)
        ]
        keeping = [asyncio.create_task(self._keep_books()), asyncio.create_task(self._keep_offices())]
        try:
            await _first_failure_or(stop, [*people, *keeping])
            self._ends_at = time.monotonic() + FINISHING_SECONDS
            await asyncio.wait(people, timeout=FINISHING_SECONDS + 2 * ATTEMPT_SECONDS)
        finally:
            for task in (*people, *keeping):
                task.cancel()
            outcomes = await asyncio.gather(*people, *keeping, return_exceptions=True)
            self.ledger.collect_mails(self.city.home.mail)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def _again_and_again(self, journey: Callable[[], Awaitable[bool]], stop: asyncio.Event) -> None:
        while not stop.is_set():
            if not await journey():  # there was nothing to do
                await asyncio.sleep(0.5)

    async def _keep_books(self) -> None:
        while True:
            self.ledger.collect_mails(self.city.home.mail)
            await asyncio.sleep(1)

    async def _keep_offices(self) -> None:
        """Each new day the school administration sees to the cohorts that are to be invited now."""
        while True:
            await asyncio.sleep(2)
            if self.city.clock.today() != self._ordered_on:
                await self._keep_school_years_open()

    # -- one request -----------------------------------------------------------------------------------------------

    async def do(
        self,
        service: str,
        path: str,
        body: Any = None,
        *,
        by: Person,
        method: str = "POST",
        about: str | None = None,
        version: int | None = None,
        expects: Iterable[str] = (),
        said: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Reply:
        """Have something done: one request, repeated until there is an answer, with its place in the ledger."""
        key = key or str(new_id())
        traceparent = new_traceparent()
        await self._pace.turn()
        asked = self.ledger.ask(
            service,
            method,
            path,
            by=by.name,
            key=key,
            trace_id=traceparent.split("-")[1],
            about=about,
            expects=tuple(expects),
            said=said,
        )
        headers = {"idempotency-key": key, "traceparent": traceparent}
        if version is not None:
            headers["if-match"] = f'"{version}"'
        attempts, failures = 0, dict[str, int]()
        answered = False
        try:
            reply, attempts = await self._insist(method, service, path, body, by, headers, failures)
            if reply.status:
                told = _told(reply) | {"replayed": True} if attempts > 1 else _told(reply)
                self.ledger.answer(asked, reply.status, attempts=attempts, told=told, failures=failures)
                answered = True
            return reply
        finally:
            if not answered:
                self.ledger.give_up(asked, attempts=max(attempts, sum(failures.values()) + 1), failures=failures)

    async def see(self, service: str, path: str, *, by: Person, **params: Any) -> Reply:
        """Read something; whatever the answer is."""
        await self._pace.turn()
        reply, _ = await self._insist("GET", service, path, None, by, {}, {}, params=params)
        if reply.accepted:
            self.ledger.reads += 1
            self.ledger.served(service)
        return reply

    async def _insist(
        self,
        method: str,
        service: str,
        path: str,
        body: Any,
        by: Person,
        headers: dict[str, str],
        failures: dict[str, int],
        *,
        params: Mapping[str, Any] | None = None,
    ) -> tuple[Reply, int]:
        """Send until there is an answer; returns it with the number of attempts. Status 0: none came in time."""
        content = None if body is None else json.dumps(body).encode()
        url = self.city.addresses.services[service].api + path
        attempts = 0
        while True:
            attempts += 1
            sent_at = datetime.now(UTC)
            try:
                token = await self._people.token(by.name)
                response = await self._http.request(
                    method,
                    url,
                    content=content,
                    params=params,
                    headers=headers
                    | {"authorization": f"Bearer {token}"}
                    | ({"content-type": "application/json"} if content is not None else {}),
                )
                failure = str(response.status_code)
                conflict = response.status_code == httpx.codes.CONFLICT and failures.get("409", 0) < MOST_CONFLICTS
                if response.status_code not in AGAIN and not conflict:
                    tag = response.headers.get("etag", "").strip('"')
                    read = response.json() if response.content else None
                    return Reply(response.status_code, read, int(tag) if tag.isdecimal() else None), attempts
            except (httpx.HTTPError, TownError, ValueError) as error:
                failure = type(error).__name__
            failures[failure] = failures.get(failure, 0) + 1
            self.ledger.failed(service, failure, sent_at)
            if self._ends_at is not None and time.monotonic() > self._ends_at:
                return Reply(0), attempts
            await asyncio.sleep(PAUSES[min(attempts - 1, len(PAUSES) - 1)] * self._rng.uniform(0.7, 1.3))

    # -- cases -----------------------------------------------------------------------------------------------------

    def _case(self, service: str, path: str, case_id: str, reader: Person, reply: Reply) -> Case:
        return Case(service, f"{path}/{case_id}", case_id, reader, reply.body, reply.version)

    async def _carry(self, case: Case, plan: Plan) -> bool:
        """Take the steps that `plan` wants, each on the version that was seen last; returns whether it came to an end.

        Where somebody else was first, or the case is not what it was (a period ended, a database was set back), it is read
        again and the plan looks anew.
        """
        refusals = 0
        while (step := plan(case)) is not None:
            reply = await self.do(
                case.service,
                f"{case.path}/{step.path}",
                step.body,
                by=step.by,
                about=case.case_id,
                version=case.version,
                expects=step.expects,
            )
            if reply.accepted and step.named:
                case.view, case.version = reply.body, reply.version
                continue
            refusals += not reply.accepted
            if not reply.status or refusals > 3 or not await self._look_again(case):
                return False
        return True

    async def _look_again(self, case: Case) -> bool:
        seen = await self.see(case.service, case.path, by=case.reader)
        if not seen.accepted:
            return False
        case.view, case.version = seen.body, seen.version
        return True

    # -- journeys: each returns whether there was something to do --------------------------------------------------

    async def _family(self) -> bool:
        """One or two adults move in, some with a child of five; a clerk enters them; some want e-mails."""
        number, rng, clerk = next(self._numbers), self._rng, staff("clerk", "registration")
        name = f"Probe-{self._tag}{_in_letters(number)}".title()
        adults = [("Ada", "de"), ("Ben", "de"), ("Cem", "en"), ("Dea", "en")][: rng.choice((1, 2, 2))]
        with_child = rng.random() < 0.35
        key, since = str(new_id()), self.city.clock.today() - timedelta(days=3)
        form = {
            "moved_in_on": since.isoformat(),
            "address": address(f"Proofweg {key}"),
            "landlord_confirmation": landlord(since) if rng.random() < 0.8 else None,
            "persons": [
                {
                    "given_names": given,
                    "family_name": name,
                    "date_of_birth": _born(since, 30 + place),
                    "language": language,
                    "is_declarant": place == 0,
                }
                for place, (given, language) in enumerate(adults)
            ]
            + [
                {
                    "given_names": "Kim",
                    "family_name": name,
                    "date_of_birth": _born(since, 5),
                    "custodian_positions": list(range(len(adults))),
                }
            ]
            * with_child,
        }
        path = "/v1/move-ins"
        opened = await self.do("registration", path, form, by=clerk, key=key)
        if not opened.accepted:
            return True
        ids = [person["person_id"] for person in opened.body["persons"]]
        people = []
        for place, (given, language) in enumerate(adults):
            email = f"probe-{self._tag}-{number}-{place}@proof.example"
            person = Person(f"{given} {name}", UUID(ids[place]), email)
            await self._add_citizen(person, language)
            people.append(Resident(person))
            if rng.random() < 0.6:
                await self._wants_email(person)
        expects = ["registration.resident-registered.v1", "registration.postal-address-changed.v1"] * len(ids)
        expects += ["registration.school-age-child-registered.v1"] * with_child
        case = self._case("registration", path, opened.body["case_id"], clerk, opened)
        await self._carry(case, self._declared(clerk, tuple(expects), since, close=rng.random() < 0.3))
        if case.state in ("registered", "closed"):
            self.residents += people
            if with_child:
                until = time.monotonic() + INVITATION_SECONDS
                self._children.append(ExpectedChild(ids[-1], people[0], until))
        return True

    async def _add_citizen(self, person: Person, language: str) -> None:
        """The login comes from the issuer, which is no part of what is tested; it is asked until it answers."""
        assert person.person_id is not None
        while True:
            try:
                await self._people.add_citizen(person.name, person.person_id, person.email, language)
            except httpx.HTTPError:
                await asyncio.sleep(PAUSES[-1])
            else:
                return

    async def _wants_email(self, person: Person) -> None:
        wishes = {"email": person.email, "language": None, "email_notice": True}
        said = {"person_id": str(person.person_id), "email": person.email}
        await self.do(
            "notifications",
            "/v1/preferences",
            wishes,
            by=person,
            method="PUT",
            about=said["person_id"],
            expects=["notifications.contact-preferences-changed.v1"],
            said=said,
        )

    def _declared(self, clerk: Person, entered: tuple[str, ...], since: date, *, close: bool) -> Plan:
        """What a clerk does with a declaration."""

        def plan(case: Case) -> Step | None:
            match case.state:
                case "awaiting-confirmation":
                    return Step("landlord-confirmation", clerk, body=landlord(since), named=True)
                case "submitted":
                    return Step("register", clerk, entered, named=True)
                case "registered" if close:
                    return Step("close", clerk, named=True)
            return None

        return plan

    async def _build(self) -> bool:
        """Somebody hands in a building application; two caseworkers decide it."""
        if not self.residents:
            return False
        rng, clerk, lead = self._rng, staff("clerk", "permits"), staff("lead", "permits")
        builder = rng.choice(self.residents).person
        incomplete, withdraws, heard = rng.random() < 0.25, rng.random() < 0.07, rng.random() < 0.2
        approves, agencies = rng.random() < 0.8, rng.sample(AGENCIES, rng.choice((1, 2)))
        key = str(new_id())
        form = application(f"Proof {key}: a winter garden", ALL_DOCUMENTS[1:] if incomplete else ALL_DOCUMENTS)
        path = "/v1/applications"
        opened = await self.do(
            "permits",
            path,
            form,
            by=builder,
            key=key,
            expects=["permits.application-submitted.v1", "permits.case-opened.v1"],
        )
        if not opened.accepted:
            return True
        case = self._case("permits", path, opened.body["application_id"], clerk, opened)

        def plan(case: Case) -> Step | None:
            view = case.view
            match case.state:
                case "submitted" if withdraws:
                    return Step("withdrawal", builder, ("permits.application-withdrawn.v1", MOVED), named=True)
                case "submitted" if (view.get("desk") or {}).get("missing_documents"):
                    request = {"documents": ["site-plan"], "reasons": "The site plan is missing.", "period_days": 28}
                    wanted = ("permits.documents-requested.v1", MOVED, "permits.case-documents-requested.v1")
                    return Step("document-requests", clerk, wanted, request)
                case "documents-requested":
                    supplied = {"documents": [document("site-plan")]}
                    return Step("documents", builder, ("permits.documents-supplied.v1", MOVED), supplied)
                case "submitted":
                    return Step("completeness", clerk, ("permits.application-complete.v1", MOVED), named=True)
                case "complete" if heard:
                    asked = (*("permits.agency-heard.v1",) * len(agencies), MOVED)
                    return Step("hearings", clerk, asked, {"agencies": agencies})
                case "consulting":
                    waiting = [one["agency"] for one in view["hearings"] if one["outcome"] is None]
                    path = f"hearings/{waiting[0]}/response"
                    answered = ("permits.agency-responded.v1", *(() if waiting[1:] else (MOVED,)))
                    return Step(path, clerk, answered, {"outcome": "no-objection"})
                case "complete" | "deciding" if not _is_proposed(view):
                    proposal = (
                        {"decision": "approve", "conditions": []}
                        if approves
                        else {"decision": "refuse", "grounds": ["distance-areas"], "reasons": "Too near."}
                    )
                    return Step("proposals", clerk, body=proposal)
                case "complete" | "deciding":
                    outcome = "approved" if approves else "refused"
                    ours = (f"permits.application-{outcome}.v1", "permits.fee-noticed.v1")
                    told = (*ours, MOVED, "permits.case-decided.v1", "permits.fee-charged.v1")
                    return Step("decision", lead, told, {"verdict": "confirm"}, named=True)
            return None

        if not incomplete or await self._look_again(case):
            await self._carry(case, plan)
        return True

    async def _enrol(self) -> bool:
        """Parents who were invited register their child, a clerk confirms, a school takes it."""
        now = time.monotonic()
        child = self._next_child(now)
        if child is None:
            return False
        listed = await self.see("schooling", "/v1/enrolments", by=child.mother.person)
        invited = [
            one
            for one in (listed.body["items"] if listed.accepted else ())
            if one["child"]["child_id"] == child.child_id
        ]
        if not invited:
            if now < child.until and self._ends_at is None:
                child.look_at = now + LOOK_SECONDS
                self._children.append(child)
            return True
        clerk, mother = staff("clerk", "schooling"), child.mother.person
        schools = self._rng.sample(sorted(self._schools.values()), 2)
        case_id = invited[0]["enrolment_id"]
        case = Case("schooling", f"/v1/enrolments/{case_id}", case_id, clerk, invited[0], None)

        def plan(case: Case) -> Step | None:
            match case.state:
                case "invited":
                    wishes = {
                        "first_choice": schools[0],
                        "second_choice": schools[1],
                        "documents": ["birth-certificate", "measles-protection"],
                    }
                    return Step("registration", mother, ("schooling.enrolment-received.v1",), wishes, named=True)
                case "received" if case.view["missing_documents"]:  # custody, where one person has it alone
                    return Step("document-requests", clerk, ("schooling.documents-requested.v1",), named=True)
                case "documents-requested":
                    return Step("documents", mother, body={"documents": case.view["missing_documents"]}, named=True)
                case "received":
                    return Step("confirmation", clerk, ("schooling.enrolment-confirmed.v1",), {}, named=True)
                case "confirmed":
                    return Step("acceptance", clerk, ("schooling.child-accepted.v1",), {}, named=True)
            return None

        if await self._look_again(case):
            await self._carry(case, plan)
        return True

    def _next_child(self, now: float) -> ExpectedChild | None:
        for _ in range(len(self._children)):
            child = self._children.popleft()
            if child.look_at <= now:
                return child
            self._children.append(child)
        return None

    async def _move(self) -> bool:
        """Somebody moves within the city, once."""
        resident = next((one for one in self.residents if not one.moved), None)
        if resident is None or self._rng.random() < 0.5:
            return False
        resident.moved = True
        key, today, clerk = str(new_id()), self.city.clock.today(), staff("clerk", "registration")
        form = {
            "moved_on": today.isoformat(),
            "address": address(f"Proofneuweg {key}"),
            "person_ids": [str(resident.person.person_id)],
            "landlord_confirmation": landlord(today) if self._rng.random() < 0.8 else None,
        }
        opened = await self.do("registration", "/v1/moves", form, by=resident.person, key=key)
        if opened.accepted:
            case = self._case("registration", "/v1/moves", opened.body["case_id"], clerk, opened)
            expects = ("registration.resident-moved.v1", "registration.postal-address-changed.v1")
            await self._carry(case, self._declared(clerk, expects, today, close=False))
        return True

    async def _read(self) -> bool:
        """Somebody looks into their inbox and reads what is new."""
        if not self.residents:
            return False
        resident = self._rng.choice(self.residents)
        if resident.reading:
            return False
        resident.reading = True
        try:
            inbox = await self.see("notifications", "/v1/messages", by=resident.person, limit=20)
            unread = [one for one in (inbox.body["items"] if inbox.accepted else ()) if one["read_at"] is None]
            for message in unread[:3]:
                message_id = message["message_id"]
                await self.do(
                    "notifications",
                    f"/v1/messages/{message_id}/read",
                    by=resident.person,
                    about=message_id,
                    expects=["notifications.message-read.v1"],
                )
        finally:
            resident.reading = False
        return True

    async def _keep_school_years_open(self) -> None:
        """Schools with places, and the invitations of the cohorts whose school year is still to come."""
        today, lead = self.city.clock.today(), staff("lead", "schooling")
        if not self._schools:
            known = await self.see("schooling", "/v1/schools", by=lead, limit=100)
            self._schools = {one["name"]: one["school_id"] for one in known.body["items"] if one["name"] in SCHOOLS}
            for name in SCHOOLS:
                if name not in self._schools:
                    added = await self.do("schooling", "/v1/schools", {"name": name}, by=lead)
                    self._schools[name] = added.body["school_id"]
        years = [today.year + more for more in range(3) if today < date(today.year + more, 8, 1)]
        before = self._ordered_on
        if before is None or before.year != today.year or (before < date(today.year, 8, 1)) != (years[0] == today.year):
            for year in years:
                for school_id in self._schools.values():
                    places = {"school_year": year, "places": PLACES}
                    await self.do("schooling", f"/v1/schools/{school_id}/capacities", places, by=lead)
                await self.do("schooling", f"/v1/cohorts/{year}/invitation", by=lead, said={"ordered": year})
        self._ordered_on = today


async def _first_failure_or(stop: asyncio.Event, tasks: list["asyncio.Task[None]"]) -> None:
    """Wait for `stop`, or until a task fails: a load that has broken down must not look like a quiet city."""
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()


def _told(reply: Reply) -> dict[str, Any]:
    """Of an answer, the ids and states that the checker holds the services' records against."""
    body = reply.body
    if not isinstance(body, dict):
        return {}
    if reply.status >= 400:
        return {"problem": body.get("type")}
    told = {name: body[name] for name in ("state", "reference", "message_id", "school_id") if name in body}
    case_id = body.get("case_id") or body.get("application_id") or body.get("enrolment_id")
    if case_id is not None:
        told |= {"case_id": case_id, "version": reply.version}
    if persons := body.get("persons"):
        told["persons"] = [person["person_id"] for person in persons]
    return told


def _is_proposed(view: Mapping[str, Any]) -> bool:
    return bool((view.get("desk") or {}).get("proposal"))


def _born(day: date, age: int) -> str:
    """The birthday of somebody who has been `age` for a hundred days."""
    day -= timedelta(days=100)
    if (day.month, day.day) == (2, 29):
        day -= timedelta(days=1)
    return day.replace(year=day.year - age).isoformat()


def _in_letters(number: int) -> str:
    """A number in letters: names have no digits."""
    letters = ""
    while True:
        number, digit = divmod(number, len(LETTERS))
        letters = LETTERS[digit] + letters
        if not number:
            return letters
