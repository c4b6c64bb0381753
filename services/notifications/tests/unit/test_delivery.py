"""When a letter counts as delivered, and when an e-mail is tried again."""

from datetime import date, timedelta

import pytest
from notifications.domain.delivery import Attempts, deemed_delivered_on


@pytest.mark.parametrize(
    ("available_on", "deemed_on"),
    [
        (date(2026, 3, 2), date(2026, 3, 6)),
        (date(2026, 2, 26), date(2026, 3, 2)),
        (date(2026, 12, 30), date(2027, 1, 3)),  # a Sunday: the fiction does not move
    ],
)
def test_a_decision_counts_as_delivered_on_the_fourth_day(available_on: date, deemed_on: date) -> None:
    assert deemed_delivered_on(available_on) == deemed_on


def test_pauses_double_up_to_the_longest_and_then_end() -> None:
    attempts = Attempts(most=6, first_pause=timedelta(minutes=1), longest_pause=timedelta(minutes=5))
    assert [attempts.pause_after(n) for n in range(1, 7)] == [
        timedelta(minutes=1),
        timedelta(minutes=2),
        timedelta(minutes=4),
        timedelta(minutes=5),
        timedelta(minutes=5),
        None,
    ]


def test_thousands_of_attempts_do_not_overflow() -> None:
    attempts = Attempts(most=10_000, first_pause=timedelta(days=1), longest_pause=timedelta(days=30))
    assert attempts.pause_after(9_999) == timedelta(days=30)
