"""The procedures of the city, each walked along every path: of its form, of its states, of its letters."""

import random
import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from amtsbus.casework.roles import SYSTEM, Role
from amtsbus.procedures import answers as reading
from amtsbus.procedures import conditions, fees, letters, sampling, schemas, steps, wording
from amtsbus.procedures.checking import procedure_files, read_city, read_office, read_procedure
from amtsbus.procedures.declaration import FormField, GroupField, ProcedureFile
from amtsbus.procedures.description import description

FOLDER = Path(__file__).parents[2] / "deploy" / "procedures"
FILES = [path for office in sorted(FOLDER.iterdir()) if office.is_dir() for path in procedure_files(office)]
DEPARTMENTS = sorted((Path(__file__).parents[2] / "services").glob("*/procedures"))
OWN_CODE = [path for folder in DEPARTMENTS for path in procedure_files(folder)]
"""Those of departments with code of their own, which writes their letters."""
TODAY = date(2026, 11, 24)
MOST_APPLICANTS = 1500

ENGLISH = re.compile(
    r"\b(and|are|by|city|fee|for|free|from|if|is|it|nos?|not|of|on|or|sentence|the|to|under|with)\b"
    r"|\d\.\d\d (EUR|Euro|bis)|\d,\d{3}",
    re.IGNORECASE,
)
"""Words that join the parts of a citation in English and are not German, and amounts with an English point or comma."""

each_procedure = pytest.mark.parametrize(
    "path", [*FILES, *OWN_CODE], ids=lambda path: f"{path.parent.name}/{path.stem}"
)
each_with_letters = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")


@lru_cache(maxsize=256)
def declared(path: Path) -> ProcedureFile:
    return read_procedure(path)


def applicants(procedure: ProcedureFile) -> Iterator[dict[str, Any]]:
    """Invented people who fill in the form, page by page; not all of them get to its end."""
    for seed in range(MOST_APPLICANTS):
        chance = random.Random(seed)
        sample: dict[str, Any] = {}
        for page in sampling.reading_pages(procedure, sample, TODAY):
            for field in page.fields:
                if conditions.holds(field.when, sample, today=TODAY):
                    value = sampling.answer(field, chance, sample, TODAY)
                    if value is not None:
                        sample[field.key] = value
        read, problems = reading.read_all(procedure.form, sample, today=TODAY)
        if not problems:
            yield read


def parts(field: FormField) -> list[str]:
    return [f"{field.key}.{part.key}" for part in field.fields] if isinstance(field, GroupField) else [field.key]


def citations(part: Any) -> Iterator[str]:
    """Every `legal_basis` and `basis` of what was declared, wherever it stands."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "legal_basis":
                yield from value
            elif key == "basis" and value is not None:
                yield value
            else:
                yield from citations(value)
    elif isinstance(part, list | tuple):
        for one in part:
            yield from citations(one)


def test_the_city_offers_a_hundred_services_in_at_least_ten_offices():
    offices = read_city(FOLDER)
    assert len(offices) >= 10
    assert sum(len(office.procedures) for office in offices.values()) >= 100


def test_departments_with_code_of_their_own_take_no_name_that_an_office_has():
    assert {path.stem for path in OWN_CODE} >= {"building-permit", "school-registration"}
    offices = [*read_city(FOLDER), *(read_office(folder).declaration.key for folder in DEPARTMENTS)]
    assert len(set(offices)) == len(offices)
    read = [declared(path) for path in (*FILES, *OWN_CODE)]
    assert len({one.key for one in read}) == len(read)
    assert len({one.reference_prefix for one in read}) == len(read)


@each_procedure
@pytest.mark.parametrize("language", ["de", "en"])
def test_it_can_be_read_in_words_with_everything_that_is_in_it(path, language):
    procedure = declared(path)
    text = description(procedure, None, language)
    said = [procedure.name, procedure.summary, *(page.title for page in procedure.form.pages)]
    said += [*procedure.names.values(), *(check.message for check in procedure.form.checks)]
    said += [step.name for step in procedure.steps]
    letters_said = procedure.letters.by_event().values() if procedure.letters else ()
    said += [letter.subject for letter in letters_said]
    wanted = [" ".join(one.in_language(language).split()).replace("|", "\\|") for one in said]
    assert [one for one in wanted if one not in " ".join(text.split())] == []
    assert all(citation in text for citation in procedure.legal_basis)
    assert all(doubt in text for doubt in procedure.to_check)


@each_procedure
def test_the_law_is_cited_in_german_in_every_language_of_the_portal(path):
    cited = list(citations(declared(path).model_dump()))
    assert len(cited) >= 3
    assert [citation for citation in cited if ENGLISH.search(citation)] == []


@each_procedure
def test_every_question_and_every_document_is_asked_of_somebody(path):
    procedure = declared(path)
    unasked = {key for page in procedure.form.pages for field in page.fields for key in parts(field)}
    unasked |= {document.key for document in procedure.documents}
    for sample in applicants(procedure):
        for page in procedure.form.pages:
            for field in page.fields:
                if isinstance(field, GroupField):
                    unasked -= {f"{field.key}.{key}" for item in sample.get(field.key, []) for key in item}
        unasked -= sample.keys()
        unasked -= {one.key for one in reading.asked_documents(procedure.documents, sample, today=TODAY)}
        if not unasked:
            return
    assert unasked == set()


@each_procedure
def test_what_was_answered_fits_the_published_schema_has_a_fee_and_can_be_said_in_words(path):
    procedure = declared(path)
    schema = jsonschema_rs.Draft202012Validator(schemas.of_application(procedure), validate_formats=True)
    for seed in range(3):
        sample = sampling.one(procedure, seed, today=TODAY)
        assert list(schema.iter_errors(sample)) == []
        told_later = procedure.fee.set_by_city or procedure.fee.by_own_code is True
        assert (fees.cents(procedure, sample, today=TODAY) is None) == told_later
        for language in ("de", "en", "plain"):
            lines = wording.lines(procedure, sample, language, today=TODAY)
            assert {line.key for line in lines if line.page} == sample.keys()
            assert all(line.label and line.answer for line in lines)


@each_with_letters
def test_every_letter_says_something_in_every_language(path):
    procedure = declared(path)
    events = ["received", "granted", "refused", "documents_requested", "withdrawn", "lapsed"]
    events += [step.action for step in procedure.steps if step.letter]
    sample = sampling.one(procedure, 1, today=TODAY)
    for event in events:
        letter = letters.letter_for(procedure, event)
        assert letter is not None, event
        for language in ("de", "en", "plain"):
            known = letters.values(
                procedure,
                sample,
                language,
                today=TODAY,
                reference="DEMO-2026-000001",
                name="Erika Demo-Muster",
                office="Demo-Amt",
                fee="25,00 €",
                reasons="Ein Grund.",
                due_on="24.12.2026",
                documents="• Nachweis",
            )
            assert letters.line(letter.subject.in_language(language), known)
            paragraphs = letters.paragraphs(letter.body.in_language(language), known)
            assert paragraphs, (event, language)
            assert not any("{" in paragraph for paragraph in paragraphs)


@each_procedure
def test_every_state_can_be_reached_by_those_who_may_act_and_left_until_it_is_final(path):
    """`Procedure` refuses what cannot be reached or left at all; here only what citizens, staff and the clock may do counts."""
    procedure = declared(path)
    compiled = steps.compiled(procedure)
    reached, ahead = {compiled.initial}, [compiled.initial]
    while ahead:
        for step in compiled.actions(ahead.pop(), (Role.CITIZEN, Role.CLERK, Role.LEAD, SYSTEM)):
            if step.target not in reached:
                reached.add(step.target)
                ahead.append(step.target)
    assert reached >= set(compiled.states) - {steps.HEARING}
    for state in compiled.states - compiled.final:
        assert compiled.transition(state, steps.WITHDRAW) is not None, state
    for state in compiled.states:
        assert steps.state_name(procedure, state).en
    for step in compiled.transitions:
        assert steps.step_name(procedure, step.action).de


def test_no_two_procedures_grant_in_the_same_words():
    """Not one template copied a hundred times."""
    bodies = [letters.by_event()["granted"].body.de for path in FILES if (letters := declared(path).letters)]
    assert len(set(bodies)) == len(bodies)
