-- The desk finds an enrolment by the beginnings of words, in any order: of the child's names, of the reference, of its bare number.
-- `search` holds them, a blank between two; the reference has a sign before it, so that a name is not looked for among all
-- references. The database writes it, so that what the version before this one takes in meanwhile is found as well.
CREATE FUNCTION folded(words text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    -- as amtsbus.desk.search: lower case, ß as ss, without accents
    RETURN lower(regexp_replace(normalize(replace(replace(words, 'ß', 'ss'), 'ẞ', 'ss'), NFKD), '[\u0300-\u036f]', '', 'g'));

CREATE FUNCTION words_of(enrolment enrolments) RETURNS text LANGUAGE sql STABLE STRICT
    RETURN (
        SELECT trim(regexp_replace(concat_ws(' ',
            folded(concat_ws(' ', k.given_names, k.family_name)),
            -- the parts of double names: Demo-Muster is found by Muster
            folded(replace(concat_ws(' ', k.given_names, k.family_name), '-', ' ')),
            '#' || folded(c.reference),
            ltrim(split_part(c.reference, '-', 3), '0')
        ), '\s+', ' ', 'g'))
        FROM children k, amtsbus.cases c
        WHERE k.child_id = enrolment.child_id AND c.case_id = enrolment.enrolment_id
    );

CREATE FUNCTION keep_search_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search := words_of(NEW);
    RETURN NEW;
END $$;

CREATE FUNCTION follow_the_childs_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE enrolments SET search = '' WHERE child_id = NEW.child_id; -- the trigger there writes what belongs
    RETURN NULL;
END $$;

ALTER TABLE enrolments ADD COLUMN search text NOT NULL DEFAULT '';
CREATE TRIGGER enrolments_search BEFORE INSERT OR UPDATE OF search ON enrolments
    FOR EACH ROW EXECUTE FUNCTION keep_search_words();
CREATE TRIGGER children_search AFTER UPDATE OF given_names, family_name ON children
    FOR EACH ROW WHEN ((OLD.given_names, OLD.family_name) IS DISTINCT FROM (NEW.given_names, NEW.family_name))
    EXECUTE FUNCTION follow_the_childs_name();
UPDATE enrolments SET search = '';
CREATE INDEX enrolments_words ON enrolments USING gin (array_to_tsvector(string_to_array(search, ' ')));
