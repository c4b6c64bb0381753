"""What is wrong with procedure files: each mistake with its file, its line and what to do."""

from pathlib import Path

import pytest
import yaml
from amtsbus.procedures import checking
from amtsbus.procedures.checking import Mistake, ProcedureFileError

from .allotments import ALLOTMENT, OFFICE

DEPLOYED = Path(__file__).parents[3] / "deploy/procedures"


def changed(text: str, *changes: tuple[str, str]) -> str:
    """`text` with each of these replaced, which must be there once."""
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


def line_of(text: str, words: str) -> int:
    """The number of the one line with these words."""
    [line] = [number for number, line in enumerate(text.splitlines(), 1) if words in line]
    return line


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "allotment.yaml"


def asking_instead_of_hut(kind: str) -> str:
    """The allotment with a field of another kind where it asks for the hut, and conditions that go with any kind."""
    text = changed(ALLOTMENT, ("type: yes-no", kind), ("form.area < 350 || !form.hut", "form.area < 350"))
    return text.replace("when: form.hut", "when: has(form.hut)")


def mistakes_in(path: Path, text: str) -> list[Mistake]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProcedureFileError) as refused:
        checking.read_procedure(path)
    return list(refused.value.mistakes)


def the_mistake(path: Path, *changes: tuple[str, str], at: str) -> str:
    """What is said of the only mistake, which stands in the line with the words `at`."""
    text = changed(ALLOTMENT, *changes)
    [mistake] = mistakes_in(path, text)
    assert mistake.file == path
    assert mistake.line == line_of(text, at)
    assert str(mistake) == f"{path}:{mistake.line}: {mistake.what}"
    assert "\n" not in mistake.what
    return mistake.what


def test_a_file_that_is_right_is_read(path):
    path.write_text(ALLOTMENT, encoding="utf-8")
    assert checking.read_procedure(path).name.en == "Rent an allotment"


# what is no YAML


def test_a_file_that_is_not_there(path):
    with pytest.raises(ProcedureFileError, match=r"allotment\.yaml:1: cannot be read: No such file"):
        checking.read_procedure(path)


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"", 1, "the file is empty: write it, or remove it"),
        (b"# nothing yet\n\n", 1, "the file is empty: write it, or remove it"),
        ("name: Gebühr".encode("latin-1"), 1, "is not UTF-8: save it as UTF-8"),
        (b"x" * 400_001, 1, "the file is larger than 400000 bytes: split the procedure"),
        (
            b"key: allotment\nname: Rent: an allotment\n",
            2,
            "is not YAML: mapping values are not allowed in this context; texts with",
        ),
        (b"key: allotment\nname: {de: Garten\nwords: []\n", 3, "is not YAML: "),
        (b"key: allotment\n\tname: Garten\n", 2, "is not YAML: "),
        (b"key: allotment\nname: {{service}: a}\n", 2, "is not YAML: "),
        (b"key: a\n---\nkey: b\n", 2, "is not YAML: but found another document"),
        (b"key: allotment\nday: 2026-02-30\n", 1, "is not YAML: day is out of range for month; texts with"),
        (b"key: allotment\nname: \x00\n", 1, "is not YAML: unacceptable character"),
        (b"[" * 5000, 1, "is nested too deeply: correct its brackets"),
        (b"- key: allotment\n", 1, "the file: input should be a valid dictionary"),
        (b"allotment\n", 1, "the file: input should be a valid dictionary"),
    ],
)
def test_a_file_that_cannot_be_understood(path, content, line, said):
    path.write_bytes(content)
    with pytest.raises(ProcedureFileError) as refused:
        checking.read_procedure(path)
    [mistake] = refused.value.mistakes
    assert (mistake.file, mistake.line) == (path, line)
    assert mistake.what.startswith(said)
    assert "\n" not in mistake.what


def test_a_key_that_stands_twice(path):
    said = the_mistake(path, ("applicant: resident", "applicant: resident\nkey: garden  # here"), at="# here")
    assert said == "'key' stands here twice: only the last one would count"


def test_a_key_that_stands_twice_deep_in_a_list(path):
    said = the_mistake(path, ("type: yes-no", "type: yes-no\n          type: number  # here"), at="# here")
    assert said == "'type' stands here twice: only the last one would count"


# single values


def test_a_key_that_is_not_known_deep_in_a_list(path):
    said = the_mistake(path, ("type: yes-no", "type: yes-no\n          requierd: false"), at="requierd")
    assert said == "form.pages.1.fields.1.yes-no.requierd is not known: remove it, or correct its name"


@pytest.mark.parametrize(
    ("before", "after", "at", "said"),
    [
        ("applicant: resident\n", "", "key: allotment", "applicant is missing: add it"),
        (', en: "With a hut?"', "", "Mit Laube?", "form.pages.1.fields.1.yes-no.label.en is missing: add it"),
        ("key: area, ", "", "type: number", "form.pages.1.fields.0.number.key is missing: add it"),
        ("applicant: resident", "applicant: dog", "applicant: dog", "applicant: input should be 'anyone', 'resident'"),
        (
            "legal_basis: [BKleingG § 4]",
            "legal_basis: []",
            "legal_basis",
            "legal_basis: tuple should have at least 1 item",
        ),
        ("key: allotment", "key: Allotment", "key: Allotment", "key: string should match pattern"),
        ("least: 50", "least: few", "least: few", "form.pages.1.fields.0.number.least: input should be a valid number"),
        ("type: yes-no", "type: perhaps", "key: hut", "form.pages.1.fields.1: input tag 'perhaps' found"),
        (
            "kind: money",
            "kind: cents",
            "kind: cents",
            "form.computed.0.kind: input should be 'text', 'number', 'money'",
        ),
        (
            "retention: {years: 10}",
            "retention: {years: ten}",
            "years: ten",
            "retention.years: input should be a valid integer",
        ),
        (
            "fee: {cents: 2500,",
            "fee: {cents: 2500, rule: '5',",
            "fee:",
            "fee: a fee is one of cents, rule, set_by_city or by_own_code",
        ),
        (
            "fee: {",
            "deadline: {period: {months: 1, weeks: 2}, basis: § 42a}\nfee: {",
            "deadline:",
            "deadline.period: a period has exactly one unit, for example {months: 3}",
        ),
        (
            "type: text, required: false",
            "type: text, required: false, pattern: a",
            "key: colour",
            "form.pages.2.fields.0.text: a pattern has a pattern_message that says what to write, and an example that fits",
        ),
    ],
)
def test_a_value_that_is_missing_or_wrong(path, before, after, at, said):
    text = changed(ALLOTMENT, (before, after))
    [mistake] = mistakes_in(path, text)
    lines = text.splitlines()
    assert at in lines[mistake.line - 1], (mistake, lines[mistake.line - 1])
    assert mistake.what.startswith(said)


def test_every_mistake_is_named_at_once_in_the_order_of_the_lines(path):
    text = changed(
        ALLOTMENT,
        ("reference_prefix: GARTEN", "reference_prefix: garden"),
        ("applicant: resident", "applicant: dog"),
        ("type: yes-no", "type: yes-no\n          type: yes-no"),
    )
    found = mistakes_in(path, text)
    assert [one.line for one in found] == sorted(one.line for one in found)
    assert [one.what.split()[0] for one in found] == ["applicant:", "reference_prefix:", "'type'"]


def test_the_error_names_the_first_mistake_and_how_many_more_there_are(path):
    path.write_text("key: allotment\n", encoding="utf-8")
    with pytest.raises(ProcedureFileError, match=rf"^{path}:1: .* is missing: add it \(and \d+ more\)$"):
        checking.read_procedure(path)


# keys


def test_two_fields_with_one_key(path):
    said = the_mistake(path, ("{key: colour,", "{key: area,"), at="key: area, type: text")
    assert said == "another field or document has the key 'area': give each its own"


def test_a_field_and_a_document_with_one_key(path):
    said = the_mistake(path, ("- key: sketch", "- key: colour"), at="- key: colour")
    assert said == "another field or document has the key 'colour': give each its own"


def test_two_pages_with_one_key(path):
    said = the_mistake(path, ("- key: garden", "- key: tenant  # here"), at="# here")
    assert said == "another page has the key 'tenant': give each its own"


def test_two_computed_values_with_one_key(path):
    more = "    - {key: rent, label: {de: a, en: a}, value: '5', kind: number}\n  checks:"
    said = the_mistake(path, ("  checks:", more), at="value: '5'")
    assert said == "another computed value has the key 'rent': give each its own"


def test_two_options_with_one_key(path):
    options = "options: [{key: a, label: {de: a, en: a}},\n  {key: a, label: {de: b, en: b}}]"
    said = the_mistake(path, ("type: yes-no", f"type: choice\n          {options}"), at="{de: b, en: b}")
    assert said == "another option has the key 'a': give each its own"


def test_two_states_with_one_key(path):
    states = "states:\n  - {key: granted, name: {de: a, en: a}}\n  - {key: granted, name: {de: b, en: b}}\nletters:"
    said = the_mistake(path, ("letters:", states), at="{de: b, en: b}")
    assert said == "another state has the key 'granted': give each its own"


GROUP = """type: group
          item: {de: Beet, en: Bed}
          fields:
            - {key: plant, type: text, label: {de: a, en: a}}
            - {key: rows, type: number, label: {de: b, en: b}}"""


def test_a_part_of_a_group_with_the_key_of_a_field_before_it(path):
    text = asking_instead_of_hut(changed(GROUP, ("key: rows", "key: area")))
    [mistake] = mistakes_in(path, text)
    assert mistake.line == line_of(text, "{de: b, en: b}")
    assert mistake.what == "the key 'area' is used before: give it another one"


# conditions


@pytest.mark.parametrize(
    ("before", "after", "at", "name"),
    [
        ("key: tenant_name, type: name,", "key: tenant_name, type: name, when: form.hut,", "tenant_name, type", "hut"),
        ("key: tenant\n", "key: tenant\n      when: form.area > 5\n", "when: form.area", "area"),
        ("key: area,", "key: area, required: form.hut,", "key: area", "hut"),
        ("type: yes-no", "type: date\n          latest: form.hut_built_on", "latest:", "hut_built_on"),
        ("key: sketch\n", "key: sketch\n    required: form.garage\n", "required: form.garage", "garage"),
        ("that: form.area < 350", "that: form.aera < 350", "that:", "aera"),
        ("value: form.area * 40", "value: form.aera * 40", "value:", "aera"),
        ("fee: {cents: 2500,", "fee: {rule: form.aera * 5,", "fee:", "aera"),
        (
            "decision: {basis",
            "decision: {automatic: {when: form.aera > 5, reasons: {de: a, en: a}, basis: a}, basis",
            "decision:",
            "aera",
        ),
    ],
)
def test_a_condition_that_names_a_field_that_comes_later_or_never(path, before, after, at, name):
    text = changed(ALLOTMENT, (before, after))
    found = [one for one in mistakes_in(path, text) if name in one.what]
    assert [one.what for one in found] == [
        f"form.{name} is not asked before this: correct the name, or move the field to the front"
    ]
    assert at in text.splitlines()[found[0].line - 1]


def test_a_part_of_a_group_that_names_a_later_part(path):
    text = asking_instead_of_hut(changed(GROUP, ("key: plant,", "key: plant, when: form.rows > 1,")))
    [mistake] = mistakes_in(path, text)
    assert mistake.line == line_of(text, "key: plant,")
    assert "is not asked before this" in mistake.what


@pytest.mark.parametrize("later", ["when: computed.rent > 5", "required: computed.rent > 5"])
def test_a_computed_value_is_not_known_to_the_questions(path, later):
    said = the_mistake(
        path, ("key: colour, type: text, required: false", f"key: colour, type: text, {later}"), at="key: colour"
    )
    assert (
        said == "computed.rent is not known here: a computed value is known to those after it, to checks and to the fee"
    )


def test_a_computed_value_is_not_known_to_itself(path):
    said = the_mistake(path, ("value: form.area * 40", "value: form.area * computed.rent"), at="value:")
    assert said.startswith("computed.rent is not known here")


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("form.hut &&", "this is not CEL"),
        ("hut", "'hut' is not known; conditions know form, computed, today"),
        ("is_old(form.hut)", "there is no function 'is_old'; beside those of CEL there are age_on"),
    ],
)
def test_a_condition_that_is_none(path, condition, said):
    found = the_mistake(
        path, ("      when: form.hut\n      fields", f"      when: {condition}\n      fields"), at=f"when: {condition}"
    )
    assert found.startswith(said)


def test_a_check_without_its_field(path):
    said = the_mistake(path, ("      at: hut", "      at: hat"), at="at: hat")
    assert said == "there is no field 'hat': name the one where the message is to stand"


def test_an_automatic_decision_of_two_people(path):
    automatic = "{when: form.hut, reasons: {de: a, en: a}, basis: a}"
    decision = f"decision:\n  four_eyes: true\n  automatic: {automatic}\n  basis: BKleingG § 4"
    said = the_mistake(path, ("decision: {basis: BKleingG § 4}", decision), at="four_eyes")
    assert said == "what two people decide is not decided automatically: leave out one of the two"


# patterns and bounds


PATTERN = 'type: text\n          pattern_message: {de: a, en: a}\n          example: "12"\n          pattern: '


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("'[a-z]+'", "the example '12' of 'hut' does not fit it"),
        ("'[0-9]'", "the example '12' of 'hut' does not fit it"),
        ("'[0-9'", "is not a regular expression: unterminated character set"),
    ],
)
def test_a_pattern_that_its_example_does_not_fit(path, pattern, said):
    text = asking_instead_of_hut(PATTERN + pattern)
    [mistake] = mistakes_in(path, text)
    assert mistake.line == line_of(text, f"pattern: {pattern}")
    assert mistake.what.startswith(said)


def test_a_pattern_in_a_group_has_its_own_line(path):
    part = "- {key: rows, type: text, pattern: '[a-z]', pattern_message: {de: b, en: b}, example: '1', label: {de: b, en: b}}"
    group = GROUP.replace("- {key: rows, type: number, label: {de: b, en: b}}", part)
    text = asking_instead_of_hut(group)
    [mistake] = mistakes_in(path, text)
    assert mistake.line == line_of(text, "key: rows")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (
            "type: number\n          least: 5\n          most: 4  # here",
            "most is 4, less than least, which is 5: no number fits",
        ),
        (
            "type: money\n          least_cents: 500\n          most_cents: 499  # here",
            "most_cents is 499, less than least_cents, which is 500: no amount fits",
        ),
        (
            GROUP + "\n          least: 3\n          most: 2  # here",
            "most is 2, less than least, which is 3: no number fits",
        ),
    ],
)
def test_bounds_that_nothing_fits(path, kind, said):
    text = asking_instead_of_hut(kind)
    [mistake] = mistakes_in(path, text)
    assert mistake.line == line_of(text, "# here")
    assert mistake.what == said


# states and steps


def own(states: str, steps: str) -> tuple[str, str]:
    return ("letters:", f"states:{states}\nsteps:{steps}\nletters:")


INSPECTED = "\n  - {key: inspected, name: {de: a, en: a}}"
INSPECT = "\n  - {action: inspect, name: {de: b, en: b}, from: [received], to: inspected}"


def test_a_state_that_nothing_leads_to(path):
    said = the_mistake(path, own(INSPECTED + "\n  - {key: shelf, name: {de: c, en: c}}", INSPECT), at="key: shelf")
    assert said == "the procedure 'allotment' cannot work: the state 'shelf' cannot be reached"


def test_a_step_out_of_a_final_state(path):
    said = the_mistake(
        path,
        own(INSPECTED, INSPECT + INSPECT.replace("inspect,", "reopen,").replace("received", "granted")),
        at="steps:",
    )
    assert "'reopen' leads out of the final state 'granted'" in said


@pytest.mark.parametrize(
    ("before", "after"), [("from: [received]", "from: [received, shelf]"), ("to: inspected", "to: shelf")]
)
def test_a_state_without_a_name(path, before, after):
    text = changed(ALLOTMENT, own(INSPECTED, INSPECT + changed(INSPECT, ("inspect,", "look,"), (before, after))))
    [mistake] = mistakes_in(path, text)
    assert mistake.line == line_of(text, "action: look")
    assert mistake.what == "the state 'shelf' has no name: correct it, or add it to states"


# letters


@pytest.mark.parametrize(
    ("before", "after", "at", "name"),
    [
        ('{form.tenant_name}."}', '{form.tenant}."}', "{form.tenant}", "form.tenant"),
        ("Ihr Garten {reference}", "Ihr Garten {referenz}", "{referenz}", "referenz"),
        ("unfortunately not.", "{computed.area}", "{computed.area}", "computed.area"),
    ],
)
def test_a_letter_that_names_what_no_case_has(path, before, after, at, name):
    said = the_mistake(path, (before, after), at=at)
    assert said.startswith(f"{{{name}}} is not known; there are reference, name, office, service, date, fee, due_on")


def test_a_letter_of_a_step_that_names_what_no_case_has(path):
    letter = "\n    letter: {subject: {de: a, en: a}, body: {de: a,\n      en: 'see {form.garage}'}}"
    step = "\n  - action: inspect\n    name: {de: b, en: b}\n    from: [received]\n    to: received" + letter
    said = the_mistake(path, own(" []", step), at="form.garage")
    assert said.startswith("{form.garage} is not known")


# the form as a whole


def test_a_form_that_nobody_can_complete(path):
    said = the_mistake(path, ("that: form.area < 350 || !form.hut", "that: form.area < 50"), at="form:")
    assert said == "of 400 invented applicants 0 got to the end of the form: can its conditions and checks be met?"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("      when: form.hut\n      fields", "      when: form.area\n      fields", "neither true nor false"),
        ("value: form.area * 40", "value: form.area * 4.5", "cannot be evaluated: No such overload"),
        ("value: form.area * 40", "value: double(form.area) * 4.5", "which is not money"),
        ("fee: {cents: 2500,", "fee: {rule: form.area > 5,", "which is not a whole number of cents"),
    ],
)
def test_a_condition_that_goes_wrong_with_an_answer_that_is_allowed(path, before, after, said):
    found = the_mistake(path, (before, after), at="form:")
    assert found.startswith("with sample answers ")
    assert said in found


def test_what_is_found_by_reading_is_not_found_again_by_trying(path):
    said = the_mistake(path, ("that: form.area < 350", "that: old(form.area) < 350"), at="that:")
    assert said.startswith("there is no function 'old'")


# offices and the city


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """A city with an office that rents allotments, and another one."""
    for office in ("environment", "order"):
        (tmp_path / office).mkdir()
        (tmp_path / office / "office.yaml").write_text(
            changed(OFFICE, ("key: environment", f"key: {office}")), encoding="utf-8"
        )
    (tmp_path / "environment" / "allotment.yaml").write_text(ALLOTMENT, encoding="utf-8")
    return tmp_path


def another(city: Path, office: str, name: str, *changes: tuple[str, str]) -> Path:
    """A second procedure, which begins with a comment so that its lines are others."""
    file = city / office / f"{name}.yaml"
    file.write_text("# another one\n" + changed(ALLOTMENT, *changes), encoding="utf-8")
    return file


def mistakes_of_city(city: Path) -> list[Mistake]:
    with pytest.raises(ProcedureFileError) as refused:
        checking.read_city(city)
    return list(refused.value.mistakes)


def test_a_city_that_is_right_is_read(city):
    another(city, "order", "orchard", ("key: allotment", "key: orchard"), ("GARTEN", "OBST"))
    offices = checking.read_city(city)
    assert {key: list(office.procedures) for key, office in offices.items()} == {
        "environment": ["allotment"],
        "order": ["orchard"],
    }
    assert offices["order"].declaration.key == "order"


def test_the_files_of_this_repository_are_right():
    assert "dog-registration" in checking.read_city(DEPLOYED)["taxes"].procedures


def test_an_office_is_read_with_its_procedures(city):
    office = checking.read_office(city / "environment")
    assert (office.declaration.key, list(office.procedures)) == ("environment", ["allotment"])


@pytest.mark.parametrize("office", ["environment", "order"])
@pytest.mark.parametrize(
    ("changes", "what", "line"),
    [
        ([("GARTEN", "OBST")], "the key 'allotment'", 2),
        ([("key: allotment", "key: orchard")], "the reference_prefix 'GARTEN'", 13),
    ],
)
def test_a_key_or_prefix_that_is_used_twice_in_one_office_or_across_offices(city, office, changes, what, line):
    file = another(city, office, "orchard", *changes)
    first = city / "environment" / "allotment.yaml"
    assert mistakes_of_city(city) == [Mistake(file, line, f"{what} is that of {first} too: choose another one")]
    assert file.read_text(encoding="utf-8").splitlines()[line - 1].startswith(("key", "reference_prefix"))


def test_a_key_that_is_used_twice_is_found_in_the_office_alone(city):
    file = another(city, "environment", "orchard", ("GARTEN", "OBST"))
    with pytest.raises(ProcedureFileError) as refused:
        checking.read_office(city / "environment")
    assert [(one.file, one.line) for one in refused.value.mistakes] == [(file, 2)]


def test_two_offices_with_one_key(city):
    (city / "order" / "office.yaml").write_text("# copied\n" + OFFICE, encoding="utf-8")
    [mistake] = mistakes_of_city(city)
    assert (mistake.file, mistake.line) == (city / "order" / "office.yaml", 2)
    assert (
        mistake.what
        == f"the key 'environment' is that of {city / 'environment' / 'office.yaml'} too: choose another one"
    )


def test_a_hearing_that_asks_an_office_that_is_not_there(city):
    hearing = "decision:\n  basis: BKleingG § 4\n  hearing:\n    - order\n    - forestry"
    file = another(
        city,
        "order",
        "orchard",
        ("key: allotment", "key: orchard"),
        ("GARTEN", "OBST"),
        ("decision: {basis: BKleingG § 4}", hearing),
    )
    assert mistakes_of_city(city) == [
        Mistake(
            file,
            line_of(file.read_text(encoding="utf-8"), "forestry"),
            "the hearing asks 'forestry', which is not an office here; there are environment, order",
        )
    ]


def test_a_folder_with_procedures_but_without_its_office(city):
    (city / "forestry").mkdir()
    another(city, "forestry", "wood", ("key: allotment", "key: wood"), ("GARTEN", "HOLZ"))
    [mistake] = mistakes_of_city(city)
    assert (mistake.file, mistake.line) == (city / "forestry" / "office.yaml", 1)
    assert mistake.what == "cannot be read: No such file or directory"


def test_an_office_that_is_wrong_is_named_with_its_procedures(city):
    (city / "order" / "office.yaml").write_text(changed(OFFICE, ('"51373"', "51373")), encoding="utf-8")
    broken = another(city, "order", "orchard", ("applicant: resident", "applicant: dog"))
    found = mistakes_of_city(city)
    assert [(one.file.name, one.line) for one in found] == [
        ("office.yaml", 4),
        ("orchard.yaml", line_of(broken.read_text(encoding="utf-8"), "applicant: dog")),
    ]
    assert found[0].what == "postal_code: input should be a valid string, not 51373"


def test_mistakes_of_several_offices_are_named_at_once(city):
    another(city, "environment", "orchard", ("applicant: resident", "applicant: dog"))
    another(city, "order", "wood", ("applicant: resident", "applicant: cat"))
    assert [one.file.name for one in mistakes_of_city(city)] == ["orchard.yaml", "wood.yaml"]


@pytest.mark.parametrize("nothing", ["", "nowhere"])
def test_a_folder_without_offices(tmp_path, nothing):
    assert mistakes_of_city(tmp_path / nothing) == [
        Mistake(tmp_path / nothing, 1, "there is no office here: a folder with office.yaml for each")
    ]


def test_a_file_can_use_the_anchors_of_yaml(path):
    text = changed(
        ALLOTMENT,
        (
            '{de: "Ihr Garten {reference}", en: "Your garden {reference}"}',
            '&subject {de: "Ihr Garten", en: "Your garden"}',
        ),
        ('body: {de: "Leider nicht.", en: "unfortunately not."}', "body: *subject"),
    )
    path.write_text(text, encoding="utf-8")
    read = checking.read_procedure(path).letters
    assert read is not None
    assert read.refused.body.en == "Your garden"
    assert yaml.safe_load(text)["letters"]["refused"]["body"]["de"] == "Ihr Garten"


# a department with code of its own

LETTERS = ALLOTMENT[ALLOTMENT.index("letters:") :]
OWN_CODE = ALLOTMENT.replace(LETTERS, "own_code: true\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "city" / "environment"
    made.mkdir(parents=True)
    (made / checking.OFFICE_FILE).write_text(OFFICE, encoding="utf-8")
    (made / "allotment.yaml").write_text(OWN_CODE, encoding="utf-8")
    return made


def refused(folder: Path, written_for: dict[str, set[str]] | None) -> list[str]:
    with pytest.raises(ProcedureFileError) as error:
        checking.read_office(folder, written_for=written_for)
    return [one.what for one in error.value.mistakes]


def test_a_department_with_code_of_its_own_has_a_file_without_letters(path):
    path.write_text(OWN_CODE, encoding="utf-8")
    read = checking.read_procedure(path)
    assert (read.own_code, read.letters) == (True, None)


def test_without_code_of_its_own_a_file_has_letters(path):
    [mistake] = mistakes_in(path, ALLOTMENT.replace(LETTERS, ""))
    assert mistake.what.startswith("letters is missing: add it")


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ("own_code: true\n" + ALLOTMENT, "letters:", "the department's own code writes its letters"),
        (
            OWN_CODE.replace(
                "decision: {", "decision: {automatic: {when: 'true', reasons: {de: a, en: a}, basis: § 1}, "
            ),
            "decision:",
            "the department's own code decides",
        ),
        (ALLOTMENT.replace("cents: 2500", "by_own_code: true"), "fee:", "there is no own_code that could compute it"),
    ],
)
def test_code_and_file_do_not_both_do_the_same(path, text, at, told):
    [mistake] = mistakes_in(path, text)
    assert mistake.what.startswith(told)
    assert mistake.line == line_of(text, at)


def test_a_steps_letter_is_written_by_the_departments_code_as_well(path):
    step = (
        "steps:\n  - {action: walk, name: {de: a, en: a}, from: [received], to: received,\n"
        "     letter: {subject: {de: a, en: a}, body: {de: a, en: a}}}\n"
    )
    [mistake] = mistakes_in(path, OWN_CODE + step)
    assert mistake.what.startswith("the department's own code writes its letters")


def test_a_fee_can_be_computed_by_the_departments_code(path):
    path.write_text(OWN_CODE.replace("cents: 2500", "by_own_code: true"), encoding="utf-8")
    assert checking.read_procedure(path).fee.by_own_code


def test_who_has_the_code_reads_the_file_and_the_code_finds_what_it_reads(folder):
    read = checking.read_office(folder, written_for={"allotment": {"area", "sketch"}})
    assert list(read.procedures) == ["allotment"]
    assert refused(folder, {"allotment": {"area", "fence"}}) == [
        "the department's code reads 'fence': ask for it in a field or document"
    ]


def test_nobody_offers_what_they_have_no_code_for(folder):
    assert refused(folder, {}) == ["nobody has written code for 'allotment' here: there is none"]
    assert refused(folder, {"bees": set()}) == [
        "nobody has written code for 'allotment' here: there is code for bees alone"
    ]
    (folder / "allotment.yaml").write_text(ALLOTMENT, encoding="utf-8")
    assert refused(folder, {"allotment": set()}) == ["'allotment' has code of its own here: say own_code: true"]
    assert refused(folder, {"bees": set()}) == [
        "nobody has written code for 'allotment' here: there is code for bees alone"
    ]


def test_in_the_folder_of_all_offices_nobody_counts_on_code(folder):
    with pytest.raises(ProcedureFileError, match="nobody has written code"):
        checking.read_city(folder.parent)
