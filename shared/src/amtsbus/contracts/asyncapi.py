"""The AsyncAPI 3.0 document of a service: what it sends, what it receives, under which purpose and legal basis.

Built here and not by FastStream's generator, which knows neither our envelope nor our topics (docs/adr/0010).
"""

from typing import Any

from amtsbus.contracts.schemas import (
    READERS_IGNORE_UNKNOWN_FIELDS,
    Schema,
    default_type_prefix,
    example_of,
    inlined,
    reader_schema_of,
    schema_id,
    schema_of,
)
from amtsbus.events import Consumed, Published
from amtsbus.reader import Reader
from amtsbus.service import Service
from amtsbus.topics import EACH_OFFICE, Topic, fits

Document = dict[str, Any]

_KAFKA_BINDING = "0.5.0"

_INTRODUCTION = (
    "Every record is one CloudEvents 1.0 event in Kafka's binary content mode: the value is the event as JSON, the headers "
    "with ce_ are the envelope, the key is the id of what the event is about, so that its events stay in order. Delivery is "
    "at least once: a reader remembers ce_id, or the highest ce_sequence of each key, and ignores what it has seen. A "
    "ce_sequence that skips a number means that something is missing; ask the owner for a replay. "
    f"{READERS_IGNORE_UNKNOWN_FIELDS} Everything else is a new version, published beside the old one for a while."
)


def document(service: Service, topics: dict[str, Topic]) -> Document:
    """The AsyncAPI document of `service`, from its code.

    It depends on the service and the list of topics alone, not on which other services are installed. Topics that are
    not listed are left out; `amtsbus contracts check` reports them.

    Raises:
        ContractError: a published event is incomplete.
    """
    channels: Document = {}
    messages: Document = {}
    operations: Document = {}
    for name in sorted(name for name, topic in topics.items() if topic.owner == service.name):
        events = [event for event in service.published if fits(name, event.topic)]
        if not events:
            continue
        channels[name] = _channel(topics[name], [event.event_type for event in events])
        for event in events:
            messages.setdefault(event.event_type, _sent_message(event, topics[name]))
        operations[f"send.{name}"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{name}"},
            "title": f"{service.title} publishes {topics[name].key} events",
            "summary": topics[name].purpose,
            "messages": [{"$ref": f"#/channels/{name}/messages/{event.event_type}"} for event in events],
        }
    for reader in sorted(service.readers, key=lambda reader: reader.group):
        if reader.topic not in topics:
            continue
        topic = topics[reader.topic]
        types = sorted(reader.handlers)
        channel = channels.setdefault(reader.topic, _channel(topic, []))
        channel["messages"] |= {kind: {"$ref": f"#/components/messages/{kind}"} for kind in types}
        for kind in types:
            messages.setdefault(kind, _received_message(reader.handlers[kind].model, topic))
        operations[f"receive.{reader.group}"] = _receive_operation(service, reader, topic, types)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"{service.title} ({service.name})",
            "version": service.version,
            "description": _INTRODUCTION,
            "license": {"name": "EUPL-1.2", "url": "https://eupl.eu/1.2/en/"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _channel(topic: Topic, types: list[str]) -> Document:
    settings = topic.broker_settings()
    each = {"parameters": {"office": {"description": "The key of the office"}}} if EACH_OFFICE in topic.name else {}
    return {
        "address": topic.name,
        **each,
        "title": topic.name,
        "description": topic.purpose,
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in types},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [settings["cleanup.policy"]],
                    "retention.ms": int(settings["retention.ms"]),
                },
                "bindingVersion": _KAFKA_BINDING,
            }
        },
        "x-owner": topic.owner,
        "x-key": topic.key,
        "x-retention": topic.retention if isinstance(topic.retention, str) else _iso_duration(topic),
        "x-cleanup": topic.cleanup,
        "x-purpose": topic.purpose,
        "x-legal-basis": topic.legal_basis,
        "x-personal-data": topic.personal_data,
        "x-readers": [reader.model_dump() for reader in topic.readers],
    }


def _iso_duration(topic: Topic) -> str:
    return str(topic.model_dump(mode="json")["retention"])


def _sent_message(event: type[Published], topic: Topic) -> Document:
    example = example_of(event, topic.key)
    payload = inlined(schema_of(event))
    summary = payload.pop("description")
    return {
        **_message(event.event_type, topic, summary, payload),
        "examples": [{"name": event.event_type, "headers": example.headers, "payload": example.value}],
    }


def _received_message(model: type[Consumed], topic: Topic) -> Document:
    payload = reader_schema_of(model)
    own = " ".join((model.__doc__ or "").split())
    payload.pop("description", None)
    summary = own or f"Only the fields that this service needs; the whole contract is published by {topic.owner}."
    return _message(model.event_type, topic, summary, payload)


def _message(event_type: str, topic: Topic, summary: str, payload: Schema) -> Document:
    for keyword in ("$schema", "$id", "$comment", "title", "x-topic"):
        payload.pop(keyword, None)
    return {
        "name": event_type,
        "title": event_type,
        "summary": summary,
        "contentType": "application/json",
        "headers": _headers(event_type, topic),
        "payload": payload,
        "bindings": {
            "kafka": {
                "key": {"type": "string", "format": "uuid", "description": f"{topic.key}; the same as ce_subject"},
                "bindingVersion": _KAFKA_BINDING,
            }
        },
    }


def _headers(event_type: str, topic: Topic) -> Schema:
    source = {"pattern": "^/[a-z][a-z0-9-]*$"} if topic.owner == EACH_OFFICE else {"const": f"/{topic.owner}"}
    properties: Schema = {
        "ce_specversion": {"type": "string", "const": "1.0", "description": "The version of CloudEvents"},
        "ce_id": {
            "type": "string",
            "format": "uuid",
            "description": "The event's id (UUIDv7); a repeat has the same one",
        },
        "ce_source": {
            "type": "string",
            **source,
            "description": "The service that published it",
        },
        "ce_type": {
            "type": "string",
            "const": f"{default_type_prefix()}.{event_type}",
            "description": "What has happened, with the version; the part before the service's name is the city's setting",
        },
        "ce_subject": {
            "type": "string",
            "format": "uuid",
            "description": "What it is about; the same as the record's key",
        },
        "ce_time": {"type": "string", "format": "date-time", "description": "When it happened (UTC)"},
        "ce_sequence": {
            "type": "string",
            "pattern": "^[1-9][0-9]*$",
            "description": "Counts the events of one subject on this topic from 1 without gaps",
        },
        "ce_dataschema": {
            "type": "string",
            "const": schema_id(event_type),
            "description": "The $id of the JSON Schema of the value",
        },
        "content-type": {"type": "string", "const": "application/json", "description": "The format of the value"},
        "traceparent": {"type": "string", "description": "W3C Trace Context of the request that caused it, if known"},
    }
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name != "traceparent"],
        "additionalProperties": True,
    }


def _receive_operation(service: Service, reader: Reader, topic: Topic, types: list[str]) -> Document:
    purposes = [listed.purpose for listed in topic.readers if listed.group == reader.group]
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{reader.topic}"},
        "title": f"{service.title} reads {reader.topic}",
        "summary": purposes[0] if purposes else topic.purpose,
        "messages": [{"$ref": f"#/channels/{reader.topic}/messages/{kind}"} for kind in types],
        "bindings": {
            "kafka": {"groupId": {"type": "string", "const": reader.group}, "bindingVersion": _KAFKA_BINDING},
        },
    }
