-- One row for each time that a handler was called and its transaction committed. Nothing here keeps a second one out.
CREATE TABLE effects (
    effect_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic     text        NOT NULL,
    stream_id uuid        NOT NULL,
    sequence  integer     NOT NULL,
    event_id  uuid        NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
