"""A portal with its database, its document store and its pages, and what the offices tell it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from amtsbus.clock import FixedClock
from amtsbus.documents import DocumentStore
from amtsbus.ids import new_id
from amtsbus.postgres import Database
from amtsbus.procedures.checking import Office
from amtsbus.testing.browsing import Browser, File, Page
from portal.domain.letter import Letter
from portal.main import SERVICE
from portal.use_cases.keep_letter import KeepLetter, keep_letter
from portal.use_cases.offer_procedure import OfferProcedure, offer_procedure
from portal.use_cases.record_fee import RecordFee, record_fee
from portal.use_cases.record_move import RecordMove, record_move
from portal.use_cases.record_opening import RecordOpening, record_opening
from portal.use_cases.record_request import RecordRequest, record_request
from portal.use_cases.withdraw_procedure import WithdrawProcedure, withdraw_procedure

from .demo import ERIKA, PDF

TODAY = date(2026, 3, 2)
TORTOISE: dict[str, dict[str, Any]] = {
    "keeper": {
        "Vor- und Nachname": "Erika Demo-Muster",
        "Straße": "Hauptstraße",
        "Hausnummer": "12",
        "Postleitzahl": "51373",
        "Ort": "Leverkusen",
    },
    "tortoises": {"tortoises.0.called": "Demo-Panzer", "tortoises.0.weight": "2,5"},
    "garden": {"Haben Sie einen Garten?": "Nein"},
    "balcony": {"Balkon": "sonnig"},
    "since": {"Geschlüpft am": "1.5.1990", "Gehalten seit": "1.5.2000"},
    "statement": {"Alles stimmt.": True},
}
ORIGIN_PROOF = File("herkunft.pdf", PDF, "application/pdf")


@dataclass
class Portal:
    """The portal, and shorthands for what tests do all the time."""

    database: Database
    clock: FixedClock
    documents: DocumentStore
    open_browser: Callable[..., Any]
    settings: dict[str, Any] = field(default_factory=dict)
    first: Browser | None = None

    async def do(self, use_case: Any, *arguments: Any) -> Any:
        async with self.database.transaction() as tx:
            return await use_case(*arguments, tx)

    async def offer(self, office: Office, *, version: int = 1, only: str | None = None) -> None:
        """The office publishes its procedures, as its events say it."""
        for key, declared in office.procedures.items():
            if only in (None, key):
                command = OfferProcedure(
                    office.declaration.key,
                    key,
                    version,
                    json.loads(declared.model_dump_json(by_alias=True, exclude_none=True)),
                    json.loads(office.declaration.model_dump_json(exclude_none=True)),
                    self.clock.now(),
                )
                await self.do(offer_procedure, command)

    async def withdraw_offer(self, key: str) -> None:
        await self.do(withdraw_procedure, WithdrawProcedure("animals", key, self.clock.now()))

    # Browsers

    async def browser(self, **settings: Any) -> Browser:
        if not settings and self.first is not None:
            return self.first.another()  # of the same app: compiling all templates anew takes longer than most tests
        made: Browser = await self.open_browser(SERVICE, self.database, **(self.settings | settings))
        self.first = self.first or (None if settings else made)
        return made

    async def erika(self, **claims: Any) -> Browser:
        """A browser at which Erika has logged in."""
        browser = await self.browser()
        await browser.log_in(person_id=ERIKA, name="Erika Demo-Muster", **claims)
        return browser

    async def begin(self, browser: Browser, key: str = "tortoise") -> UUID:
        """Begin a draft; returns its id."""
        await browser.open(f"/apply/{key}")
        page = await browser.submit(button="Antrag beginnen")
        return UUID(page.path.split("/")[3])

    async def fill_in(self, browser: Browser, *, until: str = "") -> Page:
        """Fill in a tortoise's registration, to the end or to the page `until`."""
        page = browser.shown
        while page.path.startswith("/apply/") and (step := "/".join(page.path.split("/")[4:])) and step != until:
            if step == "documents/origin_proof":
                page = await browser.submit({"Datei auswählen": ORIGIN_PROOF}, button="Weiter")
            elif step == "documents/lease":
                page = await browser.submit(button="Weiter")
            else:
                page = await browser.submit(TORTOISE[step], button="Weiter")
            assert page.status == 200, page
        return page

    async def apply(self, browser: Browser, key: str = "tortoise") -> UUID:
        """Hand in a tortoise's registration, or what has the same form; returns the application's id."""
        application_id = await self.begin(browser, key)
        await self.fill_in(browser)
        page = await browser.submit(button="Antrag abgeben")
        assert page.path == f"/mine/{application_id}", page
        return application_id

    async def report_cat(self, browser: Browser) -> UUID:
        """Hand in what needs no log-in."""
        application_id = await self.begin(browser, "stray-cat")
        await browser.submit({"Beschreibung": "Eine graue Katze"}, button="Weiter")
        page = await browser.submit(button="Antrag abgeben")
        assert page.path == f"/mine/{application_id}", page
        return application_id

    # What the office says

    async def opened(self, application_id: UUID, reference: str = "TORT-2026-000001") -> None:
        await self.do(
            record_opening, RecordOpening(application_id, reference, "received", date(2026, 6, 2), self.clock.now())
        )

    async def moved(self, application_id: UUID, action: str, state: str, *, closed: bool = False) -> None:
        await self.do(record_move, RecordMove(application_id, action, state, None, closed, self.clock.now()))

    async def asked(self, application_id: UUID, documents: tuple[str, ...] = (), fields: tuple[str, ...] = ()) -> None:
        await self.moved(application_id, "request-documents", "documents-requested")
        request = RecordRequest(application_id, documents, fields, date(2026, 3, 30), self.clock.now())
        await self.do(record_request, request)

    async def charged(self, application_id: UUID, cents: int = 1250) -> None:
        await self.do(record_fee, RecordFee(application_id, cents, date(2026, 4, 1), self.clock.now()))

    async def wrote(self, application_id: UUID, person_id: UUID | None = ERIKA, **changes: Any) -> Letter:
        values: dict[str, Any] = {
            "letter_id": new_id(),
            "case_id": application_id,
            "office": "animals",
            "person_id": person_id or application_id,
            "about": "granted",
            "language": "de",
            "reference": "TORT-2026-000001",
            "addressee": "Erika Demo-Muster",
            "subject": "Ihre Schildkröte ist angemeldet",
            "paragraphs": ("Alles ist gut.",),
            "remedy": "Gegen diesen Bescheid kann Klage erhoben werden.",
            "is_decision": True,
            "verification_code": "7KQ2-M4XD-9TRA",
            "issued_at": self.clock.now(),
        }
        letter = Letter(**(values | changes))
        await self.do(keep_letter, KeepLetter(letter))
        return letter

    # What the world hears

    async def events(self, application_id: UUID) -> list[tuple[str, dict[str, Any]]]:
        """Type and content of an application's events, in order."""
        rows = await self.database.pool.fetch(
            "SELECT type, topic, data FROM amtsbus.events WHERE stream_id = $1 ORDER BY position", application_id
        )
        assert {row["topic"] for row in rows} <= {"portal.animals.applications"}
        return [(row["type"].removeprefix("portal.").removesuffix(".v1"), json.loads(row["data"])) for row in rows]

    async def count(self, table: str) -> int:
        number: int = await self.database.pool.fetchval(f"SELECT count(*) FROM {table}")
        return number
