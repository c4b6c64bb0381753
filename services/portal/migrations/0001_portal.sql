-- The catalogue, drafts, applications with what the offices said of them, uploaded files, letters and payments.

-- Every version that an office has published: a draft keeps the one that it was begun with.
CREATE TABLE procedures (
    key                text        NOT NULL,
    version            integer     NOT NULL CHECK (version > 0),
    office             text        NOT NULL,
    sha256             bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    declaration        jsonb       NOT NULL CHECK (jsonb_typeof(declaration) = 'object'),
    office_declaration jsonb       NOT NULL CHECK (jsonb_typeof(office_declaration) = 'object'),
    published_at       timestamptz NOT NULL,
    PRIMARY KEY (key, version)
);

COMMENT ON COLUMN procedures.sha256 IS 'of both declarations; processes know by it what they have read already';

CREATE TABLE catalogue (
    key          text        PRIMARY KEY,
    version      integer     NOT NULL,
    withdrawn_at timestamptz,
    FOREIGN KEY (key, version) REFERENCES procedures
);

-- A draft belongs to a citizen, or as long as nobody is logged in to a browser's session.
CREATE TABLE drafts (
    draft_id   uuid        PRIMARY KEY,
    procedure  text        NOT NULL,
    version    integer     NOT NULL,
    person_id  uuid,
    visitor_id uuid,
    answers    jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(answers) = 'object'),
    done       text[]      NOT NULL DEFAULT '{}',
    begun_at   timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > changed_at),
    FOREIGN KEY (procedure, version) REFERENCES procedures,
    CHECK (num_nonnulls(person_id, visitor_id) >= 1)
);

CREATE INDEX drafts_person ON drafts (person_id) WHERE person_id IS NOT NULL;
CREATE INDEX drafts_visitor ON drafts (visitor_id) WHERE visitor_id IS NOT NULL;
CREATE INDEX drafts_expiry ON drafts (expires_at);

-- An application has the id of the draft that it was, so a draft becomes one application or none.
CREATE TABLE applications (
    application_id      uuid        PRIMARY KEY,
    office              text        NOT NULL,
    procedure           text        NOT NULL,
    version             integer     NOT NULL,
    person_id           uuid,
    visitor_id          uuid,
    applicant_name      text,
    applicant_email     text,
    identification      text        NOT NULL CHECK (identification IN ('none', 'basic', 'substantial', 'high')),
    language            text        NOT NULL CHECK (language IN ('de', 'en', 'plain')),
    answers             jsonb       NOT NULL CHECK (jsonb_typeof(answers) = 'object'),
    handed_in_at        timestamptz NOT NULL,
    link_sha256         bytea       UNIQUE CHECK (octet_length(link_sha256) = 32),
    link_expires_at     timestamptz,
    withdrawn_at        timestamptz,
    -- what the office said
    reference           text,
    state               text,
    due_on              date,
    opened_at           timestamptz,
    is_closed           boolean     NOT NULL DEFAULT false,
    outcome             text        CHECK (outcome IN ('granted', 'refused')),
    requested_documents text[],
    requested_fields    text[],
    requested_until     date,
    charged_cents       bigint      NOT NULL DEFAULT 0 CHECK (charged_cents >= 0),
    pay_until           date,
    settled_cents       bigint      NOT NULL DEFAULT 0 CHECK (settled_cents >= 0),
    FOREIGN KEY (procedure, version) REFERENCES procedures,
    CHECK ((opened_at IS NULL) = (reference IS NULL)),
    CHECK (num_nulls(requested_documents, requested_fields, requested_until) IN (0, 3)),
    CHECK ((link_sha256 IS NULL) = (link_expires_at IS NULL)),
    CHECK (person_id IS NOT NULL OR identification = 'none')
);

CREATE INDEX applications_person ON applications (person_id, handed_in_at DESC) WHERE person_id IS NOT NULL;
CREATE INDEX applications_visitor ON applications (visitor_id) WHERE person_id IS NULL;

COMMENT ON COLUMN applications.person_id IS 'NULL where nobody had to say who they are';
COMMENT ON COLUMN applications.link_sha256 IS 'SHA-256 of the token in the secret link, where there is one';

-- What happened to an application, as its applicant sees it.
CREATE TABLE happenings (
    application_id uuid        NOT NULL REFERENCES applications,
    nth            bigint      GENERATED ALWAYS AS IDENTITY,
    at             timestamptz NOT NULL,
    what           text        NOT NULL,
    about          jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(about) = 'object'),
    PRIMARY KEY (application_id, nth)
);

-- Files of drafts and of applications. The content lies in the document store under its hash. No reference to drafts or
-- applications: an application takes over the files of its draft by having its id.
CREATE TABLE files (
    application_id uuid        NOT NULL,
    slot           text        NOT NULL,
    sha256         bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    name           text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    size_bytes     bigint      NOT NULL CHECK (size_bytes > 0),
    media_type     text        NOT NULL CHECK (media_type IN ('application/pdf', 'image/jpeg', 'image/png')),
    scan           text        NOT NULL CHECK (scan IN ('clean', 'not-scanned')),
    uploaded_at    timestamptz NOT NULL,
    handed_in_at   timestamptz,
    PRIMARY KEY (application_id, slot, sha256)
);

CREATE INDEX files_hash ON files (sha256);
CREATE INDEX files_open ON files (uploaded_at) WHERE handed_in_at IS NULL;

COMMENT ON COLUMN files.slot IS 'the key of the field or document that it was uploaded for';

-- What this service has put into the document store, noted before it does: what nobody refers to a day later is removed there.
CREATE TABLE kept_documents (
    sha256 bytea       PRIMARY KEY CHECK (octet_length(sha256) = 32),
    put_at timestamptz NOT NULL
);

CREATE INDEX kept_documents_age ON kept_documents (put_at);

-- Letters come on a topic of their own, so one can be here before the office's word that it has opened the case.
CREATE TABLE letters (
    letter_id         uuid        PRIMARY KEY,
    case_id           uuid        NOT NULL,
    office            text        NOT NULL,
    person_id         uuid        NOT NULL,
    about             text        NOT NULL,
    language          text        NOT NULL CHECK (language IN ('de', 'en', 'plain')),
    reference         text        NOT NULL,
    addressee         text        NOT NULL,
    subject           text        NOT NULL,
    paragraphs        text[]      NOT NULL,
    remedy            text,
    is_decision       boolean     NOT NULL,
    verification_code text        NOT NULL,
    issued_at         timestamptz NOT NULL,
    read_at           timestamptz,
    pdf_sha256        bytea       CHECK (octet_length(pdf_sha256) = 32)
);

CREATE INDEX letters_person ON letters (person_id, issued_at DESC);
CREATE INDEX letters_case ON letters (case_id, issued_at);
CREATE INDEX letters_reference ON letters (reference);
CREATE INDEX letters_pdf ON letters (pdf_sha256) WHERE pdf_sha256 IS NOT NULL;

COMMENT ON COLUMN letters.person_id IS 'the case''s own id where nobody had to say who they are';

CREATE TABLE payments (
    payment_id     uuid        PRIMARY KEY,
    application_id uuid        NOT NULL REFERENCES applications,
    amount_cents   bigint      NOT NULL CHECK (amount_cents > 0),
    begun_at       timestamptz NOT NULL,
    paid_at        timestamptz
);

CREATE INDEX payments_application ON payments (application_id);
-- Whoever begins to pay twice goes on with what they have begun.
CREATE UNIQUE INDEX payments_open ON payments (application_id, amount_cents) WHERE paid_at IS NULL;
