-- Addressees, messages, letters and e-mails. A message is what somebody is to be told; its letter is the text, written
-- once; its e-mail only says that something waits in the inbox.

CREATE TABLE addressees (
    person_id          uuid        PRIMARY KEY,
    given_names        text,
    family_name        text,
    registry_language  text,
    address            jsonb,      -- null after told_at: not known any more
    disclosure_blocked boolean     NOT NULL DEFAULT false,
    told_at            timestamptz, -- when the register last told us who this is; null: never yet, so letters wait
    preferred_language text        CHECK (preferred_language IN ('de', 'en')),
    email              text,
    email_notice       boolean     NOT NULL DEFAULT true,
    email_bounced_at   timestamptz,
    CHECK (told_at IS NOT NULL OR address IS NULL),
    CHECK (told_at IS NULL OR (given_names IS NOT NULL AND family_name IS NOT NULL AND registry_language IS NOT NULL)),
    CHECK (email_bounced_at IS NULL OR email IS NOT NULL)
);

CREATE TABLE messages (
    message_id  uuid        PRIMARY KEY,
    position    bigint      GENERATED ALWAYS AS IDENTITY UNIQUE, -- the order in which a person is told
    person_id   uuid        NOT NULL REFERENCES addressees,
    kind        text        NOT NULL,
    caused_by   uuid        NOT NULL, -- the event
    case_id     uuid        NOT NULL, -- the event's subject
    facts       jsonb       NOT NULL, -- what the event said: ids, dates, codes
    state       text        NOT NULL CHECK (state IN ('waiting-for-address', 'available', 'read')),
    created_at  timestamptz NOT NULL,
    address_as_of timestamptz, -- not to an address that the register told us before this
    read_at     timestamptz,
    UNIQUE (caused_by, person_id, kind), -- one message per event, person and kind, whatever happens
    CHECK ((state = 'read') = (read_at IS NOT NULL))
);
CREATE INDEX messages_of_person ON messages (person_id, position);
CREATE INDEX messages_waiting ON messages (person_id, position) WHERE state = 'waiting-for-address';

CREATE TABLE letters (
    message_id          uuid        PRIMARY KEY REFERENCES messages,
    language            text        NOT NULL CHECK (language IN ('de', 'en')),
    subject             text        NOT NULL,
    body                text        NOT NULL,
    postal_address      text[]      NOT NULL, -- the lines on the envelope; empty where no address was known any more
    available_at        timestamptz NOT NULL,
    deemed_delivered_on date        -- of a decision: VwVfG § 41 (2), OZG § 9
);

CREATE FUNCTION refuse_change_of_letter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a letter is written once: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER letters_never_change BEFORE UPDATE OR DELETE ON letters
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_letter();
CREATE TRIGGER letters_never_emptied BEFORE TRUNCATE ON letters EXECUTE FUNCTION refuse_change_of_letter();

-- queued → claimed (a sender has it) → sending (the mail server may have it) → sent, bounced, failed, unknown, or
-- queued again. not-wanted: the person has withdrawn the e-mail address meanwhile.
CREATE TABLE emails (
    message_id      uuid        PRIMARY KEY REFERENCES messages,
    position        bigint      NOT NULL UNIQUE, -- the message's
    person_id       uuid        NOT NULL REFERENCES addressees,
    state           text        NOT NULL CHECK (
        state IN ('queued', 'claimed', 'sending', 'sent', 'bounced', 'failed', 'unknown', 'not-wanted')
    ),
    attempts        integer     NOT NULL DEFAULT 0, -- since it was queued, or queued again by hand
    next_attempt_at timestamptz NOT NULL,
    claim_id        uuid,
    claimed_until   timestamptz, -- by the database's clock: a lease is between processes, the law's clock may be moved
    sent_at         timestamptz,
    CHECK ((state IN ('claimed', 'sending')) = (claimed_until IS NOT NULL)),
    CHECK (state NOT IN ('claimed', 'sending') OR claim_id IS NOT NULL),
    CHECK ((state = 'sent') = (sent_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX emails_due ON emails (next_attempt_at, position) WHERE state = 'queued';
CREATE INDEX emails_unfinished ON emails (person_id, position) WHERE state IN ('queued', 'claimed', 'sending');
CREATE INDEX emails_claimed ON emails (claimed_until) WHERE state IN ('claimed', 'sending');
CREATE INDEX emails_by_state ON emails (state, position);

CREATE TABLE email_attempts (
    message_id uuid        NOT NULL REFERENCES emails,
    nth        integer     NOT NULL,
    claim_id   uuid        NOT NULL,
    started_at timestamptz NOT NULL,
    outcome    text        CHECK (outcome IN ('accepted', 'refused', 'deferred', 'unknown')), -- null: under way
    smtp_code  integer,    -- the mail server's text is not kept: it quotes the address
    PRIMARY KEY (message_id, nth)
);

-- Sent again by hand: who, why, when.
CREATE TABLE email_resends (
    resend_id   bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id  uuid        NOT NULL REFERENCES emails,
    was         text        NOT NULL,
    resent_by   text        NOT NULL,
    reason      text        NOT NULL CHECK (length(reason) > 0),
    resent_at   timestamptz NOT NULL
);
CREATE INDEX email_resends_of_message ON email_resends (message_id);
