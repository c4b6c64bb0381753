"""Journey 3: the builder moves house in the middle; the decision reaches the new address."""

from town.day import building
from town.day.city import City
from town.day.residents import move_within, settle
from town.people import staff

TITLE = "The builder moves house in the middle"


async def play(city: City) -> None:
    """Apply, move, be decided upon: the letter names the new address."""
    clerk, lead = staff("clerk", "permits"), staff("lead", "permits")
    [builder] = await settle(city, "Demo-Umzug", [("Uwe", 52)], street="Demo-Altweg")
    receipt = await building.submit(city, builder, "A dormer on the garden side")
    reference = receipt.body["reference"]
    city.says(builder, f"applies for a permit: {reference}")
    await building.declare_complete(city, receipt, clerk)
    before = await city.letter(builder, "permits.application-complete", containing=reference)
    city.expect(any("Demo-Altweg" in line for line in before["postal_address"]), "letters go to the old address")

    await move_within(city, builder, street="Demo-Neuweg")
    await building.approve(city, receipt, clerk, lead)
    city.says(lead, "confirms the approval")
    await city.follows("permits.application-approved.v1", application_id=receipt.body["application_id"])
    decision = await city.letter(builder, "permits.application-approved", containing=reference)
    city.notes(f"it is addressed to {', '.join(decision['postal_address'][1:])}")
    city.expect(
        any("Demo-Neuweg" in line for line in decision["postal_address"]), "the decision goes to the new address"
    )
    city.expect(not any("Demo-Altweg" in line for line in decision["postal_address"]), "and not to the old one")
