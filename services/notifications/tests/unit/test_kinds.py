"""Who is told what."""

from uuid import UUID

import pytest
from notifications.domain.kinds import KINDS, TELLS, TELLS_NOBODY, Remedy, notices_for
from notifications.main import SERVICE

from ..facts import EVENTS, PERSON, SECOND_CUSTODIAN, fact


def test_every_event_that_is_read_tells_somebody_and_no_other_does() -> None:
    read = {kind for reader in SERVICE.readers for kind in reader.handlers}
    of_nobody = {
        "registration.postal-address-changed.v1",
        "portal.contact-preferences-chosen.v1",
        "portal.replay-requested.v1",
    }
    assert read - of_nobody == set(TELLS) == set(EVENTS)


def test_each_event_type_has_a_kind_of_its_own() -> None:
    assert len(KINDS) == len(TELLS)
    assert {f"{key}.v1" for key in KINDS} == set(TELLS)


def test_what_tells_nobody_says_why_and_is_not_read() -> None:
    assert all(reason for reason in TELLS_NOBODY.values())
    assert not set(TELLS_NOBODY) & set(TELLS)


OF_AN_APPLICANT = ("schooling.answers-requested.v1", "schooling.application-refused.v1")
"""Of schooling, what is told before it is known which child it is about."""


@pytest.mark.parametrize("event_type", [t for t in EVENTS if t.startswith("permits.") or t in OF_AN_APPLICANT])
def test_the_applicant_hears_of_the_application(event_type: str) -> None:
    assert [notice.person_id for notice in notices_for(event_type, EVENTS[event_type])] == [PERSON]


@pytest.mark.parametrize("event_type", [t for t in EVENTS if t.startswith("schooling.") and t not in OF_AN_APPLICANT])
def test_each_custodian_hears_of_the_enrolment_once(event_type: str) -> None:
    twice = fact(event_type, custodian_ids=[str(SECOND_CUSTODIAN), str(PERSON), str(PERSON)])
    assert [notice.person_id for notice in notices_for(event_type, twice)] == [PERSON, SECOND_CUSTODIAN]


@pytest.mark.parametrize("event_type", [t for t in EVENTS if t.startswith("registration.")])
def test_a_child_that_moves_in_gets_no_letter(event_type: str) -> None:
    assert notices_for(event_type, fact(event_type, adult=False)) == ()
    assert len(notices_for(event_type, fact(event_type, adult=True))) == 1


def test_persons_come_in_one_order_whatever_the_order_of_the_event() -> None:
    ids = [UUID(int=n) for n in (5, 3, 9)]
    for order in (ids, ids[::-1]):
        facts = fact("schooling.parents-invited.v1", custodian_ids=[str(i) for i in order])
        assert [n.person_id for n in notices_for("schooling.parents-invited.v1", facts)] == sorted(ids)


def test_decisions_name_a_remedy_and_what_follows_from_the_law_itself_does_not() -> None:
    assert KINDS["permits.application-refused"].remedy is Remedy.ACTION
    assert KINDS["permits.fee-noticed"].remedy is Remedy.ACTION
    assert KINDS["schooling.child-not-accepted"].remedy is Remedy.OBJECTION
    assert not KINDS["permits.application-lapsed"].is_decision
    assert not KINDS["registration.resident-registered"].is_decision


def test_a_letter_of_an_office_is_announced_to_whoever_said_who_they_are() -> None:
    event_type = "offices.letter-written.v1"
    assert [notice.person_id for notice in notices_for(event_type, fact(event_type))] == [PERSON]
    anonymous = fact(event_type, person_id=EVENTS[event_type]["case_id"])
    assert notices_for(event_type, anonymous) == ()
