-- What parents hand in at the portal. Each application is a case of its own (schema `amtsbus`, procedure `school-registration`) of the
-- application's id; what becomes of the child goes on in `enrolments`.

CREATE TABLE applications (
    application_id    uuid        PRIMARY KEY REFERENCES amtsbus.cases (case_id),
    procedure_version integer     NOT NULL CHECK (procedure_version > 0), -- of the form that was filled in
    applicant_name    text,
    identification    text        NOT NULL CHECK (identification IN ('none', 'basic', 'substantial', 'high')),
    answers           jsonb       NOT NULL, -- as they are by now
    handed_in_at      timestamptz NOT NULL,
    asked_answers     text[]      NOT NULL DEFAULT '{}', -- what the applicant was asked for and has not given yet
    asked_documents   text[]      NOT NULL DEFAULT '{}',
    enrolment_id      uuid        REFERENCES enrolments, -- what it led to
    evidence          text,                              -- what a clerk was shown, where the register did not say that the applicant has custody
    search            text        NOT NULL
);
CREATE INDEX applications_words ON applications USING gin (array_to_tsvector(string_to_array(search, ' ')));
CREATE INDEX applications_of_enrolment ON applications (enrolment_id) WHERE enrolment_id IS NOT NULL;

-- The documents that were uploaded: which they are and where they lie. Not what parents call their files, which may say anything.
CREATE TABLE application_files (
    application_id uuid        NOT NULL REFERENCES applications,
    nth            integer     NOT NULL CHECK (nth > 0),
    document       text        NOT NULL,
    sha256         bytea       NOT NULL CHECK (length(sha256) = 32),
    size_bytes     bigint      NOT NULL,
    media_type     text        NOT NULL,
    supplied_at    timestamptz NOT NULL,
    PRIMARY KEY (application_id, nth),
    UNIQUE (application_id, document, sha256)
);

-- What came later. A message is the only free text of this service: it stays here, with the application that it came with.
CREATE TABLE application_supplements (
    application_id uuid        NOT NULL REFERENCES applications,
    nth            integer     NOT NULL CHECK (nth > 0),
    message        text,
    answers        jsonb       NOT NULL, -- those that were given anew, by field
    replaced       jsonb       NOT NULL, -- what was there before in their place
    supplied_at    timestamptz NOT NULL,
    taken_over     boolean     NOT NULL, -- else it came too late, or was not asked for
    PRIMARY KEY (application_id, nth)
);
