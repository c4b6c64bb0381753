"""One language for all departments: who shows cases reads each of them in the same way."""

from uuid import UUID

import pytest
from amtsbus.casework.progress import Progress
from amtsbus.events import Consumed
from amtsbus.procedures.catalogue import Catalogue
from amtsbus.topics import EACH_OFFICE


class CaseDecided(Consumed, type="branches.case-decided.v1"):
    """A branch has decided."""

    case_id: UUID
    outcome: str


def kinds(language: Progress | Catalogue) -> list[str]:
    return [event.event_type.partition(".")[2] for event in language.events]


def test_each_department_tells_in_its_own_name_on_a_topic_of_its_own():
    permits, branches = Progress("gardens"), Progress(EACH_OFFICE, kind="branches")
    assert {(event.event_type.partition(".")[0], event.topic) for event in permits.events} == {
        ("gardens", "gardens.case.events")
    }
    assert {(event.event_type.partition(".")[0], event.topic) for event in branches.events} == {
        ("branches", "{office}.case.events")
    }


def test_all_have_the_same_words_with_the_same_fields():
    gardens, branches = Progress("gardens"), Progress(EACH_OFFICE, kind="branches")
    assert [set(event.model_fields) for event in gardens.events] == [
        set(event.model_fields) for event in branches.events
    ]
    assert [event.__doc__ for event in gardens.events] == [event.__doc__ for event in branches.events]
    assert kinds(Catalogue("gardens")) == kinds(Catalogue(EACH_OFFICE, kind="branches"))


def test_a_department_that_asks_for_documents_in_its_own_words_already_does_not_use_one_name_for_two():
    theirs, ours = kinds(Progress("gardens")), kinds(Progress(EACH_OFFICE, kind="branches"))
    assert dict(zip(theirs, ours, strict=True)) == {kind: kind for kind in ours if kind != "documents-requested.v1"} | {
        "case-documents-requested.v1": "documents-requested.v1"
    }


def test_an_instance_tells_on_the_topic_that_its_event_names():
    progress = Progress(EACH_OFFICE, kind="branches")
    event = progress.fee_charged(office="north", case_id=UUID(int=1), amount_cents=5, due_on="2026-12-24")
    assert event.own_topic == "north.case.events"


def test_a_reader_has_one_model_for_all_who_speak_the_language():
    told = CaseDecided.told_by("gardens")
    assert told.event_type == "gardens.case-decided.v1"
    assert CaseDecided.event_type == "branches.case-decided.v1"
    assert issubclass(told, CaseDecided)
    assert told.__doc__ == CaseDecided.__doc__
    read = told.model_validate({"case_id": UUID(int=1), "outcome": "granted", "office": "gardens"})
    assert (read.outcome, read.case_id) == ("granted", UUID(int=1))
    assert CaseDecided.told_by("gardens", "verdict.v1").event_type == "gardens.verdict.v1"
    with pytest.raises(TypeError, match="needs a type"):
        CaseDecided.told_by("No publisher")
