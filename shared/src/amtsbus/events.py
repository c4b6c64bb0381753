"""Events: what a service publishes, what it consumes, and the envelope around both (CloudEvents 1.0, Kafka binary mode)."""

from datetime import datetime
from functools import cached_property
from re import compile as regex
from types import new_class
from typing import Any, ClassVar, NamedTuple, Self, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict

_TYPE = regex(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+\.v[1-9][0-9]*")


def _event_type(given: str, cls: type) -> str:
    if not _TYPE.fullmatch(given):
        raise TypeError(f'{cls.__name__} needs a type such as "permits.application-submitted.v1", not {given!r}')
    return given


class EventMeta(NamedTuple):
    """The envelope of one event: the CloudEvents attributes that a reader can rely on.

    `sequence` counts the events of one `subject` on one topic from 1 without gaps: a reader notices a missed or an old
    event by itself. `type` is without the reverse-DNS prefix, for example `permits.application-submitted.v1`.
    """

    id: UUID
    source: str
    type: str
    subject: UUID
    time: datetime
    sequence: int
    topic: str
    traceparent: str | None = None


class Published(BaseModel):
    """An event of this service as the world sees it.

    Declare it with its type and its topic; the type ends with the version::

        class ApplicationSubmittedV1(Published, type="permits.application-submitted.v1", topic="permits.application.events"):
            '''A citizen handed in an application.'''
            application_id: UUID = Field(description="The case", examples=["0190…"])

    The docstring and every field's description and example go into the contract, so all three are required
    (`amtsbus contracts check` refuses an event without). A new optional field keeps the version; anything else is a
    new version beside the old one.

    Where several instances of one service have a topic each, its name says so, as `{office}.case.events`; the event then has a
    field of that name, and `own_topic` is where it goes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_type: ClassVar[str]
    topic: ClassVar[str]

    def __init_subclass__(cls, *, type: str, topic: str, **config: Any) -> None:  # noqa: A002 - CloudEvents' own word
        super().__init_subclass__(**config)
        cls.event_type = _event_type(type, cls)
        cls.topic = topic

    @property
    def own_topic(self) -> str:
        """The topic of this very event."""
        return self.topic.format_map(self.__dict__) if "{" in self.topic else self.topic


class Consumed(BaseModel):
    """This service's own model of an event of another service: only the fields that it uses.

    ::

        class ApplicationSubmitted(Consumed, type="permits.application-submitted.v1"):
            applicant_id: UUID
            reference: str
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_type: ClassVar[str]

    def __init_subclass__(cls, *, type: str, **config: Any) -> None:  # noqa: A002 - CloudEvents' own word
        super().__init_subclass__(**config)
        cls.event_type = _event_type(type, cls)

    @classmethod
    def told_by(cls, publisher: str, name: str = "") -> type[Self]:
        """The same model for an event of another publisher, where several speak one language.

        ::

            class CaseDecided(Consumed, type="offices.case-decided.v1"): ...

            CaseDecided.told_by("permits")  # reads permits.case-decided.v1

        Args:
            name: what that publisher calls it, `decision-taken.v1`, where it has another name there.
        """
        own = cls.event_type.partition(".")[2]
        told = new_class(cls.__name__, (cls,), {"type": f"{publisher}.{name or own}"})
        told.__doc__, told.__module__ = cls.__doc__, cls.__module__
        return cast("type[Self]", told)

    @cached_property
    def meta(self) -> EventMeta:
        """The envelope that this event came in."""
        raise ValueError(f"{type(self).__name__} was made by hand and has no envelope")

    @classmethod
    def from_record(cls, value: bytes, meta: EventMeta) -> Self:
        """Parse a record's value.

        Raises:
            pydantic.ValidationError: the value does not have the fields that this service needs.
        """
        event = cls.model_validate_json(value)
        # Where a cached property keeps its value: a private attribute costs four times as much.
        event.__dict__["meta"] = meta
        return event
