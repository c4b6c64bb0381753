"""An incompatible change inside a version is found before it is deployed, with the subscribers that it would break."""

import pytest


def test_a_contract_that_the_code_keeps_is_fine(library):
    outcome = library.check()
    assert outcome.exit_code == 0, outcome.text
    assert "lending: 2 events published" in outcome.text


TITLE = '    title: str = Field(description="What was lent", examples=["Straße der Übersicht"])\n'


def test_a_removed_field_names_the_subscriber_and_the_field_that_it_would_miss(library):
    library.change_lending(TITLE, "")
    outcome = library.check()
    assert outcome.exit_code == 1
    assert "lending: lending.book-lent.v1 has changed in a way that its version does not allow" in outcome.text
    assert "title is removed" in outcome.text
    assert "reminders would miss title (group reminders.loans, on_book_lent)" in outcome.text
    assert "publish lending.book-lent.v2 beside it" in outcome.text


def test_generate_refuses_it_too_and_leaves_the_contract_as_it_was(library):
    before = library.contract("book-lent.v1.schema.json").read_text()
    library.change_lending(TITLE, "")
    outcome = library.generate()
    assert outcome.exit_code == 1
    assert "title is removed" in outcome.text
    assert library.contract("book-lent.v1.schema.json").read_text() == before


@pytest.mark.parametrize(
    ("before", "after", "told", "missed"),
    [
        ("title: str = Field(", "title: str | None = Field(", "title may now be null", "title"),
        ("title: str = Field(", 'title: str = Field("?", ', "title was always there and may now be absent", "title"),
        ('["book", "disc"]', '["book", "disc", "map"]', "medium can now also be 'map'", "medium"),
        ('["book", "disc"]', '["book"]', "medium can no longer be 'disc'", "medium"),
        (
            'due_on: date = Field(description="The day by which it has to be back", examples=["2026-03-30"])',
            'due_on: int = Field(description="The day by which it has to be back", examples=[20260330])',
            "due_on is now integer, was string (date)",
            "due_on",
        ),
        ("due_on: date", "due_on: str", "due_on has format none, had 'date'", "due_on"),
        ("    city: str = Field(", "    town: str = Field(", "branch.city is removed", "branch.city"),
    ],
)
def test_what_a_version_does_not_allow(library, before, after, told, missed):
    library.change_lending(before, after)
    outcome = library.check()
    assert outcome.exit_code == 1
    assert told in outcome.text
    assert f"reminders would miss {missed} (group reminders.loans, on_book_lent)" in outcome.text


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (TITLE, TITLE + '    shelf: str = Field(description="Shelf", examples=["A3"])\n', "shelf is new and required"),
        ("    code: str = Field(", "    sign: str = Field(", "branch.code is removed"),
        ("note: str | None = Field(None, ", "note: str | None = Field(", "note is now required"),
        ("note: str | None = Field(None, ", 'note: str = Field("", ', "note may no longer be null"),
    ],
)
def test_what_no_installed_subscriber_uses_is_refused_for_those_elsewhere(library, before, after, told):
    library.change_lending(before, after.replace("examples=[None]", 'examples=["torn"]'))
    outcome = library.check()
    assert outcome.exit_code == 1
    assert told in outcome.text
    assert "No installed service uses it; subscribers elsewhere may." in outcome.text


def test_a_new_optional_field_keeps_the_version(library):
    library.change_lending(TITLE, TITLE + '    shelf: str | None = Field(None, description="Shelf", examples=["A3"])\n')
    assert library.check().exit_code == 1, "the committed files are not up to date"
    assert library.generate().exit_code == 0
    assert library.check().exit_code == 0


def test_better_words_keep_the_version(library):
    library.change_lending('description="What was lent"', 'description="The title of what was lent"')
    outcome = library.check()
    assert outcome.exit_code == 1
    assert "contracts/book-lent.v1.schema.json is not what the code says" in outcome.text
    assert "~ /properties/title/description" in outcome.text
    assert "amtsbus contracts generate lending" in outcome.text
    assert library.generate().exit_code == 0
    assert library.check().exit_code == 0


def test_an_event_that_moves_to_another_topic_is_missed_as_a_whole(library):
    topics = library.town.folder / "deploy" / "topics.yaml"
    block = topics.read_text().split("topics:\n")[1].replace("lending.loan.events", "lending.desk.events")
    topics.write_text(topics.read_text() + block.split("    readers:")[0].lstrip("\n") + "    readers: []\n")
    library.change_lending(
        'type="lending.book-lent.v1", topic="lending.loan.events"',
        'type="lending.book-lent.v1", topic="lending.desk.events"',
    )
    outcome = library.check("lending")
    assert "the event moves from topic lending.loan.events to lending.desk.events" in outcome.text
    assert "reminders would miss title, medium, due_on, branch" in outcome.text


def test_an_event_that_is_read_cannot_be_withdrawn(library):
    library.change_lending("published=(BookLentV1, BookReturnedV1)", "published=(BookReturnedV1,)")
    outcome = library.check("lending")
    assert outcome.exit_code == 1
    assert "lending: lending.book-lent.v1 has a contract, but is no longer published" in outcome.text
    assert "reminders would miss title, medium, due_on, branch" in outcome.text
    refused = library.generate("lending", "--unreleased", "lending.book-lent.v1")
    assert refused.exit_code == 1
    assert library.contract("book-lent.v1.schema.json").exists()


def test_an_event_that_nobody_reads_is_withdrawn_deliberately(library):
    library.change_lending("published=(BookLentV1, BookReturnedV1)", "published=(BookLentV1,)")
    assert library.generate("lending").exit_code == 1
    assert library.contract("book-returned.v1.schema.json").exists()
    assert library.generate("lending", "--unreleased", "lending.book-returned.v1").exit_code == 0
    assert not library.contract("book-returned.v1.schema.json").exists()
    assert not library.contract("book-returned.v1.example.json").exists()
    assert library.check().exit_code == 0


def test_an_unreleased_event_may_change_as_long_as_every_reader_fits(library):
    library.change_lending("    code: str = Field(", "    sign: str = Field(")
    assert library.generate("lending").exit_code == 1
    assert library.generate("lending", "--unreleased", "lending.book-lent.v1").exit_code == 0
    library.change_lending(TITLE, "")
    refused = library.generate("lending", "--unreleased", "lending.book-lent.v1")
    assert refused.exit_code == 1
    assert "reminders would miss title" in refused.text
