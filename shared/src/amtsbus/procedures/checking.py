"""Reading procedure files, and finding what is wrong with them: file, line, and what to do.

A single value is checked by the models of `declaration`; here is what only the whole can say: that a condition asks for a
field that comes later, that a key is used twice, that nobody can reach the end of the form.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from amtsbus.casework.procedure import ProcedureError
from amtsbus.procedures import conditions, letters, sampling, steps
from amtsbus.procedures.conditions import ConditionError
from amtsbus.procedures.declaration import (
    ChoiceField,
    DateField,
    FormField,
    GroupField,
    Letter,
    MoneyField,
    NumberField,
    OfficeFile,
    ProcedureFile,
    TextField,
)

LARGEST_FILE = 400_000
"""Bytes; the largest real procedure has a tenth of it."""
OFFICE_FILE: Final = "office.yaml"

_QUOTES: Final = "texts with : # { or [ and days stand in quotes"

Location = tuple[str | int, ...]
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """Something wrong with a file, where, and what to do."""

    file: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


class ProcedureFileError(Exception):
    """A file does not declare a procedure. `mistakes` says everything that is wrong, the message the first of it."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes))
        more = f" (and {len(self.mistakes) - 1} more)" if len(self.mistakes) > 1 else ""
        super().__init__(f"{self.mistakes[0]}{more}")


@dataclass(frozen=True, slots=True)
class Office:
    """An office with its procedures, by key."""

    declaration: OfficeFile
    procedures: Mapping[str, ProcedureFile]


def read_procedure(path: Path) -> ProcedureFile:
    """Read one procedure file and check all that it says by itself.

    Raises:
        ProcedureFileError: it has mistakes.
    """
    return _read_procedure(path)[1]


def read_office(folder: Path, *, written_for: Mapping[str, Collection[str]] | None = None) -> Office:
    """Read an office's folder: `office.yaml` and its procedures.

    Args:
        written_for: the services for which the department has code of its own, each with the keys of the fields and
            documents that the code reads; empty for an office that works by its files alone. None: whoever reads does not know.

    Raises:
        ProcedureFileError: one of the files has mistakes, a key or a reference prefix is used twice, or a file and the
            department's code do not go together.
    """
    read = _Folder(folder)
    mistakes = [*read.mistakes, *_used_twice(read.procedures, "key"), *_used_twice(read.procedures, "reference_prefix")]
    if written_for is not None:
        mistakes += _without_code(read.procedures, written_for)
    if mistakes:
        raise ProcedureFileError(mistakes)
    [office] = read.offices()
    return office


def read_city(folder: Path) -> dict[str, Office]:
    """Read the folders of all offices.

    Raises:
        ProcedureFileError: a file has mistakes, two offices or procedures have one key, a hearing asks an office that is
            not there, or a file says that there is code of its own, which offices do not have.
    """
    folders = [_Folder(one) for one in sorted({file.parent for file in folder.glob("*/*.yaml")})]
    office_files = {path: read for one in folders for path, read in one.office.items()}
    procedures = {path: read for one in folders for path, read in one.procedures.items()}
    mistakes = [mistake for one in folders for mistake in one.mistakes]
    mistakes += _used_twice(office_files, "key")
    mistakes += _used_twice(procedures, "key")
    mistakes += _used_twice(procedures, "reference_prefix")
    mistakes += _without_code(procedures, {})
    if len(office_files) == len(folders):
        mistakes += _asks_nobody(procedures, [office.key for _, office in office_files.values()])
    if not folders:
        mistakes.append(Mistake(folder, 1, f"there is no office here: a folder with {OFFICE_FILE} for each"))
    if mistakes:
        raise ProcedureFileError(mistakes)
    return {office.declaration.key: office for one in folders for office in one.offices()}


def procedure_files(folder: Path) -> list[Path]:
    """The files of an office's procedures."""
    return [path for path in sorted(folder.glob("*.yaml")) if path.name != OFFICE_FILE]


class _Folder:
    """What could be read of an office's folder, and what is wrong with the rest."""

    def __init__(self, folder: Path) -> None:
        self.office: dict[Path, tuple[_Lines, OfficeFile]] = {}
        self.procedures: dict[Path, tuple[_Lines, ProcedureFile]] = {}
        self.mistakes: list[Mistake] = []
        try:
            self.office[folder / OFFICE_FILE] = _read(folder / OFFICE_FILE, OfficeFile)
        except ProcedureFileError as error:
            self.mistakes += error.mistakes
        for path in procedure_files(folder):
            try:
                self.procedures[path] = _read_procedure(path)
            except ProcedureFileError as error:
                self.mistakes += error.mistakes

    def offices(self) -> list[Office]:
        """The office; none where its own file is wrong."""
        procedures = {procedure.key: procedure for _, procedure in self.procedures.values()}
        return [Office(office, procedures) for _, office in self.office.values()]


def _used_twice(read: Mapping[Path, tuple["_Lines", OfficeFile | ProcedureFile]], what: str) -> Iterator[Mistake]:
    first: dict[str, Path] = {}
    for path, (lines, declared) in sorted(read.items(), key=lambda one: one[0]):
        name = getattr(declared, what)
        other = first.setdefault(name, path)
        if other != path:
            yield Mistake(path, lines.at((what,)), f"the {what} {name!r} is that of {other} too: choose another one")


def _without_code(
    read: Mapping[Path, tuple["_Lines", ProcedureFile]], written_for: Mapping[str, Collection[str]]
) -> Iterator[Mistake]:
    for path, (lines, procedure) in read.items():
        needed = written_for.get(procedure.key)
        if needed is None and (procedure.own_code or written_for):
            theirs = f"there is code for {', '.join(sorted(written_for))} alone" if written_for else "there is none"
            where = ("own_code",) if procedure.own_code else ("key",)
            yield Mistake(path, lines.at(where), f"nobody has written code for {procedure.key!r} here: {theirs}")
        elif needed is not None and not procedure.own_code:
            yield Mistake(path, lines.at(("key",)), f"{procedure.key!r} has code of its own here: say own_code: true")
        elif needed is not None:
            there = {field.key for field in procedure.form.fields}
            there |= {document.key for document in procedure.documents}
            for key in sorted(set(needed) - there):
                yield Mistake(
                    path, lines.at(("form",)), f"the department's code reads {key!r}: ask for it in a field or document"
                )


def _asks_nobody(read: Mapping[Path, tuple["_Lines", ProcedureFile]], offices: Sequence[str]) -> Iterator[Mistake]:
    for path, (lines, procedure) in read.items():
        for nth, office in enumerate(procedure.decision.hearing):
            if office not in offices:
                yield Mistake(
                    path,
                    lines.at(("decision", "hearing", nth)),
                    f"the hearing asks {office!r}, which is not an office here; there are {', '.join(offices)}",
                )


def _read_procedure(path: Path) -> tuple["_Lines", ProcedureFile]:
    lines, procedure = _read(path, ProcedureFile)
    wrong = [Mistake(path, lines.at(where), what) for where, what in _contradictions(procedure)]
    if wrong:
        raise ProcedureFileError(wrong)
    return lines, procedure


# YAML with its lines


class _Lines:
    """Where in its file each part of a declaration stands."""

    def __init__(self, root: yaml.Node) -> None:
        self._root = root

    def at(self, where: Location) -> int:
        """The line of the part, or of the nearest thing around it that is there."""
        node = self._root
        line = node.start_mark.line + 1
        for step in where:
            found = self._below(node, step)
            if found is None:
                continue  # pydantic also names the kind of a union, which is no part of the file
            line, node = found
        return line

    @staticmethod
    def _below(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            return node.value[step].start_mark.line + 1, node.value[step]
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == step:
                    return key.start_mark.line + 1, value
        return None


_TOO_DEEP: Final = "maximum nesting depth"
"""What libyaml says of a thousand brackets in one another."""
_NESTED: Final = "is nested too deeply: correct its brackets"


def _read(path: Path, model: type[_Model]) -> tuple[_Lines, _Model]:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ProcedureFileError(
                [Mistake(path, 1, f"the file is larger than {LARGEST_FILE} bytes: split the procedure")]
            )
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProcedureFileError([Mistake(path, 1, f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ProcedureFileError([Mistake(path, 1, "is not UTF-8: save it as UTF-8")]) from None
    try:
        loader = yaml.CSafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise ProcedureFileError([Mistake(path, 1, "the file is empty: write it, or remove it")])
        twice = list(_twice(node))
        data = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + 1
        if _TOO_DEEP in (error.problem or ""):
            raise ProcedureFileError([Mistake(path, line, _NESTED)]) from None
        raise ProcedureFileError([Mistake(path, line, f"is not YAML: {error.problem}; {_QUOTES}")]) from None
    except (yaml.YAMLError, ValueError) as error:  # a value error: a day such as 2026-02-30
        said = " ".join(str(error).split())
        raise ProcedureFileError([Mistake(path, 1, f"is not YAML: {said}; {_QUOTES}")]) from None
    except RecursionError:
        raise ProcedureFileError([Mistake(path, 1, _NESTED)]) from None
    lines = _Lines(node)
    mistakes = [Mistake(path, line, f"{key!r} stands here twice: only the last one would count") for line, key in twice]
    try:
        declared = model.model_validate(data)
    except ValidationError as error:
        mistakes += [Mistake(path, lines.at(one["loc"]), _said(one["loc"], one)) for one in _innermost(error)]
        raise ProcedureFileError(mistakes) from None
    if mistakes:
        raise ProcedureFileError(mistakes)
    return lines, declared


def _twice(node: yaml.Node) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    yield key.start_mark.line + 1, key.value
                seen.add(key.value)
            yield from _twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _twice(value)


def _innermost(error: ValidationError) -> list[ErrorDetails]:
    """What is wrong, without what follows from it: that a list is too short when the wrong parts are left out."""
    found = error.errors()
    around = {one["loc"][:length] for one in found for length in range(len(one["loc"]))}
    return [one for one in found if one["loc"] not in around]


def _said(where: Location, error: Mapping[str, Any]) -> str:
    place = ".".join(str(step) for step in where) or "the file"
    match error["type"]:
        case "missing":
            return f"{place} is missing: add it"
        case "extra_forbidden":
            return f"{place} is not known: remove it, or correct its name"
        case "value_error":
            return f"{place}: {error['ctx']['error']}"
        case _:
            return f"{place}: {error['msg'][0].lower()}{error['msg'][1:]}, not {error['input']!r}"[:400]


# what contradicts itself


def _contradictions(procedure: ProcedureFile) -> list[tuple[Location, str]]:
    found = [
        *_keys(procedure),
        *_conditions(procedure),
        *_checks_and_values(procedure),
        *_patterns(procedure),
        *_bounds(procedure),
        *_letters(procedure),
        *_states(procedure),
        *_own_code(procedure),
    ]
    if not found:  # or the invented applicants would fail by what is said already
        try:
            sampling.some(procedure)
        except sampling.NoSampleError as error:
            found.append((("form",), str(error)))
        except ConditionError as error:
            found.append((("form",), f"with sample answers {error}"))
    return found


def _fields(procedure: ProcedureFile) -> Iterator[tuple[Location, FormField]]:
    """Every field with its place, also those of groups."""
    for nth, page in enumerate(procedure.form.pages):
        for field_nth, field in enumerate(page.fields):
            here: Location = ("form", "pages", nth, "fields", field_nth)
            yield here, field
            if isinstance(field, GroupField):
                yield from (((*here, "fields", part_nth), part) for part_nth, part in enumerate(field.fields))


def _keys(procedure: ProcedureFile) -> Iterator[tuple[Location, str]]:
    form = procedure.form
    asked: list[tuple[Location, str]] = [
        (("form", "pages", nth, "fields", field_nth, "key"), field.key)
        for nth, page in enumerate(form.pages)
        for field_nth, field in enumerate(page.fields)
    ]
    asked += [(("documents", nth, "key"), document.key) for nth, document in enumerate(procedure.documents)]
    yield from _given_twice("field or document", asked)
    yield from _given_twice("page", [(("form", "pages", nth, "key"), one.key) for nth, one in enumerate(form.pages)])
    yield from _given_twice(
        "computed value", [(("form", "computed", nth, "key"), one.key) for nth, one in enumerate(form.computed)]
    )
    yield from _given_twice("state", [(("states", nth, "key"), one.key) for nth, one in enumerate(procedure.states)])
    for here, field in _fields(procedure):
        if isinstance(field, ChoiceField):
            yield from _given_twice(
                "option", [((*here, "options", nth, "key"), one.key) for nth, one in enumerate(field.options)]
            )


def _given_twice(what: str, keys: Iterable[tuple[Location, str]]) -> Iterator[tuple[Location, str]]:
    seen: set[str] = set()
    for where, key in keys:
        if key in seen:
            yield where, f"another {what} has the key {key!r}: give each its own"
        seen.add(key)


def _conditions(procedure: ProcedureFile) -> Iterator[tuple[Location, str]]:
    """What is wrong with the conditions on which pages, fields and documents are asked for."""
    known: set[str] = set()
    for nth, page in enumerate(procedure.form.pages):
        here: Location = ("form", "pages", nth)
        yield from _condition(page.when, (*here, "when"), known)
        for field_nth, field in enumerate(page.fields):
            yield from _of_field(field, (*here, "fields", field_nth), known)
            known.add(field.key)
    for nth, document in enumerate(procedure.documents):
        yield from _condition(document.when, ("documents", nth, "when"), known)
        if isinstance(document.required, str):
            yield from _condition(document.required, ("documents", nth, "required"), known)


def _of_field(field: FormField, here: Location, known: set[str]) -> Iterator[tuple[Location, str]]:
    yield from _condition(field.when, (*here, "when"), known)
    if isinstance(field.required, str):
        yield from _condition(field.required, (*here, "required"), known)
    if isinstance(field, DateField):
        yield from _condition(field.earliest, (*here, "earliest"), known)
        yield from _condition(field.latest, (*here, "latest"), known)
    if isinstance(field, GroupField):
        inside = set(known)
        for nth, part in enumerate(field.fields):
            if part.key in inside:
                yield (*here, "fields", nth, "key"), f"the key {part.key!r} is used before: give it another one"
            yield from _of_field(part, (*here, "fields", nth), inside)
            inside.add(part.key)


def _condition(
    source: str | None, where: Location, known: Iterable[str], computed: Iterable[str] = ()
) -> Iterator[tuple[Location, str]]:
    if source is None:
        return
    try:
        conditions.compiled(source)
    except ConditionError as error:
        yield where, str(error)
        return
    fields, values = conditions.asked_for(source)
    for name in sorted(fields - set(known)):
        yield where, f"form.{name} is not asked before this: correct the name, or move the field to the front"
    for name in sorted(values - set(computed)):
        yield (
            where,
            f"computed.{name} is not known here: a computed value is known to those after it, to checks and to the fee",
        )


def _checks_and_values(procedure: ProcedureFile) -> Iterator[tuple[Location, str]]:
    form = procedure.form
    fields = {field.key for field in form.fields}
    computed: set[str] = set()
    for nth, value in enumerate(form.computed):
        yield from _condition(value.value, ("form", "computed", nth, "value"), fields, computed)
        computed.add(value.key)
    for nth, check in enumerate(form.checks):
        yield from _condition(check.that, ("form", "checks", nth, "that"), fields, computed)
        if check.at not in fields:
            yield (
                ("form", "checks", nth, "at"),
                f"there is no field {check.at!r}: name the one where the message is to stand",
            )
    yield from _condition(procedure.fee.rule, ("fee", "rule"), fields, computed)
    if procedure.decision.automatic:
        yield from _condition(procedure.decision.automatic.when, ("decision", "automatic", "when"), fields, computed)
        if procedure.decision.four_eyes:
            yield (
                ("decision", "four_eyes"),
                "what two people decide is not decided automatically: leave out one of the two",
            )


def _patterns(procedure: ProcedureFile) -> Iterator[tuple[Location, str]]:
    for here, field in _fields(procedure):
        if not isinstance(field, TextField) or field.pattern is None:
            continue
        try:
            fits = re.fullmatch(field.pattern, field.example or "") is not None
        except re.error as error:
            yield (*here, "pattern"), f"is not a regular expression: {error}"
            continue
        if not fits:
            yield (*here, "pattern"), f"the example {field.example!r} of {field.key!r} does not fit it"


def _bounds(procedure: ProcedureFile) -> Iterator[tuple[Location, str]]:
    for here, field in _fields(procedure):
        match field:
            case NumberField(least=float(least), most=float(most)) if least > most:
                yield (*here, "most"), f"most is {most:g}, less than least, which is {least:g}: no number fits"
            case MoneyField() if field.least_cents > field.most_cents:
                yield (
                    (*here, "most_cents"),
                    f"most_cents is {field.most_cents}, less than least_cents, which is {field.least_cents}: no amount fits",
                )
            case GroupField() if field.least > field.most:
                yield (*here, "most"), f"most is {field.most}, less than least, which is {field.least}: no number fits"
            case _:
                pass


def _states(procedure: ProcedureFile) -> Iterator[tuple[Location, str]]:
    named = {*steps.STANDARD_STATES, *(state.key for state in procedure.states)}
    unnamed: list[tuple[Location, str]] = []
    for nth, step in enumerate(procedure.steps):
        places: list[tuple[Location, str]] = [
            (("steps", nth, "from", source_nth), source) for source_nth, source in enumerate(step.sources)
        ]
        places.append((("steps", nth, "to"), step.target))
        unnamed += [(where, state) for where, state in places if state not in named]
    for where, state in unnamed:
        yield where, f"the state {state!r} has no name: correct it, or add it to states"
    if unnamed:
        return
    try:
        steps.compiled(procedure)
    except ProcedureError as error:
        said = str(error)
        of_state = [("states", nth) for nth, state in enumerate(procedure.states) if repr(state.key) in said]
        yield next(iter(of_state), ("steps",)), said


def _letters(procedure: ProcedureFile) -> Iterator[tuple[Location, str]]:
    written: list[tuple[Location, Letter]] = [
        (("letters", event), letter)
        for event, letter in (procedure.letters.by_event() if procedure.letters else {}).items()
    ]
    written += [(("steps", nth, "letter"), step.letter) for nth, step in enumerate(procedure.steps) if step.letter]
    for here, letter in written:
        for part, text in (("subject", letter.subject), ("body", letter.body)):
            for language, words in text.model_dump(exclude_none=True).items():
                for name in letters.unknown_names(words, procedure):
                    yield (
                        (*here, part, language),
                        f"{{{name}}} is not known; there are {', '.join(letters.NAMES)}, {{form.…}} and {{computed.…}}",
                    )


def _own_code(procedure: ProcedureFile) -> Iterator[tuple[Location, str]]:
    """What a department with code of its own does by that code does not stand in the file as well, and the other way round."""
    if not procedure.own_code:
        if procedure.letters is None:
            yield ("letters",), "letters is missing: add it (only a department with code of its own does without)"
        if procedure.fee.by_own_code:
            yield ("fee", "by_own_code"), "there is no own_code that could compute it: say cents, rule or set_by_city"
        return
    written: list[tuple[Location, bool]] = [
        (("letters",), procedure.letters is not None),
        *((("steps", nth, "letter"), step.letter is not None) for nth, step in enumerate(procedure.steps)),
    ]
    for where, there in written:
        if there:
            yield (
                where,
                "the department's own code writes its letters, or somebody would get two: remove it, or own_code",
            )
    if procedure.decision.automatic:
        yield ("decision", "automatic"), "the department's own code decides: remove it, or own_code"
