-- The desk: what a department's staff see and do in a browser. Written by `amtsbus.desk` alone.

-- The work list: the open cases of a procedure, those that nobody has yet, those that wait for a second person; and, for lists
-- that show closed cases too, those of a procedure in each state.
CREATE INDEX cases_open_of_procedure ON amtsbus.cases (procedure_key, due_on, case_id) WHERE closed_at IS NULL;
CREATE INDEX cases_open_unassigned ON amtsbus.cases (due_on, case_id) WHERE closed_at IS NULL AND assignee IS NULL;
CREATE INDEX cases_proposed ON amtsbus.cases (due_on, case_id) WHERE proposed_action IS NOT NULL;
CREATE INDEX cases_of_procedure_in_state ON amtsbus.cases (procedure_key, state, due_on, case_id);

-- What has changed lately (desks that are open show it by themselves), and who did what in a span of time.
CREATE INDEX case_history_by_time ON amtsbus.case_history (at);

-- Staff, as they were last seen, so that a case can be given to somebody by name.
CREATE TABLE amtsbus.caseworkers (
    subject      text        PRIMARY KEY CHECK (subject <> ''),
    name         text        NOT NULL CHECK (name <> ''),
    roles        text[]      NOT NULL,
    seen_at      timestamptz NOT NULL,
    absent_from  date,
    absent_until date,
    deputy       text        REFERENCES amtsbus.caseworkers,
    CHECK ((absent_from IS NULL) = (absent_until IS NULL)),
    CHECK (absent_from <= absent_until),
    CHECK (deputy <> subject),
    CHECK (deputy IS NULL OR absent_from IS NOT NULL)
);

-- Who read which case: kept for the auditor and the data protection officer.
CREATE TABLE amtsbus.case_reads (
    read_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id uuid        NOT NULL REFERENCES amtsbus.cases,
    who     text        NOT NULL,
    what    text        NOT NULL, -- `case`, or which document
    read_at timestamptz NOT NULL
);
CREATE INDEX case_reads_of_case ON amtsbus.case_reads (case_id, read_id);
CREATE INDEX case_reads_by_person ON amtsbus.case_reads (who, read_at);
CREATE TRIGGER case_reads_stay BEFORE UPDATE OR DELETE ON amtsbus.case_reads
    FOR EACH ROW EXECUTE FUNCTION amtsbus.refuse_rewriting_a_file();

-- Sentences that are written again and again (Textbausteine).
CREATE TABLE amtsbus.text_blocks (
    text_block_id uuid        PRIMARY KEY,
    title         text        NOT NULL CHECK (title <> ''),
    body          text        NOT NULL CHECK (body <> ''),
    language      text        NOT NULL CHECK (language IN ('de', 'en')),
    version       integer     NOT NULL CHECK (version > 0),
    changed_by    text        NOT NULL,
    changed_at    timestamptz NOT NULL
);

-- Who has a case open at this moment, by the real time. Worth nothing after a restart.
CREATE UNLOGGED TABLE amtsbus.case_watchers (
    case_id    uuid        NOT NULL,
    subject    text        NOT NULL,
    seen_until timestamptz NOT NULL,
    PRIMARY KEY (case_id, subject)
);
CREATE INDEX case_watchers_over ON amtsbus.case_watchers (seen_until);
