"""Where contracts and the list of topics lie, and reading what has been committed there."""

import json
from pathlib import Path
from typing import Any

from amtsbus.contracts.schemas import Schema
from amtsbus.service import Service
from amtsbus.topics import Topic, find, patterns

SCHEMA_SUFFIX = ".schema.json"
EXAMPLE_SUFFIX = ".example.json"


def topics_file(service: Service | None = None) -> Path:
    """The list of topics, see `amtsbus.topics.find`; looked for above the service's folder first.

    Raises:
        TopicListError: there is none.
    """
    return find(*([service.migrations.resolve()] if service else []))


def listed_topics(service: Service | None = None) -> dict[str, Topic]:
    """The topics of the city by name, as `topics_file` writes them: with `{office}` where each office has its own."""
    return {topic.name: topic for topic in patterns(topics_file(service))}


def event_file(event_type: str, suffix: str) -> str:
    """The name of an event's file: `permits.application-submitted.v1` as `application-submitted.v1` with `suffix`."""
    return f"{event_type.partition('.')[2]}{suffix}"


def released_schema(folder: Path, event_type: str) -> Schema | None:
    """The committed schema of an event, or None where it has none yet."""
    return _read(folder / event_file(event_type, SCHEMA_SUFFIX))


def released_example(folder: Path, event_type: str) -> dict[str, Any] | None:
    """The committed example of an event (`key`, `headers`, `value`), or None where it has none yet."""
    return _read(folder / event_file(event_type, EXAMPLE_SUFFIX))


def _read(file: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return content
