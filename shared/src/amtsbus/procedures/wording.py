"""Answers in words, as people read them: among the answers before submitting, at the desk, in letters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from amtsbus.procedures import conditions
from amtsbus.procedures.declaration import (
    AddressField,
    ChoiceField,
    ComputedValue,
    DateField,
    DeclarationField,
    FormField,
    GroupField,
    MoneyField,
    NumberField,
    ProcedureFile,
    UploadField,
    YesNoField,
)

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@dataclass(frozen=True, slots=True)
class Line:
    """One question with its answer; `page` is where it is changed."""

    page: str
    key: str
    label: str
    answer: str


def day(value: date, language: str) -> str:
    """A day in words: `24.11.2026`, in English `24 November 2026`."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}" if language == "en" else f"{value:%d.%m.%Y}"


def euros(cents: int, language: str) -> str:
    """An amount: `1.234,50 €`, in English `€1,234.50`."""
    english = f"{abs(cents) // 100:,}.{abs(cents) % 100:02d}"
    sign = "-" if cents < 0 else ""
    if language == "en":
        return f"{sign}€{english}"
    return f"{sign}{english.translate(str.maketrans(',.', '.,'))}\u00a0€"


def number(value: float, language: str, decimals: int | None = None) -> str:
    """A number: `2,5`, in English `2.5`; with as many digits after the comma as it has, or as many as `decimals` says."""
    text = f"{value:.{decimals}f}" if decimals is not None else f"{Decimal(str(value)).normalize():f}"
    return text if language == "en" else text.replace(".", ",")


def answer(field: FormField, value: Any, language: str) -> str:
    """An answer in words; several lines for a group and for several files."""
    match field:
        case DateField():
            return day(date.fromisoformat(value), language)
        case MoneyField():
            return euros(value, language)
        case NumberField():
            counted = number(value, language, field.decimals)
            return f"{counted} {field.unit.in_language(language)}" if field.unit else counted
        case YesNoField():
            return _yes_no(value, language)
        case DeclarationField():
            return "Confirmed" if language == "en" else "Bestätigt"
        case ChoiceField():
            chosen = value if field.several else [value]
            return ", ".join(one.label.in_language(language) for one in field.options if one.key in chosen)
        case AddressField():
            return "{street} {house_number}, {postal_code} {locality}".format_map(value)
        case UploadField():
            return "\n".join(file["name"] for file in value)
        case GroupField():
            return "\n".join(_items(field, value, language))
        case _:
            return str(value)


def _yes_no(value: bool, language: str) -> str:
    return ("Yes" if value else "No") if language == "en" else ("Ja" if value else "Nein")


def _items(field: GroupField, items: list[Mapping[str, Any]], language: str) -> Iterator[str]:
    for number, item in enumerate(items, 1):
        parts = [
            f"{_as_statement(part.label.in_language(language))}: {answer(part, item[part.key], language)}"
            for part in field.fields
            if part.key in item
        ]
        yield f"{field.item.in_language(language)} {number}: {'; '.join(parts)}"


def _as_statement(label: str) -> str:
    return label.rstrip("?:. ")


def lines(procedure: ProcedureFile, answers: Mapping[str, Any], language: str, *, today: date) -> list[Line]:
    """Every question that was answered, in the order in which it was asked, then what follows from the answers."""
    asked = [
        Line(page.key, field.key, field.label.in_language(language), answer(field, answers[field.key], language))
        for page in procedure.form.pages
        for field in page.fields
        if field.key in answers
    ]
    words = computed(procedure, answers, language, today=today)
    return asked + [
        Line("", one.key, one.label.in_language(language), words[one.key])
        for one in procedure.form.computed
        if one.shown and one.key in words
    ]


def computed(procedure: ProcedureFile, answers: Mapping[str, Any], language: str, *, today: date) -> dict[str, str]:
    """What follows from the answers, by its key; also what is not shown among them."""
    values = conditions.computed_values(procedure.form.computed, answers, today=today)
    return {
        one.key: computed_answer(one, values[one.key], language) for one in procedure.form.computed if one.key in values
    }


def computed_answer(one: ComputedValue, value: Any, language: str) -> str:
    """A computed value in words."""
    match one.kind:
        case "money":
            return euros(int(value), language)
        case "yes-no":
            return _yes_no(bool(value), language)
        case "date":
            return day(date.fromisoformat(value), language)
        case "number":
            return number(round(value, 2), language)
        case _:
            return str(value)
