CREATE TABLE items (item_id uuid PRIMARY KEY, what text NOT NULL, moves integer NOT NULL DEFAULT 0);
