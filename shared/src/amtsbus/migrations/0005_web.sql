-- Sessions of browsers: who is logged in, and what has to be remembered of somebody who is not (yet). The cookie holds a random
-- token, and only its hash lies here. Sessions live by the real time, as tokens do, never by the service's own clock.

CREATE TABLE amtsbus.web_sessions (
    web_session_id bytea       PRIMARY KEY CHECK (octet_length(web_session_id) = 32),
    visitor_id     uuid        NOT NULL,
    form_secret    bytea       NOT NULL CHECK (octet_length(form_secret) = 32),
    subject        text        CHECK (subject <> ''),
    person_id      uuid,
    name           text,
    given_name     text,
    family_name    text,
    email          text,
    address        jsonb,
    roles          text[]      NOT NULL DEFAULT '{}',
    department     text,
    identification text        NOT NULL DEFAULT 'none'
                               CHECK (identification IN ('none', 'basic', 'substantial', 'high')),
    language       text,
    id_token       text,
    data           jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(data) = 'object'),
    created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    idle_until     timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL,
    CHECK (subject IS NOT NULL OR (person_id IS NULL AND roles = '{}' AND identification = 'none'))
);

CREATE INDEX web_sessions_idle ON amtsbus.web_sessions (idle_until);
CREATE INDEX web_sessions_subject ON amtsbus.web_sessions (subject) WHERE subject IS NOT NULL;

COMMENT ON COLUMN amtsbus.web_sessions.web_session_id IS 'SHA-256 of the token in the cookie';
COMMENT ON COLUMN amtsbus.web_sessions.visitor_id IS 'stays the same when an anonymous visitor logs in; names no person';
COMMENT ON COLUMN amtsbus.web_sessions.data IS 'what pages remember, by key';
