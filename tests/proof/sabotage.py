"""Breaks a promise of the chassis on purpose, in the process of one service, so that the campaign can show that it sees it.

    python -m tests.proof.sabotage KIND -- worker permits

runs `amtsbus worker permits` with one function replaced. The product knows nothing of it.

| KIND | what is broken |
|---|---|
| `inbox` | every event counts as new, however often it comes |
| `mark` | the relay forgets what is unpublished before it publishes it |
| `offset` | offsets are committed before the effects |
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from aiokafka import TopicPartition
from amtsbus import inbox
from amtsbus.cli import run
from amtsbus.consumption import Consumption
from amtsbus.events import EventMeta
from amtsbus.inbox import Entry, Judgement, Mark, Verdict
from amtsbus.kafka import Record
from amtsbus.relay import Relay

from tests.proof.witness.service import install


def without_inbox() -> None:
    """Every event counts as new."""
    enter = inbox.enter

    async def all_are_fresh(
        tx: Any, consumer: str, topic: str, events: Sequence[tuple[EventMeta, bytes]], **options: Any
    ) -> Entry:
        entry = await enter(tx, consumer, topic, events, **options)
        fresh: set[UUID] = {meta.id for meta, _ in events}
        return Entry(entry.parked, fresh, entry.marks)

    def all_are_new(meta: EventMeta, **_: Any) -> Judgement:
        return Judgement(Verdict.NEW, mark=Mark(meta.sequence, meta.id, meta.time))

    inbox.enter = all_are_fresh
    inbox.judge = all_are_new


def mark_before_publish() -> None:
    """What the relay has read is forgotten in a statement of its own, and published after it."""
    read = Relay._unpublished

    async def read_and_forget(relay: Relay, connection: Any) -> Any:
        rows = await read(relay, connection)
        await connection.execute(
            "DELETE FROM amtsbus.unpublished WHERE position = ANY($1::bigint[])", [row["position"] for row in rows]
        )
        return rows

    Relay._unpublished = read_and_forget  # type: ignore[assignment, method-assign]


def offset_before_effect() -> None:
    """Offsets are committed when a batch has arrived, and its effects come after that."""
    handle = Consumption.handle

    async def commit_and_handle(consumption: Consumption, records: Sequence[Record]) -> None:
        last = records[-1]
        consumption.effective(TopicPartition(last.topic, last.partition), last.offset + 1)
        await consumption._commit()
        await handle(consumption, records)

    Consumption.handle = commit_and_handle  # type: ignore[assignment, method-assign]


SABOTAGES: dict[str, Callable[[], None]] = {
    "inbox": without_inbox,
    "mark": mark_before_publish,
    "offset": offset_before_effect,
}


def main(arguments: Sequence[str]) -> int:
    """Sabotage this process, then be `amtsbus …`."""
    kind, separator, *command = arguments
    if separator != "--":
        raise SystemExit(f"usage: python -m tests.proof.sabotage {'|'.join(SABOTAGES)} -- COMMAND…")
    install()
    SABOTAGES[kind]()
    return run(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
