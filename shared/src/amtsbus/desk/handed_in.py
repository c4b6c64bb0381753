"""What came through the portal, as a desk shows it: who handed it in, the form page by page, and what came later."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

from amtsbus.clock import BERLIN
from amtsbus.desk.department import Rows, Table, Viewer
from amtsbus.procedures import wording
from amtsbus.procedures.declaration import FormField, ProcedureFile

UNREADABLE: Final = (ValueError, TypeError, LookupError, AttributeError)
"""What words and conditions raise for an answer that is not of the kind that was asked for."""


class Supplied(Protocol):
    """Something that was handed in later."""

    @property
    def message(self) -> str | None: ...
    @property
    def replaced(self) -> Mapping[str, Any]: ...
    @property
    def supplied_at(self) -> datetime: ...


def facts(viewer: Viewer, *, identification: str, email: str | None, language: str) -> Iterator[tuple[str, str]]:
    """Who handed it in, as far as that is known: how surely, where to reach them, in which language."""
    say = viewer.say
    yield say("desk.handed_in.identification"), say(f"desk.handed_in.identification.{identification}")
    if email:
        yield say("desk.handed_in.email"), email
    yield say("desk.handed_in.language"), language_of(viewer, language)


def language_of(viewer: Viewer, language: str) -> str:
    """What the language of an application is called."""
    return viewer.say(f"desk.handed_in.language.{language}")


def answered(declared: ProcedureFile, answers: Mapping[str, Any], viewer: Viewer) -> Iterator[Rows]:
    """What was answered, page by page; then what follows from it, and what was sent without being asked for."""
    language = viewer.language
    asked: set[str] = set()
    for page in declared.form.pages:
        asked |= {field.key for field in page.fields}
        rows = [
            (field.label.in_language(language), _answer(field, answers[field.key], language))
            for field in page.fields
            if field.key in answers
        ]
        if rows:
            yield Rows(page.title.in_language(language), tuple(rows))
    computed = _computed(declared, answers, viewer)
    if computed:
        yield Rows(viewer.say("desk.handed_in.computed"), tuple(computed))
    others = [(key, _plain(value)) for key, value in answers.items() if key not in asked]
    if others:
        yield Rows(viewer.say("desk.handed_in.not_asked"), tuple(others))


def named(declared: ProcedureFile, keys: Iterable[str], viewer: Viewer) -> str:
    """Documents and questions by their names, in one line."""
    names = declared.names
    return ", ".join(names[key].in_language(viewer.language) if key in names else key for key in keys)


def later(declared: ProcedureFile, supplements: Sequence[Supplied], viewer: Viewer) -> Table:
    """What was handed in later, and which answers stood there before."""
    say = viewer.say
    return Table(
        say("desk.handed_in.later"),
        (say("desk.handed_in.when"), say("desk.handed_in.message"), say("desk.handed_in.before")),
        tuple(
            (
                wording.day(one.supplied_at.astimezone(BERLIN).date(), viewer.language),
                one.message or "",
                "; ".join(
                    f"{named(declared, (key,), viewer)}: {_plain(value)}"
                    for key, value in one.replaced.items()
                    if value is not None
                ),
            )
            for one in supplements
        ),
    )


def _answer(field: FormField, value: Any, language: str) -> str:
    try:
        return wording.answer(field, value, language)
    except UNREADABLE:
        return _plain(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _computed(declared: ProcedureFile, answers: Mapping[str, Any], viewer: Viewer) -> list[tuple[str, str]]:
    try:
        words = wording.computed(declared, answers, viewer.language, today=viewer.today)
    except UNREADABLE:
        return []
    return [
        (one.label.in_language(viewer.language), words[one.key]) for one in declared.form.computed if one.key in words
    ]
