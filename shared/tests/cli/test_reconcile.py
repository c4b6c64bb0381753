"""`amtsbus reconcile`: whether a reader has seen everything that was published, and how what it has not seen is mended."""

import json
from datetime import timedelta
from uuid import UUID

import pytest
from amtsbus.cli import run
from amtsbus.ids import new_id

from .test_gaps import lose, lost

LIVE = ("reconcile", "reminders", "--publisher", "lending")


async def compared(amtsbus, *arguments: str, live: tuple[str, ...] = LIVE):
    """(exit code, the differences by kind, the findings as (kind, stream, first, last, circumstance))."""
    outcome = await amtsbus(*live, "--json", *arguments)
    assert outcome.out, outcome.err
    [topic] = outcome.json["topics"]
    findings = [
        (one["kind"], UUID(one["stream_id"]), one["first"], one["last"], one["circumstance"])
        for one in outcome.json["findings"]
    ]
    return outcome.exit_code, topic["differing"], findings


async def change_memory(library, statement: str, *arguments):
    async with library.reminders.transaction() as tx:
        await tx.execute(statement, *arguments)


async def test_where_everything_was_seen_nothing_is_missing(running, amtsbus):
    loans = [await running.lend(f"book {n}") for n in range(5)]
    await running.give_back(loans[0])
    await running.bus.settled()
    outcome = await amtsbus(*LIVE)
    assert outcome.exit_code == 0, outcome.err
    assert outcome.out.endswith("nothing is missing\n")
    [topic] = (await amtsbus(*LIVE, "--json")).json["topics"]
    assert topic == {
        "group": "reminders.loans",
        "topic": "lending.loan.events",
        "streams": 5,
        "events": 6,
        "differing": {},
    }


async def test_a_lost_last_event_is_found_noted_asked_for_and_takes_effect_once(running, amtsbus):
    loan = await running.lend("first")
    await running.bus.settled()
    await lose(running, loan, "second")
    await lose(running, loan, "third")
    assert await compared(amtsbus) == (1, {"missing": 2}, [("missing", loan, 2, 3, None)])
    outcome = await amtsbus(*LIVE, "--note", "--why", "topic was lost", "--by", "op-17")
    assert outcome.exit_code == 1
    assert "2 gaps noted" in outcome.out
    assert await running.operator_actions(running.reminders) == [
        ("op-17", "note missing events", "2 events of lending.loan.events that reminders.loans misses")
    ]
    assert await compared(amtsbus) == (1, {"noted": 2}, [("noted", loan, 2, 3, None)])
    outcome = await amtsbus("gaps", "ask", "reminders", "--why", "topic was lost", "--wait", "30")
    assert outcome.exit_code == 0, outcome.err
    assert await running.effects(loan) == ["first", "second", "third"]
    assert await compared(amtsbus) == (0, {}, [])


async def test_the_commands_that_mend_it_are_named(running, amtsbus):
    await lose(running, new_id(), "never seen")
    outcome = await amtsbus(*LIVE)
    assert "mend it with: amtsbus reconcile reminders --publisher lending --note --why TEXT" in outcome.out
    assert "mend it with: amtsbus gaps ask reminders --why TEXT" in outcome.out


async def test_a_case_of_which_nothing_ever_came_is_found_and_mended(running, amtsbus):
    loan = new_id()
    await lose(running, loan, "first")
    await lose(running, loan, "second")
    assert await compared(amtsbus) == (1, {"missing": 2}, [("missing", loan, 1, 2, None)])
    await amtsbus(*LIVE, "--note", "--why", "topic was lost")
    await running.lend("third", loan)
    await running.bus.settled()
    assert (await amtsbus("gaps", "ask", "reminders", "--why", "topic was lost", "--wait", "30")).exit_code == 0
    assert sorted(await running.effects(loan)) == ["first", "second", "third"]


async def test_what_only_the_inbox_tells_is_found_and_mended(running, amtsbus):
    loan = await lost(running, "second")
    await change_memory(running, "DELETE FROM amtsbus.gaps")
    circumstance = "later events were handled, this one is not in the inbox"
    assert await compared(amtsbus) == (1, {"missing": 1}, [("missing", loan, 2, 2, circumstance)])
    assert "1 gaps noted" in (await amtsbus(*LIVE, "--note", "--why", "a reader was wrong")).out
    assert (await amtsbus("gaps", "ask", "reminders", "--why", "a reader was wrong", "--wait", "30")).exit_code == 0
    assert await running.effects(loan) == ["first", "later", "second"]


async def test_only_what_is_newer_is_compared_event_by_event(running, amtsbus):
    await lost(running, "second")
    await change_memory(running, "DELETE FROM amtsbus.gaps")
    assert await compared(amtsbus, "--since", "2099-01-01") == (0, {}, [])


async def test_a_gap_of_an_event_that_was_seen_is_taken_out(running, amtsbus):
    loan = await running.lend()
    await running.bus.settled()
    await change_memory(
        running,
        "INSERT INTO amtsbus.gaps (consumer, topic, stream_id, sequence) VALUES ('reminders.loans', $1, $2, 1)",
        "lending.loan.events",
        loan,
    )
    code, differing, _ = await compared(amtsbus)
    assert (code, differing) == (1, {"noted": 1, "noted_but_seen": 1})
    await amtsbus(*LIVE, "--note", "--why", "clean-up")
    assert await compared(amtsbus) == (0, {}, [])


async def test_what_waits_in_kafka_is_on_the_way(library, amtsbus):
    await library.start("lending")
    loan = await library.lend("first")
    await library.bus.settled()
    assert await compared(amtsbus, "--wait", "0") == (0, {"on_the_way": 1}, [("on_the_way", loan, 1, 1, None)])


async def test_what_the_relay_has_not_published_is_on_the_way(library, amtsbus, kafka, topic_prefix):
    await library.start("reminders")
    loan = await library.lend("first")
    assert await compared(amtsbus, "--wait", "0") == (
        0,
        {"on_the_way": 1},
        [("on_the_way", loan, 1, 1, "not published yet")],
    )


async def test_what_is_parked_is_no_loss_and_is_never_noted(running, amtsbus):
    loan = await running.lend("unreadable")
    await running.give_back(loan)
    await running.bus.settled()
    assert await compared(amtsbus) == (0, {"parked": 2}, [("parked", loan, 1, 2, None)])
    await lose(running, loan, "third")
    code, differing, findings = await compared(amtsbus, "--note", "--why", "topic was lost")
    assert (code, differing) == (1, {"parked": 2, "missing": 1})
    assert findings[-1] == ("missing", loan, 3, 3, "its key is parked: retry first")
    assert (await amtsbus("gaps", "list", "reminders")).out == "nothing is missing\n"


async def test_a_reader_that_is_ahead_of_its_publisher_says_so(running, amtsbus):
    known, unknown = await running.lend(), new_id()
    await running.bus.settled()
    await change_memory(running, "UPDATE amtsbus.high_water_marks SET sequence = 4")
    await change_memory(
        running,
        "INSERT INTO amtsbus.high_water_marks VALUES ('reminders.loans', 'lending.loan.events', $1, 2, $1, now())",
        unknown,
    )
    code, differing, findings = await compared(amtsbus)
    assert (code, differing) == (1, {"unknown_to_publisher": 5})
    assert set(findings) == {
        ("unknown_to_publisher", known, 2, 4, "the journal ends before"),
        ("unknown_to_publisher", unknown, 1, 2, "the journal ends before"),
    }


async def test_another_event_at_the_same_place_is_found(running, amtsbus):
    loan = await running.lend()
    await running.bus.settled()
    await change_memory(running, "UPDATE amtsbus.high_water_marks SET event_id = $1", new_id())
    assert await compared(amtsbus) == (
        1,
        {"unknown_to_publisher": 1},
        [("unknown_to_publisher", loan, 1, 1, "another event is there")],
    )


async def test_many_streams_are_compared_page_by_page(running, amtsbus, monkeypatch):
    monkeypatch.setattr("amtsbus.reconcile.PAGE", 2)
    monkeypatch.setattr("amtsbus.cli.reconcile._NOTED_AT_ONCE", 2)
    seen = [await running.lend() for _ in range(7)]
    await running.bus.settled()
    never = [new_id() for _ in range(5)]
    for loan in (*never, *seen[:3]):
        await lose(running, loan, "lost")
    code, differing, findings = await compared(amtsbus)
    assert (code, differing) == (1, {"missing": 8})
    assert {stream for _, stream, *_ in findings} == {*never, *seen[:3]}
    outcome = await amtsbus(*LIVE, "--note", "--why", "topic was lost", "--limit", "1")
    assert "8 gaps noted" in outcome.out
    assert "the first 1 findings" in outcome.out
    assert (await amtsbus("gaps", "ask", "reminders", "--why", "topic was lost", "--wait", "30")).exit_code == 0
    assert await compared(amtsbus) == (0, {}, [])


async def test_a_file_of_heads_stands_in_for_the_publishers_database(running, amtsbus, tmp_path, monkeypatch):
    loan, other = await running.lend("first"), await running.lend("first")
    await running.bus.settled()
    await lose(running, loan, "second")
    file = tmp_path / "lending.heads"
    outcome = await amtsbus("journal", "heads", "lending", "--file", str(file))
    assert (outcome.exit_code, outcome.out) == (0, f"2 streams written to {file}\n")
    monkeypatch.delenv("LENDING_DATABASE_URL")
    live = ("reconcile", "reminders", "--heads", str(file))
    assert await compared(amtsbus, live=live) == (1, {"missing": 1}, [("missing", loan, 2, 2, None)])
    assert "1 gaps noted" in (await amtsbus(*live, "--note", "--why", "topic was lost")).out
    assert (await amtsbus("gaps", "ask", "reminders", "--why", "topic was lost", "--wait", "30")).exit_code == 0
    assert await running.effects(loan) == ["first", "second"]
    assert await running.effects(other) == ["first"]


async def test_what_happened_after_the_file_was_made_is_not_unknown(running, amtsbus, tmp_path, clock):
    await running.lend("first")
    await running.bus.settled()
    file = tmp_path / "lending.heads"
    await amtsbus("journal", "heads", "lending", "--file", str(file))
    made_at = json.loads(file.read_text().splitlines()[0])["made_at"]
    clock.advance(timedelta(days=10_000))
    await running.lend("after the file was made")
    await running.bus.settled()
    assert made_at < clock.now().isoformat()
    assert await compared(amtsbus, live=("reconcile", "reminders", "--heads", str(file))) == (0, {}, [])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "line 1 does not say whose heads these are"),
        (
            '{"service": "lending", "made_at": "2026-03-02T09:00:00+00:00"}\n{"topic": 1',
            "line 2 is no head of a stream",
        ),
    ],
)
async def test_a_file_that_is_none_is_one_line(library, amtsbus, tmp_path, content, told):
    file = tmp_path / "lending.heads"
    file.write_text(content)
    outcome = await amtsbus("reconcile", "reminders", "--heads", str(file))
    assert (outcome.exit_code, outcome.err.count("\n")) == (1, 1)
    assert told in outcome.err


async def test_kafka_being_away_is_one_line(library, amtsbus, monkeypatch):
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    outcome = await amtsbus(*LIVE)
    assert outcome.exit_code == 1
    assert outcome.err.startswith("amtsbus: Kafka does not answer")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["reconcile", "reminders"], "say whose journal"),
        ([*LIVE, "--note"], "--why needs a reason"),
        ([*LIVE, "--since", "yesterday"], "'yesterday' is no date or time"),
        (["reconcile", "reminders", "--heads", "/nowhere"], "/nowhere"),
    ],
)
def test_a_comparison_that_is_not_understood_is_refused(capsys, arguments, told):
    assert run(arguments) == 2
    assert told in capsys.readouterr().err


async def test_a_service_that_reads_nothing_of_the_publisher_says_so(library, amtsbus):
    outcome = await amtsbus("reconcile", "reminders", "--publisher", "reminders")
    assert outcome.exit_code == 2
    assert "reminders reads nothing of reminders" in outcome.err
