"""A case of an office, whatever is done to it and in whatever order."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from amtsbus.casework.case import Case
from amtsbus.casework.roles import Actor, Role
from amtsbus.errors import ForbiddenError, RuleViolationError
from amtsbus.ids import new_id
from amtsbus.procedures import steps
from amtsbus.procedures.checking import read_office
from hypothesis import given
from hypothesis import strategies as st
from offices.domain.case_file import DOCUMENTS, CaseFile, Payment

PETS = read_office(Path(__file__).parents[1] / "procedures" / "pets")
ANSWERS = {
    "parrot": {"keeper": "Erika Demo-Muster", "parrots": 2, "loud": False, "since": "2026-01-05"},
    "goldfish": {"owner": "Max Demo-Muster", "healthy": True},
}
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
CLERK, LEAD = Actor("clerk-1", frozenset({Role.CLERK})), Actor("lead-1", frozenset({Role.LEAD}))
CITIZEN = Actor("citizen", frozenset({Role.CITIZEN}))


def opened(procedure: str) -> CaseFile:
    declared = PETS.procedures[procedure]
    case = Case.open(
        steps.compiled(declared), case_id=new_id(), reference="DEMO-2026-000001", applicant_id=new_id(), now=START
    )
    file = CaseFile(
        case=case,
        declared=declared,
        version=1,
        office=PETS.declaration,
        language="de",
        applicant_name="Erika Demo-Muster",
        applicant_email=None,
        identification="basic",
        answers=dict(ANSWERS[procedure]),
        handed_in_at=START,
    )
    file.begin(START, START.date(), START.date())
    return file


def do(file: CaseFile, what: str, actor: Actor, now: datetime) -> None:
    today: date = now.date()
    match what:
        case "ask":
            file.request_documents([], [], "Bitte sagen Sie mehr.", actor, now, today)
        case "supply":
            file.supply([], {}, "Hier.", CITIZEN, now, today)
        case "hear":
            file.hear(file.declared.decision.hearing, actor, now, today)
        case "answer":  # all of them; where nobody was asked, nothing
            for hearing in file.open_hearings:
                file.record_opinion(hearing.office, "no-objection", None, actor, now)
        case "propose":
            file.case.propose(steps.GRANT, actor, now, reason=None)
        case "grant" | "refuse":
            file.decide(what, ["Ein Grund."], actor, now, today)
        case "pay":
            file.pay(Payment(new_id(), 100, now), now)
        case "withdraw":
            file.case.take(steps.WITHDRAW, CITIZEN, now)
        case "lapse":
            file.case.take(steps.LAPSE, actor, now, reason="Es kam nichts.")


acts = st.tuples(
    st.sampled_from(["ask", "supply", "hear", "answer", "propose", "grant", "refuse", "pay", "withdraw", "lapse"]),
    st.sampled_from([CLERK, LEAD]),
    st.integers(min_value=0, max_value=20),
)


@given(procedure=st.sampled_from(sorted(ANSWERS)), history=st.lists(acts, max_size=25))
def test_whatever_is_done_in_whatever_order_the_file_stays_true(procedure, history):
    file, now = opened(procedure), START
    complete_at, charged = file.complete_at, file.charged_cents
    for what, actor, days in history:
        now += timedelta(days=days)
        closed = file.case.is_closed
        try:
            do(file, what, actor, now)
        except (RuleViolationError, ForbiddenError):
            pass
        else:
            assert not closed or what in ("pay", "answer"), "a closed case is paid, and nothing else happens to it"
        assert (file.open_request is not None) <= (file.case.state == steps.DOCUMENTS_REQUESTED or file.case.is_closed)
        assert bool(file.open_hearings) <= (file.case.state == steps.HEARING or file.case.is_closed)
        assert (file.case.period(DOCUMENTS) is not None) == (file.case.state == steps.DOCUMENTS_REQUESTED)
        assert complete_at is None or file.complete_at == complete_at, "what is complete stays so"
        assert file.charged_cents in (charged, charged or file.fee_cents(now.date())), "a fee is charged once"
        assert len(file.case.decisions) <= 1
        assert bool(file.case.decisions) == (file.case.state in (steps.GRANTED, steps.REFUSED))
        if file.case.is_closed:
            assert file.case.due_on is None
        complete_at, charged = file.complete_at, file.charged_cents


def test_a_decision_is_never_taken_by_whoever_proposed_it():
    file = opened("parrot")
    do(file, "propose", CLERK, START)
    assert steps.GRANT not in [step.action for step in file.case.actions(CLERK)]
    assert steps.GRANT in [step.action for step in file.case.actions(LEAD)]


def asking_for(file: CaseFile, **rules: str | None) -> None:
    """Let the file's procedure ask otherwise since when the parrot is there."""
    form = file.declared.form
    pages = tuple(
        page.model_copy(
            update={"fields": tuple(one.model_copy(update=rules) if one.key == "since" else one for one in page.fields)}
        )
        for page in form.pages
    )
    file.declared = file.declared.model_copy(update={"form": form.model_copy(update={"pages": pages})})


def test_an_answer_is_held_to_the_day_on_which_it_came():
    file = opened("parrot")
    asking_for(file, latest="today")
    assert file.problems == []
    file.handed_in_at = datetime(2026, 1, 4, 9, tzinfo=UTC)  # the day before the parrot came
    assert [problem.at for problem in file.problems] == ["since"]
    assert "since" not in file.sound_answers
    file.supply([], {"since": "2026-03-03"}, None, CITIZEN, START + timedelta(days=1), date(2026, 3, 3))
    assert file.problems == []
    assert file.sound_answers["since"] == "2026-03-03"


def test_a_day_that_lay_ahead_when_it_was_handed_in_stays_right_when_it_has_passed():
    file = opened("parrot")
    asking_for(file, earliest="days_after(today, 3)", latest=None)
    file.answers["since"] = "2026-03-06"
    assert file.problems == []
    file.supply([], {"parrots": 3}, None, CITIZEN, START + timedelta(days=10), date(2026, 3, 12))
    assert file.problems == [], "neither by waiting nor by another answer that comes later"
