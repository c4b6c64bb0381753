"""The words of letters: the file's own, or the city's standard text, with what the case has put in.

A paragraph that names something which the case does not have is left out: the paragraph on the fee where nothing is charged.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from amtsbus.procedures import wording
from amtsbus.procedures.declaration import Letter, ProcedureFile, Text

NAMES: Final = ("reference", "name", "office", "service", "date", "fee", "due_on", "reasons", "documents", "state")
"""What a letter may name in braces, beside `form.…` and `computed.…`."""

_NAME = re.compile(r"\{([^{}]*)\}")

_STANDARD: Final[Mapping[str, Letter]] = {
    "documents_requested": Letter(
        subject=Text(
            de="Zu Ihrem Antrag {reference} fehlen Unterlagen",
            en="Documents are missing for your application {reference}",
            plain="Uns fehlt noch etwas: {reference}",
        ),
        body=Text(
            de="zu Ihrem Antrag „{service}“ brauchen wir noch:\n\n{documents}\n\n{reasons}\n\n"
            "Bitte reichen Sie das bis zum {due_on} nach, am einfachsten im Kommunalportal unter „Meine Anträge“.",
            en="for your application “{service}” we still need:\n\n{documents}\n\n{reasons}\n\n"
            "Please hand it in by {due_on}, most easily in the portal under “My applications”.",
            plain="Sie haben einen Antrag gestellt: {service}.\n\nUns fehlt noch:\n\n{documents}\n\n{reasons}\n\n"
            "Bitte schicken Sie uns das bis zum {due_on}. Am einfachsten geht es im Internet unter „Meine Anträge“.",
        ),
    ),
    "withdrawn": Letter(
        subject=Text(
            de="Sie haben Ihren Antrag {reference} zurückgenommen",
            en="You have withdrawn your application {reference}",
            plain="Sie haben Ihren Antrag zurückgenommen: {reference}",
        ),
        body=Text(
            de="Ihr Antrag „{service}“ ist zurückgenommen. Wir bearbeiten ihn nicht weiter. "
            "Sie können jederzeit einen neuen stellen.",
            en="your application “{service}” is withdrawn. We do not work on it any more; you can hand in a new one at any time.",
            plain="Sie haben Ihren Antrag zurückgenommen: {service}. Wir arbeiten nicht mehr daran. "
            "Sie können jederzeit einen neuen Antrag stellen.",
        ),
    ),
    "lapsed": Letter(
        subject=Text(
            de="Ihr Antrag {reference} wurde ohne Entscheidung eingestellt",
            en="Your application {reference} was closed without a decision",
            plain="Wir haben Ihren Antrag geschlossen: {reference}",
        ),
        body=Text(
            de="Ihr Antrag „{service}“ ist eingestellt worden.\n\n{reasons}\n\n"
            "Sie können jederzeit einen neuen Antrag stellen.",
            en="your application “{service}” was closed.\n\n{reasons}\n\nYou can hand in a new one at any time.",
            plain="Wir haben Ihren Antrag geschlossen: {service}.\n\n{reasons}\n\n"
            "Sie können jederzeit einen neuen Antrag stellen.",
        ),
    ),
}


def letter_for(procedure: ProcedureFile, event: str) -> Letter | None:
    """What is written when `event` happens (`granted`, `documents_requested`, or the action of a step of the file's own)."""
    if procedure.own_code:
        return None  # somebody would be written to twice
    own = procedure.letters.by_event().get(event) if procedure.letters else None
    of_step = next((step.letter for step in procedure.steps if step.action == event), None)
    return own or of_step or _STANDARD.get(event)


def unknown_names(words: str, procedure: ProcedureFile) -> Iterator[str]:
    """What stands in braces and is not known."""
    fields = {field.key for field in procedure.form.fields}
    computed = {one.key for one in procedure.form.computed}
    for name in _NAME.findall(words):
        kind, _, key = name.partition(".")
        if (
            name not in NAMES
            and not (kind == "form" and key in fields)
            and not (kind == "computed" and key in computed)
        ):
            yield name


def values(
    procedure: ProcedureFile,
    answers: Mapping[str, Any],
    language: str,
    *,
    today: date,
    **known: str | None,
) -> dict[str, str]:
    """What the braces stand for: the answers in words and what else is `known` (by `NAMES`)."""
    found = {
        f"form.{line.key}": line.answer
        for line in wording.lines(procedure, answers, language, today=today)
        if line.page
    }
    computed = wording.computed(procedure, answers, language, today=today)
    found |= {f"computed.{key}": text for key, text in computed.items()}
    found |= {"service": procedure.name.in_language(language), "date": wording.day(today, language)}
    return found | {name: text for name, text in known.items() if text}


def paragraphs(words: str, known: Mapping[str, str]) -> list[str]:
    """The paragraphs of a letter, each with what the case has; those that name something else are left out."""
    return [
        _NAME.sub(lambda match: known[match[1]], paragraph.strip())
        for paragraph in re.split(r"\n\s*\n", words.strip())
        if all(name in known for name in _NAME.findall(paragraph))
    ]


def line(words: str, known: Mapping[str, str]) -> str:
    """One line, such as a subject; what the case does not have is an empty place."""
    return " ".join(_NAME.sub(lambda match: known.get(match[1], ""), words).split())
