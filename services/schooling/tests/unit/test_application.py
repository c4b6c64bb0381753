"""What parents hand in at the portal, before it is known which child it is about."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from amtsbus.casework.calendar import weeks
from amtsbus.casework.roles import Actor, Role
from amtsbus.errors import ForbiddenError, PreconditionFailedError, RuleViolationError
from amtsbus.procedures import answers as reading
from amtsbus.procedures import conditions, sampling, steps
from amtsbus.procedures.checking import read_office
from amtsbus.procedures.declaration import ChoiceField, ProcedureFile
from hypothesis import given
from hypothesis import strategies as st
from schooling.domain.application import (
    CODES,
    READ,
    SCHOOL_FIELDS,
    Application,
    ApplicationTarget,
    Evidence,
    Ground,
    HandedInFile,
    Statement,
    school_id_of,
    school_key,
)
from schooling.domain.child import Child
from schooling.domain.enrolment import Party
from schooling.domain.events import Document
from schooling.domain.procedure import SCHOOL_REGISTRATION, ApplicationAction, ApplicationState
from schooling.domain.rules import Criterion
from schooling.published import OFFICE
from schooling.reporting import STATES
from schooling.use_cases.read_answers import read_answers

FOLDER = Path(__file__).parents[2] / "procedures"
NOW, TODAY = datetime(2026, 3, 2, 9, tzinfo=UTC), date(2026, 3, 2)
PARENT, CLERK = UUID(int=3), Actor("clara-clerk", frozenset({Role.CLERK}))
FORM = read_office(FOLDER, written_for={SCHOOL_REGISTRATION.key: READ}).procedures[SCHOOL_REGISTRATION.key]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def with_schools(*schools: UUID) -> ProcedureFile:
    """The form as it is published, with these schools."""
    declared = FORM.model_dump(by_alias=True, exclude_none=True)
    for page in declared["form"]["pages"]:
        for field in page["fields"]:
            if field["key"] in SCHOOL_FIELDS:
                field["options"] = [
                    {"key": school_key(one), "label": {"de": f"Demo {one}", "en": f"Demo {one}"}} for one in schools
                ]
    return ProcedureFile.model_validate(declared)


NORTH, SOUTH = UUID("91980a52-7c1e-7d40-9a3b-52d1f5a0e005"), UUID("01980a52-7c1e-7d40-9a3b-52d1f5a0e006")
PUBLISHED = with_schools(NORTH, SOUTH)
ANSWERS: dict[str, Any] = {
    "given_names": "Ada",
    "family_name": "Öztürk",
    "date_of_birth": "2020-05-01",
    "first_choice": school_key(NORTH),
    "deferral": False,
}


def file(document: Document, content: int = 1) -> HandedInFile:
    return HandedInFile(document, bytes([content]) * 32, 100, "application/pdf", NOW)


def application(*files: HandedInFile, **answers: Any) -> Application:
    return Application.open(
        application_id=UUID(int=1),
        reference="SA-2026-000001",
        applicant_id=PARENT,
        applicant_name="Demo-Deniz",
        identification="substantial",
        procedure_version=1,
        answers=ANSWERS | answers,
        files=files,
        handed_in_at=NOW,
        now=NOW,
    )


def asked(*answers: str, documents: tuple[Document, ...] = ()) -> Application:
    made = application()
    made.ask(answers, documents, weeks(2), CLERK, NOW, TODAY)
    return made


# The form


def test_the_folder_offers_what_there_is_code_for() -> None:
    read = read_office(FOLDER, written_for={SCHOOL_REGISTRATION.key: READ})
    assert read.declaration.key == OFFICE
    assert list(read.procedures) == [SCHOOL_REGISTRATION.key]
    assert FORM.reference_prefix == SCHOOL_REGISTRATION.reference_prefix


def test_the_form_knows_every_criterion_and_every_document() -> None:
    fields = {field.key: field for page in FORM.form.pages for field in page.fields}
    criteria = fields["criteria"]
    assert isinstance(criteria, ChoiceField)
    assert {option.key for option in criteria.options} == set(Criterion)
    assert {document.key for document in FORM.documents} == set(CODES)
    assert set(CODES.values()) == set(Document)


def test_nobody_is_kept_from_registering_by_a_document() -> None:
    documents = reading.asked_documents(FORM.documents, ANSWERS, today=TODAY)
    assert not any(conditions.is_required(one.required, ANSWERS, today=TODAY) for one in documents)


def test_whoever_follows_an_application_finds_every_state_and_step_in_words() -> None:
    for state in ApplicationState:
        assert steps.state_name(FORM, STATES[state]).de
    compiled = steps.compiled(FORM)
    for step in SCHOOL_REGISTRATION.transitions:
        assert steps.step_name(FORM, step.action).de
        for source in step.sources:
            told = compiled.transition(STATES[ApplicationState(source)], step.action)
            assert told is not None, (source, step.action)
            assert told.target == STATES[ApplicationState(step.target)]


# Answers


def test_good_answers_say_which_child_and_which_schools() -> None:
    answers = ANSWERS | {"second_choice": school_key(SOUTH), "criteria": ["sibling", "way-to-school"], "deferral": True}
    read = read_answers(PUBLISHED, answers, TODAY)
    assert read.wrong == frozenset()
    criteria = frozenset({Criterion.SIBLING, Criterion.WAY_TO_SCHOOL})
    assert read.stated == Statement("Ada", "Öztürk", date(2020, 5, 1), NORTH, SOUTH, criteria, deferral=True)


def test_a_school_is_an_answer_whatever_its_id_begins_with() -> None:
    for school in (NORTH, SOUTH):
        assert school_id_of(school_key(school)) == school
    assert {school_key(NORTH), school_key(SOUTH)} == {
        option.key
        for page in PUBLISHED.form.pages
        for field in page.fields
        if isinstance(field, ChoiceField) and field.key == "first_choice"
        for option in field.options
    }


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_form_lets_through_says_what_is_needed(seed: int) -> None:
    answers = sampling.one(PUBLISHED, seed, today=TODAY)
    read = read_answers(PUBLISHED, answers, TODAY)
    assert read.wrong == frozenset()
    assert read.stated is not None
    assert read.stated.given_names == answers["given_names"]


@given(st.dictionaries(st.sampled_from(sorted({*READ, "something_else"})), ANY_JSON))
def test_no_answer_is_too_strange_to_be_asked_for_again(answers: dict[str, Any]) -> None:
    read = read_answers(PUBLISHED, answers, TODAY)
    assert (read.stated is None) == bool(read.wrong)
    missing = {"given_names", "family_name", "date_of_birth", "first_choice", "deferral"} - answers.keys()
    assert missing <= read.wrong


def test_the_same_school_twice_is_wrong_also_where_a_citys_form_lets_it_through() -> None:
    declared = PUBLISHED.model_copy(update={"form": PUBLISHED.form.model_copy(update={"checks": ()})})
    read = read_answers(declared, ANSWERS | {"second_choice": school_key(NORTH)}, TODAY)
    assert (read.wrong, read.stated) == (frozenset({"second_choice"}), None)


# Which child


@pytest.mark.parametrize(
    ("given_names", "family_name", "is_it"),
    [
        ("Ada", "Öztürk-Groß", True),
        ("ADA  LENA", "öztürk gross", True),
        ("Lena", "Ozturk-Gross", True),
        ("Ada-Lena", "Öztürk-Groß", True),
        ("Ada Maria", "Öztürk-Groß", False),
        ("Adda", "Öztürk-Groß", False),
        ("Ada", "Groß", False),
        ("Ada", "Groß-Öztürk", False),
        ("", "Öztürk-Groß", False),
        ("-", "Öztürk-Groß", False),
    ],
)
def test_a_child_is_called_by_some_of_its_given_names_and_its_whole_family_name(
    given_names: str, family_name: str, is_it: bool
) -> None:
    child = Child(UUID(int=7), "Ada Lena", "Öztürk-Groß", date(2020, 5, 1), (PARENT,), 2026)
    assert child.is_called(given_names, family_name) is is_it


# Questions


def test_a_question_is_answered_when_all_of_it_has_come() -> None:
    made = asked("family_name", documents=(Document.CUSTODY_EVIDENCE,))
    assert made.asked_until == date(2026, 3, 16)
    step = made.supply({"family_name": "Demo"}, [], (), NOW)
    assert (step, made.state) == (ApplicationAction.SUPPLY_SOME_DOCUMENTS, ApplicationState.ASKED)
    step = made.supply({}, [file(Document.CUSTODY_EVIDENCE)], (), NOW)
    assert (step, made.state) == (ApplicationAction.SUPPLY_DOCUMENTS, ApplicationState.UNMATCHED)
    assert made.case.due_on is None
    assert made.answers["family_name"] == "Demo"


def test_an_answer_that_is_still_wrong_stays_asked_for() -> None:
    made = asked("date_of_birth")
    assert made.supply({"date_of_birth": "May"}, [], {"date_of_birth"}, NOW) is ApplicationAction.SUPPLY_SOME_DOCUMENTS
    assert made.asked_answers == {"date_of_birth"}


def test_what_nobody_asked_for_changes_no_answer() -> None:
    made = application()
    assert made.supply({"family_name": "Demo"}, [file(Document.BIRTH_CERTIFICATE)], (), NOW) is None
    assert made.answers["family_name"] == "Öztürk"
    assert made.documents == {Document.BIRTH_CERTIFICATE}


def test_a_file_that_comes_twice_is_there_once() -> None:
    made = application(file(Document.BIRTH_CERTIFICATE), file(Document.BIRTH_CERTIFICATE))
    made.keep([file(Document.BIRTH_CERTIFICATE), file(Document.BIRTH_CERTIFICATE, 2)])
    assert [one.sha256[0] for one in made.files] == [1, 2]


def test_a_question_asks_something() -> None:
    with pytest.raises(RuleViolationError) as refused:
        application().ask((), (), weeks(2), CLERK, NOW, TODAY)
    assert refused.value.code == "nothing-asked"


# The end


def test_whatever_ends_an_application_ends_its_question() -> None:
    def register(made: Application) -> None:
        made.register(UUID(int=9), Evidence.POWER_OF_ATTORNEY, CLERK, NOW)

    for end, state in (
        (register, ApplicationState.REGISTERED),
        (lambda made: made.refuse([Ground.NOT_THIS_YEAR], CLERK, NOW), ApplicationState.REFUSED),
        (lambda made: made.withdraw(NOW), ApplicationState.TAKEN_BACK),
    ):
        made = asked("family_name", documents=(Document.BIRTH_CERTIFICATE,))
        end(made)
        assert made.state is state
        assert made.asked_until is None
        assert not made.asked_answers | made.asked_documents
        with pytest.raises(RuleViolationError):
            made.supply({}, [], (), NOW)
        with pytest.raises(RuleViolationError):
            made.withdraw(NOW)


def test_a_refusal_says_why_in_sentences_that_are_kept() -> None:
    made = application()
    with pytest.raises(RuleViolationError) as refused:
        made.refuse([], CLERK, NOW)
    assert refused.value.code == "reason-missing"
    made.refuse([Ground.NOT_THIS_YEAR, Ground.CHILD_NOT_ESTABLISHED], CLERK, NOW)
    [decision] = made.case.decisions
    assert [reason[:11] for reason in decision.reasons] == ["The answers", "By the date"]


# Who acts


@pytest.mark.parametrize(
    ("role", "person_id", "version", "raises"),
    [
        (Role.CLERK, None, 1, None),
        (Role.LEAD, UUID(int=8), 1, None),
        (Role.CLERK, PARENT, 1, ForbiddenError),
        (Role.AUDITOR, None, 1, ForbiddenError),
        (Role.CITIZEN, None, 1, ForbiddenError),
        (Role.CLERK, None, 2, PreconditionFailedError),
    ],
)
def test_whoever_works_here_acts_on_what_they_have_seen_and_nobody_in_their_own_matter(
    role: Role, person_id: UUID | None, version: int, raises: type[Exception] | None
) -> None:
    made = application()
    target = ApplicationTarget(made.application_id, version, Party(Actor("demo", frozenset({role})), person_id))
    if raises is None:
        assert made.admit(target).roles == {role}
    else:
        with pytest.raises(raises):
            made.admit(target)
