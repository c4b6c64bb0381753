"""The small parts of the city under test: its disk, its metrics, its connections."""

import errno
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.proof.city import at_port, samples_of
from tests.proof.disk import SmallDisk
from tests.proof.faults import KINDS, Cut, Failpoint, Fault, persist
from tests.proof.targets import CITY

MEGABYTE = 2**20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    mounted = SmallDisk.mounted(tmp_path / "disk", 8 * MEGABYTE)
    if mounted is None:
        pytest.skip("nobody may mount a disk here")
    yield mounted
    mounted.unmount()


def test_a_full_disk_takes_nothing_more_until_it_is_freed(disk: SmallDisk) -> None:
    (disk.folder / "before").write_bytes(bytes(MEGABYTE))

    assert disk.fill()
    with pytest.raises(OSError) as refused:  # noqa: PT011 - the number is checked below
        (disk.folder / "more").write_bytes(bytes(MEGABYTE))
    assert refused.value.errno == errno.ENOSPC

    disk.free()
    (disk.folder / "more").write_bytes(bytes(MEGABYTE))
    assert (disk.folder / "before").read_bytes() == bytes(MEGABYTE)


def test_samples_are_values_by_name_and_labels_without_buckets() -> None:
    text = """\
# HELP amtsbus_relay_failures_total Passes of the relay that failed
# TYPE amtsbus_relay_failures_total counter
amtsbus_relay_failures_total{reason="OSError"} 3.0
amtsbus_relay_failures_created{reason="OSError"} 1.7e+09
amtsbus_reader_batch_seconds_bucket{consumer="a",le="0.1"} 7.0
amtsbus_reader_batch_seconds_count{consumer="a"} 9.0
process_start_time_seconds 1795539698.96
python_gc_objects_collected_total{generation="0"} 12.0
"""
    assert samples_of(text) == {
        'amtsbus_relay_failures_total{reason="OSError"}': 3.0,
        'amtsbus_reader_batch_seconds_count{consumer="a"}': 9.0,
        "process_start_time_seconds": 1795539698.96,
    }


def test_a_url_is_led_to_another_port() -> None:
    assert (
        at_port("postgresql://a:b%40c@127.0.0.1:5432/permits?x=1", 99)
        == "postgresql://a:b%40c@127.0.0.1:99/permits?x=1"
    )


def test_connections_of_all_are_everybodys() -> None:
    links = {"kafka:permits", "kafka:witness", "postgres:permits", "smtp"}

    class City:
        pass

    city = City()
    city.links = dict.fromkeys(links)  # type: ignore[attr-defined] # all that it asks for
    assert Cut("kafka:all", {}).holds(city) == ("kafka:permits", "kafka:witness")  # type: ignore[arg-type]
    assert Cut("postgres:permits", {}).holds(city) == ("postgres:permits",)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_of_fault_ends_within_half_a_minute(kind: type[Fault]) -> None:
    drafts = [kind.draft(Random(seed), CITY) for seed in range(50)]
    assert all(0 <= float(draft.parameters.get("seconds", 0)) <= 30 for draft in drafts)
    assert len({draft.target for draft in drafts}) > 1 or kind.name in ("mail", "clock", "disk-full")


def test_failpoints_are_at_every_seam() -> None:
    points = {Failpoint.draft(Random(seed), CITY).target.partition(".")[2] for seed in range(500)}
    assert points == {
        "journal.appended",
        "http.committed",
        "relay.read",
        "relay.sent",
        "relay.acknowledged",
        "reader.handled",
        "reader.committed",
        "mail.accepted",
    }


async def test_who_persists_gets_there_when_the_server_is_back() -> None:
    attempts = 0

    async def attempt() -> str:
        nonlocal attempts
        attempts += 1
        if attempts < 2:
            raise ConnectionRefusedError
        return "done"

    assert await persist(attempt) == "done"
    attempts = -100
    with pytest.raises(ConnectionRefusedError):
        await persist(attempt, seconds=0)
