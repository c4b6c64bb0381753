"""Kafka: connection settings, and the envelope of an event as record headers.

CloudEvents 1.0, Kafka protocol binding, binary content mode: the value is the event's JSON, the attributes are headers
with the prefix `ce_`, and the key is the aggregate's id.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from asyncpg.pgproto import pgproto

from amtsbus.events import EventMeta
from amtsbus.settings import Settings

SPEC_VERSION = b"1.0"
Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as it came: raw, nothing parsed."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class MalformedRecordError(Exception):
    """The record is not an event: its envelope is missing or wrong. The message names the attribute, not its content."""


def connection(settings: Settings) -> dict[str, Any]:
    """The arguments with which every aiokafka client of this service connects."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        arguments["ssl_context"] = ssl.create_default_context(cafile=settings.kafka_ca_file)
    if settings.kafka_security_protocol.startswith("SASL"):
        if settings.kafka_sasl_username is None or settings.kafka_sasl_password is None:
            raise ValueError("KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD are needed for this KAFKA_SECURITY_PROTOCOL")
        arguments |= {
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password.get_secret_value(),
        }
    return arguments


def headers_of(meta: EventMeta, type_prefix: str) -> list[tuple[str, bytes]]:
    """The headers of an event's record."""
    return headers(
        meta.source,
        type_prefix,
        meta.type,
        meta.id,
        str(meta.subject).encode(),
        meta.time,
        meta.sequence,
        meta.traceparent,
    )


def headers(
    source: str,
    type_prefix: str,
    event_type: str,
    event_id: UUID,
    subject: bytes,
    time: datetime,
    sequence: int,
    traceparent: str | None,
) -> list[tuple[str, bytes]]:
    """The same from single values, for the relay, which makes thousands a second."""
    source_header, type_header, schema_header = _constant_headers(source, type_prefix, event_type)
    found = [
        ("content-type", b"application/json"),
        ("ce_specversion", SPEC_VERSION),
        ("ce_id", str(event_id).encode()),
        source_header,
        type_header,
        ("ce_subject", subject),
        ("ce_time", time.astimezone(UTC).isoformat().replace("+00:00", "Z").encode()),
        ("ce_sequence", str(sequence).encode()),
        schema_header,
    ]
    if traceparent:
        found.append(("traceparent", traceparent.encode()))
    return found


@cache
def _constant_headers(source: str, type_prefix: str, event_type: str) -> list[tuple[str, bytes]]:
    full_type = f"{type_prefix}.{event_type}"
    return [
        ("ce_source", source.encode()),
        ("ce_type", full_type.encode()),
        ("ce_dataschema", f"urn:{full_type.replace('.', ':')}".encode()),
    ]


def meta_of(record: Record, topic: str, type_prefix: str | None = None) -> EventMeta:
    """The envelope of a record read from `topic`; without `type_prefix` the type stays as it is written.

    Raises:
        MalformedRecordError: an attribute is missing or does not parse, or the key is not the subject.
    """
    attributes = {name: value for name, value in record.headers if value is not None}
    try:
        event_type = attributes["ce_type"].decode("ascii")
        prefix = f"{type_prefix}." if type_prefix else ""
        if attributes["ce_specversion"] != SPEC_VERSION:
            raise MalformedRecordError("ce_specversion is not 1.0")
        # The driver's UUIDs are the standard library's to everybody, made and sent to the database at a tenth of the cost.
        subject = pgproto.UUID(attributes["ce_subject"].decode("ascii"))
        sequence = int(attributes["ce_sequence"])
        time = datetime.fromisoformat(attributes["ce_time"].decode("ascii"))
        traceparent = attributes.get("traceparent")
        meta = EventMeta(
            pgproto.UUID(attributes["ce_id"].decode("ascii")),
            attributes["ce_source"].decode("utf-8"),
            event_type.removeprefix(prefix),
            subject,
            time,
            sequence,
            topic,
            traceparent.decode("ascii") if traceparent is not None else None,
        )
    except KeyError as missing:
        raise MalformedRecordError(f"the header {missing.args[0]} is missing") from None
    except (ValueError, UnicodeDecodeError):
        raise MalformedRecordError("a CloudEvents header does not parse") from None
    if time.tzinfo is None or not 0 < sequence < 2**31:
        raise MalformedRecordError("ce_time has no zone, or ce_sequence is out of range")
    if not event_type.startswith(prefix):
        raise MalformedRecordError(f"ce_type does not begin with {prefix}")
    if record.key != str(subject).encode():
        raise MalformedRecordError("the key is not the event's subject")
    return meta
