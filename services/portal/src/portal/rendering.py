"""Letters as PDF: readable by everybody (PDF/UA-1), and in a hundred years (PDF/A-2a). The same letter gives the same file.

Typst runs inside this process, with its own fonts only. The template is the city's; what the letter says goes in as data and is
never taken for markup.
"""

import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from amtsbus.casework.letters import BINDING
from amtsbus.clock import BERLIN
from amtsbus.procedures import wording
from amtsbus.procedures.declaration import OfficeFile

from portal.domain.letter import Letter

STANDARDS: Final[list[Any]] = ["a-2a", "ua-1"]

_TEMPLATE: Final = Path(__file__).parent / "letters" / "letter.typ"

DISPLAYABLE: Final = (
    " -~\u00a0-\u0377\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03ff\u0400-\u0482\u048a-\u04ff\u1e00-\u1eff"
    "\u2010-\u2027\u2030-\u203a\u2070\u2071\u2074-\u208e\u20a0-\u20c0\u2100-\u211e\u2190-\u21ff\u2200-\u22ff"
    "\u2500-\u25ff\ufb00-\ufb06"
)
"""What the fonts have, as ranges: Latin with everything that DIN 91379 asks for, Greek, Cyrillic, and signs."""
_OTHER: Final = re.compile(rf"[^{DISPLAYABLE}\n]")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_STANDS_FOR_OTHERS: Final = "\u25a1"

_WORDS: Final = {
    "de": {
        "salutation": "Guten Tag {addressee},",
        "salutation_without_name": "Guten Tag,",
        "closing": "Freundliche Grüße",
        "remedy": "Ihre Rechte",
        "delivery": "Über das Kommunalportal",
        "office": "Auskunft",
        "reference": "Zeichen",
        "date": "Datum",
        "page": "Seite",
        "of": "von",
        "verification": "Ist dieses Schreiben echt? Prüfen Sie es unter {address}\nZeichen {reference}, Code {code}",
    },
    "en": {
        "salutation": "Dear {addressee},",
        "salutation_without_name": "Good day,",
        "closing": "Yours sincerely",
        "remedy": "Your rights",
        "delivery": "By the city's portal",
        "office": "Information",
        "reference": "Reference",
        "date": "Date",
        "page": "Page",
        "of": "of",
        "verification": "Is this letter genuine? Check it at {address}\nReference {reference}, code {code}",
    },
}


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who writes, and where somebody can see that it is genuine."""

    city: str
    office: OfficeFile | None
    """None where the office does not describe itself any more."""
    verify_at: str


def pdf_of(letter: Letter, letterhead: Letterhead) -> bytes:
    """The letter as PDF/A-2a and PDF/UA-1."""
    import typst  # a worker has this module as well, and writes no letters

    compiler = typst.Compiler(
        str(_TEMPLATE),
        root=str(_TEMPLATE.parent),
        font_paths=typst.Fonts(include_system_fonts=False, include_embedded_fonts=True),
        ignore_system_fonts=True,
    )
    content = compiler.compile(
        format="pdf",
        sys_inputs={"letter": json.dumps(_displayable(_content(letter, letterhead)))},
        pdf_standards=STANDARDS,
        timestamp=int(letter.issued_at.timestamp()),
    )
    if not isinstance(content, bytes):
        raise TypeError("a PDF is one file")
    return content


def _content(letter: Letter, letterhead: Letterhead) -> dict[str, Any]:
    """What the template is given."""
    language = "en" if letter.language == "en" else "de"
    words, office = _WORDS[language], letterhead.office
    day = letter.issued_at.astimezone(BERLIN).date()
    name = office.name.in_language(letter.language) if office else letterhead.city
    place = f"{office.street}, {office.postal_code} {office.locality}" if office else ""
    information = [(words["reference"], letter.reference), (words["date"], wording.day(day, language))]
    if office:
        information.insert(0, (words["office"], f"{name}\n{office.phone}\n{office.email}"))
    return {
        "language": language,
        "words": {key: words[key] for key in ("closing", "remedy", "page", "of")},
        "city": letterhead.city,
        "office": name,
        "sender": " · ".join(part for part in (letterhead.city, place) if part),
        "delivery": words["delivery"],
        "addressee": letter.addressee,
        "information": information,
        "date_parts": {"year": day.year, "month": day.month, "day": day.day},
        "subject": _displayable(letter.subject).strip() or letter.reference,  # a heading must not be empty (PDF/UA)
        "salutation": words["salutation" if letter.addressee else "salutation_without_name"].format(
            addressee=letter.addressee
        ),
        "paragraphs": _paragraphs(letter.paragraphs, language),
        "remedy": _remedy(letter.remedy, language),
        "verification": words["verification"].format(
            address=letterhead.verify_at, reference=letter.reference, code=letter.verification_code
        ),
    }


def _displayable(value: Any) -> Any:
    """The same with signs that the fonts have.

    A file that says what it looks like in a hundred years has no place for others; so an emoji in what somebody wrote becomes a
    box, and what nobody sees goes.
    """
    if isinstance(value, str):
        return _OTHER.sub(_replacement, unicodedata.normalize("NFC", value))
    if isinstance(value, dict):
        return {key: _displayable(one) for key, one in value.items()}
    return [_displayable(one) for one in value] if isinstance(value, list | tuple) else value


def _replacement(match: re.Match[str]) -> str:
    if match[0].isspace():
        return " "
    return "" if unicodedata.category(match[0]) in _UNSEEN else _STANDS_FOR_OTHERS


def _paragraphs(paragraphs: tuple[str, ...], language: str) -> list[dict[str, str]]:
    written, now = [], language
    for paragraph in paragraphs:
        written.append({"language": now, "text": paragraph})
        if paragraph == BINDING:
            now = "de"
    return written


def _remedy(remedy: str | None, language: str) -> list[dict[str, str]]:
    """The instruction on remedies; an English one has the German text after an empty line."""
    parts = (remedy or "").split("\n\n")
    return [
        {"language": "de" if nth else language, "text": part.strip()} for nth, part in enumerate(parts) if part.strip()
    ]
