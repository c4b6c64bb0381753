"""From what a browser or a program sends to the answers of a form, and what is wrong with them.

An answer is kept as JSON: days as text, money as whole cents, an address as an object, a group as a list of objects. The same
function reads a page from the portal and a whole application from the API, so both hold to the same rules.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from amtsbus.procedures import conditions, wording
from amtsbus.procedures.conditions import ConditionError, NoValueError
from amtsbus.procedures.declaration import (
    AddressField,
    ChoiceField,
    DateField,
    DeclarationField,
    DocumentAsked,
    EmailField,
    Form,
    FormField,
    GroupField,
    IbanField,
    MoneyField,
    NameField,
    NumberField,
    Page,
    PhoneField,
    Text,
    TextField,
    UploadField,
    YesNoField,
)

Answers = Mapping[str, Any]

_OF_ADDRESS: Final = {
    "street": ("die Straße", "the street"),
    "house_number": ("die Hausnummer", "the house number"),
    "postal_code": ("die Postleitzahl", "the postal code"),
    "locality": ("den Ort", "the town"),
}
ADDRESS_PARTS: Final = tuple(_OF_ADDRESS)
UPLOAD_PARTS: Final = ("name", "sha256", "size_bytes", "media_type")
MEDIA_TYPES: Final = ("application/pdf", "image/jpeg", "image/png")
"""What can be uploaded."""

_EMAIL = re.compile(r"[^@\s<>\"(),:;\[\]\\]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")
_PHONE = re.compile(r"[+(]?[0-9][0-9 /()-]{4,24}")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GERMAN_DAY = re.compile(r"([0-9]{1,2})\.\s?([0-9]{1,2})\.\s?([0-9]{4})")
_GERMAN_NUMBER = re.compile(r"(-?)([0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:,([0-9]+))?")
_ENGLISH_NUMBER = re.compile(r"(-?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]+))?")
# Controls but the line break, marks of direction and other signs that nobody sees, halves of characters.
_UNSEEN = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\ud800-\udfff]"
)
_POSTAL_CODE = re.compile(r"[0-9]{5}")
_HOUSE_NUMBER = re.compile(r"[0-9]{1,4} ?[a-zA-Z]?(?: ?[-/] ?[0-9]{1,4} ?[a-zA-Z]?)?")
# The countries of the SEPA area (European Payments Council, EPC409-09), by the length of their account numbers (ISO 13616).
_IBAN_LENGTHS = {
    country: length
    for length, countries in (
        (15, "NO"),
        (16, "BE"),
        (18, "DK FI NL"),
        (19, "MK SI"),
        (20, "AT EE LT LU"),
        (21, "CH HR LI LV"),
        (22, "BG DE GB IE ME RS VA"),
        (23, "GI"),
        (24, "AD CZ ES MD RO SE SK"),
        (25, "PT"),
        (26, "IS"),
        (27, "FR GR IT MC SM"),
        (28, "AL CY HU PL"),
        (31, "MT"),
    )
    for country in countries.split()
}


_SINGLE_ANSWERS = Text(de="Hier werden einzelne Angaben erwartet.", en="Single answers are expected here.")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one answer, and what to do; `at` is its place, as `children.0.birth_date`."""

    at: str
    message: Text

    @property
    def field(self) -> str:
        """The key of the field that it is about, or in which that lies."""
        return self.at.partition(".")[0]


class _WrongError(Exception):
    """An answer is not taken: what is wrong with it, or with which of its parts."""

    def __init__(self, wrong: Text | Sequence[Problem]) -> None:
        self.problems = [Problem("", wrong)] if isinstance(wrong, Text) else list(wrong)
        super().__init__("; ".join(one.message.en for one in self.problems))

    def within(self, key: str) -> list[Problem]:
        """The problems, with their places as seen from around the answer."""
        return [Problem(f"{key}.{one.at}".rstrip("."), one.message) for one in self.problems]


def shown_pages(form: Form, answers: Answers, *, today: date) -> tuple[Page, ...]:
    """The pages that somebody with these answers is asked."""
    return tuple(page for page in form.pages if conditions.holds(page.when, answers, today=today))


def shown_fields(page: Page, answers: Answers, *, today: date) -> tuple[FormField, ...]:
    """The fields of a page that somebody with these answers is asked."""
    return tuple(field for field in page.fields if conditions.holds(field.when, answers, today=today))


def asked_documents(documents: Sequence[DocumentAsked], answers: Answers, *, today: date) -> tuple[DocumentAsked, ...]:
    """The documents that belong to an application with these answers."""
    return tuple(document for document in documents if conditions.holds(document.when, answers, today=today))


def read_page(
    page: Page, sent: Mapping[str, Any], before: Answers, *, today: date
) -> tuple[dict[str, Any], list[Problem]]:
    """Read one page.

    Args:
        sent: what came, by the field's key.
        before: the answers of the pages before it.

    Returns:
        The answers of this page, without those that are wrong or not asked, and what is wrong.
    """
    known = dict(before)
    answers: dict[str, Any] = {}
    problems: list[Problem] = []
    for field in page.fields:
        known.pop(field.key, None)
    for field in page.fields:
        if not conditions.holds(field.when, known, today=today):
            continue
        try:
            value = _answer(field, sent.get(field.key), known, today)
        except _WrongError as wrong:
            problems += wrong.within(field.key)
            continue
        if value is not None:
            answers[field.key] = known[field.key] = value
    return answers, problems


def read_all(form: Form, sent: Mapping[str, Any], *, today: date) -> tuple[dict[str, Any], list[Problem]]:
    """Read a whole application: page by page, then the checks over several answers.

    What was sent for a question that is not asked is a problem too: nobody may believe that it was taken over.
    """
    answers: dict[str, Any] = {}
    problems: list[Problem] = []
    for page in form.pages:
        if conditions.holds(page.when, answers, today=today):
            read, wrong = read_page(page, sent, answers, today=today)
            answers |= read
            problems += wrong
    wrong_keys = {problem.at.split(".")[0] for problem in problems}
    left_over = [
        key for key, value in sent.items() if key not in answers and key not in wrong_keys and not _empty(value)
    ]
    for page in form.pages:
        for field in page.fields:
            if isinstance(field, GroupField) and field.key in answers:
                left_over += _parts_left_over(field, sent[field.key], answers, today)
    problems += [
        Problem(place, Text(de="Danach wird hier nicht gefragt.", en="This is not asked for here."))
        for place in left_over
    ]
    return answers, problems or failed_checks(form, answers, today=today)


def _parts_left_over(field: GroupField, sent: Any, known: Answers, today: date) -> Iterator[str]:
    for number, item in _items(sent):
        read, _ = _item(field, item, known, today)
        yield from (
            f"{field.key}.{number}.{key}" for key, value in item.items() if key not in read and not _empty(value)
        )


def failed_checks(form: Form, answers: Answers, *, today: date, at: Iterable[str] | None = None) -> list[Problem]:
    """The checks over several answers that fail; only those that stand at one of the fields `at`, where given."""
    computed = conditions.computed_values(form.computed, answers, today=today)
    wanted = None if at is None else set(at)
    failed = []
    for check in form.checks:
        if wanted is not None and check.at not in wanted:
            continue
        try:
            if conditions.evaluate(check.that, answers, today=today, computed=computed) is not True:
                failed.append(Problem(check.at, check.message))
        except NoValueError:
            continue
    return failed


def _empty(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, Mapping):
        return all(_empty(part) for part in value.values())
    return value is None or value is False or (isinstance(value, Sequence) and all(_empty(part) for part in value))


def _answer(field: FormField, value: Any, known: Answers, today: date) -> Any:
    required = conditions.is_required(field.required, known, today=today)
    if isinstance(field, GroupField):
        return _group(field, value, known, today, required=required)
    if isinstance(field, YesNoField):
        return _yes_no(value, required=required)
    if isinstance(field, DeclarationField):
        return _declared(value, required=required)
    if _empty(value):
        if required:
            raise _WrongError(_missing(field))
        return None
    match field:
        case TextField():
            return _text(field, value)
        case NameField():
            return _name(value)
        case DateField():
            return _date(field, value, known, today)
        case AddressField():
            return _address(value)
        case IbanField():
            return _iban(value)
        case EmailField():
            return _whole(
                value,
                _EMAIL,
                254,
                "Geben Sie die E-Mail-Adresse wie name@example.org ein.",
                "Enter the e-mail address like name@example.org.",
            )
        case PhoneField():
            return _whole(
                value,
                _PHONE,
                25,
                "Geben Sie die Telefonnummer mit Vorwahl ein, zum Beispiel 0214 4060.",
                "Enter the telephone number with its area code, for example 0214 4060.",
            )
        case NumberField():
            return _number(field, value)
        case MoneyField():
            return _money(field, value)
        case ChoiceField():
            return _choice(field, value)
        case UploadField():
            return uploads(value, field.most)


def _missing(field: FormField) -> Text:
    match field:
        case ChoiceField():
            return Text(de="Wählen Sie eine Antwort aus.", en="Choose an answer.")
        case DateField():
            return Text(de="Geben Sie das Datum ein.", en="Enter the date.")
        case UploadField():
            return Text(de="Laden Sie die Datei hoch.", en="Upload the file.")
        case _:
            return Text(
                de=f"Diese Angabe fehlt: {field.label.de.rstrip('?:')}.",
                en=f"This is missing: {field.label.en.rstrip('?:')}.",
            )


def _line(value: Any, longest: int) -> str:
    if not isinstance(value, str):
        raise _WrongError(Text(de="Hier wird Text erwartet.", en="Text is expected here."))
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n").strip())
    if len(text) > longest:
        raise _WrongError(
            Text(
                de=f"Kürzen Sie den Text auf höchstens {longest} Zeichen; es sind {len(text)}.",
                en=f"Shorten the text to at most {longest} characters; it has {len(text)}.",
            )
        )
    if _UNSEEN.search(text):
        raise _WrongError(
            Text(
                de="Der Text enthält unsichtbare Steuerzeichen. Schreiben Sie ihn neu.",
                en="The text contains invisible control characters. Type it again.",
            )
        )
    return text


def _text(field: TextField, value: Any) -> str:
    text = _line(value, field.max_length)
    if field.lines == 1 and "\n" in text:
        raise _WrongError(Text(de="Schreiben Sie dies in eine Zeile.", en="Write this on one line."))
    if field.pattern and not re.fullmatch(field.pattern, text):
        assert field.pattern_message is not None  # noqa: S101 - the declaration's own rule
        raise _WrongError(field.pattern_message)
    return text


def _name(value: Any) -> str:
    name = _line(value, 200)
    if not any(sign.isalpha() for sign in name) or not all(_stands_in_names(sign) for sign in name):
        raise _WrongError(
            Text(
                de="Geben Sie den Namen ein, wie er im Ausweis steht.",
                en="Enter the name as it is in the identity document.",
            )
        )
    return " ".join(name.split())


def _stands_in_names(sign: str) -> bool:
    if sign.isalpha() and unicodedata.category(sign) != "Lm":  # the apostrophes of other scripts' transliterations
        return unicodedata.name(sign, "").startswith("LATIN")
    return sign not in "<>{}[]|\\\n" and unicodedata.category(sign) not in ("So", "Cf", "Cn", "Co")


def _whole(value: Any, pattern: re.Pattern[str], longest: int, de: str, en: str) -> str:
    text = _line(value, longest)
    if not pattern.fullmatch(text):
        raise _WrongError(Text(de=de, en=en))
    return text


def _date(field: DateField, value: Any, known: Answers, today: date) -> str:
    day = _day(value)
    earliest = conditions.day(field.earliest, known, today=today)
    latest = conditions.day(field.latest, known, today=today)
    if earliest and day < earliest:
        raise _WrongError(
            Text(
                de=f"Das Datum muss der {wording.day(earliest, 'de')} oder später sein.",
                en=f"The date must be {wording.day(earliest, 'en')} or later.",
            )
        )
    if latest and day > latest:
        raise _WrongError(
            Text(
                de=f"Das Datum muss der {wording.day(latest, 'de')} oder früher sein.",
                en=f"The date must be {wording.day(latest, 'en')} or earlier.",
            )
        )
    return day.isoformat()


def _day(value: Any) -> date:
    """A day as `2026-11-24`, `24.11.2026` or its three parts."""
    if isinstance(value, Mapping):
        value = "-".join(str(value.get(part, "")).strip().zfill(2) for part in ("year", "month", "day"))
    text = value.strip() if isinstance(value, str) else ""
    if german := _GERMAN_DAY.fullmatch(text):
        text = f"{german[3]}-{german[2]:0>2}-{german[1]:0>2}"
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if len(text) != 10 or not 1850 <= day.year <= 2200:
        raise _WrongError(
            Text(
                de="Geben Sie ein Datum ein, das es gibt, zum Beispiel 31.12.2026.",
                en="Enter a date that exists, for example 31.12.2026.",
            )
        )
    return day


def _address(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or set(value) - set(ADDRESS_PARTS):
        raise _WrongError(
            Text(
                de="Geben Sie Straße, Hausnummer, Postleitzahl und Ort ein.",
                en="Enter street, house number, postal code and town.",
            )
        )
    parts: dict[str, str] = {}
    problems: list[Problem] = []
    for part in ADDRESS_PARTS:
        try:
            parts[part] = _address_part(part, value.get(part))
        except _WrongError as wrong:
            problems += wrong.within(part)
    if problems:
        raise _WrongError(problems)
    return parts


def _address_part(part: str, value: Any) -> str:
    if _empty(value):
        de, en = _OF_ADDRESS[part]
        raise _WrongError(Text(de=f"Geben Sie {de} ein.", en=f"Enter {en}."))
    text = " ".join(_line(value, 120).split())
    if part == "postal_code" and not _POSTAL_CODE.fullmatch(text):
        raise _WrongError(Text(de="Die Postleitzahl hat fünf Ziffern.", en="The postal code has five digits."))
    if part == "house_number" and not _HOUSE_NUMBER.fullmatch(text):
        raise _WrongError(
            Text(
                de="Geben Sie die Hausnummer ein, zum Beispiel 12 oder 12a.",
                en="Enter the house number, for example 12 or 12a.",
            )
        )
    return text


def _iban(value: Any) -> str:
    wrong = _WrongError(
        Text(
            de="Die IBAN stimmt nicht. Vergleichen Sie sie mit Ihrer Bankkarte; eine deutsche hat 22 Zeichen.",
            en="The IBAN is not right. Compare it with your bank card; a German one has 22 characters.",
        )
    )
    iban = re.sub(r"[ -]", "", value).upper() if isinstance(value, str) else ""
    if not _IBAN.fullmatch(iban) or len(iban) != _IBAN_LENGTHS.get(iban[:2]):
        raise wrong
    if int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 != 1:
        raise wrong
    return iban


def _decimal(value: Any, decimals: int, wrong: Text) -> Decimal:
    """A number as people write it, `1.234,5` or `1,234.5`, or a JSON number.

    More digits after the comma than the number may have are refused and not cut off: `1,200` can be meant as 1200.
    """
    if isinstance(value, str):
        text = re.sub(r"[€\s]", "", value)
        written = _GERMAN_NUMBER.fullmatch(text) or _ENGLISH_NUMBER.fullmatch(text)
        if not written or len(written[3] or "") > decimals:
            raise _WrongError(wrong)
        number = Decimal(f"{written[1]}{re.sub(r'[.,]', '', written[2])}.{written[3] or 0}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = Decimal(str(value))
    else:
        raise _WrongError(wrong)
    if not number.is_finite() or abs(number) > 10**15 or number != round(number, decimals):
        raise _WrongError(wrong)
    return number


def _number(field: NumberField, value: Any) -> int | float:
    if field.decimals:
        wrong = Text(
            de=f"Geben Sie eine Zahl mit höchstens {field.decimals} Stellen nach dem Komma ein.",
            en=f"Enter a number with at most {field.decimals} decimals.",
        )
    else:
        wrong = Text(de="Geben Sie eine ganze Zahl ein.", en="Enter a whole number.")
    number = _decimal(value, field.decimals, wrong)
    if field.least is not None and number < Decimal(str(field.least)):
        raise _WrongError(
            Text(
                de=f"Die Zahl muss mindestens {wording.number(field.least, 'de')} sein.",
                en=f"The number must be at least {wording.number(field.least, 'en')}.",
            )
        )
    if field.most is not None and number > Decimal(str(field.most)):
        raise _WrongError(
            Text(
                de=f"Die Zahl darf höchstens {wording.number(field.most, 'de')} sein.",
                en=f"The number must be at most {wording.number(field.most, 'en')}.",
            )
        )
    return float(number) if field.decimals else int(number)


def _money(field: MoneyField, value: Any) -> int:
    """Cents: a JSON number is cents already, text is euros as people write them."""
    wrong = Text(
        de="Geben Sie einen Betrag in Euro ein, zum Beispiel 12,50.",
        en="Enter an amount in euros, for example 12.50.",
    )
    cents = int(_decimal(value, 2, wrong) * 100) if isinstance(value, str) else int(_decimal(value, 0, wrong))
    if cents < field.least_cents:
        raise _WrongError(
            Text(
                de=f"Der Betrag muss mindestens {wording.euros(field.least_cents, 'de')} sein.",
                en=f"The amount must be at least {wording.euros(field.least_cents, 'en')}.",
            )
        )
    if cents > field.most_cents:
        raise _WrongError(
            Text(
                de=f"Der Betrag darf höchstens {wording.euros(field.most_cents, 'de')} sein.",
                en=f"The amount must be at most {wording.euros(field.most_cents, 'en')}.",
            )
        )
    return cents


def _choice(field: ChoiceField, value: Any) -> str | list[str]:
    chosen = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    keys = [option.key for option in field.options]
    if any(one not in keys for one in chosen) or (not field.several and len(chosen) != 1):
        raise _WrongError(Text(de="Wählen Sie eine der Antworten aus.", en="Choose one of the answers."))
    return [key for key in keys if key in chosen] if field.several else str(chosen[0])


def _yes_no(value: Any, *, required: bool) -> bool | None:
    if value is True or value == "yes":
        return True
    if value is False or value == "no":
        return False
    if required or value not in (None, ""):
        raise _WrongError(Text(de="Wählen Sie Ja oder Nein aus.", en="Choose yes or no."))
    return None


def _declared(value: Any, *, required: bool) -> bool | None:
    if value is True or value in ("yes", "on"):
        return True
    if value is not False and value not in (None, "", "no"):
        raise _WrongError(Text(de="Diese Erklärung wird angekreuzt.", en="This statement is ticked."))
    if required:
        raise _WrongError(
            Text(
                de="Ohne diese Erklärung kann der Antrag nicht abgegeben werden.",
                en="The application cannot be handed in without this statement.",
            )
        )
    return None


def uploads(value: Any, most: int) -> list[dict[str, Any]]:
    """References to stored files: `{name, sha256, size_bytes, media_type}`.

    Raises:
        _WrongError: it is not such a list, or it has more than `most`.
    """
    files = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if len(files) > most:
        raise _WrongError(
            Text(de=f"Es sind höchstens {most} Dateien möglich.", en=f"At most {most} files are possible.")
        )
    if not all(_is_upload(file) for file in files):
        raise _WrongError(Text(de="Laden Sie die Datei noch einmal hoch.", en="Upload the file again."))
    return [dict(file) for file in files]


def _is_upload(file: Any) -> bool:
    if not isinstance(file, Mapping) or set(file) != set(UPLOAD_PARTS):
        return False
    name, sha256, size = file["name"], file["sha256"], file["size_bytes"]
    return (
        isinstance(name, str)
        and 1 <= len(name) <= 200
        and "\n" not in name
        and not _UNSEEN.search(name)
        and isinstance(sha256, str)
        and _SHA256.fullmatch(sha256) is not None
        and type(size) is int  # and no truth value, which is one to Python
        and size >= 1
        and file["media_type"] in MEDIA_TYPES
    )


def _group(
    field: GroupField, value: Any, known: Answers, today: date, *, required: bool
) -> list[dict[str, Any]] | None:
    items = _items(value)
    if len(items) > field.most:
        raise _WrongError(
            Text(
                de=f"Es sind höchstens {field.most} möglich: {field.item.de}.",
                en=f"At most {field.most} are possible: {field.item.en}.",
            )
        )
    answers: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for number, item in items:
        answered, wrong = _item(field, item, known, today)
        problems += [Problem(f"{number}.{one.at}", one.message) for one in wrong]
        if answered:
            answers.append(answered)
    if problems:
        raise _WrongError(problems)
    if not answers and (not required or field.least == 0):
        return None
    if len(answers) < max(1, field.least):
        raise _WrongError(
            Text(
                de=f"Es fehlt mindestens eine Angabe: {field.item.de}.",
                en=f"At least one is missing: {field.item.en}.",
            )
        )
    return answers


def _items(value: Any) -> list[tuple[int, Mapping[str, Any]]]:
    """The items of a group with their places; a browser also sends the rows that nobody filled in.

    Raises:
        _WrongError: it is no list of objects.
    """
    if not isinstance(value, list):
        if not _empty(value):
            raise _WrongError(_SINGLE_ANSWERS)
        return []
    if not all(isinstance(item, Mapping) or _empty(item) for item in value):
        raise _WrongError(_SINGLE_ANSWERS)
    return [
        (number, item)
        for number, item in enumerate(value)
        if isinstance(item, Mapping) and any(part is False or not _empty(part) for part in item.values())
    ]


def _item(
    field: GroupField, item: Mapping[str, Any], known: Answers, today: date
) -> tuple[dict[str, Any], list[Problem]]:
    """The answers of one item, and what is wrong with it."""
    answered: dict[str, Any] = {}
    problems: list[Problem] = []
    for part in field.fields:
        if not conditions.holds(part.when, {**known, **answered}, today=today):
            continue
        try:
            answer = _answer(part, item.get(part.key), {**known, **answered}, today)
        except _WrongError as wrong:
            problems += wrong.within(part.key)
            continue
        if answer is not None:
            answered[part.key] = answer
    return answered, problems


__all__ = [
    "ADDRESS_PARTS",
    "UPLOAD_PARTS",
    "Answers",
    "ConditionError",
    "Problem",
    "asked_documents",
    "failed_checks",
    "read_all",
    "read_page",
    "shown_fields",
    "shown_pages",
    "uploads",
]
