-- Procedures in all their versions, for whoever publishes some. Written by `amtsbus.procedures.store` alone.
CREATE TABLE amtsbus.procedures (
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

CREATE FUNCTION amtsbus.refuse_change_of_procedure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a version of a procedure never changes: cases are decided by it' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER versions_never_change BEFORE UPDATE OF declaration, office, sha256 ON amtsbus.procedures
    FOR EACH ROW EXECUTE FUNCTION amtsbus.refuse_change_of_procedure();
