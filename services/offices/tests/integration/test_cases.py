"""What becomes of an application in an office."""

from datetime import date, timedelta

import pytest
from amtsbus.casework.deadlines import DeadlineClock
from amtsbus.desk import staff
from amtsbus.errors import ForbiddenError, NotFoundError, PreconditionFailedError, RuleViolationError
from amtsbus.procedures import steps
from offices.subscribers import clock_of
from offices.use_cases.assign_case import AssignCase, assign_case
from offices.use_cases.hear_offices import HearOffices, hear_offices
from offices.use_cases.propose_decision import ProposeDecision, propose_decision
from offices.use_cases.record_opinion import RecordOpinion, record_opinion
from offices.use_cases.record_payment import RecordPayment, record_payment
from offices.use_cases.request_documents import RequestDocuments, request_documents
from offices.use_cases.supply_documents import SupplyDocuments, supply_documents
from offices.use_cases.take_decision import TakeDecision, take_decision
from offices.use_cases.take_step import TakeStep, take_step
from offices.use_cases.withdraw_case import WithdrawCase, withdraw_case
from offices.use_cases.write_note import WriteNote, write_note

from .conftest import CLERK, LEAD, PARROTS, document, payment


async def test_an_application_becomes_a_case_with_a_reference_and_a_letter(pets):
    case_id = await pets.apply()
    file = await pets.file(case_id)
    assert file.case.state == steps.RECEIVED
    assert file.case.reference.startswith("PAPA-2026-")
    [letter] = await pets.letters(case_id)
    assert letter.subject == f"{file.case.reference} ist angekommen"
    assert letter.paragraphs == ("Ihr Antrag für 2 Papageien ist da.",)
    assert [kind for kind, _ in await pets.events(case_id)] == ["case-opened"]
    [(_, told)] = await pets.events(case_id, "pets.letter.events")
    assert (told["office"], told["addressee"]) == ("pets", "Erika Demo-Muster")


async def test_that_there_is_a_letter_is_told_without_what_it_says(pets):
    case_id = await pets.apply()
    [letter] = await pets.letters(case_id)
    async with pets.database.transaction() as tx:
        told = await tx.fetchval(
            "SELECT data FROM amtsbus.events WHERE stream_id = $1 AND type = 'offices.letter-written.v1'", case_id
        )
    assert str(letter.letter_id) in told
    assert letter.paragraphs[0] not in told


async def test_what_the_world_hears_of_a_case_holds_no_answer(pets):
    case_id = await pets.apply(answers=PARROTS | {"keeper": "Zoë Demo-Unverwechselbar"})
    assert "Unverwechselbar" not in str(await pets.events(case_id))


async def test_the_legal_clock_starts_when_nothing_is_missing(pets):
    complete = await pets.file(await pets.apply())
    assert complete.complete_at is not None
    assert complete.case.due_on == date(2026, 6, 2)
    incomplete = await pets.file(await pets.apply(answers=PARROTS | {"parrots": 3}))
    assert incomplete.complete_at is None
    assert incomplete.case.period("decision") is None


async def test_what_is_missing_becomes_a_question_and_never_a_lost_application(pets):
    case_id = await pets.apply(answers=PARROTS | {"parrots": 3, "since": "2027-01-01"})
    file = await pets.file(case_id)
    assert file.case.state == steps.DOCUMENTS_REQUESTED
    assert file.open_request is not None
    assert (file.open_request.documents, file.open_request.fields) == (("cage_plan",), ("since",))
    received, asked = await pets.letters(case_id)
    assert (received.about, asked.about) == ("received", "documents_requested")
    assert "• Plan des Käfigs\n• Seit wann?" in asked.paragraphs
    assert [kind for kind, _ in await pets.events(case_id)] == ["case-opened", "case-moved", "documents-requested"]

    await pets.do(supply_documents, SupplyDocuments(case_id, (document(),), {"since": "2026-02-01"}, "Hier."))
    file = await pets.file(case_id)
    assert file.case.state == steps.RECEIVED
    assert file.complete_at is not None
    assert file.open_request is None
    assert file.answers["since"] == "2026-02-01"
    assert file.supplements[0].replaced == {"since": "2027-01-01"}


async def test_an_answer_of_the_wrong_kind_is_asked_for_again_too(pets):
    case_id = await pets.apply(answers=PARROTS | {"parrots": "many"})
    file = await pets.file(case_id)
    assert file.open_request is not None
    assert file.open_request.fields == ("parrots",)
    await pets.do(supply_documents, SupplyDocuments(case_id, (), {"parrots": 2}, None))
    assert (await pets.file(case_id)).complete_at is not None


async def test_the_legal_clock_stands_still_while_the_applicant_is_waited_for(pets, clock):
    case_id = await pets.apply()
    before = (await pets.file(case_id)).case.due_on
    command = RequestDocuments(await pets.seen_by(CLERK, case_id), frozenset(), frozenset({"loud"}), "Wie laut?")
    await pets.do(request_documents, command)
    clock.advance(timedelta(days=10))
    await pets.do(supply_documents, SupplyDocuments(case_id, (), {"loud": True}, None))
    after = (await pets.file(case_id)).case.due_on
    assert after > before + timedelta(days=8)


async def test_a_decision_needs_two_people_where_the_procedure_says_so(pets):
    case_id = await pets.apply()
    with pytest.raises(RuleViolationError, match="propose"):
        await pets.do(take_decision, TakeDecision(await pets.seen_by(CLERK, case_id), "grant"))
    await pets.do(propose_decision, ProposeDecision(await pets.seen_by(CLERK, case_id), "grant", ("Leise Tiere.",)))
    with pytest.raises(ForbiddenError):
        await pets.do(take_decision, TakeDecision(await pets.seen_by(CLERK, case_id), "grant"))
    await pets.do(take_decision, TakeDecision(await pets.seen_by(LEAD, case_id), "grant"))
    file = await pets.file(case_id)
    assert file.case.state == steps.GRANTED
    assert file.case.decisions[0].reasons == ("Leise Tiere.",)
    assert file.charged_cents == 2000
    letter = (await pets.letters(case_id))[-1]
    assert letter.paragraphs == ("Sie dürfen die Papageien halten.", "Leise Tiere.", "Die Gebühr beträgt 20,00\u00a0€.")
    assert "Verwaltungsgericht Demostadt" in letter.remedy
    kinds = [kind for kind, _ in await pets.events(case_id)]
    assert kinds == ["case-opened", "case-moved", "case-decided", "fee-charged"]


async def test_a_refusal_without_reasons_is_refused(pets):
    case_id = await pets.apply()
    with pytest.raises(RuleViolationError, match="reason"):
        await pets.do(propose_decision, ProposeDecision(await pets.seen_by(CLERK, case_id), "refuse"))


async def test_an_english_decision_says_the_binding_german_text_too(pets):
    case_id = await pets.apply(language="en")
    await pets.do(propose_decision, ProposeDecision(await pets.seen_by(CLERK, case_id), "grant"))
    await pets.do(take_decision, TakeDecision(await pets.seen_by(LEAD, case_id), "grant"))
    letter = (await pets.letters(case_id))[-1]
    assert letter.paragraphs[0] == "you may keep the parrots."
    assert "Sie dürfen die Papageien halten." in letter.paragraphs


async def test_whoever_acts_on_what_has_changed_meanwhile_is_told(pets):
    case_id = await pets.apply()
    seen = await pets.seen_by(CLERK, case_id)
    await pets.do(write_note, WriteNote(seen, "angerufen"))
    with pytest.raises(PreconditionFailedError, match="look at it again"):
        await pets.do(write_note, WriteNote(seen, "noch einmal angerufen"))


async def test_other_offices_are_heard_and_the_case_waits_for_all_of_them(pets):
    case_id = await pets.apply()
    await pets.do(hear_offices, HearOffices(await pets.seen_by(CLERK, case_id), frozenset({"noise"})))
    assert (await pets.file(case_id)).case.state == steps.HEARING
    command = RecordOpinion(await pets.seen_by(CLERK, case_id), "noise", "conditions", "nachts abdecken")
    await pets.do(record_opinion, command)
    file = await pets.file(case_id)
    assert file.case.state == steps.RECEIVED
    assert file.hearings[0].opinion == "nachts abdecken"


async def test_an_office_that_stays_silent_is_not_waited_for_longer_than_its_period(pets, clock):
    case_id = await pets.apply()
    await pets.do(hear_offices, HearOffices(await pets.seen_by(CLERK, case_id), frozenset({"noise"})))
    clock.advance(timedelta(days=16))
    ringing: DeadlineClock = clock_of(pets.office)
    await ringing.ring_due(pets.database)
    file = await pets.file(case_id)
    assert file.hearings[0].outcome == "silent"
    assert file.case.state == steps.RECEIVED


async def test_a_certificate_that_is_paid_before_is_decided_by_itself_when_the_money_is_there(pets):
    case_id = await pets.apply("goldfish", answers={"owner": "Max Demo-Muster", "healthy": True})
    assert (await pets.file(case_id)).case.state == steps.RECEIVED
    command = RecordPayment(case_id, payment(500))
    await pets.do(record_payment, command)
    await pets.do(record_payment, command)
    file = await pets.file(case_id)
    assert file.case.state == steps.GRANTED
    assert file.paid_cents == 500
    decided = [told for kind, told in await pets.events(case_id) if kind == "case-decided"]
    assert [one["automatic"] for one in decided] == [True]
    assert (await pets.letters(case_id))[-1].paragraphs == (
        "Max Demo-Muster hat einen Goldfisch.",
        "Der Fisch ist gesund.",
    )


async def test_where_the_condition_is_not_fulfilled_a_human_decides(pets):
    case_id = await pets.apply("goldfish", answers={"owner": "Max Demo-Muster", "healthy": False})
    await pets.do(record_payment, RecordPayment(case_id, payment(500)))
    assert (await pets.file(case_id)).case.state == steps.RECEIVED


async def test_silence_counts_as_consent_where_a_law_says_so(pets, clock):
    case_id = await pets.apply("goldfish", answers={"owner": "Max Demo-Muster", "healthy": False})
    clock.advance(timedelta(days=12))
    await clock_of(pets.office).ring_due(pets.database)
    file = await pets.file(case_id)
    assert file.case.state == steps.GRANTED
    assert file.case.decisions[0].decided_by == "system"


async def test_a_step_of_the_procedures_own_writes_its_letter(pets):
    case_id = await pets.apply()
    await pets.do(take_step, TakeStep(await pets.seen_by(CLERK, case_id), "visit", None))
    assert (await pets.letters(case_id))[-1].paragraphs == ("wir sehen uns den Käfig an.",)
    with pytest.raises(RuleViolationError, match="form of its own"):
        await pets.do(take_step, TakeStep(await pets.seen_by(CLERK, case_id), "grant", None))


async def test_a_step_that_ends_in_a_decision_is_one_whatever_it_is_called(pets):
    case_id = await pets.apply("goldfish", answers={"owner": "Max Demo-Muster", "healthy": False})
    await pets.do(take_step, TakeStep(await pets.seen_by(CLERK, case_id), "stamp", "Er schwimmt."))
    file = await pets.file(case_id)
    assert [(one.outcome, one.reasons) for one in file.case.decisions] == [("granted", ("Er schwimmt.",))]
    letter = (await pets.letters(case_id))[-1]
    assert letter.paragraphs == ("Der Goldfisch ist gestempelt.",)
    assert letter.is_decision
    assert letter.remedy
    assert "case-decided" in [kind for kind, _ in await pets.events(case_id)]


async def test_the_receipt_says_what_it_is_going_to_cost(pets):
    case_id = await pets.apply("goldfish", answers={"owner": "Max Demo-Muster", "healthy": False})
    [receipt] = await pets.letters(case_id)
    assert receipt.paragraphs == ("Danke.", "Bitte zahlen Sie 5,00\u00a0€.")


async def test_a_withdrawal_that_comes_after_the_decision_changes_nothing(pets):
    case_id = await pets.apply()
    await pets.do(propose_decision, ProposeDecision(await pets.seen_by(CLERK, case_id), "grant"))
    await pets.do(take_decision, TakeDecision(await pets.seen_by(LEAD, case_id), "grant"))
    await pets.do(withdraw_case, WithdrawCase(case_id))
    assert (await pets.file(case_id)).case.state == steps.GRANTED
    other = await pets.apply()
    await pets.do(withdraw_case, WithdrawCase(other))
    assert (await pets.file(other)).case.state == steps.WITHDRAWN
    assert (await pets.letters(other))[-1].about == "withdrawn"


async def test_a_case_for_somebody_who_is_away_goes_to_their_deputy(pets):
    case_id = await pets.apply()
    with pytest.raises(RuleViolationError, match="nobody of this name"):
        await pets.do(assign_case, AssignCase(await pets.seen_by(LEAD, case_id), "clerk-1"))
    async with pets.database.transaction() as tx:
        await staff.meet(tx, "clerk-1", "Demo-Sachbearbeitung 1", ["clerk"])
        await staff.meet(tx, "clerk-2", "Demo-Sachbearbeitung 2", ["clerk"])
        await staff.set_absence(tx, "clerk-1", tx.clock.today(), tx.clock.today(), "clerk-2")
    await pets.do(assign_case, AssignCase(await pets.seen_by(LEAD, case_id), "clerk-1"))
    assert (await pets.file(case_id)).case.assignee == "clerk-2"


async def test_an_application_for_an_unknown_version_is_refused_before_anything_is_written(pets):
    with pytest.raises(NotFoundError, match="no version 7"):
        await pets.apply(version=7)
