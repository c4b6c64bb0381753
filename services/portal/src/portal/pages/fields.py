"""The fields of a procedure's form as a template shows them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from amtsbus.procedures import answers as reading
from amtsbus.procedures import conditions
from amtsbus.procedures.answers import Problem
from amtsbus.procedures.declaration import (
    AddressField,
    ChoiceField,
    FormField,
    GroupField,
    Page,
    Prefill,
    UploadField,
)

from portal.domain.sent import known_of_item

_AUTOCOMPLETE: Final = {
    Prefill.GIVEN_NAMES: "given-name",
    Prefill.FAMILY_NAME: "family-name",
    Prefill.FULL_NAME: "name",
    Prefill.BIRTH_DATE: "bday",
    Prefill.EMAIL: "email",
    Prefill.ADDRESS: "address",
}
_NONE_YET: Final = ""


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field with what stands in it; the parts of a group are fields of their own."""

    name: str
    field: Any
    """The field as the procedure declares it."""
    label: str
    hint: str
    value: Any
    required: bool
    autocomplete: str = ""
    options: Sequence[tuple[str, ...]] = ()
    item: str = ""
    """What one of a group is called."""
    items: Sequence[Sequence["FieldView"]] = field(default_factory=tuple)

    @property
    def kind(self) -> str:
        """The type of the field, as the procedure names it."""
        kind: str = self.field.type
        return kind


def views_of(
    page: Page, typed: Mapping[str, Any], before: Mapping[str, Any], *, language: str, today: date
) -> list[FieldView]:
    """The fields of a page that are asked, with what was typed.

    Args:
        before: the answers of the pages before it.
    """
    read, _ = reading.read_page(page, typed, before, today=today)
    known = {**before, **read}
    return [
        _view(one, one.key, typed.get(one.key), known, language, today)
        for one in page.fields
        if conditions.holds(one.when, known, today=today)
    ]


def _view(one: FormField, name: str, typed: Any, known: Mapping[str, Any], language: str, today: date) -> FieldView:
    prefill = getattr(one, "prefill", None)
    return FieldView(
        name=name,
        field=one,
        label=one.label.in_language(language),
        hint=one.hint.in_language(language) if one.hint else "",
        value=_NONE_YET if typed is None else typed,
        required=conditions.is_required(one.required, known, today=today),
        autocomplete=_AUTOCOMPLETE.get(prefill, "") if prefill else "",
        options=_options(one, language),
        item=one.item.in_language(language) if isinstance(one, GroupField) else "",
        items=_items(one, name, typed, known, language, today) if isinstance(one, GroupField) else (),
    )


def _options(one: FormField, language: str) -> Sequence[tuple[str, ...]]:
    if not isinstance(one, ChoiceField):
        return ()
    return [
        (option.key, option.label.in_language(language), option.hint.in_language(language) if option.hint else "")
        for option in one.options
    ]


def _items(
    group: GroupField, name: str, typed: Any, known: Mapping[str, Any], language: str, today: date
) -> list[list[FieldView]]:
    items: list[Mapping[str, Any]] = list(typed) if isinstance(typed, list) else [{} for _ in range(group.least)]
    return [
        [
            _view(part, f"{name}.{number}.{part.key}", item.get(part.key), read, language, today)
            for part in group.fields
            if conditions.holds(part.when, read, today=today)
        ]
        for number, item in enumerate(items)
        for read in [known_of_item(group, item, known, today)]
    ]


def keys_shown(views: Iterable[FieldView]) -> str:
    """The names of the fields that a page shows, and of the parts of groups, as it sends them back."""
    return " ".join(
        name for view in views for name in (view.name, *(keys_shown(parts) for parts in view.items)) if name
    )


def has_files(views: Iterable[FieldView]) -> bool:
    """Whether a page can carry files."""
    return any(
        isinstance(view.field, UploadField)
        or (isinstance(view.field, GroupField) and any(isinstance(part, UploadField) for part in view.field.fields))
        for view in views
    )


def upload_names(page: Page, names: Iterable[str]) -> list[tuple[str, str]]:
    """The inputs of a page through which files may come, each with the key of its field.

    Args:
        names: those of the inputs that were sent, by which the items of groups are known.
    """
    found: list[tuple[str, str]] = []
    sent = list(names)
    for one in page.fields:
        if isinstance(one, UploadField):
            found.append((one.key, one.key))
        elif isinstance(one, GroupField):
            numbers = sorted({name.split(".")[1] for name in sent if name.startswith(f"{one.key}.")})
            parts = [part.key for part in one.fields if isinstance(part, UploadField)]
            found += [(f"{one.key}.{number}.{part}", one.key) for number in numbers for part in parts]
    return found


def errors_of(problems: Iterable[Problem], fields: Sequence[FormField], language: str) -> dict[str, str]:
    """What is wrong, by the name of the input where it is told: the first thing of each."""
    told: dict[str, str] = {}
    for problem in problems:
        told.setdefault(_place(problem.at, fields), problem.message.in_language(language))
    return told


def _place(at: str, fields: Sequence[FormField]) -> str:
    """Where a problem is told; an address that is missing altogether at its first input."""
    key, _, rest = at.partition(".")
    found = next((one for one in fields if one.key == key), None)
    if isinstance(found, AddressField) and not rest:
        return f"{at}.street"
    if isinstance(found, GroupField) and rest:
        number, _, inside = rest.partition(".")
        return f"{key}.{number}.{_place(inside, found.fields)}" if inside else at
    return at
