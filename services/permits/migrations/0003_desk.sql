-- The desk finds an application by the beginnings of words, in any order: of the applicant's name where the portal told it, of the
-- site, of the reference, of its bare number.
-- `search` holds them, a blank between two; the reference has a sign before it, so that a street is not looked for among all
-- references. The database writes it, so that what the version before this one takes in meanwhile is found as well.
CREATE FUNCTION folded(words text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    -- as amtsbus.desk.search: lower case, ß as ss, without accents
    RETURN lower(regexp_replace(normalize(replace(replace(words, 'ß', 'ss'), 'ẞ', 'ss'), NFKD), '[\u0300-\u036f]', '', 'g'));

CREATE FUNCTION words_of(application applications) RETURNS text LANGUAGE sql STABLE STRICT
    RETURN (
        SELECT trim(regexp_replace(concat_ws(' ',
            folded(concat_ws(' ', application.street, application.house_number, application.postal_code, application.locality)),
            folded(concat_ws(' ', application.cadastral_district, application.cadastral_section, application.parcel)),
            -- the parts of double names: Demo-Straße is found by Straße
            folded(replace(concat_ws(' ', application.street, application.locality, application.cadastral_district), '-', ' ')),
            folded(concat_ws(' ', p.applicant_name, replace(p.applicant_name, '-', ' '))),
            '#' || folded(c.reference),
            ltrim(split_part(c.reference, '-', 3), '0')
        ), '\s+', ' ', 'g'))
        FROM amtsbus.cases c LEFT JOIN portal_applications p ON p.application_id = c.case_id
        WHERE c.case_id = application.application_id
    );

CREATE FUNCTION keep_search_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search := words_of(NEW);
    RETURN NEW;
END $$;

ALTER TABLE applications ADD COLUMN search text NOT NULL DEFAULT '';
CREATE TRIGGER applications_search BEFORE INSERT OR UPDATE OF search ON applications
    FOR EACH ROW EXECUTE FUNCTION keep_search_words();
UPDATE applications SET search = '';

CREATE FUNCTION keep_search_words_of_applicant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE applications SET search = '' WHERE application_id = NEW.application_id; -- its own trigger writes the words
    RETURN NULL;
END $$;
CREATE TRIGGER applicants_are_found AFTER INSERT ON portal_applications
    FOR EACH ROW EXECUTE FUNCTION keep_search_words_of_applicant();

CREATE INDEX applications_words ON applications USING gin (array_to_tsvector(string_to_array(search, ' ')));
