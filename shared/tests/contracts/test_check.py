"""What `amtsbus contracts check` demands of declarations, of the list of topics and of readers."""

import json
from pathlib import Path

import pytest

TITLE = '    title: str = Field(description="What was lent", examples=["Straße der Übersicht"])\n'
TOPICS = Path("deploy/topics.yaml")


def change_topics(before: str, after: str) -> None:
    text = TOPICS.read_text()
    assert before in text
    TOPICS.write_text(text.replace(before, after))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('    """A book was lent to a reader."""\n', "", "has no docstring"),
        ('description="What was lent", ', "", "field title has no description"),
        (', examples=["Straße der Übersicht"]', "", "field title has no examples=[…]"),
        (', examples=["OPL"]', "", "field branch.code has no examples=[…]"),
        ('examples=["2026-03-30"]', 'examples=["soon"]', "example of due_on does not fit"),
        ('["0190a0a0-0000-7000-8000-000000000001"]', '["7"]', "example of loan_id does not fit"),
        (
            'loan_id: UUID = Field(description="The loan", examples=["0190a0a0-0000-7000-8000-000000000001"])\n    title',
            "title",
            "has no field loan_id, the key of its topic",
        ),
        ('type="lending.book-lent.v1"', 'type="library.book-lent.v1"', "must begin with lending."),
        (
            'type="lending.book-lent.v1", topic="lending.loan.events"',
            'type="lending.book-lent.v1", topic="lending.lone.events"',
            "is published on lending.lone.events, which is not in deploy/topics.yaml",
        ),
        ("BookLentV1, BookReturnedV1)", "BookLentV1, BookLentV1, BookReturnedV1)", "is declared twice"),
    ],
)
def test_an_event_has_to_explain_itself(library, before, after, told):
    library.change_lending(before, after)
    outcome = library.check("lending")
    assert outcome.exit_code == 1
    assert told in outcome.text


def test_a_topic_has_to_belong_to_its_publisher(library):
    change_topics("    owner: lending\n", "    owner: libraries\n")
    change_topics("name: lending.loan.events", "name: libraries.loan.events")
    library.change_lending('topic="lending.loan.events"', 'topic="libraries.loan.events"')
    outcome = library.check("lending")
    assert "is published on libraries.loan.events, which belongs to libraries" in outcome.text


def test_a_listed_topic_has_to_be_used(library):
    library.change_lending("published=(BookLentV1, BookReturnedV1)", "published=()")
    outcome = library.check("lending")
    assert (
        "lending.loan.events is owned by this service in deploy/topics.yaml, but nothing is published there"
        in outcome.text
    )


def test_a_reader_has_to_be_listed_with_its_purpose(library):
    change_topics("group: reminders.loans", "group: reminders.lent-books")
    outcome = library.check("reminders")
    assert outcome.exit_code == 1
    assert "reminders.loans reads lending.loan.events, but deploy/topics.yaml does not list it there" in outcome.text
    assert (
        "reminders.lent-books is listed as a reader of lending.loan.events in deploy/topics.yaml, but does not read"
        in outcome.text
    )


def test_a_reader_of_a_compacted_topic_has_to_say_so(library):
    change_topics("cleanup: delete", "cleanup: compact")
    assert "reminders.loans must be declared with compacted=True" in library.check("reminders").text


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("    title: str\n", "    titel: str\n", "titel is no field of the event"),
        ("    title: str\n", "    title: int\n", "title is string, but the reader expects integer"),
        ("    title: str\n", "    title: str\n    note: str\n", "note may be absent, but the reader requires it"),
        (
            "    title: str\n",
            "    title: str\n    note: str = ''\n",
            "note may be null, which the reader does not accept",
        ),
        ('["book", "disc"]', '["book"]', "medium can be 'disc', which the reader does not know"),
        ("    city: str\n", "    place: str\n", "branch.place is no field of the event"),
        (
            "lending.book-lent.v1",
            "lending.book-loaned.v1",
            "reads lending.book-loaned.v1, of which lending has no contract",
        ),
    ],
)
def test_a_readers_model_has_to_fit_the_publishers_contract(library, before, after, told):
    library.change_reminders(before, after)
    outcome = library.check("reminders")
    assert outcome.exit_code == 1
    assert told in outcome.text


def test_a_readers_own_rules_have_to_accept_the_publishers_example(library):
    library.change_reminders(
        "    title: str\n",
        "    title: str\n\n"
        "    @__import__('pydantic').field_validator('title')\n"
        "    def short(cls, value):\n"
        "        if len(value) > 5: raise ValueError('too long for a label')\n"
        "        return value\n",
    )
    outcome = library.check("reminders")
    assert outcome.exit_code == 1
    assert "title: Value error, too long for a label" in outcome.text


def test_a_reader_is_verified_without_its_publisher_being_installed(library):
    library.town.uninstall("lending")
    assert library.check("reminders").exit_code == 0
    library.change_reminders("    title: str\n", "    titel: str\n")
    assert library.check("reminders").exit_code == 1


def test_drift_is_shown_place_by_place(library):
    file = library.contract("asyncapi.json")
    document = json.loads(file.read_text())
    document["channels"]["lending.loan.events"]["bindings"]["kafka"]["partitions"] = 12
    del document["channels"]["lending.loan.events"]["x-purpose"]
    file.write_text(json.dumps(document))
    outcome = library.check("lending")
    assert outcome.exit_code == 1
    assert "~ /channels/lending.loan.events/bindings/kafka/partitions: 12 is now 3" in outcome.text
    assert "+ /channels/lending.loan.events/x-purpose" in outcome.text


def test_missing_and_left_over_files_are_found(library):
    library.contract("openapi.json").unlink()
    library.contract("old.json").write_text("{}")
    outcome = library.check("lending")
    assert "contracts/openapi.json is missing" in outcome.text
    assert "contracts/old.json belongs to nothing" in outcome.text


def test_another_version_of_the_service_is_another_document(library):
    from .conftest import LENDING

    library.town.install("lending", LENDING, version="0.2.0")
    assert '~ /info/version: "0.1.0" is now "0.2.0"' in library.check("lending").text


def test_findings_are_there_for_programs_too(library):
    library.change_lending(TITLE, "")
    outcome = library.amtsbus("contracts", "check", "--json", "lending")
    assert outcome.exit_code == 1
    [finding] = [one for one in json.loads(outcome.text) if one["about"] == "lending.book-lent.v1"]
    assert finding["service"] == "lending"
    assert "title is removed" in finding["details"]


def test_a_service_that_cannot_be_imported_is_named(library):
    library.town.install("reminders", "raise RuntimeError('no settings')")
    outcome = library.check()
    assert outcome.exit_code == 1
    assert "reminders cannot be imported: RuntimeError: no settings" in outcome.text


def test_an_unknown_service_is_a_wrong_command(library):
    outcome = library.check("parks")
    assert outcome.exit_code == 2
    assert "no service 'parks' is installed here; installed: lending, reminders" in outcome.text


def test_without_a_list_of_topics_the_way_out_is_named(library):
    TOPICS.unlink()
    outcome = library.check("lending")
    assert outcome.exit_code == 1
    assert "set AMTSBUS_TOPICS_FILE" in outcome.text
