"""How building applications end: a subscriber to the city's events in plain Python, with aiokafka and SQLite.

It shows what every subscriber has to do, in whatever language: nothing in it is of Amtsbus. It can be killed at any moment
and started again.

    KAFKA_BOOTSTRAP_SERVERS=kafka:9092 python subscriber.py permits.db permits.application.events statistics.permits-replay

The second topic is its own: there the owner's operator publishes again what it misses. It need not exist before that.
"""

import asyncio
import json
import logging
import os
import re
import sqlite3
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

log = logging.getLogger("statistics")

GROUP = "statistics.building-permits"  # your own name in front

SCHEMA = """
-- What was handled, by the event's id; and how far each key has come.
CREATE TABLE IF NOT EXISTS handled (event_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS marks (key TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
-- What came too early: an event before it is missing. It waits here, all other keys go on.
CREATE TABLE IF NOT EXISTS waiting (key TEXT, sequence INTEGER, event_id TEXT NOT NULL, type TEXT NOT NULL, value BLOB,
                                    PRIMARY KEY (key, sequence)) WITHOUT ROWID;
-- What claims a place that another event has already: the publisher has to explain.
CREATE TABLE IF NOT EXISTS contradictions (event_id TEXT PRIMARY KEY, key TEXT NOT NULL, sequence INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS applications (application_id TEXT PRIMARY KEY, submitted_on TEXT, ended_on TEXT, outcome TEXT);
CREATE TABLE IF NOT EXISTS approvals (month TEXT PRIMARY KEY, number INTEGER NOT NULL);
"""


class Statistics:
    """The effects of the events, each once and in order per key."""

    def __init__(self, file: str) -> None:
        self.database = sqlite3.connect(file, isolation_level="IMMEDIATE")
        self.database.executescript(SCHEMA)

    def take(self, key: str, sequence: int, event_id: str, event_type: str, value: bytes) -> None:
        """Handle one record, and those that waited for it, in one transaction with the memory of having done so."""
        with self.database:
            if self._one("SELECT 1 FROM handled WHERE event_id = ?", event_id):
                return  # a repeat: normal after every restart, and in every replay
            mark = self._one("SELECT sequence FROM marks WHERE key = ?", key) or 0
            known = self._one("SELECT event_id FROM waiting WHERE key = ? AND sequence = ?", key, sequence)
            if sequence <= mark or known not in (None, event_id):
                self._do("INSERT OR IGNORE INTO contradictions VALUES (?, ?, ?)", event_id, key, sequence)
                return
            self._do("INSERT OR IGNORE INTO waiting VALUES (?, ?, ?, ?, ?)", key, sequence, event_id, event_type, value)
            while following := self._following(key, mark):
                mark += 1
                self.handle(following[1], json.loads(following[2]))
                self._do("INSERT INTO handled VALUES (?)", following[0])
                self._do("DELETE FROM waiting WHERE key = ? AND sequence = ?", key, mark)
                self._do("INSERT OR REPLACE INTO marks VALUES (?, ?)", key, mark)

    def handle(self, event_type: str, event: dict[str, str]) -> None:
        """The effect. A type that nobody here knows has none; unknown fields are not looked at."""
        application = event.get("application_id")
        match event_type:
            case "de.amtsbus.permits.application-submitted.v1":
                self._do(
                    "INSERT INTO applications (application_id, submitted_on) VALUES (?, ?)",
                    application,
                    event["submitted_on"],
                )
            case "de.amtsbus.permits.application-approved.v1":
                self._end(application, "approved", event["decided_on"])
                self._do(
                    "INSERT INTO approvals VALUES (?, 1) ON CONFLICT (month) DO UPDATE SET number = number + 1",
                    event["decided_on"][:7],
                )
            case "de.amtsbus.permits.application-refused.v1":
                self._end(application, "refused", event["decided_on"])
            case "de.amtsbus.permits.application-lapsed.v1":
                self._end(application, "lapsed", event["lapsed_on"])

    def missing(self) -> list[tuple[str, int, int]]:
        """What never came: (key, first sequence, last sequence), as far as a later event shows it."""
        return self.database.execute(
            "SELECT w.key, coalesce(m.sequence, 0) + 1, min(w.sequence) - 1 "
            "FROM waiting w LEFT JOIN marks m USING (key) GROUP BY w.key ORDER BY w.key"
        ).fetchall()

    def _following(self, key: str, mark: int) -> tuple[str, str, bytes] | None:
        found: tuple[str, str, bytes] | None = self.database.execute(
            "SELECT event_id, type, value FROM waiting WHERE key = ? AND sequence = ?", (key, mark + 1)
        ).fetchone()
        return found

    def _end(self, application: str | None, outcome: str, on: str) -> None:
        self._do("UPDATE applications SET outcome = ?, ended_on = ? WHERE application_id = ?", outcome, on, application)

    def _one(self, sql: str, *values: object) -> Any:
        row = self.database.execute(sql, values).fetchone()
        return row[0] if row else None

    def _do(self, sql: str, *values: object) -> None:
        self.database.execute(sql, values)


async def subscribe(statistics: Statistics, *topics: str) -> None:
    """Read for ever; the offset is committed after the effect, never before."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        group_id=os.environ.get("GROUP_PREFIX", "") + GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        metadata_max_age_ms=10_000,  # so soon a topic is found that was created, or lost and created anew
    )
    # By pattern: a consumer of a list of topics waits until all of them exist.
    consumer.subscribe(pattern=f"^({'|'.join(map(re.escape, topics))})$")
    await consumer.start()
    told: set[tuple[str, int, int]] = set()
    try:
        while True:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    headers = {name: value.decode() for name, value in record.headers}
                    statistics.take(
                        record.key.decode(),
                        int(headers["ce_sequence"]),
                        headers["ce_id"],
                        headers["ce_type"],
                        record.value,
                    )
            try:
                await consumer.commit()
            except KafkaError as error:  # a rebalance came between: what was not committed comes again, as a repeat
                log.warning("offsets not committed: %s", type(error).__name__)
            missing = set(statistics.missing())
            for key, first, last in missing - told:
                log.error("missing: %s, sequences %d to %d; ask the owner of the topic for a replay", key, first, last)
            told = missing
    finally:
        await consumer.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(subscribe(Statistics(sys.argv[1]), *sys.argv[2:]))
