-- Procedures in all their versions, the applications that cases began with, and what the office wrote.

CREATE TABLE procedures (
    key          text        NOT NULL,
    version      integer     NOT NULL CHECK (version > 0),
    procedure_id uuid        NOT NULL,
    sha256       text        NOT NULL, -- of the declaration and the office's own file
    declaration  jsonb       NOT NULL,
    office       jsonb       NOT NULL,
    published_at timestamptz NOT NULL,
    withdrawn_at timestamptz,          -- of the newest version: it is not offered any more
    PRIMARY KEY (key, version)
);

CREATE FUNCTION refuse_change_of_procedure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of a procedure never changes: cases are decided by it' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER versions_never_change BEFORE UPDATE OF declaration, office, sha256 ON procedures
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_procedure();

CREATE TABLE applications (
    case_id           uuid        PRIMARY KEY REFERENCES amtsbus.cases,
    procedure_key     text        NOT NULL,
    procedure_version integer     NOT NULL,
    language          text        NOT NULL CHECK (language IN ('de', 'en', 'plain')),
    applicant_name    text,
    applicant_email   text,
    identification    text        NOT NULL CHECK (identification IN ('none', 'basic', 'substantial', 'high')),
    answers           jsonb       NOT NULL,
    handed_in_at      timestamptz NOT NULL,
    complete_at       timestamptz, -- since when nothing is missing
    search            text        NOT NULL, -- reference and name, folded, for the desk's search
    FOREIGN KEY (procedure_key, procedure_version) REFERENCES procedures (key, version)
);
CREATE INDEX applications_search ON applications (search text_pattern_ops);

CREATE TABLE documents (
    case_id     uuid        NOT NULL REFERENCES applications,
    nth         integer     NOT NULL CHECK (nth > 0),
    key         text        NOT NULL,
    name        text        NOT NULL,
    sha256      text        NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size_bytes  bigint      NOT NULL CHECK (size_bytes > 0),
    media_type  text        NOT NULL,
    supplied_at timestamptz NOT NULL,
    PRIMARY KEY (case_id, nth)
);

-- What was handed in later, word for word.
CREATE TABLE supplements (
    case_id     uuid        NOT NULL REFERENCES applications,
    nth         integer     NOT NULL CHECK (nth > 0),
    message     text,
    replaced    jsonb       NOT NULL, -- the answers that were there before, by field
    supplied_at timestamptz NOT NULL,
    PRIMARY KEY (case_id, nth)
);

CREATE TABLE document_requests (
    case_id      uuid        NOT NULL REFERENCES applications,
    nth          integer     NOT NULL CHECK (nth > 0),
    documents    text[]      NOT NULL,
    fields       text[]      NOT NULL,
    reasons      text        NOT NULL,
    requested_by text        NOT NULL,
    requested_at timestamptz NOT NULL,
    due_on       date        NOT NULL,
    answered_at  timestamptz,
    PRIMARY KEY (case_id, nth)
);

CREATE TABLE hearings (
    case_id     uuid        NOT NULL REFERENCES applications,
    office      text        NOT NULL,
    opened_on   date        NOT NULL,
    due_on      date        NOT NULL,
    outcome     text        CHECK (outcome IN ('no-objection', 'conditions', 'objection', 'silent')),
    opinion     text,
    recorded_by text,
    recorded_at timestamptz,
    PRIMARY KEY (case_id, office, opened_on),
    CHECK ((outcome IS NULL) = (recorded_at IS NULL))
);

CREATE TABLE letters (
    letter_id         uuid        PRIMARY KEY,
    case_id           uuid        NOT NULL REFERENCES applications,
    nth               integer     NOT NULL CHECK (nth > 0),
    about             text        NOT NULL,
    language          text        NOT NULL,
    addressee         text        NOT NULL,
    subject           text        NOT NULL,
    paragraphs        text[]      NOT NULL,
    remedy            text,
    is_decision       boolean     NOT NULL,
    verification_code text        NOT NULL UNIQUE,
    issued_at         timestamptz NOT NULL,
    UNIQUE (case_id, nth)
);

CREATE FUNCTION refuse_change_of_letter() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a letter is written once: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER letters_never_change BEFORE UPDATE OR DELETE ON letters
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_letter();

CREATE TABLE payments (
    payment_id   uuid        PRIMARY KEY,
    case_id      uuid        NOT NULL REFERENCES applications,
    amount_cents bigint      NOT NULL CHECK (amount_cents > 0),
    paid_at      timestamptz NOT NULL
);
CREATE INDEX payments_of_case ON payments (case_id);
