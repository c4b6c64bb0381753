"""One package that runs as several services: each with topics of its own, and one contract for all."""

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from uuid import UUID

import pytest
from amtsbus import replay_requests, service, topics
from amtsbus.contracts import asyncapi
from amtsbus.events import Published
from amtsbus.ids import new_id
from amtsbus.service import Instances, Service, UnknownServiceError
from amtsbus.topics import EACH_OFFICE, TopicListError
from pydantic import Field


class LoanGivenV1(Published, type="branches.loan-given.v1", topic="{office}.loan.events"):
    """A branch of the library has lent a book."""

    office: str = Field(description="The branch", examples=["north"])
    loan_id: UUID = Field(description="The loan", examples=["0190a0a0-0000-7000-8000-000000000001"])


def branch(name):
    contract = None if name == EACH_OFFICE else branch(EACH_OFFICE)
    return Service(name=name, kind="branches", pattern=contract, title="Branch", published=(LoanGivenV1,), routers=())


BRANCHES = Instances(lambda: ["north", "south"], branch)


@pytest.fixture
def installed(monkeypatch):
    points = {
        "amtsbus.instances": [EntryPoint("branches", f"{__name__}:BRANCHES", "amtsbus.instances")],
        "amtsbus.services": [],
    }
    monkeypatch.setattr(service, "entry_points", lambda group: points[group])
    monkeypatch.setattr(EntryPoint, "load", lambda _: BRANCHES)


LIST = """
offices: [north, south]
topics:
  - {name: "{office}.loan.events", owner: "{office}", key: loan_id, partitions: 1, retention: forever, cleanup: delete,
     purpose: Loans of this branch., personal_data: none, legal_basis: Library statute § 1,
     readers: [{service: centre, group: "centre.{office}-loans", purpose: Counting}]}
  - {name: centre.replay.requests, owner: centre, key: stream_id, partitions: 1, retention: P30D, cleanup: delete,
     purpose: Asking., personal_data: none, legal_basis: Library statute § 1,
     readers: [{service: "{office}", group: "{office}.replay-requests-of-centre", purpose: Answering}]}
"""


@pytest.fixture
def listed(tmp_path):
    file = tmp_path / "topics.yaml"
    file.write_text(LIST, encoding="utf-8")
    return file


def test_each_instance_is_a_service_that_can_be_run(installed):
    assert sorted(service.installed_services()) == ["north", "south"]
    north = service.load_service("north")
    assert (north.name, north.package, service.package_of("north")) == ("north", "branches", "branches")
    with pytest.raises(UnknownServiceError, match="installed: north, south"):
        service.load_service("west")


def test_all_instances_have_one_contract(installed):
    [contract] = service.contracted_services()
    assert (contract.name, contract.package) == (EACH_OFFICE, "branches")


def test_an_event_goes_to_the_topic_of_its_own_instance():
    assert LoanGivenV1(office="south", loan_id=new_id()).own_topic == "south.loan.events"


def test_the_list_of_topics_has_one_for_each(listed):
    found = {topic.name: topic for topic in topics.load(listed)}
    assert sorted(found) == ["centre.replay.requests", "north.loan.events", "south.loan.events"]
    assert found["north.loan.events"].owner == "north"
    assert [reader.group for reader in found["south.loan.events"].readers] == ["centre.south-loans"]
    asked = found["centre.replay.requests"].readers
    assert [reader.service for reader in asked] == ["north", "south"]


def test_a_contract_names_the_place_where_the_instance_stands(listed):
    patterns = {topic.name: topic for topic in topics.patterns(listed)}
    channel = asyncapi._channel(patterns["{office}.loan.events"], [])
    assert channel["address"] == "{office}.loan.events"
    assert set(channel["parameters"]) == {"office"}


def test_the_offices_are_those_of_the_environment_else_those_of_the_list(listed, monkeypatch):
    monkeypatch.setenv("AMTSBUS_TOPICS_FILE", str(listed))
    assert topics.offices() == ("north", "south")
    monkeypatch.setenv("AMTSBUS_OFFICES", "north, west")
    assert topics.offices() == ("north", "west")


def test_departments_with_code_of_their_own_stand_beside_the_offices(listed, monkeypatch):
    monkeypatch.setenv("AMTSBUS_TOPICS_FILE", str(listed))
    assert topics.departments() == ()
    listed.write_text(f"departments: [archive]{LIST}", encoding="utf-8")
    assert topics.departments() == ("archive",)
    monkeypatch.setenv("AMTSBUS_DEPARTMENTS", "archive, museum")
    assert topics.departments() == ("archive", "museum")


def test_where_only_the_offices_are_configured_and_there_is_no_list_there_are_no_departments(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("AMTSBUS_TOPICS_FILE", "AMTSBUS_DEPARTMENTS", "AMTSBUS_OFFICES"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(TopicListError):
        topics.departments()
    monkeypatch.setenv("AMTSBUS_OFFICES", "north")
    assert topics.departments() == ()


@pytest.mark.parametrize(
    ("name", "pattern", "fit"),
    [
        ("north.loan.events", "{office}.loan.events", True),
        ("{office}.loan.events", "{office}.loan.events", True),
        ("centre.north.orders", "centre.{office}.orders", True),
        ("north.loan.events", "{office}.loan.orders", False),
        ("north.east.loan.events", "{office}.loan.events", False),
        ("centrexnorth.orders", "centre.{office}.orders", False),
    ],
)
def test_a_pattern_stands_for_the_topic_of_each_office(name, pattern, fit):
    assert topics.fits(name, pattern) is fit


def test_without_a_list_of_topics_it_says_where_it_looked(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AMTSBUS_TOPICS_FILE", raising=False)
    with pytest.raises(TopicListError, match="AMTSBUS_TOPICS_FILE"):
        topics.find()


def test_instances_ask_for_replays_with_one_type_and_are_answered_by_name():
    asked = replay_requests.asked_by("north", kind="branches")
    assert (asked.event_type, asked.topic) == ("branches.replay-requested.v1", "north.replay.requests")
    [reader] = replay_requests.answered_by("centre", kind="branches", north=["centre.loan.events"])
    assert (reader.topic, list(reader.handlers)) == ("north.replay.requests", ["branches.replay-requested.v1"])


def test_the_list_of_this_city_can_be_read():
    tree = Path(__file__).parents[2]
    listed = topics.load(tree / "deploy" / "topics.yaml")
    assert len({topic.name for topic in listed}) == len(listed)
    assert json.dumps([topic.owner for topic in listed]).count("{") == 0
