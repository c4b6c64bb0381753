"""The schedule of a campaign is decided by its seed, has every kind in it, and hurts nothing twice at the same time."""

from hypothesis import given, settings
from hypothesis import strategies as st
from town.configuration import DEPARTMENTS

from tests.proof import topics_of_the_city
from tests.proof.faults import KINDS, Terminate
from tests.proof.schedule import Planned, schedule
from tests.proof.targets import CITY, QUIET

seeds = st.integers(min_value=0, max_value=2**63)
counts = st.integers(min_value=0, max_value=120)
durations = st.floats(min_value=0.5, max_value=30)


@settings(max_examples=25)
@given(seeds, counts, durations)
def test_a_seed_plays_the_same_schedule_again(seed: int, faults: int, minutes: float) -> None:
    assert schedule(seed, faults, minutes, kinds=KINDS) == schedule(seed, faults, minutes, kinds=KINDS)


def test_different_seeds_play_different_schedules() -> None:
    played = {tuple(map(str, schedule(seed, 20, 5, kinds=KINDS))) for seed in range(20)}
    assert len(played) == 20


@settings(max_examples=25)
@given(seeds, counts, durations)
def test_the_faults_are_spread_over_the_time_in_order(seed: int, faults: int, minutes: float) -> None:
    planned = schedule(seed, faults, minutes, kinds=KINDS)
    times = [one.at_seconds for one in planned]
    assert [one.number for one in planned] == list(range(1, faults + 1))
    assert times == sorted(times)
    assert all(0 <= at <= minutes * 60 + 0.1 for at in times)


@settings(max_examples=25)
@given(seeds)
def test_every_kind_comes_before_any_comes_twice(seed: int) -> None:
    first = schedule(seed, 40, 8, kinds=KINDS)[: len(KINDS)]
    assert {one.kind for one in first} == {kind.name for kind in KINDS}


@settings(max_examples=25)
@given(seeds)
def test_what_is_not_possible_here_is_replaced_and_nothing_else_changes(seed: int) -> None:
    everything = schedule(seed, 60, 10, kinds=KINDS)
    without = schedule(seed, 60, 10, kinds=KINDS, left_out=("disk-full",))
    assert not any(one.kind == "disk-full" for one in without)
    assert [one.kind for one in without] == [
        KINDS[0].name if one.kind == "disk-full" else one.kind for one in everything
    ]


def test_two_faults_at_the_same_time_have_different_targets_while_there_is_a_choice() -> None:
    """Twelve seconds a fault: there is nearly always something else to hurt."""
    clashes = 0
    for seed in range(100):
        planned = schedule(seed, 40, 8, kinds=KINDS)
        clashes += sum(
            one.target == other.target and other.at_seconds < one.at_seconds + one.seconds
            for place, one in enumerate(planned)
            for other in planned[place + 1 :]
        )
    assert clashes < 100 * 40 * 0.01


@settings(max_examples=25)
@given(seeds)
def test_only_what_is_there_is_hurt(seed: int) -> None:
    known = {*CITY.services, *CITY.topics, "kafka", "postgres", "mail", "clock"}
    known |= {f"{service}-{kind}" for service in CITY.services for kind in ("api", "worker")} | {"witness-worker"}
    linked = (*CITY.services, CITY.witness, "all")
    known |= {f"{server}:{service}" for server in ("kafka", "postgres") for service in linked}
    for one in schedule(seed, 60, 10, kinds=KINDS):
        if one.kind == "failpoint":
            assert one.target.partition(".")[0] in (*CITY.services, CITY.witness)
        else:
            assert one.target in known


def test_the_targets_are_those_of_the_city() -> None:
    listed = topics_of_the_city()
    read = {topic.name for topic in listed if topic.name.endswith(".events") and topic.readers}
    assert sorted(CITY.services) == sorted(DEPARTMENTS)
    assert {*CITY.topics, *QUIET} == read
    assert set(CITY.readers) == {reader.service for topic in listed if topic.name in read for reader in topic.readers}


def test_a_fault_is_told_in_one_line() -> None:
    planned = Planned(7, 12.34, Terminate.name, "kafka", {"seconds": 2.5})
    assert str(planned) == "   12.3 s  #7   terminate kafka (seconds 2.50)"
