"""From facts to words: the templates, one per kind of message and language.

Templates are ours and part of the package; values are not, and are only ever inserted, never compiled. The sandbox is a
second wall behind that. A value that a template needs and does not get is an error, not an empty line.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amtsbus.casework import letters

from notifications.domain.addressee import Addressee, Language
from notifications.domain.kinds import Facts, Kind

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

TEMPLATES = Path(__file__).parent / "templates"

_MONTHS = {
    Language.GERMAN: (
        *("Januar", "Februar", "März", "April", "Mai", "Juni"),
        *("Juli", "August", "September", "Oktober", "November", "Dezember"),
    ),
    Language.ENGLISH: (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
}


@dataclass(frozen=True, slots=True)
class Text:
    """A subject of one line, and a body in plain text."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class LetterText:
    """What a letter says.

    Attributes:
        paragraphs: between the salutation and the closing; of a decision in English the German ones as well, after `BINDING`.
        remedy: what can be done against a decision; in English with the German text after an empty line.
        body: the whole letter as plain text.
    """

    subject: str
    paragraphs: tuple[str, ...]
    remedy: str | None
    body: str


def letter_text(
    kind: Kind,
    facts: Facts,
    addressee: Addressee,
    *,
    city: str,
    court: str,
    today: date,
    deemed_delivered_on: date | None,
) -> LetterText:
    """The letter of `kind` in the addressee's language; a decision in German in any case (VwVfG NRW § 23 (1)).

    Args:
        deemed_delivered_on: of a decision, and of nothing else.

    Raises:
        jinja2.UndefinedError: a fact that the template needs is missing.
        jinja2.TemplateNotFound: the kind has no template in this language.
    """
    language = addressee.language
    languages = [language, Language.GERMAN] if kind.is_decision and language is not Language.GERMAN else [language]
    texts = [_text(kind.key, one, facts) for one in languages]
    paragraphs = _paragraphs(texts[0].body)
    for binding in texts[1:]:
        paragraphs += [letters.BINDING, binding.subject, *_paragraphs(binding.body)]
    remedy = None
    if kind.is_decision:
        values = {"remedy": kind.remedy, "court": court, "deemed_delivered_on": deemed_delivered_on}
        remedy = "\n\n".join(" ".join(_whole("remedy", one, values).split()) for one in languages)
    frame = {"city": city, "name": addressee.name, "today": today, "paragraphs": paragraphs, "remedy": remedy}
    return LetterText(texts[0].subject, tuple(paragraphs), remedy, _whole("letter", language, frame))


def email_text(language: Language, *, city: str, inbox_url: str) -> Text:
    """The e-mail that says that something is waiting, and where. The same for everybody: it has no personal content."""
    return _text("email", language, {"city": city, "inbox_url": inbox_url})


def _text(name: str, language: Language, values: Mapping[str, Any]) -> Text:
    """The blocks of a template that has a subject and a text."""
    template = _environment(language).get_template(f"{name}.{language}.txt")

    def block(block_name: str) -> str:
        return "".join(template.blocks[block_name](template.new_context(dict(values))))

    return Text(" ".join(block("subject").split()), _tidy(block("text")))


def _whole(name: str, language: Language, values: Mapping[str, Any]) -> str:
    return _tidy(_environment(language).get_template(f"{name}.{language}.txt").render(values))


def _tidy(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _paragraphs(text: str) -> list[str]:
    return text.strip().split("\n\n")


@cache
def _environment(language: Language) -> "ImmutableSandboxedEnvironment":
    # Imported here: the API has the same declaration, writes no letter, and saves some megabytes.
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = json.loads((TEMPLATES / f"words.{language}.json").read_text(encoding="utf-8"))
    environment.filters |= {
        "day": partial(_day, language),
        "euros": partial(_euros, language),
        "years": _school_year,
        "word": partial(_word, words),
    }
    return environment


def _day(language: Language, value: str | date) -> str:
    """2. März 2026, 2 March 2026."""
    day = value if isinstance(value, date) else date.fromisoformat(value)
    return f"{day.day}{'.' if language is Language.GERMAN else ''} {_MONTHS[language][day.month - 1]} {day.year}"


def _euros(language: Language, cents: int) -> str:
    """1.234,50 Euro, EUR 1,234.50."""
    amount = f"{cents // 100:,}.{cents % 100:02d}"
    if language is Language.ENGLISH:
        return f"EUR {amount}"
    return f"{amount.translate(str.maketrans(',.', '.,'))} Euro"


def _school_year(starts_in: int) -> str:
    """2026/27."""
    return f"{starts_in}/{(starts_in + 1) % 100:02d}"


def _word(words: Mapping[str, Mapping[str, str]], code: str, section: str) -> str:
    """The words for a code of another department; one that we do not know yet is shown as it came."""
    return words[section].get(code, code)
