"""Real servers for the procedures that go from one department to another."""

# Imported instead of `pytest_plugins`, which only the topmost conftest may name.
from amtsbus.testing.fixtures import (
    api,
    browse,
    clock,
    kafka,
    postgres_url,
    service_database,
    settings_of,
    topic_prefix,
    town_bus,
)

__all__ = [
    "api",
    "browse",
    "clock",
    "kafka",
    "postgres_url",
    "service_database",
    "settings_of",
    "topic_prefix",
    "town_bus",
]
