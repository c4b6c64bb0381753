-- What operators did by hand: replays, looking into the content of a dead letter. Append-only like the journal.

CREATE TABLE amtsbus.operator_actions (
    operator_action_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    done_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_by            text        NOT NULL CHECK (done_by <> ''),
    action             text        NOT NULL,
    about              text        NOT NULL,
    why                text
);

CREATE FUNCTION amtsbus.refuse_change_of_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what operators did is on record: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER operator_actions_never_change BEFORE UPDATE OR DELETE ON amtsbus.operator_actions
    FOR EACH ROW EXECUTE FUNCTION amtsbus.refuse_change_of_record();
CREATE TRIGGER operator_actions_never_emptied BEFORE TRUNCATE ON amtsbus.operator_actions
    EXECUTE FUNCTION amtsbus.refuse_change_of_record();
