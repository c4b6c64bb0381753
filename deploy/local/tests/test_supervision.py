"""Processes under supervision, with real processes."""

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest
from amtsbus.testing.servers import end_recorded, free_port, record_process, recorded_process
from town import processes
from town.home import Home, TownError
from town.processes import State, Supervised, end_left_over

SERVER = """
    import http.server, sys
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200); self.end_headers()
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / ".town", tmp_path)
    made.prepare()
    return made


def supervised(home: Home, program: str, said: list[str], *arguments: str, ready_url: str | None = None) -> Supervised:
    command = [sys.executable, "-u", "-c", textwrap.dedent(program), *arguments]
    return Supervised("demo", command, dict(os.environ), home, said.append, ready_url)


async def until(condition, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_process_is_ready_when_it_answers_and_stops_when_asked(home: Home) -> None:
    said: list[str] = []
    port = free_port()
    process = supervised(home, SERVER, said, str(port), ready_url=f"http://127.0.0.1:{port}/readyz")
    await process.start()
    await process.ready()
    running = recorded_process(process.record)
    assert running is not None

    await process.stop()

    assert process.state is State.STOPPED
    assert not running.is_running()
    assert not process.record.exists()
    assert said == []


async def test_a_crash_is_told_in_one_line_and_the_process_starts_again(home: Home) -> None:
    said: list[str] = []
    process = supervised(home, "import time; print('here I am'); time.sleep(600)", said)
    await process.start()
    first = recorded_process(process.record)
    assert first is not None
    await until(lambda: "here I am" in process.log.read_text())

    first.kill()
    await until(lambda: (again := recorded_process(process.record)) is not None and again.pid != first.pid)

    [line] = said
    assert line.startswith("demo was ended by SIGKILL; it starts again in 0.5 s. Last words: here I am")
    await process.stop()


async def test_pauses_grow_while_a_process_keeps_crashing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "FIRST_PAUSE_SECONDS", 0.05)
    said: list[str] = []
    process = supervised(home, "raise SystemExit('port taken')", said, ready_url="http://127.0.0.1:9/")
    await process.start()

    with pytest.raises(TownError, match=r"(?s)demo does not start.*port taken"):
        await process.ready()

    await process.stop()
    pauses = [line.split(" in ")[1].split(" s.")[0] for line in said[:3]]
    assert pauses == ["0.1", "0.1", "0.2"]  # 0.05, 0.1, 0.2 in one decimal
    assert process.state is State.STOPPED


async def test_a_process_that_does_not_listen_is_killed_with_its_children(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.3)
    said: list[str] = []
    program = """
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print("child", child.pid)
        time.sleep(600)
    """
    process = supervised(home, program, said)
    await process.start()
    await until(lambda: "child" in process.log.read_text())
    child = int(process.log.read_text().split()[1])

    await process.stop()

    await until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
    assert said == ["demo did not stop within 0 s and was killed"]


def test_what_a_killed_town_left_running_is_ended(home: Home) -> None:
    left_over = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    record_process(home.processes / "permits-api.json", left_over.pid)

    assert end_left_over(home) == ["permits-api"]

    assert left_over.poll() is not None
    assert list(home.processes.iterdir()) == []
    assert end_left_over(home) == []


def test_a_stranger_with_the_same_pid_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        record = tmp_path / "process.json"
        started = psutil.Process(stranger.pid).create_time()
        record.write_text(f'{{"pid": {stranger.pid}, "started": {started - 3600}}}')

        assert end_recorded(record) is None

        assert stranger.poll() is None
        assert not record.exists()
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("told", ["", "{", '{"pid": "x"}', '{"pid": 999999999, "started": 1}', "[]"])
def test_a_record_that_says_nothing_useful_is_forgotten(tmp_path: Path, told: str) -> None:
    record = tmp_path / "process.json"
    record.write_text(told)

    assert end_recorded(record) is None
    assert not record.exists()
