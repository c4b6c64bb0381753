"""What citizens type into the portal's form, and what becomes of it."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from amtsbus.procedures import answers as reading
from amtsbus.procedures import conditions, sampling, steps
from amtsbus.procedures.checking import read_office
from amtsbus.procedures.declaration import ProcedureFile
from hypothesis import given
from hypothesis import strategies as st
from permits.domain.application import Address, Parcel
from permits.domain.codes import REQUIRED_DOCUMENTS, DocumentCode, ProjectKind
from permits.domain.handed_in import CODES, READ, project_of
from permits.domain.procedure import BUILDING_PERMIT, Action, State
from permits.published import OFFICE
from permits.reporting import STATES
from permits.use_cases.receive_application import read_answers

FOLDER = Path(__file__).parents[2] / "procedures"
TODAY = date(2026, 3, 2)
HOUSE: dict[str, Any] = {
    "project_kind": "new-building",
    "description": "A house for one family",
    "cadastral_district": "Wiesdorf",
    "cadastral_section": "12",
    "parcel_number": "345/6",
    "has_address": True,
    "site_address": {
        "street": "Hauptstraße",
        "house_number": "12 a",
        "postal_code": "51373",
        "locality": "Leverkusen",
    },
    "gross_building_sum": 30_000_000,
}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def form() -> ProcedureFile:
    return read_office(FOLDER, written_for={BUILDING_PERMIT.key: READ}).procedures[BUILDING_PERMIT.key]


FORM = form()


def test_the_folder_offers_what_there_is_code_for() -> None:
    read = read_office(FOLDER, written_for={BUILDING_PERMIT.key: READ})
    assert read.declaration.key == OFFICE
    assert list(read.procedures) == [BUILDING_PERMIT.key]
    assert FORM.reference_prefix == BUILDING_PERMIT.reference_prefix


def test_the_form_knows_every_kind_of_project() -> None:
    [field] = [field for page in FORM.form.pages for field in page.fields if field.key == "project_kind"]
    assert field.type == "choice"
    assert {option.key for option in field.options} == set(ProjectKind)


@pytest.mark.parametrize("kind", ProjectKind)
def test_the_form_asks_for_the_documents_that_an_application_cannot_go_without(kind: ProjectKind) -> None:
    answers = HOUSE | {"project_kind": str(kind)}
    asked = reading.asked_documents(FORM.documents, answers, today=TODAY)
    required = {CODES[one.key] for one in asked if conditions.is_required(one.required, answers, today=TODAY)}
    assert required == REQUIRED_DOCUMENTS[kind]
    assert {document.key for document in FORM.documents} == set(CODES)
    assert set(CODES.values()) == set(DocumentCode)


def test_whoever_follows_an_application_finds_every_state_and_step_in_words() -> None:
    for state in State:
        assert steps.state_name(FORM, STATES[state]).de
    inside_the_house = {Action.SEND_BACK, Action.RECORD_RESPONSE, Action.RECORD_SILENCE}
    told_as_decisions = {Action.APPROVE: steps.GRANT, Action.REFUSE: steps.REFUSE}
    for action in set(Action) - inside_the_house:
        assert steps.step_name(FORM, told_as_decisions.get(action, str(action))).de


def test_good_answers_are_a_project() -> None:
    read = read_answers(FORM, HOUSE, TODAY)
    assert read.wrong == frozenset()
    assert read.problems == ()
    assert read.project.kind is ProjectKind.NEW_BUILDING
    assert read.project.parcel == Parcel("Wiesdorf", "12", "345/6")
    assert read.project.address == Address("Hauptstraße", "12 a", "51373", "Leverkusen")
    assert read.project.gross_building_sum_cents == 30_000_000


def test_land_that_was_never_built_on_has_no_address() -> None:
    answers = {key: value for key, value in HOUSE.items() if key != "site_address"} | {"has_address": False}
    assert read_answers(FORM, answers, TODAY).project.address is None


@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_form_lets_through_is_a_project(seed: int) -> None:
    answers = sampling.one(FORM, seed, today=TODAY)
    read = read_answers(FORM, answers, TODAY)
    assert read.wrong == frozenset()
    assert read.project.description == answers["description"]


@given(st.dictionaries(st.sampled_from(sorted({*READ, "has_address", "something_else"})), ANY_JSON))
def test_no_answer_is_too_strange_to_be_asked_for_again(answers: dict[str, Any]) -> None:
    read = read_answers(FORM, answers, TODAY)
    unasked = {"site_address"} if read.project.address is None else set()
    needed = {field.key for page in FORM.form.pages for field in page.fields if field.required is True} - unasked
    sound = {key for key in needed if key not in read.wrong}
    assert all(key in answers for key in sound)
    assert len(read.problems) >= len(read.wrong)


def test_what_is_missing_is_blank_and_the_kind_that_needs_most_is_assumed() -> None:
    project = project_of({})
    assert (project.description, project.parcel, project.address) == ("", Parcel("", "", ""), None)
    assert all(REQUIRED_DOCUMENTS[project.kind] >= documents for documents in REQUIRED_DOCUMENTS.values())
