"""The published schemas: of procedure files, of offices, of applications."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from amtsbus.procedures import answers, checking, sampling, schemas
from hypothesis import given, settings
from hypothesis import strategies as st

from .allotments import ALLOTMENT, BEDS, EVERYTHING, TODAY, asking, field, page, procedure, with_pages

DEPLOYED = Path(__file__).parents[3] / "deploy/procedures"
DOG = checking.read_procedure(DEPLOYED / "taxes/dog-registration.yaml")


def validator(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    jsonschema_rs.meta.validate(schema)
    return jsonschema_rs.validator_for(schema)


OF_PROCEDURES = validator(schemas.of_procedures())
OF_OFFICES = validator(schemas.of_offices())
OF_EVERYTHING = validator(schemas.of_application(EVERYTHING))
OF_DOG = validator(schemas.of_application(DOG))


# of the files


@pytest.mark.parametrize(
    ("file", "schema"),
    [("procedure.schema.json", schemas.of_procedures()), ("office.schema.json", schemas.of_offices())],
)
def test_the_committed_schema_is_that_of_the_code(file, schema):
    assert json.loads((DEPLOYED / file).read_text(encoding="utf-8")) == schema, "run `amtsbus procedures schema`"


@pytest.mark.parametrize("text", [ALLOTMENT, (DEPLOYED / "taxes/dog-registration.yaml").read_text(encoding="utf-8")])
def test_an_editor_finds_nothing_wrong_with_a_file_that_is_right(text):
    assert [error.message for error in OF_PROCEDURES.iter_errors(yaml.safe_load(text))] == []


def test_an_editor_finds_nothing_wrong_with_an_office():
    text = (DEPLOYED / "taxes/office.yaml").read_text(encoding="utf-8")
    assert [error.message for error in OF_OFFICES.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("applicant: resident", "applicant: dog"),
        ("applicant: resident", "applicant: resident\ncolour: green"),
        ("reference_prefix: GARTEN", "reference_prefix: garden"),
        ("type: yes-no", "type: perhaps"),
        ("type: yes-no", "type: yes-no\n          least: 5"),
        ("key: area,", ""),
    ],
)
def test_an_editor_finds_what_is_wrong(before, after):
    assert before in ALLOTMENT
    assert not OF_PROCEDURES.is_valid(yaml.safe_load(ALLOTMENT.replace(before, after)))


def test_an_editor_explains_every_key_of_a_field():
    described = schemas.of_procedures()["$defs"]["TextField"]["properties"]["pattern"]["description"]
    assert described == "A regular expression that the whole answer fits."


# of an application


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_whatever_applicants_answer_fits_the_schema_of_their_application(seed):
    for declared, schema in ((EVERYTHING, OF_EVERYTHING), (DOG, OF_DOG)):
        found = sampling.one(declared, seed, today=TODAY)
        assert [error.message for error in schema.iter_errors(found)] == []


def test_the_schema_says_what_the_application_is():
    schema = schemas.of_application(DOG)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "Register a dog (dog tax)"
    assert schema["properties"]["dog_name"] == {"title": "Name", "type": "string", "minLength": 1, "maxLength": 60}


def test_only_what_everybody_is_asked_for_is_required():
    declared = with_pages(
        page(
            "a",
            field("always", "text"),
            field("maybe", "text", required=False),
            field("sometimes", "text", required="form.always == 'x'"),
            field("asked", "text", when="form.always == 'x'"),
            BEDS | {"key": "one_at_least"},
            BEDS | {"key": "perhaps_none", "least": 0},
        ),
        page("b", field("shown", "text"), when="form.always == 'x'"),
    )
    assert schemas.of_application(declared)["required"] == ["always", "one_at_least"]


def test_none_of_several_is_valid_where_there_may_be_none():
    declared = asking(BEDS | {"least": 0})
    assert answers.read_all(declared.form, {}, today=TODAY) == ({}, [])
    assert validator(schemas.of_application(declared)).is_valid({})


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        (field("x", "text", max_length=3), "abcd"),
        (field("x", "text"), ""),
        (field("x", "text", pattern="[0-9]|[a-z]", pattern_message={"de": "a", "en": "a"}, example="a"), "1a"),
        (field("x", "name"), 7),
        (field("x", "address"), {"street": "Am Musterweg"}),
        (field("x", "iban"), "DE02 1203"),
        (field("x", "number"), 1.5),
        (field("x", "number", least=5), 4),
        (field("x", "number", most=5), 6),
        (field("x", "money"), 12.5),
        (field("x", "money", least_cents=100), 99),
        (field("x", "choice"), "tulips"),
        (field("x", "choice", several=True), []),
        (field("x", "choice", several=True), ["roses", "roses"]),
        (field("x", "yes-no"), "yes"),
        (field("x", "declaration"), False),
        (field("x", "upload"), ["Laube.jpg"]),
        (
            field("x", "upload"),
            [{"name": "a.html", "sha256": "0" * 64, "size_bytes": 1, "media_type": "text/html"}],
        ),
        (field("x", "group", fields=[field("plant", "text")]), [{}]),
        (field("x", "group", fields=[field("plant", "text")]), [{"plant": "kale", "more": 1}]),
        (field("x", "group", least=2, fields=[field("plant", "text")]), [{"plant": "kale"}]),
    ],
)
def test_what_does_not_fit_a_field_does_not_fit_the_schema(asked, wrong):
    declared = asking(asked)
    schema = validator(schemas.of_application(declared))
    assert schema.is_valid(sampling.one(declared, 0, today=TODAY))
    assert not schema.is_valid({"x": wrong})
    assert not schema.is_valid(sampling.one(declared, 0, today=TODAY) | {"y": 1})


def test_an_application_for_the_allotment_is_small():
    schema = schemas.of_application(procedure())
    assert schema["required"] == ["tenant_name", "area", "hut"]
    assert schema["properties"]["area"] == {"title": "Area", "type": "integer", "minimum": 50, "maximum": 400}
