"""Journey 7: a person with a disclosure block; their address is in no event, log or dead letter but where it must be."""

import asyncio
import json
from pathlib import Path

from town.day import building
from town.day.city import City
from town.day.residents import roman, settle
from town.people import staff

TITLE = "A person with a disclosure block"
PERMITTED = "registration.postal-address.events"
"""The one topic that carries addresses; notifications alone reads it."""


async def play(city: City) -> None:
    """Block, go on living, and look everywhere for the address."""
    secret = f"Demo-Schutzgasse-{roman(city.number)}"
    clerk, lead = staff("clerk", "registration"), staff("lead", "registration")
    [protected] = await settle(city, "Demo-Schutz", [("Sibel", 44)], street=secret)

    grounds = {"person_id": str(protected.person_id), "grounds": "Demo: facts that justify the assumption of a danger"}
    proposal = await city.post("registration", "/v1/disclosure-blocks", grounds, by=clerk)
    city.says(clerk, "proposes a disclosure block")
    path = f"/v1/disclosure-blocks/{proposal.headers['location'].rpartition('/')[2]}/grant"
    await city.post("registration", path, by=lead, version=proposal.version)
    city.says(lead, "grants it: from now on nobody is told the address")
    await city.follows(
        "registration.postal-address-changed.v1", person_id=protected.person_id, disclosure_blocked=True, told=False
    )

    receipt = await building.submit(city, protected, "A wall around the garden")
    city.says(protected, f"applies for a permit all the same: {receipt.body['reference']}")
    await building.declare_complete(city, receipt, staff("clerk", "permits"))
    await building.approve(city, receipt, staff("clerk", "permits"), staff("lead", "permits"))
    letter = await city.letter(protected, "permits.application-approved")
    city.expect(any(secret in line for line in letter["postal_address"]), "letters still reach the protected person")

    await _only_for_those_who_may(city, secret, str(protected.person_id))
    await _nowhere_else(city, secret)


async def _only_for_those_who_may(city: City, secret: str, person_id: str) -> None:
    """A clerk finds nobody; a lead says why, and that is recorded."""
    clerk, lead, auditor = (staff(role, "registration") for role in ("clerk", "lead", "auditor"))
    record = f"/v1/persons/{person_id}"
    hidden = await city.ask("GET", "registration", record, by=clerk)
    city.expect(hidden.status == 404, "for a clerk there is no such person")
    unasked = await city.ask("GET", "registration", record, by=lead)
    city.expect(unasked.status == 422, "a lead has to say why")
    shown = await city.ask("GET", "registration", record, by=lead, headers={"access-purpose": "Demo: a summons"})
    city.expect(shown.status == 200 and secret in json.dumps(shown.body), "then the lead sees it")
    reads = (await city.get("registration", f"{record}/reads", by=auditor)).body["items"]
    city.expect(any(read["purpose"] == "Demo: a summons" for read in reads), "and the reading is recorded")
    city.says(lead, "may read the record for a stated purpose, which is logged; a clerk finds nobody")


async def _nowhere_else(city: City, secret: str) -> None:
    """Look for the address in every event, dead letter and log."""
    told = [event for event in city.watcher.events if secret in json.dumps([event.data, event.headers, event.key])]
    city.expect(told, "the search finds what is there: the topic for letters carries the address")
    city.expect({event.topic for event in told} == {PERMITTED}, "no other topic does")
    for service in city.addresses.services:
        async with city.database(service) as connection:
            parked = await connection.fetchval(
                """SELECT count(*) FROM amtsbus.dead_letters
                   WHERE topic NOT LIKE '%' || $2 AND (position(convert_to($1, 'UTF8') IN value) > 0
                         OR strpos(concat(reason, traceback, headers), $1) > 0)""",
                secret,
                PERMITTED,
            )
        city.expect(parked == 0, f"no dead letter of {service} carries the address")
    logs = [*city.home.logs.glob("*.log"), city.home.postgres / "postgres.log", city.home.kafka / "kafka.log"]
    loud = await asyncio.to_thread(_containing, [log for log in logs if log.exists()], secret)
    city.expect(not loud, f"no log carries the address (found in {', '.join(loud)})")
    city.says(
        "auditor", f"searched {len(city.watcher.events)} events, {len(logs)} logs and all dead letters: nowhere else"
    )


def _containing(files: list[Path], text: str) -> list[str]:
    return [file.name for file in files if text.encode() in file.read_bytes()]
