-- Persons of whose children something has changed, so that an application of theirs that waits may lead to a child by now. A person stands here
-- once for each change: a change that is committed while another is being worked through is looked at by itself.
CREATE TABLE persons_to_match_again (
    nth       bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    person_id uuid   NOT NULL
);

-- Applications that wait already.
INSERT INTO persons_to_match_again (person_id)
SELECT DISTINCT applicant_id FROM amtsbus.cases WHERE procedure_key = 'school-registration' AND state = 'unmatched';
