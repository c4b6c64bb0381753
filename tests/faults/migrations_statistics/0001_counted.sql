CREATE TABLE counted (item_id uuid NOT NULL);
