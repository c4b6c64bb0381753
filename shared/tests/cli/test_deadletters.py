"""`amtsbus deadletters`: an operator sees why a case stands still, mends the cause, and lets it go on."""

import base64
import json

import pytest
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
        "deadletters",
        "show",
        "reminders",
        str(letter),
        "--with-content",
        "--why",
        "ticket 4711",
        "--by",
        "op-17",
        "--json",
    )
    assert outcome.json["value"]["title"] == "unreadable diary of Erna"
    assert await running.operator_actions(running.reminders) == [
        ("op-17", "read dead letter", f"dead letter {letter} of reminders.loans")
    ]


async def test_after_the_cause_is_mended_the_case_goes_on_in_order(running, amtsbus):
    loan = await parked_loan(running)
    letter = await first_letter(amtsbus)
    await running.mend()
    outcome = await amtsbus("deadletters", "retry", "reminders", str(letter), "--why", "release 2 reads it")
    assert outcome.exit_code == 0, outcome.err
    assert "handled" in outcome.out
    assert await running.effects(loan) == ["unreadable diary of Erna", "returned"]
    assert (await amtsbus("deadletters", "show", "reminders", str(letter), "--json")).json["state"] == "handled"


async def test_a_retry_that_fails_again_says_why(running, amtsbus):
    await parked_loan(running)
    outcome = await amtsbus("deadletters", "retry", "reminders", "--all", "--why", "once more", "--json")
    assert outcome.exit_code == 1
    [key] = outcome.json
    assert (key["outcome"], key["reason"], key["waiting"]) == ("failed again", "LookupError in the handler", 2)
    assert "1 of 1 keys failed again" in outcome.err


async def test_all_keys_of_one_group_are_retried(running, amtsbus):
    loans = [await parked_loan(running) for _ in range(3)]
    await running.mend()
    outcome = await amtsbus(
        "deadletters", "retry", "reminders", "--consumer", "reminders.loans", "--why", "release 2 reads them", "--json"
    )
    assert outcome.exit_code == 0
    assert {key["key"] for key in outcome.json} == {str(loan) for loan in loans}
    assert (await amtsbus("deadletters", "list", "reminders")).out == "nothing is parked\n"


async def test_a_skip_needs_a_reason_and_lets_the_rest_go_on(running, amtsbus):
    loan = await parked_loan(running)
    letter = await first_letter(amtsbus)
    outcome = await amtsbus("deadletters", "skip", "reminders", str(letter), "--why", "sent twice", "--by", "op-17")
    assert outcome.exit_code == 0, outcome.err
    assert await running.effects(loan) == ["returned"]
    shown = (await amtsbus("deadletters", "show", "reminders", str(letter), "--json")).json
    assert (shown["state"], shown["resolved_by"], shown["resolved_why"]) == ("skipped", "op-17", "sent twice")


async def test_what_is_settled_cannot_be_retried_or_skipped(running, amtsbus):
    await parked_loan(running)
    letter = str(await first_letter(amtsbus))
    assert (await amtsbus("deadletters", "skip", "reminders", letter, "--why", "sent twice")).exit_code == 0
    for command in (["skip", "reminders", letter, "--why", "again"], ["retry", "reminders", letter, "--why", "again"]):
        outcome = await amtsbus("deadletters", *command)
        assert outcome.exit_code == 1
        assert f"dead letter {letter} is skipped" in outcome.err


async def test_without_a_worker_the_command_says_so_instead_of_waiting_for_ever(library, amtsbus):
    loan = new_id()
    record = Record("lending.loan.events", 0, 0, 0, str(loan).encode(), b"{}", [])
    async with library.reminders.transaction() as tx:
        await deadletters.park(tx, "reminders.loans", "lending.loan.events", record, reason="no title", failed=True)
    outcome = await amtsbus("deadletters", "retry", "reminders", "--all", "--why", "once more", "--wait", "0.3")
    assert outcome.exit_code == 1
    assert "1 of 1 keys have not been tried within 0 s: is the worker of reminders running?" in outcome.err
    assert (
        await amtsbus("deadletters", "retry", "reminders", "--all", "--why", "once more", "--wait", "0")
    ).exit_code == 0


async def test_an_unknown_dead_letter_is_one_line(library, amtsbus):
    outcome = await amtsbus("deadletters", "show", "reminders", "4711")
    assert outcome.exit_code == 1
    assert outcome.err == "amtsbus: reminders has no dead letter 4711; see: amtsbus deadletters list reminders\n"


async def diary_and_atlas(library):
    """Two parked loans: of a diary, whose return waits behind it, and of an atlas, that no reader of ours could parse."""
    diary = await parked_loan(library)
    atlas = await library.lend("unreadable atlas")
    await library.bus.settled()
    async with library.reminders.transaction() as tx:
        await tx.execute(
            "UPDATE amtsbus.dead_letters SET reason = 'Title too long', event_type = 'lending.atlas-lent.v1' "
            "WHERE key = convert_to($1, 'UTF8')",
            str(atlas),
        )
        await tx.execute(
            "UPDATE amtsbus.parked_keys SET parked_at = now() - interval '3 h' WHERE key = convert_to($1, 'UTF8')",
            str(diary),
        )
    return diary, atlas


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ([], {"diary", "atlas"}),
        (["--reason", "title"], {"atlas"}),
        (["--reason", "LookupError"], {"diary"}),
        (["--reason", "100%"], set()),
        (["--type", "lending.atlas-lent.v1"], {"atlas"}),
        (["--older-than", "2h"], {"diary"}),
        (["--older-than", "1d"], set()),
        (["--consumer", "reminders.loans", "--older-than", "2h"], {"diary"}),
        (["--consumer", "reminders.other"], set()),
    ],
)
async def test_an_operator_chooses_by_reason_type_age_and_group(running, amtsbus, choice, chosen):
    diary, atlas = await diary_and_atlas(running)
    names = {str(diary): "diary", str(atlas): "atlas"}
    found = (await amtsbus("deadletters", "list", "reminders", "--json", *choice)).json
    assert {names[key["key"]] for key in found} == chosen


async def test_an_operator_chooses_a_key(running, amtsbus):
    diary, _ = await diary_and_atlas(running)
    [key] = (await amtsbus("deadletters", "list", "reminders", "--key", str(diary), "--json")).json
    assert key["key"] == str(diary)


@pytest.mark.parametrize("command", ["retry", "skip"])
async def test_a_dry_run_shows_what_would_be_done_and_does_nothing(running, amtsbus, command):
    _, atlas = await diary_and_atlas(running)
    before = (await amtsbus("deadletters", "list", "reminders", "--json")).json
    outcome = await amtsbus("deadletters", command, "reminders", "--reason", "title", "--dry-run", "--json")
    [key] = outcome.json
    assert (outcome.exit_code, key["key"]) == (0, str(atlas))
    assert key["outcome"].startswith("would be")
    outcome = await amtsbus("deadletters", command, "reminders", "--all", "--dry-run")
    assert "2 keys would be" in outcome.out
    assert (await amtsbus("deadletters", "list", "reminders", "--json")).json == before
    assert await running.operator_actions(running.reminders) == []


async def test_only_what_was_chosen_is_retried(running, amtsbus):
    diary, atlas = await diary_and_atlas(running)
    await running.mend()
    outcome = await amtsbus("deadletters", "retry", "reminders", "--reason", "title", "--why", "longer titles")
    assert outcome.exit_code == 0, outcome.err
    assert await running.effects(atlas) == ["unreadable atlas"]
    assert await running.effects(diary) == []


async def test_a_skip_of_many_gives_up_the_event_of_each_key_and_no_more(running, amtsbus):
    diary, atlas = await diary_and_atlas(running)
    outcome = await amtsbus("deadletters", "skip", "reminders", "--all", "--why", "entered by hand", "--by", "op-17")
    assert outcome.exit_code == 0, outcome.err
    assert await running.effects(diary) == ["returned"]
    assert await running.effects(atlas) == []
    done = await running.operator_actions(running.reminders)
    assert [(by, action) for by, action, _ in done] == [("op-17", "skip dead letter")] * 2


async def test_an_export_has_headers_as_they_came_and_no_content(running, amtsbus, tmp_path):
    await diary_and_atlas(running)
    outcome = await amtsbus("deadletters", "export", "reminders")
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert [line["event_type"] for line in lines] == [
        "lending.book-lent.v1",
        "lending.book-returned.v1",
        "lending.atlas-lent.v1",
    ]
    headers = {name: base64.b64decode(value) for name, value in lines[1]["headers_base64"]}
    assert headers["ce_sequence"] == b"2"
    assert "Erna" not in outcome.out
    assert not any("value_base64" in line for line in lines)
    assert await running.operator_actions(running.reminders) == []
    file = tmp_path / "letters.jsonl"
    outcome = await amtsbus("deadletters", "export", "reminders", "--reason", "title", "--file", str(file))
    assert outcome.out == f"1 dead letters written to {file}\n"
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == [lines[2]["id"]]


async def test_whoever_takes_the_content_along_is_on_record(running, amtsbus):
    await parked_loan(running)
    outcome = await amtsbus(
        "deadletters", "export", "reminders", "--with-content", "--why", "for the publisher", "--by", "op-17"
    )
    first, _ = [json.loads(line) for line in outcome.out.splitlines()]
    assert json.loads(base64.b64decode(first["value_base64"]))["title"] == "unreadable diary of Erna"
    assert await running.operator_actions(running.reminders) == [
        ("op-17", "export dead letters with content", "2 dead letters of reminders.loans")
    ]


async def test_the_export_of_a_long_queue_is_complete_and_in_order(running, amtsbus, monkeypatch):
    monkeypatch.setattr("amtsbus.cli.deadletters._PAGE", 2)
    loan = await running.lend("unreadable")
    for number in range(4):
        await running.lend(f"step {number}", loan)
    await running.bus.settled()
    ids = [json.loads(line)["id"] for line in (await amtsbus("deadletters", "export", "reminders")).out.splitlines()]
    assert len(ids) == 5
    assert ids == sorted(ids)


async def test_what_was_done_is_listed_with_who_and_why(running, amtsbus):
    assert (await amtsbus("actions", "reminders")).out == "nothing was done by hand\n"
    await parked_loan(running)
    letter = str(await first_letter(amtsbus))
    await amtsbus("deadletters", "retry", "reminders", letter, "--why", "once more", "--by", "op-17")
    await amtsbus("deadletters", "skip", "reminders", letter, "--why", "sent twice", "--by", "op-18")
    outcome = await amtsbus("actions", "reminders", "--json")
    assert [(one["done_by"], one["action"], one["about"], one["why"]) for one in outcome.json] == [
        ("op-17", "retry dead letters", f"dead letter {letter} of reminders.loans", "once more"),
        ("op-18", "skip dead letter", f"dead letter {letter} of reminders.loans", "sent twice"),
    ]
    assert "sent twice" in (await amtsbus("actions", "reminders")).out
    assert [one["done_by"] for one in (await amtsbus("actions", "reminders", "--limit", "1", "--json")).json] == [
        "op-18"
    ]
    assert (await amtsbus("actions", "reminders", "--since", "2099-01-01", "--json")).json == []
