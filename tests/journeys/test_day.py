"""What people live through in the city: the journeys that `town day` plays, as promises that must hold."""

import pytest
from town.day import JOURNEYS, Journey
from town.day.city import City


@pytest.mark.timeout(240)
@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.title.lower().replace(" ", "-"))
async def test_the_city_keeps_its_promises(city: City, journey: Journey) -> None:
    await journey.play(city)
