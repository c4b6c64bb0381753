"""From facts to words: the templates, one per kind of message and language.

Templates are ours and part of the package; values are not, and are only ever inserted, never compiled. The sandbox is a
second wall behind that. A value that a template needs and does not get is an error, not an empty line.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFrame:
    """What every letter says beside its facts; templates see it as `letter`."""

    city: str
    court: str
    name: str
    today: date
    remedy: str | None
    deemed_delivered_on: date | None


def letter_text(
    kind: Kind,
    facts: Facts,
    addressee: Addressee,
    *,
    city: str,
    court: str,
    today: date,
    deemed_delivered_on: date | None,
) -> Text:
    """The letter of `kind` in the addressee's language.

    Raises:
        jinja2.UndefinedError: a fact that the template needs is missing.
        jinja2.TemplateNotFound: the kind has no template in this language.
    """
    frame = LetterFrame(
        city=city,
        court=court,
        name=addressee.name,
        today=today,
        remedy=kind.remedy,
        deemed_delivered_on=deemed_delivered_on,
    )
    return _render(kind.key, addressee.language, {**facts, "letter": asdict(frame)}, body_block=None)


def email_text(language: Language, *, city: str, inbox_url: str) -> Text:
    """The e-mail that says that something is waiting, and where. The same for everybody: it has no personal content."""
    return _render("email", language, {"city": city, "inbox_url": inbox_url}, body_block="text")


def _render(name: str, language: Language, values: Mapping[str, Any], *, body_block: str | None) -> Text:
    template = _environment(language).get_template(f"{name}.{language}.txt")

    def block(block_name: str) -> str:
        return "".join(template.blocks[block_name](template.new_context(dict(values))))

    body = template.render(values) if body_block is None else block(body_block)
    return Text(" ".join(block("subject").split()), re.sub(r"\n{3,}", "\n\n", body).strip() + "\n")


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
