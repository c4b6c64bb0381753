-- What comes through the portal, word for word; what the authority makes of it is in the tables of 0001.

CREATE TABLE portal_applications (
    application_id    uuid        PRIMARY KEY REFERENCES applications,
    procedure_version integer     NOT NULL CHECK (procedure_version > 0), -- of the form that was filled in
    language          text        NOT NULL CHECK (language IN ('de', 'en', 'plain')),
    applicant_name    text,
    applicant_email   text,
    identification    text        NOT NULL CHECK (identification IN ('none', 'basic', 'substantial', 'high')),
    answers           jsonb       NOT NULL, -- as they are by now
    files             jsonb       NOT NULL, -- every one, also one that is no document of a building application
    handed_in_at      timestamptz NOT NULL
);

CREATE TABLE portal_supplements (
    application_id uuid        NOT NULL REFERENCES portal_applications,
    nth            integer     NOT NULL CHECK (nth > 0),
    message        text,
    answers        jsonb       NOT NULL, -- those that were given anew, by field
    replaced       jsonb       NOT NULL, -- what was there before in their place
    files          jsonb       NOT NULL,
    supplied_at    timestamptz NOT NULL,
    refused        text,                 -- the rule by which nothing was taken over
    PRIMARY KEY (application_id, nth)
);

CREATE TABLE payments (
    payment_id     uuid        PRIMARY KEY,
    application_id uuid        NOT NULL REFERENCES applications,
    amount_cents   bigint      NOT NULL CHECK (amount_cents > 0),
    paid_at        timestamptz NOT NULL
);
CREATE INDEX payments_of_application ON payments (application_id);

-- Answers of the portal's form can be asked for as well, with documents or without.
ALTER TABLE document_requests
    ADD COLUMN answers text[] NOT NULL DEFAULT '{}',
    ADD COLUMN outstanding_answers text[] NOT NULL DEFAULT '{}',
    DROP CONSTRAINT document_requests_documents_check,
    ADD CHECK (cardinality(documents) + cardinality(answers) > 0);
