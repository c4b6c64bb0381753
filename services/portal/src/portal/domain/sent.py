"""Between a browser's form and the answers: the names of inputs, and how an answer stands in them.

An input has the key of its field; parts follow after a dot: `keeper_address.street`, `children.0.birth_date`. Problems are told
at the same places (`amtsbus.procedures.answers.Problem`).
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from amtsbus.procedures import answers as reading
from amtsbus.procedures import conditions, wording
from amtsbus.procedures.answers import ADDRESS_PARTS, Problem
from amtsbus.procedures.declaration import (
    AddressField,
    ChoiceField,
    DateField,
    DeclarationField,
    EmailField,
    FormField,
    GroupField,
    MoneyField,
    NameField,
    NumberField,
    Page,
    Prefill,
    UploadField,
    YesNoField,
)

from portal.domain.owner import Person

Files = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""The files that were uploaded, by the key of their field and then by their hash, each as it stands in an answer."""

_MOST_ITEMS: Final = 100
_STREET_AND_NUMBER: Final = re.compile(r"(.+?)\s+([0-9]{1,4} ?[a-zA-Z]?(?: ?[-/] ?[0-9]{1,4} ?[a-zA-Z]?)?)")


def sent_answers(fields: Iterable[FormField], inputs: Iterable[tuple[str, str]], files: Files) -> dict[str, Any]:
    """What a browser has sent for `fields`, by their keys, as `answers.read_page` takes it.

    Args:
        inputs: names and values, in their order.
        files: the files that may be referred to; an unknown hash is left out.
    """
    values: dict[str, list[str]] = {}
    for name, value in inputs:
        values.setdefault(name, []).append(value)
    return {field.key: _sent(field, field.key, values, files.get(field.key, {})) for field in fields}


def _sent(
    field: FormField, name: str, values: Mapping[str, Sequence[str]], files: Mapping[str, Mapping[str, Any]]
) -> Any:
    match field:
        case AddressField():
            return {part: _first(values, f"{name}.{part}") for part in ADDRESS_PARTS}
        case UploadField():
            return [dict(files[digest]) for digest in values.get(name, ()) if digest in files]
        case ChoiceField() if field.several:
            return [value for value in values.get(name, ()) if value]
        case GroupField():
            return [
                {part.key: _sent(part, f"{name}.{number}.{part.key}", values, files) for part in field.fields}
                for number in _numbers(name, values)
            ]
        case _:
            return _first(values, name)


def _first(values: Mapping[str, Sequence[str]], name: str) -> str:
    found = values.get(name)
    return found[0] if found else ""


def _numbers(name: str, values: Mapping[str, Sequence[str]]) -> list[int]:
    """The items of a group that were sent; a form marks each by an input of its own, so that an empty one counts as well."""
    item = re.compile(rf"{re.escape(name)}\.([0-9]{{1,2}})(?:\..+)?", re.ASCII)
    found = {int(match[1]) for key in values if (match := item.fullmatch(key))}
    return sorted(found)[:_MOST_ITEMS]


def asked_names(page: Page, sent: Mapping[str, Any], before: Mapping[str, Any], *, today: date) -> set[str]:
    """The names of the fields that a page asks when this was sent, and of the parts of groups: `children.0.birth_date`."""
    known = {**before, **reading.read_page(page, sent, before, today=today)[0]}
    asked: set[str] = set()
    for field in page.fields:
        if conditions.holds(field.when, known, today=today):
            asked.add(field.key)
            if isinstance(field, GroupField):
                asked |= _asked_parts(field, sent.get(field.key) or [], known, today)
    return asked


def _asked_parts(group: GroupField, items: Sequence[Any], known: Mapping[str, Any], today: date) -> set[str]:
    return {
        f"{group.key}.{number}.{part.key}"
        for number, item in enumerate(items)
        for read in [known_of_item(group, item, known, today)]
        for part in group.fields
        if conditions.holds(part.when, read, today=today)
    }


def known_of_item(
    group: GroupField, item: Mapping[str, Any], known: Mapping[str, Any], today: date
) -> Mapping[str, Any]:
    """What is known where the parts of one item of a group are asked for."""
    as_page = Page.model_construct(key="item", title=group.item, fields=group.fields)
    return {**known, **reading.read_page(as_page, item, known, today=today)[0]}


def told(problems: Iterable[Problem], shown: Collection[str]) -> list[Problem]:
    """The problems with what a page has shown.

    Args:
        shown: the names of its fields, and of the parts of groups: `children`, `children.0.birth_date`.
    """
    return [one for one in problems if one.at in shown or one.at.rpartition(".")[0] in shown]


def typed_answers(fields: Iterable[FormField], answers: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Answers as they stand in the inputs, by the keys of `fields`; those that were not given are left out."""
    return {field.key: typed(field, answers[field.key], language) for field in fields if field.key in answers}


def typed(field: FormField, answer: Any, language: str) -> Any:
    """One answer as somebody would type it; reading it gives the same answer again."""
    match field:
        case DateField():
            return f"{date.fromisoformat(answer):%d.%m.%Y}"
        case MoneyField():
            euros = f"{answer // 100}.{answer % 100:02d}"
            return euros if language == "en" else euros.replace(".", ",")
        case NumberField():
            # With three decimals, `1.234` would be read as a German number of more than a thousand.
            return wording.number(answer, "de" if field.decimals > 2 else language)
        case YesNoField():
            return "yes" if answer else "no"
        case DeclarationField():
            return "yes"
        case GroupField():
            return [typed_answers(field.fields, item, language) for item in answer]
        case _:
            return answer


def prefilled(field: FormField, person: Person) -> Any:
    """What is known of somebody and answers the field, as they would type it; None where nothing is."""
    match field:
        case NameField(prefill=Prefill.GIVEN_NAMES):
            return person.given_names
        case NameField(prefill=Prefill.FAMILY_NAME):
            return person.family_name
        case NameField(prefill=Prefill.FULL_NAME):
            return person.name
        case EmailField(prefill=Prefill.EMAIL):
            return person.email
        case AddressField(prefill=Prefill.ADDRESS):
            return _address(person)
        case _:
            return None


def _address(person: Person) -> dict[str, str] | None:
    known = {"postal_code": person.postal_code, "locality": person.locality}
    street = (person.street_address or "").strip().splitlines()
    if street and (parts := _STREET_AND_NUMBER.fullmatch(street[0].strip())):
        known |= {"street": parts[1], "house_number": parts[2]}
    elif street:
        known["street"] = street[0].strip()
    return {part: value for part, value in known.items() if value} or None
