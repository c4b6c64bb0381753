-- Procedures lie in the chassis' table from now on. Under their old name the previous version of this service, which runs until
-- it is replaced, goes on reading and writing them.
LOCK TABLE procedures IN ACCESS EXCLUSIVE MODE;
INSERT INTO amtsbus.procedures (key, version, procedure_id, sha256, declaration, office, published_at, withdrawn_at)
    SELECT key, version, procedure_id, sha256, declaration, office, published_at, withdrawn_at FROM procedures;
ALTER TABLE applications DROP CONSTRAINT applications_procedure_key_procedure_version_fkey;
ALTER TABLE applications ADD FOREIGN KEY (procedure_key, procedure_version) REFERENCES amtsbus.procedures (key, version);
DROP TABLE procedures;
DROP FUNCTION refuse_change_of_procedure();
CREATE VIEW procedures AS
    SELECT key, version, procedure_id, sha256, declaration, office, published_at, withdrawn_at FROM amtsbus.procedures;
