"""Declaring what a service reads: one `Reader` per topic, one handler per event type.

::

    permit_applications = Reader("permits.application.events", group="notifications.permit-applications")

    @permit_applications(ApplicationSubmitted)
    async def on_application_submitted(event: ApplicationSubmitted, tx: Tx) -> None:
        await send_receipt(event, tx)

A handler touches nothing but `tx`: a side effect outside the database is a row that a sender claims. How records are
fetched, made effective once, retried and parked is the business of `amtsbus.consumption`; the handler sees none of it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from amtsbus.events import Consumed
from amtsbus.postgres import Tx

Event = TypeVar("Event", bound=Consumed)
Handler = Callable[[Any, Tx], Awaitable[None]]


@dataclass(frozen=True)
class Subscription:
    """One event type that a reader handles."""

    model: type[Consumed]
    handler: Handler


@dataclass
class Reader:
    """Reads `topic` as the consumer group `group`.

    In a `compacted` topic only the latest event of a key stays, so missing sequences are normal there.
    """

    topic: str
    group: str
    compacted: bool = False
    handlers: dict[str, Subscription] = field(default_factory=dict)

    @property
    def remembers_gaps(self) -> bool:
        """Whether a sequence that never came is a loss, to be noted and mended."""
        return not self.compacted

    def __call__(
        self, model: type[Event]
    ) -> Callable[[Callable[[Event, Tx], Awaitable[None]]], Callable[[Event, Tx], Awaitable[None]]]:
        """Declare the handler of one event type.

        Raises:
            ValueError: the type has a handler already.
        """

        def declare(
            handler: Callable[[Event, Tx], Awaitable[None]],
        ) -> Callable[[Event, Tx], Awaitable[None]]:
            if model.event_type in self.handlers:
                raise ValueError(f"{self.group} already handles {model.event_type}")
            self.handlers[model.event_type] = Subscription(model, handler)
            return handler

        return declare
