CREATE TABLE trees (
    tree_id   uuid        PRIMARY KEY,
    sponsor   uuid        NOT NULL,
    species   text        NOT NULL,
    plaque    text,
    planted   date,
    version   integer     NOT NULL DEFAULT 1
);
CREATE TABLE waterings (
    tree_id uuid    NOT NULL REFERENCES trees,
    nth     integer NOT NULL,
    PRIMARY KEY (tree_id, nth)
);
CREATE TABLE viewings (tree_id uuid NOT NULL, subject text NOT NULL);
