"""JSON Schemas: of procedure files for whoever writes one, and of an application for whoever sends one."""

from typing import Any, Final

from amtsbus.procedures.answers import MEDIA_TYPES
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
    NumberField,
    OfficeFile,
    PhoneField,
    ProcedureFile,
    TextField,
    UploadField,
    YesNoField,
)

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def of_procedures() -> dict[str, Any]:
    """The schema of a procedure file."""
    return {"$schema": DIALECT, **ProcedureFile.model_json_schema()}


def of_offices() -> dict[str, Any]:
    """The schema of `office.yaml`."""
    return {"$schema": DIALECT, **OfficeFile.model_json_schema()}


def of_application(procedure: ProcedureFile) -> dict[str, Any]:
    """The schema of the answers of an application.

    It says what each answer looks like. Which of them are asked for depends on the others and is decided by the
    procedure's conditions; a field is required here only where everybody is asked for it.
    """
    always = [
        field.key
        for page in procedure.form.pages
        if page.when is None
        for field in page.fields
        if field.required is True and field.when is None and not (isinstance(field, GroupField) and field.least == 0)
    ]
    return {
        "$schema": DIALECT,
        "title": procedure.name.en,
        "description": procedure.summary.en,
        "type": "object",
        "additionalProperties": False,
        "properties": {field.key: _of_field(field) for field in procedure.form.fields},
        "required": always,
    }


_UPLOAD: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "size_bytes": {"type": "integer", "minimum": 1},
        "media_type": {"enum": list(MEDIA_TYPES)},
    },
    "required": ["name", "sha256", "size_bytes", "media_type"],
}
_ADDRESS: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "street": {"type": "string", "minLength": 1, "maxLength": 120},
        "house_number": {"type": "string", "minLength": 1, "maxLength": 20},
        "postal_code": {"type": "string", "pattern": "^[0-9]{5}$"},
        "locality": {"type": "string", "minLength": 1, "maxLength": 120},
    },
    "required": ["street", "house_number", "postal_code", "locality"],
}


def _of_field(field: FormField) -> dict[str, Any]:
    return {"title": field.label.en} | _kind(field)


def _kind(field: FormField) -> dict[str, Any]:
    match field:
        case TextField():
            pattern = {"pattern": f"^(?:{field.pattern})$"} if field.pattern else {}
            return {"type": "string", "minLength": 1, "maxLength": field.max_length} | pattern
        case DateField():
            return {"type": "string", "format": "date"}
        case AddressField():
            return _ADDRESS
        case IbanField():
            return {"type": "string", "pattern": "^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$"}
        case EmailField():
            return {"type": "string", "format": "email", "maxLength": 254}
        case PhoneField():
            return {"type": "string", "maxLength": 25}
        case NumberField():
            bounds = {"minimum": field.least, "maximum": field.most}
            return {"type": "number" if field.decimals else "integer"} | {
                name: bound for name, bound in bounds.items() if bound is not None
            }
        case MoneyField():
            return {
                "type": "integer",
                "minimum": field.least_cents,
                "maximum": field.most_cents,
                "description": "Cents",
            }
        case ChoiceField():
            one = {"enum": [option.key for option in field.options]}
            return {"type": "array", "items": one, "minItems": 1, "uniqueItems": True} if field.several else one
        case YesNoField():
            return {"type": "boolean"}
        case DeclarationField():
            return {"const": True}
        case UploadField():
            return {"type": "array", "items": _UPLOAD, "minItems": 1, "maxItems": field.most}
        case GroupField():
            return {
                "type": "array",
                "minItems": max(1, field.least),
                "maxItems": field.most,
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {part.key: _of_field(part) for part in field.fields},
                    "required": [part.key for part in field.fields if part.required is True and part.when is None],
                },
            }
        case _:
            return {"type": "string", "minLength": 1, "maxLength": 200}
