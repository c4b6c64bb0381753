"""`amtsbus status`: whether all is well, and what needs a human where it is not."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from .conftest import LENDING
from .test_gaps import lost


async def needs(amtsbus, *services: str) -> tuple[int, list[str]]:
    """(exit code, what needs a human)."""
    outcome = await amtsbus("status", *services, "--json")
    assert outcome.out, outcome.err
    return outcome.exit_code, [need for service in outcome.json for need in service["needs"]]


async def test_all_is_well(running, amtsbus):
    await running.lend()
    await running.bus.settled()
    outcome = await amtsbus("status")
    assert outcome.exit_code == 0, outcome.out
    assert outcome.out.endswith("all is well\n")
    for told in ("lending", "reminders", "reminders.loans", "lending.replay-requests-of-reminders", "leads from"):
        assert told in outcome.out
    lending, reminders = (await amtsbus("status", "--json")).json
    assert (lending["service"], lending["database"], lending["kafka"]) == ("lending", "reachable", "reachable")
    assert (lending["relay"]["backlog"], lending["relay"]["oldest_seconds"]) == (0, None)
    [loans] = reminders["readers"]
    assert (loans["group"], loans["lag"], loans["members"], loans["missing"]) == ("reminders.loans", 0, 1, 0)


async def test_without_workers_nobody_publishes_and_nobody_reads(library, amtsbus):
    bus = await library.start("lending")
    await library.lend()
    await bus.settled()
    code, told = await needs(amtsbus)
    assert code == 1
    assert "reminders: nobody publishes: is its worker running?" in told
    assert any(line.startswith("reminders: reminders.loans does not read lending.loan.events") for line in told)
    reminders = (await amtsbus("status", "reminders", "--json")).json[0]
    assert reminders["readers"][0]["lag"] == 1
    assert 0 <= reminders["readers"][0]["oldest_unread_seconds"] < 60


async def test_what_waits_too_long_is_told(library, amtsbus, monkeypatch):
    monkeypatch.setattr("amtsbus.status.PATIENCE_SECONDS", 0.0)
    await library.lend()
    code, told = await needs(amtsbus, "lending")
    assert code == 1
    assert any("1 events are not published, the oldest for" in line for line in told)


async def test_parked_keys_and_missing_events_name_the_command_that_shows_them(running, amtsbus):
    await lost(running, "second")
    await running.lend("unreadable")
    await running.bus.settled()
    code, told = await needs(amtsbus)
    assert code == 1
    assert set(told) == {
        "reminders: reminders.loans has parked 1 keys with 1 events: "
        "amtsbus deadletters list reminders --consumer reminders.loans",
        "reminders: reminders.loans misses 1 events: amtsbus gaps list reminders --consumer reminders.loans",
    }


async def test_a_retry_that_nobody_takes_is_told(library, amtsbus, monkeypatch):
    monkeypatch.setattr("amtsbus.status.PATIENCE_SECONDS", 5.0)
    await library.start("lending")
    async with library.reminders.transaction() as tx:
        await tx.execute(
            "INSERT INTO amtsbus.parked_keys VALUES "
            "('reminders.loans', 'lending.loan.events', 'x', now(), now() - interval '10 s', 'operator')"
        )
    assert any("was asked for 1 retries and has not tried them" in line for line in (await needs(amtsbus))[1])


async def test_both_servers_being_away_is_a_state_and_no_crash(library, amtsbus, monkeypatch):
    monkeypatch.setenv("LENDING_DATABASE_URL", "postgresql://lending:hidden@127.0.0.1:1/lending")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    outcome = await amtsbus("status", "lending")
    assert outcome.exit_code == 1
    assert "lending: its database: ConnectionRefusedError" in outcome.out
    assert "lending: Kafka: KafkaConnectionError" in outcome.out
    assert "hidden" not in outcome.out + outcome.err
    assert outcome.err == ""


async def test_kafka_being_away_hides_nothing_that_the_database_knows(running, amtsbus, monkeypatch):
    await running.lend("unreadable")
    await running.bus.settled()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    [reminders] = (await amtsbus("status", "reminders", "--json")).json
    [loans] = reminders["readers"]
    assert (loans["lag"], loans["members"], loans["parked"]["keys"]) == (None, None, 1)


async def test_a_topic_that_does_not_exist_is_told(library, amtsbus):
    code, told = await needs(amtsbus, "reminders")
    assert code == 1
    assert "reminders: Kafka: UnknownTopicOrPartitionError: lending.loan.events" in told


async def test_a_service_that_reads_nothing_has_a_status_as_well(library, amtsbus, monkeypatch):
    quiet = SimpleNamespace(load=lambda: replace(LENDING, readers=()))
    monkeypatch.setattr("amtsbus.service.installed_services", lambda: {"lending": quiet})
    outcome = await amtsbus("status", "lending", "--json")
    assert (outcome.json[0]["kafka"], outcome.json[0]["readers"]) == ("reachable", []), outcome.err


async def test_a_database_of_another_version_says_what_to_do(library, amtsbus, monkeypatch, postgres_url):
    monkeypatch.setenv("LENDING_DATABASE_URL", postgres_url)
    _, told = await needs(amtsbus, "lending")
    assert "lending: its database: not at this version: amtsbus migrate lending" in told


async def test_a_clock_that_was_moved_and_deadlines_that_nobody_announced_are_told(
    running, amtsbus, monkeypatch, tmp_path
):
    async with running.lending.transaction() as tx:
        await tx.execute(
            "INSERT INTO amtsbus.cases (case_id, procedure_key, reference, state, version, applicant_id, subject_ids, "
            "opened_at, due_on) VALUES ($1, 'loan', 'L-1', 'open', 1, $1, '{}', now(), 'infinity')",
            await running.lend(),
        )
        await tx.execute(
            "INSERT INTO amtsbus.case_periods (case_id, nth, kind, starts_on, unit, count, ends_on, due_on, land, "
            "warn_days_before) SELECT case_id, 1, 'return', current_date, 'days', 2, current_date + 2, current_date + 2, "
            "'NW', 0 FROM amtsbus.cases"
        )
    await running.bus.settled()
    assert await needs(amtsbus, "lending") == (0, [])
    file = tmp_path / "clock"
    file.write_text(str(10 * 86_400))
    monkeypatch.setenv("AMTSBUS_CLOCK_FILE", str(file))
    code, told = await needs(amtsbus, "lending")
    assert (code, told) == (
        1,
        ["lending: 1 deadlines should have been announced before today: is its worker running?"],
    )
    outcome = await amtsbus("status", "lending")
    assert "(moved by 10 d)" in outcome.out


async def test_without_a_service_to_look_at_it_says_so(library, amtsbus, monkeypatch):
    monkeypatch.delenv("LENDING_DATABASE_URL")
    monkeypatch.delenv("REMINDERS_DATABASE_URL")
    outcome = await amtsbus("status")
    assert outcome.exit_code == 1
    assert "none of the services that are installed here has its <SERVICE>_DATABASE_URL set" in outcome.err


@pytest.mark.parametrize("name", ["lending", "reminders"])
async def test_only_services_whose_database_is_known_are_looked_at(running, amtsbus, monkeypatch, name):
    monkeypatch.delenv(f"{name.upper()}_DATABASE_URL")
    found = (await amtsbus("status", "--json")).json
    assert [service["service"] for service in found] == sorted({"lending", "reminders"} - {name})
