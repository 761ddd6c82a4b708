-- A match stays as it was made; the one thing that may still happen to it is its undo, once. Its sides
-- follow it, and a bank line's is_matched follows its sides, whoever writes.
CREATE FUNCTION reconciliation_match_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.undone_at IS NULL THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'UPDATE' THEN
        IF OLD.undone_at IS NULL AND NEW.undone_at IS NOT NULL
            AND to_jsonb(NEW) - ARRAY['undone_at', 'undone_by_id', 'undone_why']
                = to_jsonb(OLD) - ARRAY['undone_at', 'undone_by_id', 'undone_why']
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'match % is history; it can only be undone, once', COALESCE(OLD.id, NEW.id)
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'reconciliation_match_stays';
END $$;
CREATE TRIGGER reconciliation_match_stays BEFORE INSERT OR UPDATE OR DELETE ON reconciliation_match
    FOR EACH ROW EXECUTE FUNCTION reconciliation_match_stays();

CREATE FUNCTION reconciliation_match_undone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE reconciliation_matchbankline SET is_live = false WHERE match_id = NEW.id;
    UPDATE reconciliation_matchline SET is_live = false WHERE match_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER reconciliation_match_undone AFTER UPDATE ON reconciliation_match
    FOR EACH ROW EXECUTE FUNCTION reconciliation_match_undone();

CREATE FUNCTION reconciliation_side_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.is_live AND NOT NEW.is_live
            AND to_jsonb(NEW) - 'is_live' = to_jsonb(OLD) - 'is_live'
            AND EXISTS (
                SELECT FROM reconciliation_match AS match
                WHERE match.id = NEW.match_id AND match.undone_at IS NOT NULL)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a side of match % stays as long as the match does', OLD.match_id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'reconciliation_side_stays';
END $$;
CREATE TRIGGER reconciliation_side_stays BEFORE UPDATE OR DELETE ON reconciliation_matchbankline
    FOR EACH ROW EXECUTE FUNCTION reconciliation_side_stays();
CREATE TRIGGER reconciliation_side_stays BEFORE UPDATE OR DELETE ON reconciliation_matchline
    FOR EACH ROW EXECUTE FUNCTION reconciliation_side_stays();

CREATE FUNCTION reconciliation_keep_is_matched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE reconciliation_bankline AS line
    SET is_matched = EXISTS (
        SELECT FROM reconciliation_matchbankline AS side
        WHERE side.bank_line_id = line.id AND side.is_live)
    WHERE line.id IN (SELECT bank_line_id FROM changed);
    RETURN NULL;
END $$;
CREATE TRIGGER reconciliation_keep_is_matched AFTER INSERT ON reconciliation_matchbankline
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION reconciliation_keep_is_matched();
CREATE TRIGGER reconciliation_keep_is_matched_after_undo AFTER UPDATE ON reconciliation_matchbankline
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION reconciliation_keep_is_matched();

-- down
DROP TRIGGER reconciliation_keep_is_matched_after_undo ON reconciliation_matchbankline;
DROP TRIGGER reconciliation_keep_is_matched ON reconciliation_matchbankline;
DROP FUNCTION reconciliation_keep_is_matched();
DROP TRIGGER reconciliation_side_stays ON reconciliation_matchline;
DROP TRIGGER reconciliation_side_stays ON reconciliation_matchbankline;
DROP FUNCTION reconciliation_side_stays();
DROP TRIGGER reconciliation_match_undone ON reconciliation_match;
DROP FUNCTION reconciliation_match_undone();
DROP TRIGGER reconciliation_match_stays ON reconciliation_match;
DROP FUNCTION reconciliation_match_stays();
