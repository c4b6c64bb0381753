"""Whoever reads a topic and asks for replays is answered by its publisher: held against the list of topics."""

from .conftest import LENDING, REMINDERS, TOPICS

REQUESTS = """
  - name: reminders.replay.requests
    owner: reminders
    key: stream_id
    partitions: 1
    retention: P30D
    cleanup: delete
    purpose: Asking for events that reminders misses.
    personal_data: pseudonymous
    legal_basis: Library statute § 5
    readers:
      - service: lending
        group: lending.replay-requests-of-reminders
        purpose: Publishing the missing events again
"""
IMPORTED = "from amtsbus import replay_requests\n"
ASKS = 'published=(replay_requests.asked_by("reminders"),)'


def answers(*topics: str) -> str:
    return f'routers=(),\n    readers=replay_requests.answered_by("lending", reminders={list(topics)!r}),'


def installed(library, *topics: str, answering: bool = True):
    """The library whose reminders ask, and whose lending answers for `topics`."""
    library.town.topics(TOPICS + REQUESTS)
    library.town.install("reminders", IMPORTED + REMINDERS.replace("published=()", ASKS))
    lending = LENDING.replace("routers=(),", answers(*topics)) if answering else LENDING
    library.town.install("lending", IMPORTED + lending)
    return library.generate()


def test_a_declaration_that_agrees_with_the_list_holds(library):
    assert installed(library, "lending.loan.events").exit_code == 0
    checked = library.check()
    assert checked.exit_code == 0, checked.text


def test_a_reader_that_is_not_answered_is_found(library):
    installed(library, answering=False)
    checked = library.check("lending")
    assert checked.exit_code == 1
    assert "reminders.replay.requests is not answered as deploy/topics.yaml lists readers" in checked.text
    assert "reminders reads lending.loan.events" in checked.text


def test_an_answer_to_somebody_who_may_not_read_is_found(library):
    installed(library, "lending.loan.events", "lending.fee.events")
    checked = library.check("lending")
    assert checked.exit_code == 1
    assert "answered_by('lending', reminders=[…]) has lending.fee.events, lending.loan.events" in checked.text
