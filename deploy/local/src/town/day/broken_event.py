"""Journey 6: one case cannot be handled; it is parked and shown, mended and retried, and every other goes on."""

import json
from typing import Any

from town.day import building
from town.day.city import City
from town.day.residents import settle
from town.people import staff

TITLE = "A broken event"
RULE = "demo_rule_of_a_hasty_change"


async def play(city: City) -> None:
    """A hasty change of the database refuses one citizen's letters: park, look, mend, retry, in order."""
    clerk, lead = staff("clerk", "permits"), staff("lead", "permits")
    [unlucky] = await settle(city, "Demo-Pechvogel", [("Petra", 46)])
    [other] = await settle(city, "Demo-Glückspilz", [("Gabriel", 39)])
    async with city.database("notifications") as connection:
        # Two days that overlap would be two rules; the first one's rest is removed with the second's.
        await connection.execute(f"ALTER TABLE messages DROP CONSTRAINT IF EXISTS {RULE}")
        await connection.execute(
            f"ALTER TABLE messages ADD CONSTRAINT {RULE} CHECK (person_id <> '{unlucky.person_id}') NOT VALID"
        )
    city.notes("somebody has changed notifications' database in haste: it refuses one citizen's messages")
    try:
        receipt = await building.submit(city, unlucky, "A terrace")
        case_id = receipt.body["application_id"]
        city.says(unlucky, f"applies: {receipt.body['reference']}")
        await city.follows("permits.application-submitted.v1", application_id=case_id)
        await building.declare_complete(city, receipt, clerk)
        await building.approve(city, receipt, clerk, lead)
        await city.follows("permits.fee-noticed.v1", application_id=case_id)
        parked = await city.until("the case is parked with all its events", lambda: _parked(city, case_id, waiting=3))
        city.notes(f"parked: {parked['event_type']}, and {parked['waiting']} events of this case wait behind it")

        meanwhile = await building.submit(city, other, "A pond")
        city.says(other, f"applies meanwhile: {meanwhile.body['reference']}")
        await city.letter(other, "permits.application-submitted", containing=meanwhile.body["reference"])
        city.expect(not await building.case_letters(city, unlucky), "nothing of the parked case was told")

        shown = await city.operate(
            "notifications", "deadletters", "show", "notifications", str(parked["dead_letter_id"])
        )
        reason = next(line for line in shown.splitlines() if line.startswith("reason:"))
        city.notes(reason)
        city.expect(RULE in reason, "the reason names the cause")
        city.expect(str(unlucky.person_id) not in shown, "what is shown says nothing about the person")
    finally:
        async with city.database("notifications") as connection:
            await connection.execute(f"ALTER TABLE messages DROP CONSTRAINT IF EXISTS {RULE}")
    city.says("operator", "mends the cause: the rule is dropped")
    await city.operate(
        "notifications",
        *("deadletters", "retry", "notifications", str(parked["dead_letter_id"])),
        *("--why", "the hasty rule is dropped"),
    )
    await building.letters_in_order(
        city, unlucky, "application-submitted", "application-complete", "application-approved", "fee-noticed"
    )
    await city.letter(unlucky, "permits.application-approved")
    city.notes("all four letters, in the order of what happened")
    city.expect(await _parked(city, case_id, waiting=0) is None, "nothing of this case is parked any more")


async def _parked(city: City, case_id: str, *, waiting: int) -> dict[str, Any] | None:
    """The parked case, once so many events wait behind the one that failed."""
    async with city.database("notifications") as connection:
        row = await connection.fetchrow(
            """SELECT min(dead_letter_id) AS dead_letter_id, count(*) - 1 AS waiting,
                      (array_agg(event_type ORDER BY dead_letter_id))[1] AS event_type
               FROM amtsbus.dead_letters WHERE state = 'parked' AND key = $1""",
            case_id.encode(),
        )
    found = dict(row) if row and row["dead_letter_id"] is not None and row["waiting"] >= waiting else None
    return json.loads(json.dumps(found)) if found else None
