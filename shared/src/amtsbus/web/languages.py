"""What pages say, in each language: catalogues of texts by key, and how days and amounts are written.

A catalogue is a JSON object, key to text; `{name}` in a text stands for a value. Where a text depends on a number it has two
keys, `letters.one` and `letters.other`, and `count` chooses.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from string import Formatter
from typing import Any, Final, Literal, get_args

from amtsbus.clock import BERLIN
from amtsbus.web.errors import CatalogueError

Language = Literal["de", "en", "plain"]
"""German, English, and Plain German (Einfache Sprache)."""
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
NAMES: Final[Mapping[str, str]] = {"de": "Deutsch", "en": "English", "plain": "Einfache Sprache"}
"""What a language calls itself."""
OF_KIT: Final = Path(__file__).parent / "languages"

_MONTHS_DE = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni"),
    *("Juli", "August", "September", "Oktober", "November", "Dezember"),
)
_MONTHS_EN = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_PREFERENCE = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*", re.ASCII)


class MissingTextError(LookupError):
    """A page wants a text that no catalogue has."""


def placeholders(text: str) -> frozenset[str]:
    """The names of the values that a text wants.

    Raises:
        ValueError: its braces do not match, or a name is none.
    """
    names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    if any(not name.isidentifier() for name in names):
        raise ValueError("a placeholder is a name in braces")
    return frozenset(names)


@dataclass(frozen=True)
class Catalogue:
    """The texts of one service and of the kit."""

    texts: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, *folders: Path) -> "Catalogue":
        """The texts of these folders, the later ones before the earlier ones.

        Raises:
            CatalogueError: a file is missing or malformed.
        """
        texts: dict[str, dict[str, str]] = {language: {} for language in LANGUAGES}
        for folder in folders:
            for language in LANGUAGES:
                texts[language] |= _read(folder / f"{language}.json")
        return cls(texts)

    @cached_property
    def languages(self) -> tuple[Language, ...]:
        """Those that visitors can choose: Plain German only where the service itself has texts in it."""
        own = [key for key in self.texts["plain"] if not key.startswith("kit.")]
        return LANGUAGES if own else ("de", "en")

    def text(self, language: str, key: str, values: Mapping[str, Any]) -> str:
        """The text of `key` with its values; Plain German falls back on German.

        Raises:
            MissingTextError: there is none, or it wants a value that was not given.
        """
        count = values.get("count")
        names = (key,) if count is None else (f"{key}.{'one' if count == 1 else 'other'}", key)
        for catalogue in (self.texts[language], self.texts["de"]) if language == "plain" else (self.texts[language],):
            for name in names:
                if name in catalogue:
                    try:
                        return catalogue[name].format_map(values) if values else catalogue[name]
                    except (KeyError, ValueError, IndexError, AttributeError) as error:
                        raise MissingTextError(f"the text {name!r} in {language!r} wants other values") from error
        raise MissingTextError(f"there is no text {key!r} in {language!r}")


def _read(file: Path) -> dict[str, str]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CatalogueError(f"there is no {file}") from error
    except ValueError as error:
        raise CatalogueError(f"{file} is not JSON: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
        raise CatalogueError(f"{file} is not an object of texts")
    return content


def preferred(accept_language: str, known: Iterable[Language]) -> Language:
    """The best of `known` for a browser's `Accept-Language`; German where it says nothing of them."""
    known = tuple(known)
    wanted: list[tuple[float, str]] = []
    for part in accept_language[:1000].split(","):
        match = _PREFERENCE.fullmatch(part)
        if match:
            wanted.append((float(match[2] or 1), match[1].lower()))
    for quality, name in sorted(wanted, key=lambda one: -one[0]):
        if quality > 0 and name in known:
            return name
    return "de"


def html_language(language: str) -> str:
    """What `lang` says of a page in this language (RFC 5646)."""
    return "en" if language == "en" else "de"


def written_date(language: str, day: date) -> str:
    """A day in words: `3. März 2026`, `3 March 2026`."""
    if isinstance(day, datetime):
        day = day.astimezone(BERLIN).date()
    if language == "en":
        return f"{day.day} {_MONTHS_EN[day.month - 1]} {day.year}"
    return f"{day.day}. {_MONTHS_DE[day.month - 1]} {day.year}"


def written_moment(language: str, moment: datetime) -> str:
    """A moment in Germany's time: `3. März 2026, 14:05 Uhr`, `3 March 2026, 14:05`."""
    local = moment.astimezone(BERLIN)
    return f"{written_date(language, local.date())}, {local:%H:%M}{'' if language == 'en' else ' Uhr'}"


def written_money(language: str, cents: int) -> str:
    """An amount in cents: `1.234,50 €` with a space that does not break, `€1,234.50`."""
    sign = "-" if cents < 0 else ""
    euros, rest = divmod(abs(cents), 100)
    if language == "en":
        return f"{sign}€{euros:,}.{rest:02}"
    return f"{sign}{f'{euros:,}'.replace(',', '.')},{rest:02}\u00a0€"
