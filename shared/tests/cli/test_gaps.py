"""`amtsbus gaps`: a reader that misses events shows which, and gets them from their publisher over the bus."""

from uuid import UUID

import pytest
from amtsbus.cli import run


async def lost(library, *titles: str, after: str = "later") -> UUID:
    """A loan of which `titles` never reach the reminder service, and one event after them."""
    loan: UUID = await library.lend("first")
    await library.bus.settled()
    for title in titles:
        await lose(library, loan, title)
    await library.lend(after, loan)
    await library.bus.settled()
    return loan


async def lose(library, loan: UUID, title: str) -> None:
    """Append an event that the relay believes to be published: to everybody else it never happened."""
    async with library.lending.transaction() as tx:
        await library.append_lent(tx, loan, title)
        await tx.execute("DELETE FROM amtsbus.unpublished")


async def test_nothing_is_missing(library, amtsbus):
    assert (await amtsbus("gaps", "list", "reminders")).out == "nothing is missing\n"
    outcome = await amtsbus("gaps", "ask", "reminders", "--why", "routine")
    assert (outcome.exit_code, outcome.out) == (0, "nothing is missing\n")
    assert await library.operator_actions(library.reminders) == []


async def test_the_list_shows_stream_and_sequences(running, amtsbus):
    loan = await lost(running, "second", "third")
    await lose(running, loan, "fifth")
    await running.lend("sixth", loan)
    await running.bus.settled()
    outcome = await amtsbus("gaps", "list", "reminders")
    assert outcome.exit_code == 0
    for told in ("reminders.loans", "lending.loan.events", str(loan), "2-3, 5"):
        assert told in outcome.out
    [missing] = (await amtsbus("gaps", "list", "reminders", "--json")).json
    assert (missing["stream_id"], missing["ranges"], missing["events"]) == (str(loan), [[2, 3], [5, 5]], 3)
    assert (await amtsbus("gaps", "list", "reminders", "--consumer", "reminders.other", "--json")).json == []


async def test_what_is_asked_for_comes_once_and_closes_the_gap(running, amtsbus):
    loan = await lost(running, "second", "third")
    other = await running.lend("untouched")
    outcome = await amtsbus("gaps", "ask", "reminders", "--why", "ticket 4711", "--wait", "30", "--by", "op-17")
    assert outcome.exit_code == 0, outcome.err
    assert outcome.out == "asked for 2 events of 1 streams\nnothing is missing any more\n"
    assert await running.effects(loan) == ["first", "later", "second", "third"]
    await running.bus.settled()
    assert await running.effects(loan) == ["first", "later", "second", "third"]
    assert await running.effects(other) == ["untouched"]


async def test_who_asked_and_who_answered_is_on_record(running, amtsbus):
    loan = await lost(running, "second")
    await amtsbus("gaps", "ask", "reminders", "--why", "ticket 4711", "--wait", "30", "--by", "op-17")
    about = f"events of stream {loan} of lending.loan.events"
    assert await running.operator_actions(running.reminders) == [("op-17", "ask for missing events", f"1 {about}")]
    assert await running.operator_actions(running.lending) == [
        ("reminders", "replay on request", f"1 events of lending.loan.events, stream {loan}")
    ]
    async with running.reminders.transaction() as tx:
        assert await tx.fetchval("SELECT why FROM amtsbus.operator_actions") == "ticket 4711"


async def test_what_the_publisher_does_not_have_remains(running, amtsbus):
    loan = await lost(running, "second")
    async with running.reminders.transaction() as tx:
        await tx.execute(
            "INSERT INTO amtsbus.gaps SELECT consumer, topic, stream_id, 77 FROM amtsbus.gaps WHERE stream_id = $1",
            loan,
        )
    outcome = await amtsbus("gaps", "ask", "reminders", "--why", "ticket 4711", "--wait", "4", "--json")
    assert outcome.exit_code == 1
    assert outcome.json["events"] == 2
    [remaining] = outcome.json["remaining"]
    assert remaining["ranges"] == [[77, 77]]
    assert "1 events of 1 streams are still missing after 4 s" in outcome.err


async def test_many_streams_are_asked_for_page_by_page(library, amtsbus, monkeypatch):
    monkeypatch.setattr("amtsbus.cli.gaps._PAGE", 2)
    async with library.reminders.transaction() as tx:
        await tx.execute(
            "INSERT INTO amtsbus.gaps (consumer, topic, stream_id, sequence) "
            "SELECT 'reminders.loans', 'lending.loan.events', gen_random_uuid(), 1 FROM generate_series(1, 5)"
        )
    outcome = await amtsbus("gaps", "ask", "reminders", "--why", "ticket 4711", "--json")
    assert (outcome.exit_code, outcome.json["streams"], outcome.json["events"]) == (0, 5, 5)
    async with library.reminders.transaction() as tx:
        assert await tx.fetchval("SELECT count(DISTINCT stream_id) FROM amtsbus.events") == 5


async def test_only_one_group_asks(running, amtsbus):
    await lost(running, "second")
    outcome = await amtsbus("gaps", "ask", "reminders", "--consumer", "reminders.other", "--why", "routine", "--json")
    assert outcome.json["streams"] == 0


async def test_a_service_that_declares_no_requests_names_the_other_way(library, amtsbus):
    outcome = await amtsbus("gaps", "ask", "lending", "--why", "routine")
    assert outcome.exit_code == 1
    assert "amtsbus journal replay PUBLISHER" in outcome.err


@pytest.mark.parametrize("why", [[], ["--why", "  "]])
def test_whoever_asks_says_why(capsys, why):
    assert run(["gaps", "ask", "reminders", *why]) == 2
    assert "--why needs a reason" in capsys.readouterr().err
