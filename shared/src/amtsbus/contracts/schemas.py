"""From a `Published` model to its contract: the JSON Schema and one complete example with its envelope."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from amtsbus.events import EventMeta, Published
from amtsbus.kafka import headers_of
from amtsbus.settings import Settings

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
READERS_IGNORE_UNKNOWN_FIELDS = (
    "Readers must ignore fields that they do not know: a new optional field keeps the version of an event."
)

_EXAMPLE_ID = UUID("01957c0e-6b00-7000-8000-000000000001")
_EXAMPLE_TIME = datetime(2026, 3, 2, 9, tzinfo=UTC)
_EXAMPLE_TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class ContractError(Exception):
    """An event does not say enough about itself to become a contract. `gaps` lists what is missing, one line each."""

    def __init__(self, event_type: str, gaps: list[str]) -> None:
        super().__init__(f"{event_type}: {'; '.join(gaps)}")
        self.gaps = gaps


def schema_of(event: type[Published]) -> Schema:
    """The JSON Schema (2020-12) of an event, as it is committed.

    It describes every event of this version that was ever written, hence a field with a default is optional: the
    journal keeps events from before the field existed, and replays them. Objects are open for the readers' sake.
    """
    # by_alias=False, as in journal.append: what the schema names is what goes over the wire
    generated = event.model_json_schema(by_alias=False, mode="validation")
    generated.pop("title", None)
    documentation = " ".join((generated.pop("description", "") or "").split())
    opened = _opened(generated)
    return {
        "$schema": DIALECT,
        "$id": schema_id(event.event_type),
        "title": event.event_type,
        "description": documentation,
        "$comment": READERS_IGNORE_UNKNOWN_FIELDS,
        "x-topic": event.topic,
        **opened,
    }


def reader_schema_of(model: type[BaseModel]) -> Schema:
    """The JSON Schema of a reader's own model, with every reference resolved: the fields that this reader needs."""
    return inlined(_opened(model.model_json_schema(by_alias=True, mode="validation")))


def _opened(schema: Any) -> Any:
    """`schema` with open objects, without pydantic's generated titles, and with paragraphs as single lines."""
    if isinstance(schema, list):
        return [_opened(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    opened: Schema = {}
    for keyword, value in schema.items():
        if keyword in ("properties", "$defs"):
            opened[keyword] = {name: _opened(part) for name, part in value.items()}
        elif keyword == "title":
            continue
        elif keyword == "description":
            opened[keyword] = " ".join(value.split())
        elif keyword in ("examples", "enum", "const", "default"):
            opened[keyword] = value
        else:
            opened[keyword] = _opened(value)
    if "properties" in opened or (opened.get("type") == "object" and opened.get("additionalProperties") is False):
        opened["additionalProperties"] = True
    return opened


def inlined(schema: Schema) -> Schema:
    """`schema` with every local reference replaced by what it refers to.

    Raises:
        ValueError: a definition contains itself; an event is a tree.
    """
    definitions = schema.get("$defs", {})

    def resolve(part: Any, inside: tuple[str, ...]) -> Any:
        if isinstance(part, list):
            return [resolve(item, inside) for item in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            name = str(part["$ref"]).removeprefix("#/$defs/")
            if name in inside:
                raise ValueError(f"{name} contains itself; an event must be a tree")
            beside = {keyword: value for keyword, value in part.items() if keyword != "$ref"}
            return resolve({**definitions[name], **beside}, (*inside, name))
        resolved = {}
        for keyword, value in part.items():
            if keyword == "properties":
                resolved[keyword] = {name: resolve(field, inside) for name, field in value.items()}
            elif keyword in ("examples", "enum", "const", "default"):
                resolved[keyword] = value
            elif keyword != "$defs":
                resolved[keyword] = resolve(value, inside)
        return resolved

    whole: Schema = resolve(schema, ())
    return whole


def gaps_in(event: type[Published]) -> list[str]:
    """What an event's declaration leaves unsaid: docstring, descriptions, examples. One line each, empty if complete."""
    gaps = [] if (event.__doc__ or "").strip() else ["has no docstring: say in one sentence what has happened"]
    try:
        schema = inlined(schema_of(event))
    except ValueError as error:
        return [*gaps, str(error)]

    def walk(part: Schema, path: str) -> None:
        for name, field in part.get("properties", {}).items():
            where = f"{path}{name}"
            if not field.get("description"):
                gaps.append(f"field {where} has no description")
            if _example(field) is _MISSING:
                gaps.append(f"field {where} has no examples=[…]")
            for nested in _objects_in(field):
                walk(nested, f"{where}.")

    walk(schema, "")
    return gaps


_MISSING = object()


def _objects_in(schema: Schema) -> list[Schema]:
    if "properties" in schema:
        return [schema]
    parts = [*schema.get("anyOf", []), *schema.get("oneOf", [])]
    if isinstance(schema.get("items"), dict):
        parts.append(schema["items"])
    return [found for part in parts for found in _objects_in(part)]


def _example(schema: Schema) -> Any:
    """The example that `schema` gives for itself or that its parts add up to; `_MISSING` where one is lacking."""
    if schema.get("examples"):
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "properties" in schema:
        parts = {name: _example(field) for name, field in schema["properties"].items()}
        return _MISSING if _MISSING in parts.values() else parts
    for part in (*schema.get("anyOf", []), *schema.get("oneOf", [])):
        if (found := _example(part)) is not _MISSING:
            return found
    if isinstance(schema.get("items"), dict) and (found := _example(schema["items"])) is not _MISSING:
        return [found]
    return _MISSING


@dataclass(frozen=True)
class Example:
    """One event as it lies in Kafka: key, headers (CloudEvents 1.0, binary mode) and value."""

    key: str
    headers: dict[str, str]
    value: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"key": self.key, "headers": self.headers, "value": self.value}


def example_of(event: type[Published], key_field: str) -> Example:
    """The example of an event, built from its fields' first examples.

    Raises:
        ContractError: an example is missing, does not fit the model or its schema, or lacks the topic's key.
    """
    schema = schema_of(event)
    proposed = _example(inlined(schema))
    if proposed is _MISSING:
        raise ContractError(event.event_type, ["has no complete example"])
    try:
        # through the model and out again, so that the example is what the journal would write
        value = json.loads(event.model_validate_json(json.dumps(proposed)).model_dump_json())
    except ValidationError as error:
        raise ContractError(
            event.event_type,
            [
                f"example of {'.'.join(map(str, e['loc']))} does not fit: {e['msg']}"
                for e in error.errors(include_input=False)
            ],
        ) from error
    if misfits := misfits_of(schema, value):
        raise ContractError(event.event_type, misfits)
    if key_field not in value:
        raise ContractError(event.event_type, [f"has no field {key_field}, the key of its topic {event.topic}"])
    try:
        subject = UUID(str(value[key_field]))
    except ValueError:
        raise ContractError(
            event.event_type, [f"example of {key_field}, the key of its topic, is not a UUID"]
        ) from None
    kind = event.event_type.partition(".")[0]
    source = value.get("office", "office") if event.topic.startswith("{office}.") else kind
    headers = _envelope(event.event_type, event.topic, subject, source)
    return Example(key=str(subject), headers=headers, value=value)


def misfits_of(schema: Schema, value: Any) -> list[str]:
    """Why `value` does not validate against `schema`; empty if it does."""
    import jsonschema_rs  # 3 MB that a worker, which only shows its contract, does not need

    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    return [
        f"example of {'.'.join(map(str, error.instance_path)) or 'the event'} does not validate: {error.message}"
        for error in validator.iter_errors(value)
    ]


def _envelope(event_type: str, topic: str, subject: UUID, source: str = "") -> dict[str, str]:
    meta = EventMeta(
        id=_EXAMPLE_ID,
        source=f"/{source}",
        type=event_type,
        subject=subject,
        time=_EXAMPLE_TIME,
        sequence=1,
        topic=topic,
        traceparent=_EXAMPLE_TRACEPARENT,
    )
    return {name: value.decode() for name, value in headers_of(meta, default_type_prefix())}


def default_type_prefix() -> str:
    """The prefix of `ce_type` unless a city sets another one (AMTSBUS_EVENT_TYPE_PREFIX)."""
    return str(Settings.model_fields["event_type_prefix"].default)


def schema_id(event_type: str) -> str:
    """The identifier of an event's schema: `$id` of the file and `ce_dataschema` on the wire."""
    return _envelope(event_type, "", _EXAMPLE_ID)["ce_dataschema"]
