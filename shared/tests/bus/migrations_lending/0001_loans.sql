CREATE TABLE loans (loan_id uuid PRIMARY KEY, title text NOT NULL);
