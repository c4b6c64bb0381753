"""Journey 2: a building application without its site plan."""

from datetime import date, timedelta

from town.browser import TownBrowser
from town.day import building
from town.day.city import City
from town.day.residents import settle
from town.people import Person, staff

TITLE = "A building application without its site plan"


async def play(city: City) -> None:
    """Receipt, documents requested and supplied, complete, three agencies (one silent), approved by two, fee."""
    clerk, lead = staff("clerk", "permits"), staff("lead", "permits")
    [builder] = await settle(city, "Demo-Bauer", [("Bernd", 41)])

    without_plan = tuple(code for code in building.ALL_DOCUMENTS if code != "site-plan")
    receipt = await building.submit(city, builder, "A house for one family with a garage", without_plan)
    case_id, reference = receipt.body["application_id"], receipt.body["reference"]
    city.says(builder, f"applies for a permit and forgets the site plan: {reference}")
    submitted = await city.follows("permits.application-submitted.v1", application_id=case_id)
    city.expect(
        submitted.data["completeness_due_on"] == receipt.body["completeness_due_on"], "one date, told everywhere"
    )
    await city.letter(builder, "permits.application-submitted", containing=reference)

    request = {"documents": ["site-plan"], "reasons": "The site plan is missing.", "period_days": 28}
    await building.step(city, receipt, "document-requests", request, by=clerk)
    city.says(clerk, "asks for the site plan within 28 days")
    await city.follows("permits.documents-requested.v1", application_id=case_id, documents=["site-plan"])
    await city.letter(builder, "permits.documents-requested", containing=reference)

    city.moves_to(city.clock.today() + timedelta(days=5), "the surveyor takes five days")
    await building.step(city, receipt, "documents", {"documents": [building.document("site-plan")]}, by=builder)
    city.says(builder, "supplies the site plan")
    await city.follows("permits.documents-supplied.v1", application_id=case_id)

    await building.declare_complete(city, receipt, clerk)
    city.says(clerk, "finds the application complete: the legal clock starts")
    complete = await city.follows("permits.application-complete.v1", application_id=case_id)
    await city.letter(builder, "permits.application-complete", containing=reference)

    agencies = ["fire-protection", "nature-conservation", "water-authority"]
    await building.step(city, receipt, "hearings", {"agencies": agencies}, by=clerk)
    city.says(clerk, f"asks three agencies at once: {', '.join(agencies)}")
    silent_until = date.min
    for agency in agencies:
        heard = await city.follows("permits.agency-heard.v1", application_id=case_id, agency=agency)
        silent_until = max(silent_until, date.fromisoformat(heard.data["due_on"]))
    city.moves_to(city.clock.today() + timedelta(days=9), "the agencies read")
    for agency, answer in (
        ("fire-protection", {"outcome": "conditions", "conditions": ["second-escape-route"]}),
        ("nature-conservation", {"outcome": "no-objection"}),
    ):
        await building.step(city, receipt, f"hearings/{agency}/response", answer, by=clerk)
        city.says(agency, f"answers: {answer['outcome']}")
        await city.follows("permits.agency-responded.v1", application_id=case_id, agency=agency)
    city.moves_to(silent_until + timedelta(days=1), "the water authority stays silent until its period ends")
    await city.follows(
        "permits.agency-responded.v1", application_id=case_id, agency="water-authority", outcome="silent"
    )

    await building.approve(city, receipt, clerk, lead, ("second-escape-route",))
    city.says(clerk, "proposes to approve, with a second escape route")
    city.says(lead, "confirms it: the decision is taken by two people")
    approved = await city.follows("permits.application-approved.v1", application_id=case_id)
    fee = await city.follows("permits.fee-noticed.v1", application_id=case_id)
    city.expect(approved.data["valid_until"] > approved.data["decided_on"], "the permit is valid for a while")
    city.expect(fee.data["fee_cents"] > 0, "the permit costs something")
    city.expect(approved.data["decided_on"] <= complete.data["decision_due_on"], "the decision came within its period")
    await city.letter(builder, "permits.application-approved", containing=reference)
    await city.letter(builder, "permits.fee-noticed", containing=reference)
    await building.letters_in_order(
        city,
        builder,
        "application-submitted",
        "documents-requested",
        "application-complete",
        "application-approved",
        "fee-noticed",
    )
    city.notes("five letters, in the order of what happened")
    await _read_in_portal(city, builder, f"Baugenehmigung {reference}")


async def _read_in_portal(city: City, builder: Person, subject: str) -> None:
    async with TownBrowser(city.addresses, builder.name) as browser:
        await browser.open("/login?return=/letters")

        async def there() -> bool:
            return subject in (await browser.open("/letters")).links

        await city.until("the letter is in the portal", there)
        page = await browser.follow(subject)
        city.expect("Klage erheben" in page.text, "a decision says what can be done against it")
        pdf = await browser.client.get(f"{page.url}/pdf")
        city.expect(pdf.content.startswith(b"%PDF-"), "the letter is a PDF")
    city.says(
        builder, f"finds it in the portal, though not applied there, and saves it as PDF ({len(pdf.content):,} bytes)"
    )
