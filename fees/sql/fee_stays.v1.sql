-- A fee stays as it was earned. What may still happen to it: one that waits is posted once, and it is
-- drawn; a draw that was undone lets its fees go.
CREATE FUNCTION fees_fee_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - '{entry_id,draw_id}'::text[] = to_jsonb(OLD) - '{entry_id,draw_id}'::text[]
            AND (OLD.entry_id IS NULL OR NEW.entry_id IS NOT DISTINCT FROM OLD.entry_id)
            AND (OLD.draw_id IS NULL OR NEW.draw_id IS NOT DISTINCT FROM OLD.draw_id
                OR (NEW.draw_id IS NULL AND EXISTS (
                    SELECT FROM fees_feedraw WHERE id = OLD.draw_id AND undone_on IS NOT NULL)))
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'fee % stays as it was earned; give it back instead', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'fee_stays';
END $$;
CREATE TRIGGER fees_fee_stays BEFORE UPDATE OR DELETE ON fees_fee
    FOR EACH ROW EXECUTE FUNCTION fees_fee_stays();

-- A draw stays as it was made; it may be undone once, saying why.
CREATE FUNCTION fees_draw_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - '{undone_on,reason}'::text[] = to_jsonb(OLD) - '{undone_on,reason}'::text[]
            AND OLD.undone_on IS NULL AND NEW.undone_on IS NOT NULL
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'fee draw % stays as it was made', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'fee_draw_stays';
END $$;
CREATE TRIGGER fees_draw_stays BEFORE UPDATE OR DELETE ON fees_feedraw
    FOR EACH ROW EXECUTE FUNCTION fees_draw_stays();

CREATE FUNCTION fees_never_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is never emptied', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'fees_never_emptied';
END $$;
CREATE TRIGGER fees_never_emptied BEFORE TRUNCATE ON fees_fee
    EXECUTE FUNCTION fees_never_emptied();
CREATE TRIGGER fees_never_emptied BEFORE TRUNCATE ON fees_feedraw
    EXECUTE FUNCTION fees_never_emptied();

-- down
DROP TRIGGER fees_never_emptied ON fees_feedraw;
DROP TRIGGER fees_never_emptied ON fees_fee;
DROP FUNCTION fees_never_emptied();
DROP TRIGGER fees_draw_stays ON fees_feedraw;
DROP FUNCTION fees_draw_stays();
DROP TRIGGER fees_fee_stays ON fees_fee;
DROP FUNCTION fees_fee_stays();
