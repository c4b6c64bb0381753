"""`amtsbus sessions end`: everybody has to log in again, and it is on record who wanted that."""

import pytest
from amtsbus.web import sessions


@pytest.fixture
async def logged_in(library):
    """Two browsers of one person, one of another, and one of nobody."""
    for token, subject in (("a", "ada"), ("b", "ada"), ("c", "eve"), ("d", None)):
        await sessions.begin(library.lending.pool, token, sessions.Session(subject=subject), "citizens")

    async def left() -> set[str]:
        found = [token for token in "abcd" if await sessions.find(library.lending.pool, token, "citizens")]
        return set(found)

    return left


async def test_all_sessions_end_at_once_and_it_is_on_record(library, amtsbus, logged_in):
    outcome = await amtsbus("sessions", "end", "lending", "--why", "stolen notebook", "--by", "op-17")
    assert (outcome.exit_code, outcome.out) == (0, "4 sessions of lending have ended\n")
    assert await logged_in() == set()
    assert await library.operator_actions(library.lending) == [("op-17", "end sessions", "4 sessions")]


async def test_those_of_one_person_can_end_alone(library, amtsbus, logged_in):
    outcome = await amtsbus("sessions", "end", "lending", "--subject", "ada", "--why", "their wish", "--json")
    assert outcome.json == {"ended": 2}
    assert await logged_in() == {"c", "d"}


async def test_nobody_ends_sessions_without_a_reason(library, amtsbus, logged_in):
    outcome = await amtsbus("sessions", "end", "lending")
    assert outcome.exit_code == 2
    assert "--why" in outcome.err
    assert await logged_in() == {"a", "b", "c", "d"}
