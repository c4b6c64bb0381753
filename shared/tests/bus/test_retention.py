"""Months leave the journal for the archive: whole, verified, oldest first; and the streams go on counting."""

import asyncio
import errno
import gzip
import os
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest
from amtsbus import retention
from amtsbus.ids import new_id
from amtsbus.relay import record_of
from amtsbus.retention import ArchiveError, archive_month, verify
from hypothesis import given
from hypothesis import strategies as some

from .lending import LENDING, BookLentV1
from .past import Past

JANUARY, FEBRUARY = date(2016, 1, 1), date(2016, 2, 1)
IN_JANUARY, IN_FEBRUARY = datetime(2016, 1, 15, 12, tzinfo=UTC), datetime(2016, 2, 15, 12, tzinfo=UTC)
BY = {"by": "op-17", "why": "records schedule"}


@pytest.fixture
async def lending(service_database):
    return await service_database(LENDING)


@pytest.fixture
async def past(lending, owner_url):
    past = await Past.of(owner_url(lending))
    yield past
    await past.owner.close()


@pytest.fixture
async def loans(past):
    """Three loans of January 2016; two of the books came back in February."""
    loans = [new_id() for _ in range(3)]
    for number, loan in enumerate(loans):
        await past.append(IN_JANUARY + timedelta(hours=number), loan, f"Straße {number}\u2028")
    for loan in loans[:2]:
        await past.append(IN_FEBRUARY, loan)
    return loans


async def journal(past):
    return await past.owner.fetch("SELECT * FROM amtsbus.events ORDER BY position")


async def months(past):
    return await past.owner.fetchval(
        "SELECT array_agg(substr(relname, 8) ORDER BY relname) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid "
        "WHERE inhparent = 'amtsbus.events'::regclass AND relname < 'events_2017'"
    )


async def test_a_month_leaves_and_its_file_holds_every_event_as_it_was(past, loans, tmp_path, settings_of, lending):
    before = await journal(past)
    left = await archive_month(past.owner, "lending", JANUARY, tmp_path, **BY)
    assert left.file == tmp_path / "lending.2016-01.jsonl.gz"
    assert left.file.stat().st_mode & 0o777 == 0o600
    assert verify(left.file) == left.description
    assert (left.description.events, left.description.first_position, left.description.last_position) == (3, 1, 3)
    in_file = list(retention.events([left.file]))
    assert in_file == [dict(row) for row in before[:3]]
    settings = settings_of(LENDING, lending)
    assert [record_of(event, settings) for event in in_file] == [record_of(row, settings) for row in before[:3]]
    assert await journal(past) == before[3:]
    assert await months(past) == ["2016_02"]
    assert await past.owner.fetchrow("SELECT month, events, sha256 FROM amtsbus.archived_months") == (
        JANUARY,
        3,
        left.description.sha256,
    )
    action = await past.owner.fetchrow("SELECT done_by, action, about, why FROM amtsbus.operator_actions")
    assert tuple(action) == (
        "op-17",
        "archive a month of the journal",
        f"2016-01: 3 events, lending.2016-01.jsonl.gz, sha256 {left.description.sha256}",
        "records schedule",
    )


async def test_a_stream_whose_events_have_left_goes_on_counting(past, loans, tmp_path, lending):
    await archive_month(past.owner, "lending", JANUARY, tmp_path, **BY)
    async with lending.transaction() as tx:
        await tx.append(loans[2], BookLentV1(loan_id=loans[2], title="again"), expected=1)
        assert await tx.fetchval("SELECT sequence FROM amtsbus.events WHERE stream_id = $1", loans[2]) == 2


async def test_a_month_with_an_event_that_is_not_published_stays(past, loans, tmp_path):
    before = await journal(past)
    await past.append(IN_JANUARY, loans[0], published=False)
    with pytest.raises(ArchiveError, match="1 events of 2016-01 are not published; it stays until they are"):
        await archive_month(past.owner, "lending", JANUARY, tmp_path, **BY)
    assert len(await journal(past)) == len(before) + 1
    assert list(tmp_path.iterdir()) == []


async def test_what_is_put_back_at_the_last_moment_keeps_its_month(
    past, loans, tmp_path, monkeypatch, owner_url, lending
):
    """A replay puts an event back after the month was looked at, and before it is detached."""
    other = await asyncpg.connect(owner_url(lending))
    write = retention._write

    async def meanwhile(*arguments):
        await write(*arguments)
        await other.execute(
            "INSERT INTO amtsbus.unpublished "
            "SELECT position, appended_at, topic, stream_id FROM amtsbus.events WHERE position = 1"
        )

    monkeypatch.setattr(retention, "_write", meanwhile)
    before = await journal(past)
    with pytest.raises(ArchiveError, match="not published"):
        await archive_month(past.owner, "lending", JANUARY, tmp_path, **BY)
    assert await journal(past) == before
    assert await months(past) == ["2016_01", "2016_02"]
    await other.close()


async def test_the_oldest_month_leaves_first(past, loans, tmp_path):
    with pytest.raises(ArchiveError, match="2016-01 is older and has to leave first"):
        await archive_month(past.owner, "lending", FEBRUARY, tmp_path, **BY)


async def test_a_month_into_which_a_clock_was_set_back_stays(past, loans, tmp_path):
    """A later event of a stream lies in the earlier month, so the file would be published before what belongs before it."""
    await past.append(IN_JANUARY, loans[0])
    with pytest.raises(ArchiveError, match=f"the clock was set back at the end of 2016-01.*{loans[0]}"):
        await archive_month(past.owner, "lending", JANUARY, tmp_path, **BY)


async def test_two_who_appended_at_the_turn_of_the_month_do_not_keep_it(past, loans, tmp_path):
    """Another stream's event took its position later and its time earlier: no stream is out of order."""
    await past.append(IN_JANUARY, new_id(), "Egmont")
    left = await archive_month(past.owner, "lending", JANUARY, tmp_path, **BY)
    assert left.description.last_position == 6
    second = await archive_month(past.owner, "lending", FEBRUARY, tmp_path, **BY)
    assert [event["position"] for event in retention.events([left.file, second.file])] == [1, 2, 3, 4, 5, 6]


async def test_interrupted_before_its_end_it_is_simply_called_again(past, loans, tmp_path, monkeypatch):
    before = await journal(past)

    async def interrupted(*_):
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(retention, "_leave", interrupted)
        with pytest.raises(ConnectionError):
            await archive_month(past.owner, "lending", JANUARY, tmp_path, **BY)
    assert await journal(past) == before
    [file] = tmp_path.iterdir()
    written = file.read_bytes()
    await archive_month(past.owner, "lending", JANUARY, tmp_path, **BY)
    assert file.read_bytes() == written
    assert await months(past) == ["2016_02"]


async def test_a_file_of_the_same_name_with_something_else_is_not_overwritten(past, loans, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    february = retention.file_name("lending", FEBRUARY)
    await archive_month(past.owner, "lending", JANUARY, other, **BY)
    (other / retention.file_name("lending", JANUARY)).rename(other / february)
    with pytest.raises(ArchiveError, match="exists and holds something else"):
        await archive_month(past.owner, "lending", FEBRUARY, other, **BY)
    assert await months(past) == ["2016_02"]


async def test_a_month_stays_when_its_file_reads_differently(past, loans, tmp_path, monkeypatch):
    before = await journal(past)
    line_of = retention.line_of
    lines = iter(range(100))

    def forgetful(row):
        """The second time round, when the file is written, a line is not what it was."""
        return line_of(dict(row) | ({"data": "{}"} if next(lines) == 4 else {}))

    monkeypatch.setattr(retention, "line_of", forgetful)
    with pytest.raises(ArchiveError, match="is damaged"):
        await archive_month(past.owner, "lending", JANUARY, tmp_path, **BY)
    assert await journal(past) == before
    assert list(tmp_path.iterdir()) == []


async def test_a_full_disk_is_one_line_and_nothing_is_lost(past, loans, tmp_path, monkeypatch):
    before = await journal(past)

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArchiveError, match="cannot be written: No space left on device"):
        await archive_month(past.owner, "lending", JANUARY, tmp_path, **BY)
    assert await journal(past) == before
    assert list(tmp_path.iterdir()) == []


async def test_the_library_works_on_while_a_month_leaves(past, loans, tmp_path, lending):
    """A transaction that appends takes its time, and the month cannot be detached before its end: nobody waits for that."""
    slow = new_id()
    async with lending.transaction() as tx:
        await tx.append(slow, BookLentV1(loan_id=slow, title="slow"))
        leaving = asyncio.create_task(archive_month(past.owner, "lending", JANUARY, tmp_path, **BY))
        async with asyncio.timeout(30):
            waits = (
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock' "
                "AND relation = 'amtsbus.events'::regclass"
            )
            while not await tx.fetchval(waits):
                await asyncio.sleep(0.01)
            for number in range(20):
                loan = new_id()
                async with lending.transaction() as other:
                    await other.append(loan, BookLentV1(loan_id=loan, title=f"{number}"))
        assert not leaving.done()
    await leaving
    assert await months(past) == ["2016_02"]


# -- files ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def archived(past, loans, tmp_path):
    return (await archive_month(past.owner, "lending", JANUARY, tmp_path, **BY)).file


def rewritten(file, change):
    """The file with its lines changed, packed again."""
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    file.write_bytes(gzip.compress(b"".join(change(lines))))


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: [lines[0], lines[1].replace(b"Stra", b"stra"), *lines[2:]],
        lambda lines: [lines[0].replace(b"2016-01", b"2016-02"), *lines[1:]],
        lambda lines: [lines[0].replace(b'"events": 3', b'"events": 2'), *lines[1:]],
        lambda lines: lines[1:],
        lambda lines: [b"{}\n", *lines[1:]],
        lambda lines: [lines[0], b"no JSON\n"],
        lambda _: [],
    ],
)
async def test_a_changed_file_is_noticed(archived, change):
    rewritten(archived, change)
    with pytest.raises(ArchiveError, match=r"lending\.2016-01\.jsonl\.gz"):
        verify(archived)


async def test_a_file_that_was_cut_short_or_is_no_archive_is_noticed(archived):
    whole = archived.read_bytes()
    for broken in (whole[:-9], whole[: len(whole) // 2], b"", b"something else", whole[:40] + b"\0" + whole[41:]):
        archived.write_bytes(broken)
        with pytest.raises(ArchiveError, match=r"lending\.2016-01\.jsonl\.gz"):
            verify(archived)


async def test_a_refill_wants_every_month_that_has_left_and_no_other(archived, past, tmp_path):
    left = await retention.archived(past.owner)
    assert retention.files_of("lending", left, tmp_path) == [archived]
    with pytest.raises(ArchiveError, match="is not the file with which 2016-01 left the journal of lending"):
        retention.files_of("lending", {JANUARY: "0" * 64}, tmp_path)
    archived.unlink()
    with pytest.raises(ArchiveError, match="does not exist"):
        retention.files_of("lending", left, tmp_path)


moments = some.datetimes(min_value=datetime(1970, 1, 1), timezones=some.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(
    some.fixed_dictionaries(
        {
            "position": some.integers(1, 2**62),
            "event_id": some.uuids(),
            "topic": some.text(min_size=1),
            "stream_id": some.uuids(),
            "sequence": some.integers(1, 2**31 - 1),
            "type": some.text(min_size=1),
            "data": some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0")),
            "traceparent": some.none() | some.text(),
            "occurred_at": moments,
            "appended_at": moments,
        }
    )
)
def test_an_event_is_the_same_after_the_archive(event):
    line = retention.line_of(event)
    assert line.count(b"\n") == 1
    assert retention.event_of(line) == event


# -- the rule -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "kept"), [("P10Y", 120), ("P6M", 6), ("P1Y6M", 18), (" p2y ", 24)])
def test_a_rule_is_years_and_months(rule, kept):
    assert retention.months_of_rule(rule) == kept


@pytest.mark.parametrize("rule", ["", "P", "10Y", "P0Y", "P3D", "P1Y2W", "P-1Y", "ten years"])
def test_another_rule_is_refused(rule):
    with pytest.raises(ValueError, match="write years and months"):
        retention.months_of_rule(rule)


@pytest.mark.parametrize(
    ("today", "kept", "first"),
    [
        (date(2026, 11, 24), 120, date(2016, 11, 1)),
        (date(2026, 1, 1), 1, date(2025, 12, 1)),
        (date(2026, 12, 31), 12, date(2025, 12, 1)),
    ],
)
def test_a_month_is_older_than_the_rule_when_its_last_day_is(today, kept, first):
    assert retention.first_kept(today, kept) == first


async def test_only_months_that_are_older_than_the_rule_leave(past, loans):
    today = await past.owner.fetchval("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date")
    since_january = (today.year - 2016) * 12 + today.month - 1
    assert [month.month for month in await retention.leaving(past.owner, since_january)] == []
    assert [month.month for month in await retention.leaving(past.owner, since_january - 1)] == [JANUARY]
    assert [(m.month, m.events) for m in await retention.leaving(past.owner, 12)] == [(JANUARY, 3), (FEBRUARY, 2)]
