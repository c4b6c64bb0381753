"""Journey 4: the impatient citizen sends the same application again and again."""

import asyncio

from amtsbus.ids import new_id

from town.day import building
from town.day.city import City
from town.day.residents import settle

TITLE = "The impatient citizen"


async def play(city: City) -> None:
    """Five times at once with one key, and twice with lost answers: one case, one receipt."""
    [citizen] = await settle(city, "Demo-Eilig", [("Emil", 33)])
    form = building.application("A carport, and quickly please")

    key = str(new_id())
    city.says(citizen, "clicks five times: the same application, five requests at once, one key")
    answers = await asyncio.gather(
        *(city.post("permits", building.APPLICATIONS, form, by=citizen, key=key) for _ in range(5))
    )
    city.expect({answer.status for answer in answers} == {201}, "each of the five gets the same good answer")
    city.expect(len({answer.body["reference"] for answer in answers}) == 1, "five answers name one case")
    city.notes(f"five answers, one case: {answers[0].body['reference']}")

    city.says(citizen, "loses the answer twice on a bad line, and sends again with the same key")
    lost = str(new_id())
    token = await city.issuer.token(citizen.name)
    for _ in range(2):
        await _send_and_hang_up(city, token, form, lost)
    again = await city.post("permits", building.APPLICATIONS, form, by=citizen, key=lost)

    cases = (await city.get("permits", building.APPLICATIONS, by=citizen)).body["items"]
    city.expect(len(cases) == 2, "two keys are two cases, however often each was sent")
    for answer in (answers[0], again):
        reference = answer.body["reference"]
        await city.follows("permits.application-submitted.v1", reference=reference)
        await city.letter(citizen, "permits.application-submitted", containing=reference)
    receipts = await building.case_letters(city, citizen)
    city.expect(receipts == ["permits.application-submitted"] * 2, "one receipt for each case")

    other = building.application("Something else under a key that was used already")
    refused = await city.ask("POST", "permits", building.APPLICATIONS, by=citizen, body=other, key=key)
    city.expect(refused.status == 422, "another application under a used key is refused")
    city.notes("another application under the same key: refused")


async def _send_and_hang_up(city: City, token: str, form: dict[str, object], key: str) -> None:
    """Send the whole request and go away before the answer comes."""
    sending = asyncio.create_task(
        city.http.post(
            city.addresses.services["permits"].api + building.APPLICATIONS,
            json=form,
            headers={"authorization": f"Bearer {token}", "idempotency-key": key},
        )
    )
    await asyncio.sleep(0.02)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
