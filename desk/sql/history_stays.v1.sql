-- What a second person was asked stays as it was asked, and what was decided as it was decided; notes
-- stay as they were written; and none of it is emptied.
CREATE FUNCTION desk_approval_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.state = 'waiting'
            AND to_jsonb(NEW) - ARRAY['state', 'checker_id', 'checked_at', 'reason']
                = to_jsonb(OLD) - ARRAY['state', 'checker_id', 'checked_at', 'reason']
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'approval % stays as it was asked and decided', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'desk_approval_stays';
END $$;
CREATE TRIGGER desk_approval_stays BEFORE UPDATE OR DELETE ON desk_approval
    FOR EACH ROW EXECUTE FUNCTION desk_approval_stays();

CREATE FUNCTION desk_history_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% only grows: % is refused', TG_TABLE_NAME, lower(TG_OP)
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'desk_history_stays';
END $$;
CREATE TRIGGER desk_note_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON desk_note
    FOR EACH STATEMENT EXECUTE FUNCTION desk_history_stays();
CREATE TRIGGER desk_actions_stay BEFORE TRUNCATE ON desk_action
    FOR EACH STATEMENT EXECUTE FUNCTION desk_history_stays();
CREATE TRIGGER desk_approvals_stay BEFORE TRUNCATE ON desk_approval
    FOR EACH STATEMENT EXECUTE FUNCTION desk_history_stays();

-- down
DROP TRIGGER desk_approvals_stay ON desk_approval;
DROP TRIGGER desk_actions_stay ON desk_action;
DROP TRIGGER desk_note_stays ON desk_note;
DROP FUNCTION desk_history_stays();
DROP TRIGGER desk_approval_stays ON desk_approval;
DROP FUNCTION desk_approval_stays();
