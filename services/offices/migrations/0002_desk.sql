-- The desk finds a case by the beginnings of words, in any order: `search` holds them, a blank between two.
DROP INDEX applications_search;
CREATE INDEX applications_words ON applications USING gin (array_to_tsvector(string_to_array(search, ' ')));
