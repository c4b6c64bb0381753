"""Applicants that do not exist, and the answers that they give: for checking a procedure, for tests, for demonstrations.

Everything is made from a seed, plainly invented, and fits what the form asks.
"""

import random
import re
import string
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from hashlib import sha256
from math import ceil, floor
from typing import Any, Final

from amtsbus.procedures import answers as reading
from amtsbus.procedures import conditions, fees
from amtsbus.procedures.declaration import (
    AddressField,
    ChoiceField,
    DateField,
    DeclarationField,
    EmailField,
    FormField,
    GroupField,
    IbanField,
    MoneyField,
    NameField,
    NumberField,
    PhoneField,
    Prefill,
    ProcedureFile,
    TextField,
    UploadField,
    YesNoField,
)

TODAY: Final = date(2026, 11, 24)
"""The day on which samples apply where no other is given."""
TRIES: Final = 400

_GIVEN_NAMES = ("Erika", "Max", "Ayşe", "Jürgen", "Zoë", "Łukasz", "Nele", "Omar")
_FAMILY_NAMES = ("Demo-Muster", "Demo-Yılmaz", "Demo-Großmann", "Demo-Kowalski", "Demo-Öztürk")
_STREETS = ("Hauptstraße", "Am Musterweg", "Rathausplatz", "Lindenallee")
_WORDS = ["Dies", "ist", "eine", "erfundene", "Angabe", "zur", "Probe", "und", "beschreibt", "nichts", "Wirkliches"]


class NoSampleError(Exception):
    """Nobody could be invented who gets to the end of the form."""


def some(procedure: ProcedureFile, *, count: int = 5, today: date = TODAY) -> list[dict[str, Any]]:
    """Answers of `count` applicants, with whom every rule of the procedure was evaluated.

    Raises:
        NoSampleError: of many tries hardly any got to the end: conditions and checks contradict each other.
        ConditionError: a condition goes wrong with an answer that the form allows.
    """
    found = []
    for sample in _complete(procedure, today):
        _evaluate_all(procedure, sample, today)
        found.append(sample)
        if len(found) == count:
            return found
    raise NoSampleError(
        f"of {TRIES} invented applicants {len(found)} got to the end of the form: can its conditions and checks be met?"
    )


def one(procedure: ProcedureFile, seed: int, *, today: date = TODAY) -> dict[str, Any]:
    """The answers of one applicant, always the same for a seed.

    Raises:
        NoSampleError: see `some`.
    """
    for sample in _complete(procedure, today, seed * TRIES):
        return sample
    raise NoSampleError(f"{procedure.key}: no applicant was found")


def _complete(procedure: ProcedureFile, today: date, first_seed: int = 0) -> Iterator[dict[str, Any]]:
    for seed in range(first_seed, first_seed + TRIES):
        chance = random.Random(seed)  # noqa: S311 - a repeatable sample, nothing secret
        sample: dict[str, Any] = {}
        for page in reading_pages(procedure, sample, today):
            for field in page.fields:
                if conditions.holds(field.when, sample, today=today):
                    value = answer(field, chance, sample, today)
                    if value is not None:
                        sample[field.key] = value
        read, problems = reading.read_all(procedure.form, sample, today=today)
        if not problems:
            yield read


def reading_pages(procedure: ProcedureFile, sample: Mapping[str, Any], today: date) -> Iterator[Any]:
    """The pages, each asked for when those before it are answered."""
    for page in procedure.form.pages:
        if conditions.holds(page.when, sample, today=today):
            yield page


def _evaluate_all(procedure: ProcedureFile, sample: Mapping[str, Any], today: date) -> None:
    computed = conditions.computed_values(procedure.form.computed, sample, today=today)
    for one in procedure.form.computed:
        if one.key in computed and not _is_of_kind(one.kind, computed[one.key]):
            raise conditions.ConditionError(f"computed.{one.key} is {computed[one.key]!r}, which is not {one.kind}")
    if fees.cents(procedure, sample, today=today) is None and procedure.fee.rule:
        raise conditions.ConditionError("the fee's rule depends on something that not everybody is asked")
    if procedure.decision.automatic:
        conditions.holds(procedure.decision.automatic.when, sample, today=today, computed=computed)
    reading.asked_documents(procedure.documents, sample, today=today)


def _is_of_kind(kind: str, value: Any) -> bool:
    if kind == "yes-no" or isinstance(value, bool):
        return kind == "yes-no" and isinstance(value, bool)
    if kind == "date":
        return isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) is not None
    return isinstance(value, {"text": str, "money": int, "number": int | float}[kind])


def answer(field: FormField, chance: random.Random, known: Mapping[str, Any], today: date) -> Any:
    """An answer that the field allows; None where it may stay empty and this applicant leaves it so."""
    if not conditions.is_required(field.required, known, today=today) and chance.random() < 0.4:
        return None
    match field:
        case TextField():
            if field.example:
                return field.example
            return " ".join(chance.choices(_WORDS, k=6))[: field.max_length]
        case NameField():
            return _name(field, chance)
        case DateField():
            return _day(field, chance, known, today).isoformat()
        case AddressField():
            return {
                "street": chance.choice(_STREETS),
                "house_number": str(chance.randint(1, 199)),
                "postal_code": f"513{chance.randint(71, 81)}",
                "locality": "Leverkusen",
            }
        case IbanField():
            return _iban(chance)
        case EmailField():
            return f"demo.{chance.randint(1, 9999)}@example.org"
        case PhoneField():
            return f"0214 {chance.randint(100000, 999999)}"
        case NumberField():
            return _number(field, chance)
        case MoneyField():
            return chance.randint(field.least_cents, min(field.most_cents, field.least_cents + 500_000))
        case ChoiceField():
            keys = [option.key for option in field.options]
            return (
                sorted(chance.sample(keys, chance.randint(1, min(3, len(keys)))), key=keys.index)
                if field.several
                else chance.choice(keys)
            )
        case YesNoField():
            return chance.random() < 0.5
        case DeclarationField():
            return True
        case UploadField():
            return [upload(f"{field.key}.pdf", chance)]
        case GroupField():
            return _group(field, chance, known, today)


def upload(name: str, chance: random.Random) -> dict[str, Any]:
    """A reference to a file."""
    content = chance.randbytes(32)
    return {"name": name, "sha256": sha256(content).hexdigest(), "size_bytes": 1024, "media_type": "application/pdf"}


def _name(field: NameField, chance: random.Random) -> str:
    given, family = chance.choice(_GIVEN_NAMES), chance.choice(_FAMILY_NAMES)
    match field.prefill:
        case Prefill.GIVEN_NAMES:
            return given
        case Prefill.FAMILY_NAME:
            return family
        case _:
            return f"{given} {family}"


def _day(field: DateField, chance: random.Random, known: Mapping[str, Any], today: date) -> date:
    earliest = conditions.day(field.earliest, known, today=today)
    latest = conditions.day(field.latest, known, today=today)
    if earliest is None and latest is None:
        earliest, latest = (today - timedelta(days=365 * 60), today)
    if earliest is None and latest is not None:
        earliest = latest - timedelta(days=chance.choice((30, 365, 365 * 20, 365 * 60)))
    if latest is None and earliest is not None:
        latest = earliest + timedelta(days=chance.choice((7, 90, 365)))
    assert earliest is not None and latest is not None  # noqa: S101, PT018 - both are set above
    return earliest + timedelta(days=chance.randint(0, max(0, (latest - earliest).days)))


def _iban(chance: random.Random) -> str:
    account = "".join(chance.choices(string.digits, k=18))
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


def _number(field: NumberField, chance: random.Random) -> int | float:
    least = field.least if field.least is not None else min(0, field.most or 0)
    most = field.most if field.most is not None else least + 100
    if field.decimals:
        return round(chance.uniform(least, most), field.decimals)
    lowest, highest = ceil(least), floor(min(most, least + chance.choice((3, 50, 10_000))))
    return chance.randint(lowest, max(lowest, highest))


def _group(field: GroupField, chance: random.Random, known: Mapping[str, Any], today: date) -> list[dict[str, Any]]:
    items = []
    for _ in range(chance.randint(max(1, field.least), min(field.most, max(1, field.least) + 2))):
        item: dict[str, Any] = {}
        for part in field.fields:
            if conditions.holds(part.when, {**known, **item}, today=today):
                value = answer(part, chance, {**known, **item}, today)
                if value is not None:
                    item[part.key] = value
        items.append(item)
    return items
