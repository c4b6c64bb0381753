"""`amtsbus deadletters`: an operator sees why a case stands still, mends the cause, and lets it go on."""

from amtsbus import deadletters
from amtsbus.ids import new_id
from amtsbus.kafka import Record


async def parked_loan(library):
    """A loan whose first event cannot be handled, with its return waiting behind it."""
    loan = await library.lend("unreadable diary of Erna")
    await library.give_back(loan)
    await library.bus.settled()
    return loan


async def first_letter(amtsbus) -> int:
    [key] = (await amtsbus("deadletters", "list", "reminders", "--json")).json
    dead_letter_id: int = key["dead_letter_id"]
    return dead_letter_id


async def test_nothing_is_parked(library, amtsbus):
    outcome = await amtsbus("deadletters", "list", "reminders")
    assert (outcome.exit_code, outcome.out) == (0, "nothing is parked\n")


async def test_the_list_shows_the_case_the_reason_and_how_many_wait(running, amtsbus):
    loan = await parked_loan(running)
    outcome = await amtsbus("deadletters", "list", "reminders")
    assert outcome.exit_code == 0
    for told in (str(loan), "lending.book-lent.v1", "reminders.loans", "LookupError in the handler"):
        assert told in outcome.out
    [key] = (await amtsbus("deadletters", "list", "reminders", "--json")).json
    assert (key["key"], key["waiting"], key["consumer"]) == (str(loan), 2, "reminders.loans")
    assert (await amtsbus("deadletters", "list", "reminders", "--consumer", "reminders.other", "--json")).json == []


async def test_a_dead_letter_is_shown_without_what_it_says_about_people(running, amtsbus):
    await parked_loan(running)
    letter = await first_letter(amtsbus)
    outcome = await amtsbus("deadletters", "show", "reminders", str(letter))
    assert outcome.exit_code == 0
    assert "reason: LookupError in the handler" in outcome.out
    assert "ce_sequence" in outcome.out
    assert '"title": "string"' in outcome.out
    assert "on_book_lent" in outcome.out
    assert "Erna" not in outcome.out
    assert await running.operator_actions(running.reminders) == []


async def test_whoever_looks_at_the_content_is_on_record(running, amtsbus):
    await parked_loan(running)
    letter = await first_letter(amtsbus)
    outcome = await amtsbus(
        "deadletters", "show", "reminders", str(letter), "--with-content", "--by", "op-17", "--json"
    )
    assert outcome.json["value"]["title"] == "unreadable diary of Erna"
    assert await running.operator_actions(running.reminders) == [("op-17", "read-dead-letter", f"dead letter {letter}")]


async def test_after_the_cause_is_mended_the_case_goes_on_in_order(running, amtsbus):
    loan = await parked_loan(running)
    letter = await first_letter(amtsbus)
    await running.mend()
    outcome = await amtsbus("deadletters", "retry", "reminders", str(letter))
    assert outcome.exit_code == 0, outcome.err
    assert "handled" in outcome.out
    assert await running.effects(loan) == ["unreadable diary of Erna", "returned"]
    assert (await amtsbus("deadletters", "show", "reminders", str(letter), "--json")).json["state"] == "handled"


async def test_a_retry_that_fails_again_says_why(running, amtsbus):
    await parked_loan(running)
    outcome = await amtsbus("deadletters", "retry", "reminders", "--all", "--json")
    assert outcome.exit_code == 1
    [key] = outcome.json
    assert (key["outcome"], key["reason"], key["waiting"]) == ("failed again", "LookupError in the handler", 2)
    assert "1 of 1 keys failed again" in outcome.err


async def test_all_keys_of_one_group_are_retried(running, amtsbus):
    loans = [await parked_loan(running) for _ in range(3)]
    await running.mend()
    outcome = await amtsbus("deadletters", "retry", "reminders", "--consumer", "reminders.loans", "--json")
    assert outcome.exit_code == 0
    assert {key["key"] for key in outcome.json} == {str(loan) for loan in loans}
    assert (await amtsbus("deadletters", "list", "reminders")).out == "nothing is parked\n"


async def test_a_skip_needs_a_reason_and_lets_the_rest_go_on(running, amtsbus):
    loan = await parked_loan(running)
    letter = await first_letter(amtsbus)
    outcome = await amtsbus("deadletters", "skip", "reminders", str(letter), "--reason", "sent twice", "--by", "op-17")
    assert outcome.exit_code == 0, outcome.err
    assert await running.effects(loan) == ["returned"]
    shown = (await amtsbus("deadletters", "show", "reminders", str(letter), "--json")).json
    assert (shown["state"], shown["resolved_by"], shown["resolved_why"]) == ("skipped", "op-17", "sent twice")


async def test_what_is_settled_cannot_be_retried_or_skipped(running, amtsbus):
    await parked_loan(running)
    letter = str(await first_letter(amtsbus))
    assert (await amtsbus("deadletters", "skip", "reminders", letter, "--reason", "sent twice")).exit_code == 0
    for command in (["skip", "reminders", letter, "--reason", "again"], ["retry", "reminders", letter]):
        outcome = await amtsbus("deadletters", *command)
        assert outcome.exit_code == 1
        assert f"dead letter {letter} is skipped" in outcome.err


async def test_without_a_worker_the_command_says_so_instead_of_waiting_for_ever(library, amtsbus):
    loan = new_id()
    record = Record("lending.loan.events", 0, 0, 0, str(loan).encode(), b"{}", [])
    async with library.reminders.transaction() as tx:
        await deadletters.park(tx, "reminders.loans", "lending.loan.events", record, reason="no title", failed=True)
    outcome = await amtsbus("deadletters", "retry", "reminders", "--all", "--wait", "0.3")
    assert outcome.exit_code == 1
    assert "1 of 1 keys have not been tried within 0 s: is the worker of reminders running?" in outcome.err
    assert (await amtsbus("deadletters", "retry", "reminders", "--all", "--wait", "0")).exit_code == 0


async def test_an_unknown_dead_letter_is_one_line(library, amtsbus):
    outcome = await amtsbus("deadletters", "show", "reminders", "4711")
    assert outcome.exit_code == 1
    assert outcome.err == "amtsbus: reminders has no dead letter 4711; see: amtsbus deadletters list reminders\n"
