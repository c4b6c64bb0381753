"""The queries that run all the time find their rows by an index."""

from datetime import timedelta

from amtsbus.clock import FixedClock
from amtsbus.ids import new_id
from amtsbus.postgres import Database
from notifications import store

_MANY = """
WITH persons AS (
    INSERT INTO addressees (person_id) SELECT gen_random_uuid() FROM generate_series(1, 500) RETURNING person_id
), told AS (
    INSERT INTO messages (message_id, person_id, kind, caused_by, case_id, facts, state, created_at)
    SELECT gen_random_uuid(), person_id, 'permits.fee-noticed', gen_random_uuid(), person_id, '{}', 'available', now()
    FROM persons, generate_series(1, 10) RETURNING message_id, person_id, position
), written AS (
    INSERT INTO letters SELECT message_id, 'de', 's', 'b', '{}', now(), NULL FROM told
)
INSERT INTO emails (message_id, position, person_id, state, next_attempt_at, sent_at)
SELECT message_id, position, person_id, CASE WHEN position % 100 = 0 THEN 'queued' ELSE 'sent' END, now(),
       CASE WHEN position % 100 = 0 THEN NULL ELSE now() END
FROM told
"""


async def test_the_inbox_and_the_claim_do_not_read_whole_tables(database: Database, clock: FixedClock) -> None:
    await database.pool.execute(_MANY)
    tables = ("messages", "letters", "emails")
    person = await database.pool.fetchval("SELECT person_id FROM messages LIMIT 1")
    async with database.transaction() as tx:
        await tx.execute("SET LOCAL enable_sort = off")
        inbox = await tx.fetch(f"EXPLAIN {store.INBOX}", person, None, 26)
        claim = await tx.fetch(f"EXPLAIN {store.CLAIM}", new_id(), timedelta(minutes=5), clock.now(), 20)
    for plan in (inbox, claim):
        text = "\n".join(row[0] for row in plan)
        assert not any(f"Seq Scan on {table}" in text for table in tables), text
