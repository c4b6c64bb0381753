CREATE TABLE notices (
    notice_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id    uuid        NOT NULL,
    what       text        NOT NULL,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE mended (at timestamptz NOT NULL DEFAULT now());
