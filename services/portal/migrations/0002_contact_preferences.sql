-- How somebody wishes to hear of their letters. Notifications goes by it and has the last word; this is what the page shows.
CREATE TABLE contact_preferences (
    person_id        uuid    PRIMARY KEY,
    email            text,
    language         text    CHECK (language IN ('de', 'en')),
    email_notice     boolean NOT NULL,
    email_bounced_at timestamptz
);
