"""The contracts of the whole city: what departments publish, what others read of it, and the list of topics between them."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest
from amtsbus.contracts.check import check
from amtsbus.contracts.page import render
from amtsbus.contracts.places import listed_topics, released_example, released_schema
from amtsbus.contracts.schemas import inlined
from amtsbus.service import contracted_services
from amtsbus.topics import departments, fits

ROOT = Path(__file__).parents[2]
SERVICES = contracted_services()
TOPICS = listed_topics(SERVICES[0])
EVENTS = [(service, event) for service in SERVICES for event in service.published]
SUBSCRIPTIONS = [
    (service, reader, event_type)
    for service in SERVICES
    for reader in service.readers
    for event_type in sorted(reader.handlers)
]
NAMES_A_PERSON = {
    *(
        "given_name",
        "given_names",
        "family_name",
        "first_name",
        "last_name",
        "birth_name",
        "name_of_birth",
        "date_of_birth",
    ),
    *(
        "address",
        "street",
        "house_number",
        "postal_code",
        "email",
        "phone",
        "telephone",
        "iban",
        "religion",
        "nationality",
    ),
}

each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
each_event = pytest.mark.parametrize(("service", "event"), EVENTS, ids=[event.event_type for _, event in EVENTS])
each_subscription = pytest.mark.parametrize(
    ("service", "reader", "event_type"), SUBSCRIPTIONS, ids=[f"{r.group}<{kind}" for _, r, kind in SUBSCRIPTIONS]
)


def test_every_department_of_the_tree_is_installed():
    assert {service.package for service in SERVICES} == {
        file.parent.name for file in ROOT.glob("services/*/pyproject.toml")
    }


@each_service
def test_contracts_hold(service):
    assert [str(finding) for finding in check(service, TOPICS, SERVICES)] == []


def test_every_listed_topic_has_an_owner_and_readers_that_exist():
    names = {service.name for service in SERVICES}
    assert {topic.owner for topic in TOPICS.values()} <= names
    assert {reader.service for topic in TOPICS.values() for reader in topic.readers} <= names


def test_the_code_and_the_list_know_the_same_topics():
    told = {(service.name, event.topic) for service, event in EVENTS}
    # A topic of a department with code of its own is listed by itself, where its owner writes to a pattern.
    known = {
        name
        for name, topic in TOPICS.items()
        if any(owner == topic.owner and fits(name, pattern) for owner, pattern in told)
    }
    assert known == TOPICS.keys()
    assert {pattern for _, pattern in told} <= TOPICS.keys()
    listed = {(topic.name, reader.group, reader.service) for topic in TOPICS.values() for reader in topic.readers}
    assert {(reader.topic, reader.group, service.name) for service, reader, _ in SUBSCRIPTIONS} == listed


def test_a_department_with_code_of_its_own_is_in_the_portal_like_an_office():
    for name in departments():
        [portal] = [service for service in SERVICES if service.name == "portal"]
        [department] = [service for service in SERVICES if service.name == name]
        read = {reader.topic: set(reader.handlers) for reader in portal.readers}
        for topic in (f"{name}.case.events", f"{name}.procedure.events"):
            assert read[topic] == {event.event_type for event in department.published if event.topic == topic}
        assert f"portal.{name}.applications" in {reader.topic for reader in department.readers}


@each_event
def test_an_event_says_in_one_line_what_has_happened(service, event):
    schema = released_schema(service.contracts, event.event_type)
    assert schema is not None
    assert len(schema["description"]) > 10
    assert all(field.get("description") for field in schema["properties"].values())


@each_event
def test_the_committed_example_validates_against_the_committed_schema(service, event):
    schema = released_schema(service.contracts, event.event_type)
    example = released_example(service.contracts, event.event_type)
    assert schema is not None
    assert example is not None
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(example["value"])
    assert example["headers"]["ce_type"].endswith(event.event_type)
    assert example["key"] == example["headers"]["ce_subject"] == example["value"][TOPICS[event.topic].key]


@each_event
def test_an_event_of_a_pseudonymous_topic_names_nobody(service, event):
    if TOPICS[event.topic].personal_data not in ("none", "pseudonymous"):
        pytest.skip("the topic is listed with personal data and its legal basis")
    schema = released_schema(service.contracts, event.event_type)
    assert schema is not None
    assert field_names(inlined(schema)) & NAMES_A_PERSON == set()


def field_names(schema):
    """The names of all fields, of nested objects too."""
    names = set(schema.get("properties", {}))
    parts = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *schema.get("oneOf", [])]
    parts += [part for part in (schema.get("items"), schema.get("additionalProperties")) if isinstance(part, dict)]
    return names.union(*(field_names(part) for part in parts))


@each_subscription
def test_a_reader_accepts_the_publishers_example(service, reader, event_type):
    publisher = service.contracts.parents[1] / event_type.partition(".")[0] / "contracts"
    example = released_example(publisher, event_type)
    assert example is not None
    reader.handlers[event_type].model.model_validate_json(json.dumps(example["value"]))


@each_service
def test_every_department_has_a_page_for_its_events(service):
    html = render(json.loads((service.contracts / "asyncapi.json").read_text(encoding="utf-8")))
    for event in service.published:
        assert f'id="send.{event.event_type}"' in html


def test_contracts_are_the_same_on_every_machine():
    """Sets and dictionaries come in another order in another process; a generated file must not."""
    code = """
import json
from amtsbus.contracts.files import generated_files
from amtsbus.contracts.places import listed_topics
from amtsbus.service import contracted_services

print(json.dumps([generated_files(service, listed_topics(service)) for service in contracted_services()]))
"""
    digests = set()
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PATH": ""}
        finished = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True
        )
        digests.add(hashlib.sha256(finished.stdout).hexdigest())
    assert len(digests) == 1
