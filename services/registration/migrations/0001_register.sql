-- The register of residents (Melderegister): entries end or are superseded, none is overwritten or removed.

CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
-- The arguments name the columns that may be filled in once; everything else of a row stays as it was written.
DECLARE
    fillable text[] := coalesce(TG_ARGV, '{}');
    filled   text;
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION '% keeps every row: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    IF to_jsonb(NEW) - fillable <> to_jsonb(OLD) - fillable THEN
        RAISE EXCEPTION '% is not overwritten: add a row that supersedes it', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    FOREACH filled IN ARRAY fillable LOOP
        IF to_jsonb(OLD) -> filled <> 'null'::jsonb AND to_jsonb(NEW) -> filled <> to_jsonb(OLD) -> filled THEN
            RAISE EXCEPTION '% is not overwritten: % is already set', TG_TABLE_NAME, filled USING ERRCODE = 'restrict_violation';
        END IF;
    END LOOP;
    RETURN NEW;
END $$;

CREATE TABLE persons (
    person_id  uuid        PRIMARY KEY,
    version    integer     NOT NULL DEFAULT 1 CHECK (version > 0),
    created_at timestamptz NOT NULL
);

CREATE TABLE person_entries (
    entry_id      uuid        PRIMARY KEY,
    person_id     uuid        NOT NULL REFERENCES persons,
    given_names   text        NOT NULL CHECK (given_names <> ''),
    family_name   text        NOT NULL CHECK (family_name <> ''),
    birth_name    text,
    date_of_birth date        NOT NULL,
    language      text        NOT NULL CHECK (language IN ('de', 'en')),
    custodian_ids uuid[]      NOT NULL DEFAULT '{}',
    search_key    text        COLLATE "C" NOT NULL, -- registration.domain.names.search_key
    valid_from    date        NOT NULL,
    valid_to      date        CHECK (valid_to >= valid_from),
    superseded_by uuid        REFERENCES person_entries DEFERRABLE INITIALLY DEFERRED,
    recorded_at   timestamptz NOT NULL,
    recorded_by   text        NOT NULL,
    reason        text        NOT NULL,
    case_id       uuid
);
CREATE UNIQUE INDEX person_entries_in_force ON person_entries (person_id) WHERE valid_to IS NULL AND superseded_by IS NULL;
CREATE INDEX person_entries_of_person ON person_entries (person_id, recorded_at);
-- Every word of a name, for search by its beginning. Without a pending list: its length would be a clerk's waiting time.
CREATE INDEX person_entries_words ON person_entries USING gin (array_to_tsvector(string_to_array(search_key, ' ')))
    WITH (fastupdate = off) WHERE valid_to IS NULL AND superseded_by IS NULL;
CREATE INDEX person_entries_births ON person_entries (date_of_birth, search_key) WHERE valid_to IS NULL AND superseded_by IS NULL;

CREATE TRIGGER person_entries_stay BEFORE UPDATE ON person_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('valid_to', 'superseded_by');
CREATE TRIGGER person_entries_never_leave BEFORE DELETE ON person_entries FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER person_entries_never_emptied BEFORE TRUNCATE ON person_entries EXECUTE FUNCTION refuse_rewriting();

CREATE TABLE households (
    household_id uuid PRIMARY KEY,
    founded_on   date NOT NULL,
    case_id      uuid
);

-- Homes. One outside the city is entered only as the main one beside a secondary one here, or after a departure; it has
-- no household.
CREATE TABLE residences (
    residence_id  uuid        PRIMARY KEY,
    person_id     uuid        NOT NULL REFERENCES persons,
    household_id  uuid        REFERENCES households,
    kind          text        NOT NULL CHECK (kind IN ('main', 'secondary')),
    care_of       text,
    street        text        NOT NULL,
    house_number  text        NOT NULL,
    postal_code   text        NOT NULL,
    locality      text        NOT NULL,
    country       text        NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    moved_in_on   date        NOT NULL,
    moved_out_on  date        CHECK (moved_out_on >= moved_in_on),
    superseded_by uuid        REFERENCES residences DEFERRABLE INITIALLY DEFERRED,
    recorded_at   timestamptz NOT NULL,
    recorded_by   text        NOT NULL,
    reason        text        NOT NULL,
    case_id       uuid,
    ended_by_case uuid,
    CHECK (household_id IS NOT NULL OR kind = 'main'),
    -- At most one main residence on any day (BMG § 21) …
    CONSTRAINT residences_one_main EXCLUDE USING gist (person_id WITH =, daterange(moved_in_on, moved_out_on) WITH &&)
        WHERE (kind = 'main' AND superseded_by IS NULL)
);
CREATE UNIQUE INDEX residences_main_in_force ON residences (person_id)
    WHERE kind = 'main' AND superseded_by IS NULL AND moved_out_on IS NULL;
CREATE INDEX residences_of_person ON residences (person_id) WHERE superseded_by IS NULL;
CREATE INDEX residences_of_household ON residences (household_id) WHERE superseded_by IS NULL AND moved_out_on IS NULL;

-- … and exactly one now, for everybody who has any home in force.
CREATE FUNCTION require_main_residence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM residences r WHERE r.person_id = NEW.person_id AND r.superseded_by IS NULL AND r.moved_out_on IS NULL)
       AND NOT EXISTS (SELECT FROM residences r WHERE r.person_id = NEW.person_id AND r.superseded_by IS NULL
                       AND r.moved_out_on IS NULL AND r.kind = 'main') THEN
        RAISE EXCEPTION 'a secondary residence is in force without a main one'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'residences_main_required';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER residences_main_required AFTER INSERT OR UPDATE ON residences
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_main_residence();

CREATE TRIGGER residences_stay BEFORE UPDATE ON residences
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting('moved_out_on', 'superseded_by', 'ended_by_case');
CREATE TRIGGER residences_never_leave BEFORE DELETE ON residences FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER residences_never_emptied BEFORE TRUNCATE ON residences EXECUTE FUNCTION refuse_rewriting();

-- What people declared; the state of the case is the kernel's.
CREATE TABLE declarations (
    case_id       uuid        PRIMARY KEY,
    procedure_key text        NOT NULL CHECK (procedure_key IN ('move-in', 'move', 'departure')),
    effective_on  date        NOT NULL,
    content       jsonb       NOT NULL,
    days_late     integer     NOT NULL CHECK (days_late >= 0),
    submitted_at  timestamptz NOT NULL,
    enter_on      date -- checked ahead of its day: the worker enters it then
);
CREATE INDEX declarations_to_enter ON declarations (enter_on) WHERE enter_on IS NOT NULL;

CREATE TABLE declaration_persons (
    case_id   uuid     NOT NULL REFERENCES declarations,
    person_id uuid     NOT NULL,
    position  smallint NOT NULL,
    adult     boolean  NOT NULL, -- when it was declared
    PRIMARY KEY (case_id, person_id)
);
CREATE INDEX declaration_persons_cases ON declaration_persons (person_id, case_id);

CREATE TABLE disclosure_block_requests (
    case_id      uuid        PRIMARY KEY,
    person_id    uuid        NOT NULL REFERENCES persons,
    requested_by text        NOT NULL,
    requested_at timestamptz NOT NULL
);

CREATE TABLE disclosure_blocks (
    case_id             uuid        PRIMARY KEY REFERENCES disclosure_block_requests,
    person_id           uuid        NOT NULL REFERENCES persons,
    valid_from          date        NOT NULL,
    valid_until         date        NOT NULL CHECK (valid_until > valid_from),
    proposed_by         text        NOT NULL,
    granted_by          text        NOT NULL,
    granted_at          timestamptz NOT NULL,
    expiry_announced_at timestamptz,
    CHECK (proposed_by <> granted_by)
);
CREATE INDEX disclosure_blocks_of_person ON disclosure_blocks (person_id, valid_until);
CREATE INDEX disclosure_blocks_expiring ON disclosure_blocks (valid_until) WHERE expiry_announced_at IS NULL;

-- Children of whom schooling has been told.
CREATE TABLE school_list (
    child_id  uuid        PRIMARY KEY REFERENCES persons,
    listed_at timestamptz NOT NULL,
    left_at   timestamptz CHECK (left_at >= listed_at)
);

-- Who read whose record. Ids only: neither what was searched for nor what was seen.
CREATE TABLE record_reads (
    read_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id uuid        NOT NULL,
    read_by   text        NOT NULL,
    read_at   timestamptz NOT NULL,
    how       text        NOT NULL CHECK (how IN ('record', 'history', 'search', 'case')),
    protected boolean     NOT NULL, -- a disclosure block was in force
    purpose   text,
    CHECK (NOT protected OR how <> 'record' OR purpose IS NOT NULL)
);
CREATE INDEX record_reads_of_person ON record_reads (person_id, read_id);
CREATE TRIGGER record_reads_stay BEFORE UPDATE OR DELETE ON record_reads FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER record_reads_never_emptied BEFORE TRUNCATE ON record_reads EXECUTE FUNCTION refuse_rewriting();
