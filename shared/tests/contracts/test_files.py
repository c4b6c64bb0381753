"""What lies in a service's contracts folder, and that another system can use it without our code."""

import json

import jsonschema_rs
import pytest


@pytest.fixture
def schema(library):
    return json.loads(library.contract("book-lent.v1.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def example(library):
    return json.loads(library.contract("book-lent.v1.example.json").read_text(encoding="utf-8"))


@pytest.fixture
def asyncapi(library):
    return json.loads(library.contract("asyncapi.json").read_text(encoding="utf-8"))


def test_every_event_has_a_schema_and_an_example_beside_the_documents_of_the_service(library):
    assert sorted(file.name for file in library.town.contracts("lending").iterdir()) == [
        "asyncapi.json",
        "book-lent.v1.example.json",
        "book-lent.v1.schema.json",
        "book-returned.v1.example.json",
        "book-returned.v1.schema.json",
        "openapi.json",
    ]
    assert sorted(file.name for file in library.town.contracts("reminders").iterdir()) == [
        "asyncapi.json",
        "openapi.json",
    ]


def test_generating_again_changes_nothing(library):
    assert "the contracts are up to date" in library.generate("lending").text


def test_the_schema_says_what_it_describes(schema):
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == "urn:de:amtsbus:lending:book-lent:v1"
    assert schema["title"] == "lending.book-lent.v1"
    assert schema["description"] == "A book was lent to a reader."
    assert schema["properties"]["title"] == {
        "description": "What was lent",
        "examples": ["Straße der Übersicht"],
        "type": "string",
    }
    assert schema["required"] == ["loan_id", "title", "medium", "due_on", "branch"]


def test_readers_are_told_to_ignore_unknown_fields_and_the_schema_lets_them(schema, example):
    assert "ignore fields that they do not know" in schema["$comment"]
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    value = example["value"]
    validator.validate(value | {"shelf": "A3", "branch": value["branch"] | {"floor": 2}})
    assert not validator.is_valid(value | {"due_on": "soon"})


def test_the_example_is_a_whole_record(schema, example):
    assert example["key"] == example["headers"]["ce_subject"] == example["value"]["loan_id"]
    assert example["headers"] == {
        "content-type": "application/json",
        "ce_specversion": "1.0",
        "ce_id": "01957c0e-6b00-7000-8000-000000000001",
        "ce_source": "/lending",
        "ce_type": "de.amtsbus.lending.book-lent.v1",
        "ce_subject": "0190a0a0-0000-7000-8000-000000000001",
        "ce_time": "2026-03-02T09:00:00Z",
        "ce_sequence": "1",
        "ce_dataschema": schema["$id"],
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    }
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(example["value"])


def test_asyncapi_tells_a_topics_purpose_legal_basis_and_readers(asyncapi):
    channel = asyncapi["channels"]["lending.loan.events"]
    assert asyncapi["asyncapi"] == "3.0.0"
    assert channel["bindings"]["kafka"] == {
        "topic": "lending.loan.events",
        "partitions": 3,
        "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": -1},
        "bindingVersion": "0.5.0",
    }
    told = {name: value for name, value in channel.items() if name.startswith("x-")}
    assert told == {
        "x-owner": "lending",
        "x-key": "loan_id",
        "x-retention": "forever",
        "x-cleanup": "delete",
        "x-purpose": "Where a loan stands.",
        "x-legal-basis": "Library statute § 4",
        "x-personal-data": "pseudonymous",
        "x-readers": [
            {"service": "reminders", "group": "reminders.loans", "purpose": "Reminding readers of the day of return"}
        ],
    }


def test_asyncapi_sends_what_is_published_with_headers_payload_and_example(asyncapi, example):
    operation = asyncapi["operations"]["send.lending.loan.events"]
    assert operation["action"] == "send"
    assert [one["$ref"].rsplit("/", 1)[1] for one in operation["messages"]] == [
        "lending.book-lent.v1",
        "lending.book-returned.v1",
    ]
    message = asyncapi["components"]["messages"]["lending.book-lent.v1"]
    assert message["summary"] == "A book was lent to a reader."
    [shown] = message["examples"]
    assert shown == {"name": "lending.book-lent.v1", "headers": example["headers"], "payload": example["value"]}
    for part, content in (("headers", shown["headers"]), ("payload", shown["payload"])):
        jsonschema_rs.Draft7Validator(message[part], validate_formats=True).validate(content)
    assert set(message["headers"]["properties"]) == set(example["headers"])


def test_asyncapi_receives_what_is_read_with_the_readers_own_fields(library):
    document = json.loads((library.town.contracts("reminders") / "asyncapi.json").read_text(encoding="utf-8"))
    operation = document["operations"]["receive.reminders.loans"]
    assert operation["action"] == "receive"
    assert operation["summary"] == "Reminding readers of the day of return"
    assert operation["bindings"]["kafka"]["groupId"]["const"] == "reminders.loans"
    payload = document["components"]["messages"]["lending.book-lent.v1"]["payload"]
    assert list(payload["properties"]) == ["title", "medium", "due_on", "branch"]
    assert list(payload["properties"]["branch"]["properties"]) == ["city"]


def test_every_reference_in_asyncapi_leads_somewhere(library):
    for service in ("lending", "reminders"):
        document = json.loads((library.town.contracts(service) / "asyncapi.json").read_text(encoding="utf-8"))
        for reference in references(document):
            target = document
            for part in reference.removeprefix("#/").split("/"):
                target = target[part]


def references(part):
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)
