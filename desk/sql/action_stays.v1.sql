-- What a person did stays as it was done; the one thing that may still happen to it is its undo, once.
CREATE FUNCTION desk_action_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.undone_at IS NULL AND NEW.undone_at IS NOT NULL AND NEW.undone_by_id IS NOT NULL
            AND (NEW.id, NEW.item_id, NEW.remedy, NEW.actor_id, NEW."group", NEW.said, NEW.undo, NEW.done_at)
                = (OLD.id, OLD.item_id, OLD.remedy, OLD.actor_id, OLD."group", OLD.said, OLD.undo, OLD.done_at)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'action % is history; it can only be undone, once', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'desk_action_stays';
END $$;
CREATE TRIGGER desk_action_stays BEFORE UPDATE OR DELETE ON desk_action
    FOR EACH ROW EXECUTE FUNCTION desk_action_stays();

-- down
DROP TRIGGER desk_action_stays ON desk_action;
DROP FUNCTION desk_action_stays();
