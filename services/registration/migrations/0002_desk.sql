-- The desk finds a case by the beginnings of words, in any order: of the names of whoever declares (of a disclosure block: of
-- whom it is for), of the reference, of its bare number. `search` holds them, a blank between two; the reference has a sign before it,
-- so that a name is not looked for among all references. The names are those of the register, also in the spelling of its
-- own search (`search_key`); of somebody whom it does not know yet they are those of the declaration.
--
-- In a table of its own: whoever enters a new name holds the person and writes here, while the daily round holds a declaration and
-- then asks for its persons. Were the words in `declarations`, the two could wait for each other.
CREATE FUNCTION folded(words text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    -- as amtsbus.desk.search: lower case, ß as ss, without accents
    RETURN lower(regexp_replace(normalize(replace(replace(words, 'ß', 'ss'), 'ẞ', 'ss'), NFKD), '[\u0300-\u036f]', '', 'g'));

CREATE FUNCTION declared_names(content jsonb) RETURNS text LANGUAGE sql IMMUTABLE STRICT
    RETURN (
        SELECT concat_ws(' ', p -> 'data' ->> 'given_names', p -> 'data' ->> 'family_name', p -> 'data' ->> 'birth_name')
        FROM jsonb_array_elements(content -> 'persons') p WHERE (p ->> 'is_declarant')::boolean LIMIT 1
    );

CREATE FUNCTION words_of(searched uuid) RETURNS text LANGUAGE sql STABLE STRICT
    RETURN (
        SELECT trim(regexp_replace(concat_ws(' ',
            folded(n.names),
            -- the parts of double names: Demo-Muster is found by Muster
            folded(replace(n.names, '-', ' ')),
            e.search_key,
            '#' || folded(c.reference),
            ltrim(split_part(c.reference, '-', 3), '0')
        ), '\s+', ' ', 'g'))
        FROM amtsbus.cases c
        LEFT JOIN person_entries e ON e.person_id = c.applicant_id AND e.valid_to IS NULL AND e.superseded_by IS NULL
        LEFT JOIN declarations d ON d.case_id = c.case_id
        CROSS JOIN LATERAL (
            SELECT CASE WHEN e.person_id IS NOT NULL THEN concat_ws(' ', e.given_names, e.family_name, e.birth_name)
                        ELSE declared_names(d.content) END AS names
        ) AS n
        WHERE c.case_id = searched
    );

CREATE TABLE case_words (
    case_id uuid PRIMARY KEY,
    search  text NOT NULL
);

-- The database writes them, so that what the version before this one takes in meanwhile is found as well.
CREATE FUNCTION keep_case_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO case_words (case_id, search) VALUES (NEW.case_id, words_of(NEW.case_id));
    RETURN NULL;
END $$;
CREATE TRIGGER declarations_are_found AFTER INSERT ON declarations FOR EACH ROW EXECUTE FUNCTION keep_case_words();
CREATE TRIGGER block_requests_are_found AFTER INSERT ON disclosure_block_requests
    FOR EACH ROW EXECUTE FUNCTION keep_case_words();

CREATE FUNCTION follow_the_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE case_words w SET search = words_of(w.case_id)
    FROM amtsbus.cases c WHERE c.case_id = w.case_id AND c.applicant_id = NEW.person_id;
    RETURN NULL;
END $$;
CREATE TRIGGER person_entries_are_followed AFTER INSERT ON person_entries FOR EACH ROW EXECUTE FUNCTION follow_the_name();

INSERT INTO case_words (case_id, search)
SELECT case_id, words_of(case_id) FROM (
    SELECT case_id FROM declarations UNION ALL SELECT case_id FROM disclosure_block_requests
) AS known;
CREATE INDEX case_words_found ON case_words USING gin (array_to_tsvector(string_to_array(search, ' ')));

-- The cases that clerks may not know of are looked for among the blocks in force.
CREATE INDEX disclosure_blocks_in_force ON disclosure_blocks (valid_until, person_id);
-- Nobody proposes a block for the same person twice at once.
CREATE INDEX disclosure_block_requests_of_person ON disclosure_block_requests (person_id);
