-- The journal, the inbox and the parked events of one service. Schema `amtsbus`; a service's own tables live in `public`.

CREATE TABLE amtsbus.events (
    position     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id     uuid        NOT NULL UNIQUE,
    topic        text        NOT NULL,
    stream_id    uuid        NOT NULL,
    sequence     integer     NOT NULL CHECK (sequence > 0),
    type         text        NOT NULL,
    data         text        NOT NULL, -- JSON text as it goes out; jsonb would reorder it and cost a parse
    traceparent  text,
    occurred_at  timestamptz NOT NULL,
    appended_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at timestamptz,
    UNIQUE (topic, stream_id, sequence)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02);

CREATE INDEX events_unpublished ON amtsbus.events (position) WHERE published_at IS NULL;
CREATE INDEX events_occurred ON amtsbus.events (occurred_at);

CREATE FUNCTION amtsbus.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;

-- The trigger names every column but published_at: marking a row costs nothing, changing a fact is impossible.
CREATE TRIGGER events_never_change
    BEFORE UPDATE OF position, event_id, topic, stream_id, sequence, type, data, traceparent, occurred_at, appended_at
    ON amtsbus.events FOR EACH ROW EXECUTE FUNCTION amtsbus.refuse_change();
CREATE TRIGGER events_never_leave BEFORE DELETE ON amtsbus.events FOR EACH ROW EXECUTE FUNCTION amtsbus.refuse_change();
CREATE TRIGGER events_never_emptied BEFORE TRUNCATE ON amtsbus.events EXECUTE FUNCTION amtsbus.refuse_change();

CREATE TABLE amtsbus.inbox (
    consumer   text        NOT NULL,
    event_id   uuid        NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_handled ON amtsbus.inbox USING brin (handled_at);

-- The highest sequence handled per stream; never cleaned up, so that a replay after the inbox's clean-up has no effect.
CREATE TABLE amtsbus.high_water_marks (
    consumer    text        NOT NULL,
    topic       text        NOT NULL,
    stream_id   uuid        NOT NULL,
    sequence    integer     NOT NULL,
    event_id    uuid        NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (consumer, topic, stream_id)
) WITH (fillfactor = 80);

-- Sequences that a reader never saw: they heal when the missing event arrives after all (a replay).
CREATE TABLE amtsbus.gaps (
    consumer  text        NOT NULL,
    topic     text        NOT NULL,
    stream_id uuid        NOT NULL,
    sequence  integer     NOT NULL,
    seen_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, topic, stream_id, sequence)
);

CREATE TABLE amtsbus.parked_keys (
    consumer           text        NOT NULL,
    topic              text        NOT NULL,
    key                bytea       NOT NULL,
    parked_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    retry_requested_at timestamptz,
    retry_requested_by text,
    PRIMARY KEY (consumer, topic, key)
);

CREATE TABLE amtsbus.dead_letters (
    dead_letter_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer         text        NOT NULL,
    topic            text        NOT NULL,
    partition        integer     NOT NULL,
    record_offset    bigint      NOT NULL,
    record_timestamp bigint      NOT NULL,
    key              bytea       NOT NULL,
    headers          jsonb       NOT NULL, -- [[name, base64 value], …]: raw, in order, repeated names kept
    value            bytea,
    event_id         uuid,
    event_type       text,
    reason           text        NOT NULL,
    traceback        text,
    failed           boolean     NOT NULL, -- false: parked only because an earlier event of its key failed
    attempts         integer     NOT NULL DEFAULT 1,
    parked_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    state            text        NOT NULL DEFAULT 'parked' CHECK (state IN ('parked', 'handled', 'skipped')),
    resolved_at      timestamptz,
    resolved_by      text,
    resolved_why     text,
    UNIQUE (consumer, topic, partition, record_offset, record_timestamp),
    CHECK ((state = 'parked') = (resolved_at IS NULL)),
    CHECK (state <> 'skipped' OR (resolved_by IS NOT NULL AND resolved_why IS NOT NULL))
);
CREATE INDEX dead_letters_parked ON amtsbus.dead_letters (consumer, topic, key, dead_letter_id) WHERE state = 'parked';

CREATE TABLE amtsbus.idempotency_keys (
    caller          text        NOT NULL,
    idempotency_key text        NOT NULL,
    request_hash    bytea       NOT NULL,
    status          integer     NOT NULL,
    headers         jsonb       NOT NULL,
    body            bytea       NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (caller, idempotency_key)
);
CREATE INDEX idempotency_keys_created ON amtsbus.idempotency_keys USING brin (created_at);
