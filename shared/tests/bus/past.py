"""Events of former months: appended by the owner of the tables, since nobody else can choose when something was appended."""

from datetime import datetime
from uuid import UUID

import asyncpg
from amtsbus.events import Published
from amtsbus.ids import new_id

from .lending import BookLentV1, BookReturnedV1


class Past:
    """Writes into a service's journal as it went on in former months."""

    def __init__(self, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.owner = owner

    @classmethod
    async def of(cls, owner_url: str) -> "Past":
        return cls(await asyncpg.connect(owner_url, server_settings={"timezone": "UTC"}))

    async def append(self, at: datetime, loan_id: UUID, title: str | None = None, *, published: bool = True) -> int:
        """A loan (with a title) or a return at that time; returns its position."""
        event = BookLentV1(loan_id=loan_id, title=title) if title else BookReturnedV1(loan_id=loan_id)
        return await self.append_event(at, loan_id, event, published=published)

    async def append_event(self, at: datetime, stream_id: UUID, event: Published, *, published: bool = True) -> int:
        """Any event at that time, as the next one of its stream; returns its position."""
        await self.owner.execute("SELECT amtsbus.add_journal_month(date_trunc('month', $1::timestamptz)::date)", at)
        async with self.owner.transaction():
            sequence = await self.owner.fetchval(
                "INSERT INTO amtsbus.streams AS s VALUES ($1, $2, 1) "
                "ON CONFLICT (stream_id, topic) DO UPDATE SET sequence = s.sequence + 1 RETURNING sequence",
                event.topic,
                stream_id,
            )
            position: int = await self.owner.fetchval(
                "INSERT INTO amtsbus.events "
                "(position, event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at, appended_at) "
                "VALUES (nextval('amtsbus.event_positions'), $1, $2, $3, $4, $5, $6, NULL, $7, $7) RETURNING position",
                new_id(),
                event.topic,
                stream_id,
                sequence,
                event.event_type,
                event.model_dump_json(),
                at,
            )
            if not published:
                await self.owner.execute(
                    "INSERT INTO amtsbus.unpublished VALUES ($1, $2, $3, $4)", position, at, event.topic, stream_id
                )
        return position
