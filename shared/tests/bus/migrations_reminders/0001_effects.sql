CREATE TABLE effects (effect_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, loan_id uuid NOT NULL, what text NOT NULL);
CREATE TABLE mended (at timestamptz NOT NULL DEFAULT now());
