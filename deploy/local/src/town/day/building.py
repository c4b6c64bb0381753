"""Steps around building applications that several journeys share."""

import hashlib
from typing import Any

from town.day.city import Answer, City, JourneyFailedError
from town.people import Person

APPLICATIONS = "/v1/applications"
ALL_DOCUMENTS = ("site-plan", "building-drawings", "building-description", "structural-calculation-declaration")


def document(code: str) -> dict[str, Any]:
    """A document as it is handed in: its content is known by its hash."""
    return {
        "code": code,
        "name": f"demo-{code}.pdf",
        "sha256": hashlib.sha256(code.encode()).hexdigest(),
        "size": 482_133,
    }


def application(description: str, documents: tuple[str, ...] = ALL_DOCUMENTS) -> dict[str, Any]:
    """A building application for a small house."""
    return {
        "kind": "new-building",
        "description": description,
        "site": {
            "parcel": {"district": "Wiesdorf", "section": "12", "number": "345/6"},
            "address": {
                "street": "Demostraße",
                "house_number": "7",
                "postal_code": "51373",
                "locality": "Leverkusen",
            },
        },
        "gross_building_sum_cents": 30_000_000,
        "documents": [document(code) for code in documents],
    }


async def submit(city: City, builder: Person, description: str, documents: tuple[str, ...] = ALL_DOCUMENTS) -> Answer:
    """Hand in an application."""
    return await city.post("permits", APPLICATIONS, application(description, documents), by=builder)


async def step(city: City, receipt: Answer, what: str, body: Any, *, by: Person) -> Answer:
    """Take one step of a case on its present version."""
    case = f"{APPLICATIONS}/{receipt.body['application_id']}"
    seen = await city.get("permits", case, by=by)
    return await city.post("permits", f"{case}/{what}", body, by=by, version=seen.version)


async def declare_complete(city: City, receipt: Answer, clerk: Person) -> Answer:
    """The clerk finds nothing missing: the legal clock starts."""
    return await step(city, receipt, "completeness", None, by=clerk)


async def approve(city: City, receipt: Answer, clerk: Person, lead: Person, conditions: tuple[str, ...] = ()) -> Answer:
    """One person proposes the approval, another one takes the decision."""
    body: dict[str, Any] = {"decision": "approve", "conditions": list(conditions)}
    if conditions:
        body["reasons"] = "What the agencies asked for."
    await step(city, receipt, "proposals", body, by=clerk)
    return await step(city, receipt, "decision", {"verdict": "confirm"}, by=lead)


async def case_letters(city: City, builder: Person) -> list[str]:
    """The kinds of the letters about building that somebody has got, in their order."""
    return [letter["kind"] for letter in await city.letters(builder) if letter["kind"].startswith("permits.")]


async def letters_in_order(city: City, builder: Person, *kinds: str) -> None:
    """Wait for exactly these letters about building, in this order and none of them twice.

    Raises:
        JourneyFailedError: others came, or in another order.
    """
    wanted = [f"permits.{kind}" for kind in kinds]

    async def complete() -> bool:
        found = await case_letters(city, builder)
        if found != wanted[: len(found)]:
            raise JourneyFailedError(f"{builder.name} got {found} instead of {wanted}")
        return found == wanted

    await city.until(f"{builder.name} gets the letters {', '.join(kinds)}", complete)
