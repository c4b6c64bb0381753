"""Ports, the calendar, the addresses, the command line: the small parts of a town."""

import json
import socket
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from amtsbus.clock import ShiftedClock
from amtsbus.service import package_of
from amtsbus.testing.servers import ServerFailedError, free_port
from town.addresses import Addresses, MailAddresses, ServiceAddresses
from town.cli import _readable, app, has_desk
from town.clock import TownClock
from town.configuration import Configuration, services
from town.databases import passwords
from town.home import Home, TownError
from town.people import find
from typer.testing import CliRunner

NAMES = ("permits", "notifications")


def test_a_town_finds_its_ports_again(tmp_path: Path) -> None:
    first = Configuration.choose(tmp_path, NAMES, {})
    assert Configuration.choose(tmp_path, NAMES, {}) == first


def test_two_towns_take_different_ports(tmp_path: Path) -> None:
    def ports(town: str) -> set[int]:
        chosen = Configuration.choose(tmp_path / town, NAMES, {})
        pairs = [(ports.api, ports.worker) for ports in chosen.services.values()]
        return {chosen.kafka, chosen.postgres, chosen.issuer, chosen.smtp, chosen.mail, *sum(pairs, ())}

    assert len(ports("a")) == 9
    assert ports("a").isdisjoint(ports("b"))


def test_a_configured_port_is_taken_and_zero_means_a_free_one(tmp_path: Path) -> None:
    port = free_port()
    chosen = Configuration.choose(tmp_path, NAMES, {"TOWN_MAIL_PORT": str(port), "TOWN_PERMITS_API_PORT": "0"})
    assert chosen.mail == port
    assert chosen.services["permits"].api > 0


def test_a_configured_port_that_is_taken_is_named_with_its_variable(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServerFailedError, match=f"port {port} for permits api is taken.*TOWN_PERMITS_API_PORT"):
            Configuration.choose(tmp_path, NAMES, {"TOWN_PERMITS_API_PORT": str(port)})


@pytest.mark.parametrize("nonsense", ["eighty", "-1", "70000", "1.5"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, nonsense: str) -> None:
    with pytest.raises(TownError, match="TOWN_KAFKA_PORT must be a port number"):
        Configuration.choose(tmp_path, NAMES, {"TOWN_KAFKA_PORT": nonsense})


def test_servers_from_outside_are_used(tmp_path: Path) -> None:
    chosen = Configuration.choose(
        tmp_path,
        NAMES,
        {
            "KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092",
            "PERMITS_DATABASE_URL": "postgresql://run@db.example/permits",
            "PERMITS_MIGRATOR_DATABASE_URL": "postgresql://owner@db.example/permits",
        },
    )
    assert chosen.outside_kafka == "kafka.example:9092"
    assert list(chosen.outside_databases) == ["permits"]
    assert chosen.outside_databases["permits"].migrator_url == "postgresql://owner@db.example/permits"


def test_services_see_the_calendar_move_and_it_moves_forward_only(tmp_path: Path) -> None:
    clock = TownClock(tmp_path / "clock")
    before = ShiftedClock(clock.file).now()

    clock.advance(days=30)
    clock.advance_to(clock.today() + timedelta(days=1))

    moved = ShiftedClock(clock.file)
    assert moved.now() - before > timedelta(days=30)
    assert moved.today() == clock.today()
    with pytest.raises(ValueError, match="forward only"):
        clock.advance(days=-1)
    present = clock.shift()
    clock.advance_to(clock.today() - timedelta(days=10))
    assert clock.shift() == present


def test_the_addresses_of_a_town_are_for_its_owner_and_of_the_agreed_form(tmp_path: Path) -> None:
    service = ServiceAddresses(api="http://127.0.0.1:1", worker="http://127.0.0.1:2", database="postgresql://x")
    addresses = Addresses(
        kafka="127.0.0.1:9",
        issuer="http://127.0.0.1:3",
        mail=MailAddresses(smtp="127.0.0.1:4", http="http://127.0.0.1:5"),
        services={"permits": service},
    )
    file = tmp_path / "town.json"
    addresses.write(file)

    assert json.loads(file.read_text()) == {
        "kafka": "127.0.0.1:9",
        "issuer": "http://127.0.0.1:3",
        "mail": {"smtp": "127.0.0.1:4", "http": "http://127.0.0.1:5"},
        "services": {
            "permits": {"api": "http://127.0.0.1:1", "worker": "http://127.0.0.1:2", "database": "postgresql://x"}
        },
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Addresses.read(file) == addresses
    assert [path.name for path in tmp_path.iterdir()] == ["town.json"]


def test_passwords_are_made_once_and_are_nobody_elses_business(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = passwords(file, ["permits_run", "permits_owner"])
    later = passwords(file, ["permits_run", "permits_owner", "schooling_run"])

    assert later["permits_run"] == first["permits_run"]
    assert len(set(later.values())) == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("{half")
    assert set(passwords(file, ["permits_run"])) == {"permits_run"}


def test_people_are_found_by_the_beginning_of_their_name() -> None:
    people = [{"name": "Anna Demo-Bauer 1"}, {"name": "Anton Demo-Bauer 1"}, {"name": "clerk-permits"}]
    assert find(people, "anna") == "Anna Demo-Bauer 1"
    assert find(people, "clerk-permits") == "clerk-permits"
    with pytest.raises(TownError, match="several people"):
        find(people, "an")
    with pytest.raises(TownError, match="nobody here is called 'zoe'"):
        find(people, "zoe")


@pytest.fixture
def empty_town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("TOWN_HOME", str(tmp_path / "town"))
    return Home.find()


@pytest.mark.parametrize("command", [["day"], ["token", "anna"]])
def test_without_a_town_a_command_says_how_to_start_one(empty_town: Home, command: list[str]) -> None:
    answer = CliRunner().invoke(app, command)
    assert answer.exit_code == 1
    assert "error: no town serves here: start one with" in answer.output


def test_without_a_town_its_status_is_no_success_and_stopping_it_is(empty_town: Home) -> None:
    answer = CliRunner().invoke(app, ["status"])
    assert answer.exit_code == 1
    assert "No town runs" in answer.output
    stopped = CliRunner().invoke(app, ["down"])
    assert stopped.exit_code == 0
    assert "No town was running." in stopped.output


def test_a_log_that_is_not_there_is_answered_with_those_that_are(empty_town: Home) -> None:
    empty_town.prepare()
    (empty_town.logs / "permits-api.log").write_text(
        '{"event": "started", "level": "info", "timestamp": "2026-03-02T09:00:00Z"}\n'
    )
    refused = CliRunner().invoke(app, ["logs", "gardens"])
    assert refused.exit_code == 1
    assert "there are: permits-api" in refused.output
    shown = CliRunner().invoke(app, ["logs", "permits"])
    assert "info    started" in shown.output


def test_json_logs_are_shown_to_people_as_lines() -> None:
    line = '{"case_id": "7", "event": "decided", "level": "info", "timestamp": "2026-03-02T09:00:00.123456Z"}'
    assert _readable(line, raw=False) == "09:00:00.123 info    decided  case_id=7"
    assert _readable(line, raw=True) == line
    assert _readable("plain", raw=False) == "plain"


def test_every_command_explains_itself_with_an_example() -> None:
    for command in ("up", "day", "status", "down", "token", "logs"):
        answer = CliRunner().invoke(app, [command, "--help"])
        assert answer.exit_code == 0
        assert f"town {command}" in answer.output


def test_the_town_lists_the_desk_of_every_department_that_has_one() -> None:
    of_own_code = {name for name in services() if package_of(name) == name and has_desk(name)}
    assert of_own_code == {"permits", "registration", "schooling"}
    assert has_desk("taxes")
