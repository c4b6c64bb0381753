-- What a building application is beyond being a case (schema `amtsbus` keeps the case: state, periods, fee, decision).

CREATE TABLE applications (
    application_id           uuid   PRIMARY KEY REFERENCES amtsbus.cases (case_id),
    kind                     text   NOT NULL CHECK (kind IN ('new-building', 'alteration', 'change-of-use')),
    description              text   NOT NULL,
    gross_building_sum_cents bigint NOT NULL CHECK (gross_building_sum_cents >= 0),
    cadastral_district       text   NOT NULL, -- Gemarkung
    cadastral_section        text   NOT NULL, -- Flur
    parcel                   text   NOT NULL, -- Flurstück
    street                   text,
    house_number             text,
    postal_code              text   CHECK (postal_code ~ '^[0-9]{5}$'),
    locality                 text,
    -- a site has an address or none, never half of one
    CHECK (num_nulls(street, house_number, postal_code, locality) IN (0, 4))
);

-- The content lies elsewhere and is known by its hash; the same document handed in twice is one row.
CREATE TABLE documents (
    application_id uuid        NOT NULL REFERENCES applications,
    code           text        NOT NULL,
    sha256         bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    name           text        NOT NULL,
    size_bytes     bigint      NOT NULL CHECK (size_bytes > 0),
    supplied_at    timestamptz NOT NULL,
    PRIMARY KEY (application_id, code, sha256)
);

CREATE TABLE document_requests (
    application_id uuid        NOT NULL REFERENCES applications,
    nth            integer     NOT NULL CHECK (nth > 0),
    requested_at   timestamptz NOT NULL,
    documents      text[]      NOT NULL CHECK (cardinality(documents) > 0),
    outstanding    text[]      NOT NULL CHECK (outstanding <@ documents),
    reasons        text        NOT NULL,
    due_on         date        NOT NULL,
    PRIMARY KEY (application_id, nth)
);

CREATE TABLE hearings (
    application_id uuid        NOT NULL REFERENCES applications,
    agency         text        NOT NULL,
    opened_on      date        NOT NULL,
    due_on         date        NOT NULL CHECK (due_on > opened_on),
    outcome        text        CHECK (outcome IN ('no-objection', 'conditions', 'objection', 'silent')),
    conditions     text[]      NOT NULL DEFAULT '{}',
    remarks        text,
    ended_at       timestamptz,
    PRIMARY KEY (application_id, agency),
    CHECK ((outcome IS NULL) = (ended_at IS NULL)),
    CHECK ((outcome = 'conditions') = (cardinality(conditions) > 0) OR outcome IS NULL),
    CHECK (outcome IS DISTINCT FROM 'silent' OR remarks IS NULL)
);

-- What a decision says (Bescheid). Without `decided_on` it is a proposal that waits for a second person.
CREATE TABLE rulings (
    application_id uuid   PRIMARY KEY REFERENCES applications,
    decision       text   NOT NULL CHECK (decision IN ('approve', 'refuse')),
    conditions     text[] NOT NULL,
    grounds        text[] NOT NULL,
    decided_on     date,
    valid_until    date,
    payable_on     date,
    CHECK ((decision = 'refuse') = (cardinality(grounds) > 0)),
    CHECK (decision = 'approve' OR cardinality(conditions) = 0),
    CHECK ((decided_on IS NULL) = (payable_on IS NULL)),
    CHECK ((valid_until IS NOT NULL) = (decided_on IS NOT NULL AND decision = 'approve'))
);

-- The numbers of the law, each from a day on. A change of the law is one more row, in a later migration.
CREATE TABLE legal_terms (
    term        text    NOT NULL CHECK (term IN ('completeness-check', 'hearing', 'decision', 'permit-validity', 'payment')),
    valid_from  date    NOT NULL,
    amount      integer NOT NULL CHECK (amount > 0),
    unit        text    NOT NULL CHECK (unit IN ('working-days', 'calendar-days', 'months')),
    legal_basis text    NOT NULL,
    PRIMARY KEY (term, valid_from)
);

CREATE TABLE fee_tariffs (
    valid_from             date    PRIMARY KEY,
    share_per_ten_thousand integer NOT NULL CHECK (share_per_ten_thousand BETWEEN 1 AND 10000),
    minimum_cents          integer NOT NULL CHECK (minimum_cents >= 0),
    refusal_percent        integer NOT NULL CHECK (refusal_percent BETWEEN 0 AND 100),
    legal_basis            text    NOT NULL
);

-- Read in public sources: the ten Arbeitstage, the month of the agencies, the three years. Quoted from memory and to be
-- confirmed before operation: the decision period of three months, the month to pay, the rates of the tariff.
INSERT INTO legal_terms (term, valid_from, amount, unit, legal_basis) VALUES
    ('completeness-check', '2019-01-01', 10, 'working-days', 'BauO NRW 2018 § 71 (1)'),
    ('hearing', '2019-01-01', 1, 'months', 'BauO NRW 2018 § 71 (3)'),
    ('decision', '2019-01-01', 3, 'months', 'set by the authority; VwGO § 75'),
    ('permit-validity', '2019-01-01', 36, 'months', 'BauO NRW 2018 § 75 (1)'),
    ('payment', '2019-01-01', 1, 'months', 'set by the authority; GebG NRW § 17');

INSERT INTO fee_tariffs (valid_from, share_per_ten_thousand, minimum_cents, refusal_percent, legal_basis) VALUES
    ('2024-01-01', 60, 5000, 75, 'AVwGebO NRW, Tarifstelle 3; GebG NRW § 15 (2)');
