"""The city of the campaign comes up, with the witness that the town does not have."""

from pathlib import Path

import pytest

from tests.proof.city import WITNESS, ProofCity


@pytest.mark.timeout(240)
async def test_the_city_serves_with_its_witness_and_is_whole(tmp_path: Path) -> None:
    said: list[str] = []
    async with ProofCity.serving(tmp_path, sabotage=None, say=said.append) as city:
        assert f"{WITNESS}-worker" in city.processes
        assert await city.whole(seconds=60) == []
