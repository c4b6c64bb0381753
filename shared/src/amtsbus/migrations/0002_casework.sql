-- Cases: their state, periods, fees, decisions, notes and history. Written by `amtsbus.casework.store` alone.

-- Numbers of references: a sequence, because a counter row would be locked from one intake's draw until its commit.
CREATE SEQUENCE amtsbus.case_numbers;

CREATE TABLE amtsbus.cases (
    case_id         uuid        PRIMARY KEY,
    procedure_key   text        NOT NULL,
    reference       text        NOT NULL UNIQUE,
    state           text        NOT NULL,
    version         integer     NOT NULL CHECK (version > 0),
    applicant_id    uuid        NOT NULL,
    subject_ids     uuid[]      NOT NULL,
    opened_at       timestamptz NOT NULL,
    closed_at       timestamptz,
    assignee        text,
    due_on          date        NOT NULL, -- the earliest of its running periods; 'infinity' where none runs, so that it sorts last
    proposed_action text,
    proposed_by     text,
    proposed_at     timestamptz,
    proposed_reason text,
    CHECK (closed_at IS NULL OR (due_on = 'infinity' AND proposed_action IS NULL)),
    CHECK (num_nulls(proposed_action, proposed_by, proposed_at) IN (0, 3)),
    CHECK (proposed_reason IS NULL OR proposed_action IS NOT NULL)
) WITH (fillfactor = 85);

-- The work list, in order of due date: all open cases, those of a state, those of a caseworker, those of one in a state.
CREATE INDEX cases_open ON amtsbus.cases (due_on, case_id) WHERE closed_at IS NULL;
CREATE INDEX cases_in_state ON amtsbus.cases (state, due_on, case_id);
CREATE INDEX cases_open_assigned ON amtsbus.cases (assignee, due_on, case_id)
    WHERE closed_at IS NULL AND assignee IS NOT NULL;
CREATE INDEX cases_assigned_in_state ON amtsbus.cases (assignee, state, due_on, case_id) WHERE assignee IS NOT NULL;
CREATE INDEX cases_of_applicant ON amtsbus.cases (applicant_id, opened_at DESC, case_id DESC);

CREATE TABLE amtsbus.case_periods (
    case_id          uuid    NOT NULL REFERENCES amtsbus.cases,
    nth              integer NOT NULL CHECK (nth > 0),
    kind             text    NOT NULL,
    starts_on        date    NOT NULL,
    unit             text    NOT NULL,
    count            integer NOT NULL CHECK (count >= 0),
    fixed_on         date,
    ends_on          date    NOT NULL, -- by counting alone
    due_on           date    NOT NULL, -- after a free day has moved the end
    land             text    NOT NULL,
    warn_days_before integer NOT NULL CHECK (warn_days_before >= 0),
    suspended_on     date,
    ended_at         timestamptz,
    -- the clock's own: what it has announced for this due date, and what it failed to
    due_soon_at      timestamptz,
    overdue_at       timestamptz,
    clock_failures   integer NOT NULL DEFAULT 0,
    clock_retry_at   timestamptz,
    rings_on         date GENERATED ALWAYS AS (
        CASE
            WHEN ended_at IS NOT NULL OR suspended_on IS NOT NULL THEN NULL
            WHEN warn_days_before > 0 AND due_soon_at IS NULL THEN due_on - warn_days_before
            WHEN overdue_at IS NULL THEN due_on + 1
        END
    ) STORED,
    PRIMARY KEY (case_id, nth),
    CHECK ((unit = 'fixed') = (fixed_on IS NOT NULL)),
    CHECK (ends_on <= due_on),
    CHECK (ended_at IS NULL OR suspended_on IS NULL)
);

CREATE UNIQUE INDEX case_periods_open ON amtsbus.case_periods (case_id, kind) WHERE ended_at IS NULL;
CREATE INDEX case_periods_ringing ON amtsbus.case_periods (rings_on, due_on, case_id, nth) WHERE rings_on IS NOT NULL;

CREATE TABLE amtsbus.case_history (
    case_id uuid        NOT NULL REFERENCES amtsbus.cases,
    version integer     NOT NULL, -- of the case, after the change that this line belongs to
    nth     integer     NOT NULL CHECK (nth > 0),
    who     text        NOT NULL,
    at      timestamptz NOT NULL,
    what    text        NOT NULL,
    about   text,
    state   text        NOT NULL,
    reason  text,
    PRIMARY KEY (case_id, version, nth)
);

CREATE TABLE amtsbus.case_notes (
    case_id    uuid        NOT NULL REFERENCES amtsbus.cases,
    version    integer     NOT NULL,
    nth        integer     NOT NULL CHECK (nth > 0),
    text       text        NOT NULL CHECK (text <> ''),
    written_by text        NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (case_id, version, nth)
);

CREATE TABLE amtsbus.case_fees (
    case_id      uuid    NOT NULL REFERENCES amtsbus.cases,
    nth          integer NOT NULL CHECK (nth > 0),
    kind         text    NOT NULL,
    amount_cents bigint  NOT NULL CHECK (amount_cents >= 0),
    legal_basis  text    NOT NULL,
    PRIMARY KEY (case_id, nth)
);

CREATE TABLE amtsbus.case_decisions (
    case_id     uuid        NOT NULL REFERENCES amtsbus.cases,
    nth         integer     NOT NULL CHECK (nth > 0),
    outcome     text        NOT NULL,
    reasons     text[]      NOT NULL,
    decided_by  text        NOT NULL,
    decided_at  timestamptz NOT NULL,
    legal_basis text        NOT NULL,
    PRIMARY KEY (case_id, nth)
);

-- What is written into a file stays: a correction is a new line.
CREATE FUNCTION amtsbus.refuse_rewriting_a_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the file of a case is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER case_history_stays BEFORE UPDATE OR DELETE ON amtsbus.case_history
    FOR EACH ROW EXECUTE FUNCTION amtsbus.refuse_rewriting_a_file();
CREATE TRIGGER case_notes_stay BEFORE UPDATE OR DELETE ON amtsbus.case_notes
    FOR EACH ROW EXECUTE FUNCTION amtsbus.refuse_rewriting_a_file();
CREATE TRIGGER case_fees_stay BEFORE UPDATE OR DELETE ON amtsbus.case_fees
    FOR EACH ROW EXECUTE FUNCTION amtsbus.refuse_rewriting_a_file();
CREATE TRIGGER case_decisions_stay BEFORE UPDATE OR DELETE ON amtsbus.case_decisions
    FOR EACH ROW EXECUTE FUNCTION amtsbus.refuse_rewriting_a_file();
