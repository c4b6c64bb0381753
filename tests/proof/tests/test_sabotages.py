"""The campaign itself is tested: where a promise of the chassis is broken on purpose, it has to say so.

Each run is short, and its schedule makes sure that the sabotage bites: processes die exactly where it matters.
"""

import json
import sys
from collections.abc import Mapping, Sequence

import pytest

from tests.proof.campaign import Order, Result, run
from tests.proof.schedule import Planned

pytestmark = [pytest.mark.proof, pytest.mark.timeout(900)]

MINUTES = 1.0


def at_the_seams(kills: Sequence[str]) -> list[Planned]:
    """Somebody is killed at each of these failpoints, one after the other."""
    spacing = MINUTES * 60 / len(kills)
    return [
        Planned(
            number, round((number - 1) * spacing, 1), "failpoint", point, {"seconds": spacing - 1, "action": "kill"}
        )
        for number, point in enumerate(kills, start=1)
    ]


async def outcome(kills: Sequence[str], sabotage: str | None) -> tuple[Result, Mapping[str, int]]:
    said: list[str] = []
    order = Order(
        seed=1, faults=len(kills), minutes=MINUTES, sabotage=sabotage, drain_seconds=40, plan=at_the_seams(kills)
    )
    result = await run(order, said.append)
    sys.stdout.write("\n".join([*said, json.dumps(result.told)]))
    return result, result.told


async def test_without_an_inbox_effects_are_doubled() -> None:
    kills = ["witness.reader.committed", "notifications.reader.committed", "permits.relay.acknowledged"] * 2
    result, told = await outcome(kills, "inbox")
    assert not result.kept
    assert told["doubled"] > 0


async def test_a_mark_before_the_publish_loses_events() -> None:
    kills = ["permits.relay.read", "registration.relay.read", "schooling.relay.read", "permits.relay.sent"]
    result, told = await outcome(kills, "mark")
    assert not result.kept
    assert told["lost"] > 0


async def test_an_offset_before_the_commit_loses_effects() -> None:
    kills = ["witness.reader.handled", "notifications.reader.handled"] * 2
    result, told = await outcome(kills, "offset")
    assert not result.kept
    assert told["lost"] > 0


async def test_the_same_faults_without_a_sabotage_break_nothing() -> None:
    kills = ["witness.reader.committed", "permits.relay.read", "notifications.reader.handled", "permits.relay.sent"]
    result, _ = await outcome(kills, None)
    assert result.kept
