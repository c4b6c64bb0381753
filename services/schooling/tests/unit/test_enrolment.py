"""One child's enrolment, from the invitation to the place."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest
from amtsbus.casework.roles import Actor, Role
from amtsbus.errors import ForbiddenError, NotFoundError, PreconditionFailedError, RuleViolationError
from schooling.domain.admission import Admission
from schooling.domain.child import Child
from schooling.domain.enrolment import Enrolment, NewCase, Party, RefusalGround, Target, Wishes, admit
from schooling.domain.events import (
    ChildAccepted,
    ChildNotAccepted,
    Document,
    DocumentsRequested,
    EarlyEntryRequested,
    EnrolmentReceived,
    EntryDeferred,
    ParentsInvited,
    WithdrawalCause,
)
from schooling.domain.procedure import PRIMARY_ENROLMENT, State
from schooling.domain.rules import Criterion, EnrolmentRules, Rulebook, School
from schooling.published import published

NOW = datetime(2026, 9, 21, 8, tzinfo=UTC)
TODAY = date(2026, 9, 21)
RULES = EnrolmentRules(
    from_school_year=2011,
    cut_off_month=9,
    cut_off_day=30,
    register_month=11,
    register_day=15,
    late_registration_days=21,
    documents_days=14,
    early_entry_years=1,
    admission_order=tuple(Criterion),
)
MOTHER, FATHER = uuid4(), uuid4()
PARENT = Actor("parent", frozenset({Role.CITIZEN}))
CLERK = Actor("clerk", frozenset({Role.CLERK}))
LEAD = Actor("lead", frozenset({Role.LEAD}))
PARK, FIELD, HILL = (School(uuid4(), name) for name in ("Am Park", "Im Feld", "Am Hang"))
ALL_DOCUMENTS = frozenset(Document)
ROOM = Admission(places=50, accepted=10)
FULL = Admission(places=50, accepted=50)


def child(*, born: date = date(2021, 3, 1), custodians: tuple[UUID, ...] = (MOTHER, FATHER)) -> Child:
    return Child.register(uuid4(), "Ada", "Öztürk", born, custodians, today=TODAY, rulebook=Rulebook((RULES,)))


def invited(**about: object) -> Enrolment:
    enrolment, _ = Enrolment.invite(
        child(**about),  # type: ignore[arg-type]
        NewCase(uuid4(), "SE-2026-000001"),
        now=NOW,
        today=TODAY,
        rules=RULES,
    )
    return enrolment


def received(*, documents: frozenset[Document] = ALL_DOCUMENTS, deferral: bool = False) -> Enrolment:
    enrolment = invited()
    enrolment.register(Wishes(PARK, FIELD, documents=documents, deferral=deferral), PARENT, NOW)
    return enrolment


def confirmed(criteria: frozenset[Criterion] | None = None) -> Enrolment:
    enrolment = received()
    enrolment.confirm(criteria, CLERK, NOW)
    return enrolment


def early(*, documents: frozenset[Document] = ALL_DOCUMENTS) -> Enrolment:
    enrolment, _ = Enrolment.apply_for_early_entry(
        child(born=date(2021, 12, 1)),
        2027,
        Wishes(PARK, FIELD, documents=documents),
        NewCase(uuid4(), "SE-2026-000002"),
        PARENT,
        now=NOW,
        today=TODAY,
        rules=RULES,
    )
    return enrolment


def refused_with(code: str) -> "pytest.RaisesExc[RuleViolationError]":
    return pytest.RaisesExc(RuleViolationError, check=lambda error: error.code == code)


def test_parents_are_invited_until_15_november() -> None:
    enrolment, happened = Enrolment.invite(
        child(), NewCase(uuid4(), "SE-2026-000001"), now=NOW, today=TODAY, rules=RULES
    )
    assert happened == ParentsInvited(date(2026, 11, 15))
    assert (enrolment.school_year, enrolment.case.state) == (2027, State.INVITED)
    assert enrolment.case.due_on == date(2026, 11, 15)


def test_parents_register_with_two_choices() -> None:
    enrolment = invited()
    happened = enrolment.register(Wishes(PARK, FIELD, frozenset({Criterion.SIBLING})), PARENT, NOW)
    assert happened == EnrolmentReceived(PARK, FIELD)
    assert enrolment.case.state == State.RECEIVED
    assert enrolment.case.due_on is None, "the period for registration is over"
    assert enrolment.stated_criteria == {Criterion.SIBLING}


def test_nobody_registers_a_child_twice() -> None:
    enrolment = received()
    with refused_with("action-not-permitted"):
        enrolment.register(Wishes(FIELD), PARENT, NOW)
    assert enrolment.first_choice == PARK


def test_the_same_school_cannot_be_both_choices() -> None:
    with refused_with("same-school-twice"):
        invited().register(Wishes(PARK, PARK), PARENT, NOW)


def test_one_custodian_alone_shows_custody_evidence() -> None:
    assert Document.CUSTODY_EVIDENCE not in invited().required_documents
    assert Document.CUSTODY_EVIDENCE in invited(custodians=(MOTHER,)).required_documents


def test_missing_documents_are_requested_with_a_due_date_and_the_answer_ends_it() -> None:
    enrolment = received(documents=frozenset({Document.BIRTH_CERTIFICATE}))
    assert enrolment.request_documents(CLERK, NOW, TODAY, RULES) == DocumentsRequested(
        (Document.MEASLES_PROTECTION,), date(2026, 10, 5)
    )
    assert enrolment.case.due_on == date(2026, 10, 5)
    enrolment.supply(frozenset({Document.MEASLES_PROTECTION}), PARENT, NOW)
    assert enrolment.case.state == State.RECEIVED
    assert enrolment.case.period("documents") is None


def test_a_partial_answer_leaves_the_request_open() -> None:
    enrolment = received(documents=frozenset())
    enrolment.request_documents(CLERK, NOW, TODAY, RULES)
    enrolment.supply(frozenset({Document.BIRTH_CERTIFICATE}), PARENT, NOW)
    assert enrolment.case.state == State.DOCUMENTS_REQUESTED
    assert enrolment.missing_documents == (Document.MEASLES_PROTECTION,)


def test_a_complete_registration_is_not_asked_for_documents() -> None:
    with refused_with("documents-complete"):
        received().request_documents(CLERK, NOW, TODAY, RULES)


def test_an_incomplete_registration_is_not_confirmed() -> None:
    with refused_with("documents-missing"):
        received(documents=frozenset()).confirm(None, CLERK, NOW)


def test_the_administration_corrects_the_stated_criteria() -> None:
    enrolment = invited()
    enrolment.register(
        Wishes(PARK, None, frozenset({Criterion.SIBLING, Criterion.HARDSHIP}), ALL_DOCUMENTS), PARENT, NOW
    )
    enrolment.confirm(frozenset({Criterion.SIBLING}), CLERK, NOW)
    assert enrolment.criteria == {Criterion.SIBLING}
    assert enrolment.stated_criteria == {Criterion.SIBLING, Criterion.HARDSHIP}


def test_the_first_choice_takes_the_child_with_reasons_and_legal_basis() -> None:
    enrolment = confirmed(frozenset({Criterion.NEAREST_SCHOOL}))
    assert enrolment.accept(PARK, ROOM, CLERK, NOW, RULES) == ChildAccepted(PARK, date(2027, 8, 1))
    [decision] = enrolment.case.decisions
    assert decision.outcome == "accepted"
    assert "50 places" in decision.reasons[0]
    assert "nearest-school" in decision.reasons[1]
    assert "§ 46 SchulG NRW" in decision.legal_basis


def test_a_full_school_takes_nobody() -> None:
    with refused_with("school-full"):
        confirmed().accept(PARK, FULL, CLERK, NOW, RULES)


def test_nobody_overtakes_a_child_that_goes_first() -> None:
    last_place = Admission(places=50, accepted=49, waiting=(frozenset({Criterion.NEAREST_SCHOOL}),))
    with refused_with("others-go-first"):
        confirmed(frozenset({Criterion.SIBLING})).accept(PARK, last_place, CLERK, NOW, RULES)


def test_the_second_choice_waits_for_the_first_one_s_refusal() -> None:
    enrolment = confirmed()
    with refused_with("first-choice-first"):
        enrolment.accept(FIELD, ROOM, CLERK, NOW, RULES)
    assert enrolment.refuse(PARK, RefusalGround.CAPACITY_EXHAUSTED, FULL, LEAD, NOW, RULES) == ChildNotAccepted(PARK)
    assert enrolment.school_in_line == FIELD
    with refused_with("school-has-refused"):
        enrolment.accept(PARK, ROOM, CLERK, NOW, RULES)
    enrolment.accept(FIELD, ROOM, CLERK, NOW, RULES)
    assert enrolment.accepted_by == FIELD


def test_after_both_refusals_another_school_takes_the_child() -> None:
    enrolment = confirmed()
    for school in (PARK, FIELD):
        enrolment.refuse(school, RefusalGround.CAPACITY_EXHAUSTED, FULL, LEAD, NOW, RULES)
    assert enrolment.school_in_line is None
    enrolment.accept(HILL, ROOM, CLERK, NOW, RULES)
    assert enrolment.case.state == State.ACCEPTED


def test_a_school_with_a_place_cannot_refuse() -> None:
    with refused_with("places-free"):
        confirmed().refuse(PARK, RefusalGround.CAPACITY_EXHAUSTED, ROOM, LEAD, NOW, RULES)


def test_a_refusal_is_the_lead_s() -> None:
    with pytest.raises(ForbiddenError, match="lead"):
        confirmed().refuse(PARK, RefusalGround.CAPACITY_EXHAUSTED, FULL, CLERK, NOW, RULES)


def test_a_child_for_whom_school_is_compulsory_is_not_refused_as_unready() -> None:
    with refused_with("schooling-compulsory"):
        confirmed().refuse(PARK, RefusalGround.NOT_READY_FOR_SCHOOL, ROOM, LEAD, NOW, RULES, report_seen=True)


def test_a_deferral_keeps_the_result_and_that_the_report_was_seen_and_frees_the_place() -> None:
    enrolment = confirmed()
    enrolment.accept(PARK, ROOM, CLERK, NOW, RULES)
    with refused_with("report-not-seen"):
        enrolment.defer(LEAD, NOW, report_seen=False)
    assert enrolment.defer(LEAD, NOW, report_seen=True) == EntryDeferred(2028)
    assert enrolment.accepted_by is None
    assert enrolment.case.is_closed


@pytest.mark.parametrize("applied", [True, False])
def test_a_deferral_says_whether_parents_applied_for_it(applied: bool) -> None:
    enrolment = received(deferral=applied)
    enrolment.defer(LEAD, NOW, report_seen=True)
    assert ("on application" in enrolment.case.decisions[0].reasons[0]) is applied


def test_a_younger_child_starts_early_on_application() -> None:
    enrolment, happened = Enrolment.apply_for_early_entry(
        child(born=date(2021, 10, 1)),
        2027,
        Wishes(PARK),
        NewCase(uuid4(), "SE-2026-000002"),
        PARENT,
        now=NOW,
        today=TODAY,
        rules=RULES,
    )
    assert happened == EarlyEntryRequested()
    assert (enrolment.school_year, enrolment.case.state, enrolment.early_entry) == (2027, State.RECEIVED, True)


@pytest.mark.parametrize(
    ("born", "school_year", "moved_out_on", "code"),
    [
        (date(2021, 9, 30), 2027, None, "not-early"),
        (date(2022, 10, 1), 2027, None, "too-early"),
        (date(2020, 10, 1), 2026, None, "school-year-has-begun"),
        (date(2021, 10, 1), 2027, date(2026, 9, 1), "child-moved-away"),
    ],
)
def test_early_entry_has_its_limits(born: date, school_year: int, moved_out_on: date | None, code: str) -> None:
    applicant = replace(child(born=born), moved_out_on=moved_out_on)
    with refused_with(code):
        Enrolment.apply_for_early_entry(
            applicant,
            school_year,
            Wishes(PARK),
            NewCase(uuid4(), "SE-2026-000002"),
            PARENT,
            now=NOW,
            today=TODAY,
            rules=RULES,
        )


def test_early_entry_is_decided_on_the_school_doctor_s_report() -> None:
    enrolment = early()
    enrolment.confirm(None, CLERK, NOW)
    with refused_with("report-not-seen"):
        enrolment.accept(PARK, ROOM, LEAD, NOW, RULES)
    enrolment.accept(PARK, ROOM, LEAD, NOW, RULES, report_seen=True)
    assert "§ 35 (2)" in enrolment.case.decisions[0].legal_basis


def test_a_child_that_is_not_ready_is_refused_early_entry_without_a_word_on_its_health() -> None:
    enrolment = early()
    enrolment.confirm(None, CLERK, NOW)
    enrolment.refuse(PARK, RefusalGround.NOT_READY_FOR_SCHOOL, ROOM, LEAD, NOW, RULES, report_seen=True)
    assert enrolment.case.decisions[0].reasons == (
        "The conditions of early entry are not met yet; the school doctor's report was seen.",
    )


def test_early_entry_cannot_be_deferred() -> None:
    with refused_with("entry-not-compulsory"):
        early().defer(LEAD, NOW, report_seen=True)


def test_a_withdrawn_enrolment_frees_its_place() -> None:
    enrolment = confirmed()
    enrolment.accept(PARK, ROOM, CLERK, NOW, RULES)
    enrolment.withdraw(WithdrawalCause.PRIVATE_SCHOOL, PARENT, NOW)
    assert (enrolment.case.state, enrolment.accepted_by) == (State.WITHDRAWN, None)


@pytest.mark.parametrize("actor", [PARENT, CLERK, LEAD])
def test_a_move_is_reported_to_the_registration_authority(actor: Actor) -> None:
    with refused_with("report-the-move"):
        invited().withdraw(WithdrawalCause.MOVED_AWAY, actor, NOW)


def test_a_child_that_moves_before_school_starts_loses_its_place_and_a_pupil_does_not() -> None:
    enrolment = confirmed()
    enrolment.accept(PARK, ROOM, CLERK, NOW, RULES)
    assert enrolment.ends_when_the_child_moves_away(date(2027, 7, 31))
    assert not enrolment.ends_when_the_child_moves_away(date(2027, 8, 1))
    assert invited().ends_when_the_child_moves_away(date(2027, 9, 1))


def test_both_custodians_act_for_the_child_and_nobody_else() -> None:
    ada = child()
    for person in (MOTHER, FATHER):
        assert admit(Party(PARENT, person), ada) == PARENT
    for stranger in (uuid4(), None):
        with pytest.raises(NotFoundError):
            admit(Party(PARENT, stranger), ada)


def test_a_clerk_is_nothing_but_a_parent_of_their_own_child() -> None:
    assert admit(Party(LEAD, MOTHER), child()).roles == {Role.CITIZEN}


def test_an_operator_sees_no_enrolment() -> None:
    with pytest.raises(NotFoundError):
        admit(Party(Actor("operator", frozenset({Role.OPERATOR}))), child())


def test_nobody_acts_on_an_outdated_version() -> None:
    enrolment = invited()
    with pytest.raises(PreconditionFailedError):
        enrolment.admit(Target(enrolment.case.case_id, 7, Party(CLERK)))


def test_a_date_of_birth_in_the_future_is_no_child_s() -> None:
    with refused_with("implausible-date-of-birth"):
        child(born=date(2026, 9, 22))


def test_a_correction_keeps_a_deferral_and_a_child_that_moved_away_where_it_is() -> None:
    known = child().deferred(2028).moved_away(date(2026, 9, 1))
    corrected = child(born=date(2021, 3, 2)).following(known, arrives=False)
    assert (corrected.school_year, corrected.deferred_to, corrected.moved_out_on) == (2028, 2028, date(2026, 9, 1))
    assert child().following(known, arrives=True).moved_out_on is None


def test_no_event_names_the_child() -> None:
    enrolment = received()
    for event in published(enrolment, [EnrolmentReceived(PARK, FIELD), EntryDeferred(2028)]):
        assert "Öztürk" not in event.model_dump_json()
        assert event.model_dump(mode="json")["custodian_ids"] == [str(MOTHER), str(FATHER)]


def test_the_administration_alone_decides_and_the_lead_refuses_and_defers() -> None:
    by = {step.action: step.by for step in PRIMARY_ENROLMENT.transitions}
    assert all(Role.CITIZEN not in by[action] for action in ("confirm", "accept", "refuse", "defer"))
    assert by["refuse"] == by["defer"] == {Role.LEAD}
