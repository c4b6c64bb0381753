"""The list of topics (`deploy/topics.yaml`): who owns each, what it is for, who may read it, on which legal basis.

Topics are created from this list and from nowhere else; brokers do not create any by themselves.
"""

import os
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import BaseModel, ConfigDict, Field, model_validator

_TOPIC_ALREADY_EXISTS = 36
_SEGMENT = r"(\{office\}|[a-z])([a-z0-9-]|\{office\})*"
_NAME = rf"^{_SEGMENT}(\.{_SEGMENT})+$"
_SERVICE = r"^([a-z][a-z0-9_-]*|\{office\})$"
EACH_OFFICE = "{office}"
"""Stands in the list for the name of each of its offices."""
_OFFICE = "[a-z][a-z0-9-]*"


class TopicListError(Exception):
    """The list of topics cannot be read, or Kafka refuses it. The message says which topic and why."""


class TopicReader(BaseModel):
    """A service that may read a topic, with its consumer group and what it needs the events for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: str = Field(pattern=_SERVICE)
    group: str = Field(pattern=_NAME)
    purpose: str = Field(min_length=1)


class Topic(BaseModel):
    """One topic as the city agreed upon it.

    `key` names the aggregate whose order is kept. `retention` is "forever" or an ISO 8601 duration ("P30D").
    `personal_data` is the highest category that an event of this topic carries.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=_NAME)
    owner: str = Field(pattern=_SERVICE)
    key: str = Field(min_length=1)
    partitions: int = Field(ge=1, le=1000)
    retention: Literal["forever"] | timedelta
    cleanup: Literal["delete", "compact"]
    purpose: str = Field(min_length=1)
    personal_data: Literal["none", "pseudonymous", "ordinary", "special"]
    legal_basis: str = Field(min_length=1)
    readers: tuple[TopicReader, ...]

    @model_validator(mode="after")
    def _belongs_to_its_owner(self) -> Self:
        if not self.name.startswith(f"{self.owner}."):
            raise ValueError(f"topic {self.name} must begin with the name of its owner, {self.owner}")
        return self

    def broker_settings(self) -> dict[str, str]:
        """The topic's own settings on the broker."""
        retention_ms = -1 if self.retention == "forever" else int(self.retention.total_seconds() * 1000)
        return {"cleanup.policy": self.cleanup, "retention.ms": str(retention_ms)}


class _TopicList(BaseModel):
    model_config = ConfigDict(extra="forbid")

    offices: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    topics: tuple[Topic, ...]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [topic.name for topic in self.topics]
        groups = [reader.group for topic in self.topics for reader in topic.readers]
        for what, values in (("topic", names), ("group", groups)):
            if twice := sorted({value for value in values if values.count(value) > 1}):
                raise ValueError(f"{what} listed twice: {', '.join(twice)}")
        return self


def load(path: Path) -> tuple[Topic, ...]:
    """Read the list of topics: each one that there is, those of every office too.

    Raises:
        TopicListError: the file is missing or says something that a list of topics cannot say.
    """
    listed = _read(path)
    topics = [one for topic in listed.topics for one in _each(topic, listed.offices)]
    try:
        return _TopicList(topics=tuple(topics)).topics
    except ValueError as error:
        raise TopicListError(f"{path}: {error}") from error


def patterns(path: Path) -> tuple[Topic, ...]:
    """The list of topics as it is written, with `{office}` where each office's name stands.

    Raises:
        TopicListError: see `load`.
    """
    return _read(path).topics


def offices() -> tuple[str, ...]:
    """The offices that have topics of their own: AMTSBUS_OFFICES (names with commas between them), else those of the list.

    Raises:
        TopicListError: there is neither.
    """
    if (configured := os.environ.get("AMTSBUS_OFFICES")) is not None:
        return _names(configured)
    return _read(find()).offices


def departments() -> tuple[str, ...]:
    """The departments with code of their own that offer services like an office: AMTSBUS_DEPARTMENTS (names with commas between
    them), else those of the list. Where only AMTSBUS_OFFICES is set and there is no list, there are none.

    Raises:
        TopicListError: there is neither.
    """
    if (configured := os.environ.get("AMTSBUS_DEPARTMENTS")) is not None:
        return _names(configured)
    try:
        listed = find()
    except TopicListError:
        if "AMTSBUS_OFFICES" in os.environ:
            return ()
        raise
    return _read(listed).departments


def _names(configured: str) -> tuple[str, ...]:
    return tuple(name for name in (part.strip() for part in configured.split(",")) if name)


def fits(name: str, pattern: str) -> bool:
    """Whether the topic `name` is `pattern`, or one of those for which a pattern with `{office}` in it stands."""
    return (
        re.fullmatch(re.escape(pattern).replace(re.escape(EACH_OFFICE), _OFFICE), name) is not None or name == pattern
    )


def find(*starts: Path) -> Path:
    """The list of topics: AMTSBUS_TOPICS_FILE, else `deploy/topics.yaml` in or above one of `starts` or the present folder.

    Raises:
        TopicListError: there is none.
    """
    if configured := os.environ.get("AMTSBUS_TOPICS_FILE"):
        return Path(configured)
    looked = [*starts, Path.cwd()]
    for start in looked:
        for folder in (start, *start.parents):
            if (found := folder / "deploy" / "topics.yaml").is_file():
                return found
    raise TopicListError(
        f"no deploy/topics.yaml in {looked[0]} or above it. Run this in the working tree, or set AMTSBUS_TOPICS_FILE."
    )


def _read(path: Path) -> _TopicList:
    try:
        return _TopicList.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise TopicListError(f"{path}: {error}") from error


def _each(topic: Topic, offices: Iterable[str]) -> Iterator[Topic]:
    if EACH_OFFICE in topic.name:
        written = topic.model_dump_json()
        yield from (Topic.model_validate_json(written.replace(EACH_OFFICE, office)) for office in offices)
        return
    readers = [
        TopicReader.model_validate_json(reader.model_dump_json().replace(EACH_OFFICE, office))
        for reader in topic.readers
        for office in (offices if EACH_OFFICE in reader.group else [""])
    ]
    yield topic.model_copy(update={"readers": tuple(readers)})


async def create_missing(
    bootstrap_servers: str,
    topics: Iterable[Topic],
    *,
    prefix: str = "",
    replication_factor: int = 1,
    **connection: Any,
) -> tuple[str, ...]:
    """Create those of `topics` that Kafka does not have yet; existing ones stay as they are.

    Args:
        prefix: put before every name, so that several cities share one Kafka.
        connection: further arguments of the admin client, for example `security_protocol`.

    Returns:
        The names that were created, with their prefix.

    Raises:
        TopicListError: a topic exists with another number of partitions, or Kafka refused to create one.
    """
    wanted = {prefix + topic.name: topic for topic in topics}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, **connection)
    await admin.start()
    try:
        present = set(await admin.list_topics())
        existing = [name for name in wanted if name in present]
        for described in await admin.describe_topics(existing) if existing else []:
            _keep_partitions(wanted[described["topic"]], described["topic"], len(described["partitions"]))
        missing = [name for name in wanted if name not in present]
        if not missing:
            return ()
        answer = await admin.create_topics(
            [
                NewTopic(
                    name,
                    num_partitions=wanted[name].partitions,
                    replication_factor=replication_factor,
                    topic_configs=wanted[name].broker_settings(),
                )
                for name in missing
            ]
        )
        # Two towns may create the same topic at the same moment; the list is the same, so the first one wins.
        refused = [
            (name, message or code)
            for name, code, message in answer.topic_errors
            if code not in (0, _TOPIC_ALREADY_EXISTS)
        ]
        if refused:
            raise TopicListError("; ".join(f"Kafka refused to create {name}: {why}" for name, why in refused))
        return tuple(missing)
    finally:
        await admin.close()


def _keep_partitions(topic: Topic, name: str, present: int) -> None:
    if present != topic.partitions:
        raise TopicListError(
            f"{name} has {present} partitions and the list says {topic.partitions}. A topic that exists keeps its number: keys "
            "would move to other partitions and the order of a case would be lost. Put the list back to "
            f"{present}; or delete the topic and run `amtsbus refill {topic.owner} --topic {topic.name} --why …`, which "
            "creates it with the new number and fills it from the journal, in order (readers ignore what they have handled)."
        )
