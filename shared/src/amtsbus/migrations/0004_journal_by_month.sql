-- The journal in monthly partitions, the heads of its streams, and the list of what is still to be published.
--
-- A row of the journal never changes any more, not even by a mark: what the relay has still to publish is a row of
-- `unpublished`. The head of a stream stays when the months in which its events lie go to the archive.

CREATE SCHEMA amtsbus_journal; -- the months; the role that a service runs as cannot reach them past amtsbus.events

ALTER TABLE amtsbus.events RENAME TO events_before;

CREATE SEQUENCE amtsbus.event_positions;

-- A process of the version before still runs while this is applied. It appends without a position, which no relay would
-- ever find: it gets an error that it takes for a passing one (503, a retry) until it is replaced.
CREATE FUNCTION amtsbus.refuse_version_before() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'this process is older than its database: replace it' USING ERRCODE = 'query_canceled';
END $$;

CREATE TABLE amtsbus.events (
    position    bigint      NOT NULL DEFAULT amtsbus.refuse_version_before(), -- of amtsbus.event_positions
    event_id    uuid        NOT NULL,
    topic       text        NOT NULL,
    stream_id   uuid        NOT NULL,
    sequence    integer     NOT NULL CHECK (sequence > 0),
    type        text        NOT NULL,
    data        text        NOT NULL, -- JSON text as it goes out; jsonb would reorder it and cost a parse
    traceparent text,
    occurred_at timestamptz NOT NULL,
    appended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT events_by_position PRIMARY KEY (position, appended_at)
) PARTITION BY RANGE (appended_at);

CREATE INDEX events_by_occurrence ON amtsbus.events USING brin (occurred_at);

CREATE TRIGGER events_never_change BEFORE UPDATE OR DELETE ON amtsbus.events
    FOR EACH ROW EXECUTE FUNCTION amtsbus.refuse_change();
CREATE TRIGGER events_never_emptied BEFORE TRUNCATE ON amtsbus.events EXECUTE FUNCTION amtsbus.refuse_change();

-- One month of the journal. Each month keeps its streams' sequences unique by itself; across months `streams` does.
CREATE FUNCTION amtsbus.add_journal_month(first_day date) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog SET timezone = 'UTC' AS $$
DECLARE
    month text := 'events_' || to_char(first_day, 'YYYY_MM');
BEGIN
    IF to_regclass('amtsbus_journal.' || month) IS NOT NULL THEN
        RETURN;
    END IF;
    -- Made aside and then attached, so that nobody who appends meanwhile has to wait.
    EXECUTE format('CREATE TABLE amtsbus_journal.%I (LIKE amtsbus.events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', month);
    EXECUTE format('ALTER TABLE amtsbus_journal.%I ADD UNIQUE (topic, stream_id, sequence)', month);
    EXECUTE format('CREATE TRIGGER events_never_emptied BEFORE TRUNCATE ON amtsbus_journal.%I '
                   'EXECUTE FUNCTION amtsbus.refuse_change()', month);
    EXECUTE format('ALTER TABLE amtsbus.events ATTACH PARTITION amtsbus_journal.%I FOR VALUES FROM (%L) TO (%L)', month,
                   first_day::timestamp AT TIME ZONE 'UTC', (first_day + interval '1 month') AT TIME ZONE 'UTC');
END $$;

-- The months from this one on. A service may call it, since it must go on where nobody has migrated it for a long time.
CREATE FUNCTION amtsbus.prepare_journal(months_ahead integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    this_month date := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')::date;
BEGIN
    IF months_ahead NOT BETWEEN 0 AND 60 THEN
        RAISE EXCEPTION 'months_ahead is 0 to 60' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (
        SELECT FROM generate_series(0, months_ahead) AS n
        WHERE to_regclass('amtsbus_journal.events_' || to_char(this_month + n * interval '1 month', 'YYYY_MM')) IS NULL
    ) THEN
        PERFORM pg_advisory_xact_lock(1835824244); -- "mont": two that prepare at once
        FOR n IN 0 .. months_ahead LOOP
            PERFORM amtsbus.add_journal_month((this_month + n * interval '1 month')::date);
        END LOOP;
    END IF;
END $$;
REVOKE ALL ON FUNCTION amtsbus.prepare_journal(integer), amtsbus.add_journal_month(date) FROM PUBLIC;

CREATE TABLE amtsbus.streams (
    topic     text    NOT NULL,
    stream_id uuid    NOT NULL,
    sequence  integer NOT NULL CHECK (sequence > 0),
    PRIMARY KEY (stream_id, topic)
) WITH (fillfactor = 80);

CREATE TABLE amtsbus.unpublished (
    position    bigint      PRIMARY KEY,
    appended_at timestamptz NOT NULL, -- in which month the event lies
    topic       text        NOT NULL,
    stream_id   uuid        NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Months that have left for the archive; written by the owner of the tables in the transaction in which a month leaves.
CREATE TABLE amtsbus.archived_months (
    month          date        PRIMARY KEY CHECK (extract(day FROM month) = 1),
    events         bigint      NOT NULL CHECK (events >= 0),
    first_position bigint,
    last_position  bigint,
    sha256         text        NOT NULL, -- of the archive file's content, see amtsbus.retention
    archived_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

SELECT amtsbus.add_journal_month(month::date)
FROM generate_series(
    (SELECT date_trunc('month', coalesce(min(appended_at), clock_timestamp()) AT TIME ZONE 'UTC') FROM amtsbus.events_before),
    date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC'), interval '1 month'
) AS month;
SELECT amtsbus.prepare_journal(12);

INSERT INTO amtsbus.events (position, event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at, appended_at)
SELECT position, event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at, appended_at
FROM amtsbus.events_before ORDER BY position;
INSERT INTO amtsbus.streams (topic, stream_id, sequence)
SELECT topic, stream_id, max(sequence) FROM amtsbus.events_before GROUP BY topic, stream_id;
INSERT INTO amtsbus.unpublished (position, appended_at, topic, stream_id)
SELECT position, appended_at, topic, stream_id FROM amtsbus.events_before WHERE published_at IS NULL;
SELECT setval('amtsbus.event_positions', (SELECT coalesce(max(position), 0) + 1 FROM amtsbus.events_before), false);

DROP TABLE amtsbus.events_before;
