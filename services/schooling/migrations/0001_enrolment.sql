-- The numbers of the law, each edition from a school year on. A change of the law is one more row, in a later migration.
CREATE TABLE enrolment_rules (
    from_school_year       smallint PRIMARY KEY,
    cut_off_month          smallint NOT NULL,
    cut_off_day            smallint NOT NULL,
    register_month         smallint NOT NULL,
    register_day           smallint NOT NULL,
    late_registration_days smallint NOT NULL CHECK (late_registration_days BETWEEN 1 AND 366),
    documents_days         smallint NOT NULL CHECK (documents_days BETWEEN 1 AND 366),
    early_entry_years      smallint NOT NULL CHECK (early_entry_years BETWEEN 0 AND 3),
    admission_order        text[]   NOT NULL,
    legal_basis            text     NOT NULL,
    -- both are days of any year: 29 February is none
    CHECK (make_date(2001, cut_off_month, cut_off_day) IS NOT NULL),
    CHECK (make_date(2001, register_month, register_day) IS NOT NULL)
);

-- Read in public sources: the cut-off day, 15 November. Set by the authority: the days for late arrivals and documents, one
-- year of early entry, the order of the criteria after claim and hardship.
INSERT INTO enrolment_rules VALUES (
    2011, 9, 30, 11, 15, 21, 14, 1,
    '{nearest-school,hardship,sibling,way-to-school,kindergarten-nearby}',
    'SchulG NRW § 35 (1), (2); AO-GS § 1 (1), (3); VwVfG NRW § 31 (2)'
);

CREATE TABLE schools (
    school_id uuid PRIMARY KEY,
    name      text NOT NULL UNIQUE
);

-- Aufnahmekapazität: set by the city (SchulG NRW § 46). Its row is the lock under which places are given.
CREATE TABLE capacities (
    school_id   uuid     NOT NULL REFERENCES schools,
    school_year smallint NOT NULL,
    places      smallint NOT NULL CHECK (places >= 0),
    PRIMARY KEY (school_id, school_year)
);

-- What the registration authority reports of children of school age (BMG § 36 with MeldDÜV NRW). Whoever changes anything
-- about a child or its cases locks its row here first, so that all changes of one child come one after another.
CREATE TABLE children (
    child_id      uuid     PRIMARY KEY,
    given_names   text     NOT NULL,
    family_name   text     NOT NULL,
    date_of_birth date     NOT NULL,
    custodian_ids uuid[]   NOT NULL,
    school_year   smallint NOT NULL, -- in which school starts for it, deferrals included
    deferred_to   smallint,
    moved_out_on  date,
    CHECK (deferred_to IS NULL OR school_year >= deferred_to)
);
CREATE INDEX children_of_cohort ON children (school_year, child_id) WHERE moved_out_on IS NULL;
CREATE INDEX children_of_custodian ON children USING gin (custodian_ids);

-- That the parents of a cohort (Jahrgang: the children for whom school starts in one year) are to be invited, and whether
-- all of them have been. Children who arrive afterwards are invited one by one.
CREATE TABLE cohort_invitations (
    school_year smallint    PRIMARY KEY,
    ordered_by  text        NOT NULL,
    ordered_at  timestamptz NOT NULL,
    finished_at timestamptz CHECK (finished_at >= ordered_at)
);
CREATE INDEX cohort_invitations_unfinished ON cohort_invitations (school_year) WHERE finished_at IS NULL;

-- What an enrolment is beyond being a case (schema `amtsbus` keeps the case: state, periods, decisions, history).
CREATE TABLE enrolments (
    enrolment_id       uuid     PRIMARY KEY REFERENCES amtsbus.cases (case_id),
    child_id           uuid     NOT NULL REFERENCES children,
    school_year        smallint NOT NULL,
    early_entry        boolean  NOT NULL,
    first_choice       uuid     REFERENCES schools,
    second_choice      uuid     REFERENCES schools,
    deferral_requested boolean  NOT NULL,
    documents          text[]   NOT NULL,
    stated_criteria    text[]   NOT NULL,
    criteria           text[]   NOT NULL,
    accepted_by        uuid     REFERENCES schools,
    refused_by         uuid[]   NOT NULL,
    report_seen        boolean  NOT NULL, -- that the school doctor's report was seen; never what it says (VO-DV I § 1 (2))
    withdrawn_because  text     CHECK (withdrawn_because IN ('moved-away', 'private-school', 'by-parents')),
    CHECK (second_choice IS NULL OR (first_choice IS NOT NULL AND second_choice <> first_choice)),
    CHECK (accepted_by IS NULL OR (withdrawn_because IS NULL AND accepted_by <> ALL (refused_by)))
);
-- One enrolment per child and school year; a child that moved away and came back gets another one.
CREATE UNIQUE INDEX enrolments_of_child ON enrolments (child_id, school_year)
    WHERE withdrawn_because IS DISTINCT FROM 'moved-away';
CREATE INDEX enrolments_of_cohort ON enrolments (school_year, enrolment_id);
CREATE INDEX enrolments_of_child_in_order ON enrolments (child_id, enrolment_id);
CREATE INDEX enrolments_waiting ON enrolments (first_choice, school_year, enrolment_id);
CREATE INDEX enrolments_accepted ON enrolments (accepted_by, school_year) WHERE accepted_by IS NOT NULL;

-- Children who live here and have no enrolment for the year in which school starts for them, nor a place from an earlier year
-- (early entry). The invitation of a cohort is done when none of its children is left in here.
CREATE VIEW uninvited_children AS
SELECT child_id, school_year
FROM children c
WHERE moved_out_on IS NULL
  AND NOT EXISTS (
      SELECT FROM enrolments e
      WHERE e.child_id = c.child_id
        AND (e.school_year = c.school_year AND e.withdrawn_because IS DISTINCT FROM 'moved-away'
             OR e.school_year < c.school_year AND e.accepted_by IS NOT NULL)
  );
