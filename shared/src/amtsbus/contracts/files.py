"""What a service's contracts folder should contain: the generated files, as text."""

import json
from typing import Any

from amtsbus.contracts import asyncapi
from amtsbus.contracts.places import EXAMPLE_SUFFIX, SCHEMA_SUFFIX, event_file
from amtsbus.contracts.schemas import example_of, schema_of
from amtsbus.service import Service
from amtsbus.topics import Topic


def generated_files(service: Service, topics: dict[str, Topic]) -> dict[str, str]:
    """Everything that belongs into the service's contracts folder, by file name.

    Raises:
        ContractError: a published event is incomplete.
    """
    files: dict[str, Any] = {}
    for event in service.published:
        if event.topic in topics:
            example = example_of(event, topics[event.topic].key)
            files[event_file(event.event_type, SCHEMA_SUFFIX)] = schema_of(event)
            files[event_file(event.event_type, EXAMPLE_SUFFIX)] = example.as_json()
    files["asyncapi.json"] = asyncapi.document(service, topics)
    files["openapi.json"] = openapi(service)
    return {name: as_text(content) for name, content in files.items()}


def openapi(service: Service) -> dict[str, Any]:
    """The OpenAPI document of the service's HTTP interface; the same on every machine."""
    from amtsbus.http import create_app  # FastAPI is not needed for anything else here

    document: dict[str, Any] = create_app(service).openapi()
    return document


def as_text(content: Any) -> str:
    """JSON as it is committed: readable, keys in the order of the declaration, German letters as they are."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
