"""Databases of real services that have been at work for two years, filled by SQL.

The building authority has as many cases as asked for, one in twenty still open, and everything that grows with them: the
files, the journal (in monthly partitions) with its streams' heads, stored answers, and an inbox with marks as a reading
service has them. The register has as many persons, each with a home. Ids are as in real life: those made later sort later.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
from amtsbus import migrate
from amtsbus.service import Service
from amtsbus.settings import Settings

YEARS = 2
TOPIC = "permits.application.events"

_MONTHS = f"""
SELECT amtsbus.add_journal_month(month::date) FROM generate_series(
    date_trunc('month', now() AT TIME ZONE 'UTC') - interval '{YEARS} years', date_trunc('month', now() AT TIME ZONE 'UTC'),
    interval '1 month') AS month
"""

_CASES = f"""
CREATE UNLOGGED TABLE filling AS
SELECT n, now() - age AS at, uuidv7(-age) AS case_id, uuidv7(-age) AS applicant_id, n % 20 = 0 AS open
FROM (SELECT n, ($1 - n) * (interval '{YEARS} years' / $1) AS age FROM generate_series(1, $1) AS n) AS timed
"""

# Statements of one list run one after the other, the lists side by side.
_PERMITS: tuple[tuple[str, ...], ...] = (
    (
        """
        INSERT INTO amtsbus.cases (case_id, procedure_key, reference, state, version, applicant_id, subject_ids, opened_at,
                                   closed_at, assignee, due_on)
        SELECT case_id, 'building-permit', 'BA-' || to_char(at, 'YYYY') || '-' || lpad(n::text, 7, '0'),
               CASE WHEN open THEN (ARRAY['submitted', 'complete', 'consulting', 'deciding'])[n / 20 % 4 + 1]
                    ELSE (ARRAY['approved', 'approved', 'refused', 'withdrawn'])[n % 4 + 1] END,
               4, applicant_id, '{}', at, CASE WHEN NOT open THEN at + interval '60 days' END, 'clerk-' || n / 20 % 40,
               CASE WHEN open THEN current_date + n / 20 % 90 ELSE 'infinity' END
        FROM filling
        """,
        "SELECT setval('amtsbus.case_numbers', $1 + 1)",
        """
        INSERT INTO applications
        SELECT case_id, 'new-building', 'A house for one family with a garage and a garden, number ' || n || repeat('.', 60),
               20000000 + n % 10000 * 1000, 'Wiesdorf', (n % 40)::text, n || '/' || n % 9, 'Hauptstraße', (n % 200 + 1)::text,
               '51373', 'Leverkusen'
        FROM filling
        """,
        """
        INSERT INTO documents SELECT case_id, 'site-plan', sha256(case_id::text::bytea), 'site-plan.pdf', 482133, at
        FROM filling
        """,
        """
        INSERT INTO amtsbus.case_periods (case_id, nth, kind, starts_on, unit, count, ends_on, due_on, land,
                                          warn_days_before, ended_at)
        SELECT case_id, 1, 'completeness', at::date, 'working-days', 10, at::date + 14,
               greatest(at::date + 14, current_date + 30), 'NW', 3, CASE WHEN NOT open THEN at + interval '9 days' END
        FROM filling
        """,
        """
        INSERT INTO amtsbus.case_history (case_id, version, nth, who, at, what, state)
        SELECT case_id, version, 1, 'clerk-' || n % 40, at + version * interval '10 days',
               CASE version WHEN 1 THEN 'opened' ELSE 'declare-complete' END,
               CASE version WHEN 1 THEN 'submitted' ELSE 'complete' END
        FROM filling, generate_series(1, 2) AS version
        """,
        """
        INSERT INTO rulings SELECT case_id, 'approve', '{}', '{}', at::date + 60, at::date + 1155, at::date + 90
        FROM filling WHERE NOT open AND n % 4 < 2
        """,
    ),
    (
        f"""
        INSERT INTO amtsbus.events (position, event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at,
                                    appended_at)
        SELECT nextval('amtsbus.event_positions'), CASE sequence WHEN 1 THEN case_id ELSE applicant_id END, '{TOPIC}',
               case_id, sequence,
               (ARRAY['permits.application-submitted.v1', 'permits.application-complete.v1'])[sequence],
               '{{"application_id":"' || case_id || '","applicant_id":"' || applicant_id || '","kind":"new-building",'
               '"reference":"BA-2026-' || n || '","submitted_at":"2026-03-02T09:00:00Z","completeness_due_on":"2026-03-16"}}',
               '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', at, at
        FROM filling, generate_series(1, 2) AS sequence
        """,
        f"INSERT INTO amtsbus.streams SELECT '{TOPIC}', case_id, 2 FROM filling",
        """
        INSERT INTO amtsbus.idempotency_keys
        SELECT 'citizen-' || applicant_id, case_id::text, sha256(case_id::text::bytea), 201,
               '[["location", "/v1/applications"]]', ('{{"application_id":"' || case_id || '","state":"submitted"}')::bytea, at
        FROM filling
        """,
        """
        INSERT INTO amtsbus.inbox SELECT 'delivery.parcels', case_id, at FROM filling
        """,
        """
        INSERT INTO amtsbus.high_water_marks
        SELECT 'delivery.parcels', 'posting.parcel.events', case_id, 1, case_id, at FROM filling
        """,
    ),
)

# Names of syllables: 1,721 given names and 20,731 family names (primes, so that whole names are rare).
_SYLLABLES = "ARRAY['ba', 'ri', 'lo', 'mun', 'ter', 'ka', 'si', 'del', 'wi', 'gor', 'nat', 'hel']"
_NAME = f"({_SYLLABLES})[{{0}} % 12 + 1] || ({_SYLLABLES})[{{0}} / 12 % 12 + 1] || ({_SYLLABLES})[{{0}} / 144 % 12 + 1]"
GIVEN = f"({_NAME.format('(n * 7919 % 1721)::integer')})"
FAMILY = f"({_NAME.format('(n * 104729 % 20731)::integer')} || ({_SYLLABLES})[(n * 104729 % 20731)::integer / 1728 % 12 + 1])"

_REGISTRATION: tuple[tuple[str, ...], ...] = (
    (
        "INSERT INTO persons SELECT person_id, 1, at FROM filling",
        f"""
        INSERT INTO person_entries (entry_id, person_id, given_names, family_name, date_of_birth, language, search_key,
                                    valid_from, recorded_at, recorded_by, reason)
        SELECT person_id, person_id, initcap({GIVEN}), initcap({FAMILY}), date '1940-01-01' + (n * 31 % 29000)::integer,
               'de', {GIVEN} || ' ' || {FAMILY}, at::date, at, 'clerk', 'registered'
        FROM filling
        """,
    ),
    (
        "INSERT INTO households SELECT person_id, at::date FROM filling",
        """
        INSERT INTO residences (residence_id, person_id, household_id, kind, street, house_number, postal_code, locality, country,
                                moved_in_on, recorded_at, recorded_by, reason)
        SELECT person_id, person_id, person_id, 'main', 'Hauptstraße', (n % 200)::text, '51373', 'Leverkusen', 'DE',
               at::date, at, 'clerk', 'registered'
        FROM filling
        """,
    ),
)

_OFFICE: tuple[tuple[str, ...], ...] = (
    (
        """
        INSERT INTO amtsbus.cases (case_id, procedure_key, reference, state, version, applicant_id, subject_ids, opened_at,
                                   closed_at, assignee, due_on, proposed_action, proposed_by, proposed_at)
        SELECT case_id, procedure, reference,
               CASE WHEN open THEN (ARRAY['received', 'received', 'documents-requested', 'hearing'])[n / 20 % 4 + 1]
                    ELSE (ARRAY['granted', 'granted', 'refused', 'withdrawn'])[n % 4 + 1] END,
               4, applicant_id, '{}', at, CASE WHEN NOT open THEN at + interval '60 days' END,
               CASE WHEN n % 3 > 0 THEN 'clerk-' || n / 20 % 40 END,
               CASE WHEN open THEN current_date - 10 + (n / 20 % 90)::int ELSE 'infinity' END,
               CASE WHEN proposed THEN 'grant' END, CASE WHEN proposed THEN 'clerk-' || n / 20 % 40 END,
               CASE WHEN proposed THEN at END
        FROM named
        """,
        f"""
        INSERT INTO applications
        SELECT case_id, procedure, 1, 'de', initcap({GIVEN}) || ' ' || initcap({FAMILY}), NULL, 'basic',
               '{{"dog_name": "Demo-Rex"}}', at, at,
               {GIVEN} || ' ' || {FAMILY} || ' ' || lower(reference) || ' ' || lpad(n::text, 7, '0')
        FROM named
        """,
        """
        INSERT INTO amtsbus.case_periods (case_id, nth, kind, starts_on, unit, count, ends_on, due_on, land,
                                          warn_days_before, ended_at)
        SELECT case_id, 1, 'decision', at::date, 'months', 3, at::date + 90, greatest(at::date + 90, current_date + 30), 'NW', 7,
               CASE WHEN NOT open THEN at + interval '60 days' END
        FROM named
        """,
        """
        INSERT INTO amtsbus.case_history (case_id, version, nth, who, at, what, state)
        SELECT case_id, 1, 1, 'system', at, 'opened', 'received' FROM named
        """,
    ),
)
"""One in twenty cases is open, one in two hundred waits for a second person, a third belongs to nobody yet."""

_PERSONS = f"""
CREATE UNLOGGED TABLE filling AS
SELECT n::bigint AS n, now() - age AS at, uuidv7(-age) AS person_id
FROM (SELECT n, ($1 - n) * (interval '{YEARS} years' / $1) AS age FROM generate_series(1, $1) AS n) AS timed
"""

# What an index costs row by row it costs at a tenth in one go. Primary keys stay: rows come in their order.
_SECONDARY = """
SELECT i.indexrelid::regclass::text AS index, i.indrelid::regclass::text AS table, c.conname AS constraint,
       pg_get_constraintdef(c.oid) AS constraint_definition, pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('u', 'x')
WHERE t.relnamespace IN ('public'::regnamespace, 'amtsbus'::regnamespace, 'amtsbus_journal'::regnamespace)
  AND t.relkind = 'r' AND NOT i.indisprimary
  AND NOT (SELECT relispartition FROM pg_class WHERE oid = i.indexrelid)
"""


async def fill_permits(url: str, service: Service, settings: Settings, cases: int) -> None:
    """An authority with so many cases."""
    await migrate.migrate(settings, service.migrations)
    await _execute(url, _MONTHS)
    await _execute(url, _literally(_CASES, cases))
    await _fill(url, _PERMITS, cases)


async def fill_office(url: str, procedures: Sequence[str], cases: int) -> None:
    """An office that is migrated and has published `procedures`, with so many cases."""
    await _execute(url, _MONTHS, _literally(_CASES, cases))
    keys = ", ".join(f"'{key}'" for key in procedures)
    named = f"""
        CREATE UNLOGGED TABLE named AS
        SELECT n::bigint AS n, at, case_id, applicant_id, open, open AND n % 200 = 0 AS proposed,
               (ARRAY[{keys}])[n % {len(procedures)} + 1] AS procedure,
               'FALL-' || to_char(at, 'YYYY') || '-' || lpad(n::text, 7, '0') AS reference
        FROM filling
    """
    await _execute(url, named)
    await _fill(url, _OFFICE, cases)
    await _execute(url, "DROP TABLE named", "ANALYZE")


async def fill_register(url: str, service: Service, settings: Settings, persons: int) -> None:
    """A register with so many persons."""
    await migrate.migrate(settings, service.migrations)
    await _execute(url, _literally(_PERSONS, persons))
    await _fill(url, _REGISTRATION, persons)


async def _fill(url: str, lists: tuple[tuple[str, ...], ...], rows: int) -> None:
    connection = await asyncpg.connect(url)
    secondary = await connection.fetch(_SECONDARY)
    for index in secondary:
        if index["constraint"]:
            await connection.execute(f'ALTER TABLE {index["table"]} DROP CONSTRAINT "{index["constraint"]}"')
        else:
            await connection.execute(f"DROP INDEX {index['index']}")
    await asyncio.gather(*(_execute(url, *(_literally(statement, rows) for statement in each)) for each in lists))
    await connection.execute("DROP TABLE filling")
    again = [
        f'ALTER TABLE {index["table"]} ADD CONSTRAINT "{index["constraint"]}" {index["constraint_definition"]}'
        if index["constraint"]
        else index["definition"]
        for index in secondary
    ]
    await asyncio.gather(_execute(url, *again[::2]), _execute(url, *again[1::2]))
    await connection.execute("VACUUM (ANALYZE)")
    await connection.close()


def _literally(statement: str, rows: int) -> str:
    return statement.replace("$1", str(rows))


async def _execute(url: str, *statements: str) -> None:
    """Without triggers: what they refuse or check is none of a filling's concern."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(
        url,
        server_settings={
            "session_replication_role": "replica",
            "maintenance_work_mem": "256MB",
            "synchronize_seqscans": "off",  # rows go in in their order
        },
    )
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
