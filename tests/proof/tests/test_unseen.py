"""Which faults have to leave a trace: those that somebody has surely felt."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.proof.city import Happened
from tests.proof.unseen import Samples, without_a_trace

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CUT = Happened(1, "cut", "postgres:permits", NOON, NOON + timedelta(seconds=5))


def lived(*seconds: float, failures: float = 0.0) -> Samples:
    """Samples of a worker of permits, that many seconds after noon."""
    metrics = {"process_start_time_seconds": 1.0, "amtsbus_relay_failures_total": failures}
    return Samples({"permits-worker": [(NOON + timedelta(seconds=at), metrics) for at in seconds]})


def test_a_cut_of_which_nobody_says_anything_is_unseen(tmp_path: Path) -> None:
    [told] = without_a_trace([CUT], lived(-2, 0, 2, 4, 6), tmp_path)
    assert told == "fault #1 (cut postgres:permits): permits-worker say nothing of it"


def test_a_cut_is_seen_by_a_failure_that_was_counted(tmp_path: Path) -> None:
    before, after = lived(-2, 0).by_process, lived(2, 6, failures=1).by_process
    samples = Samples({"permits-worker": [*before["permits-worker"], *after["permits-worker"]]})
    assert without_a_trace([CUT], samples, tmp_path) == []


def test_who_is_only_being_started_feels_nothing_of_a_cut(tmp_path: Path) -> None:
    assert without_a_trace([CUT], lived(6, 8), tmp_path) == []
