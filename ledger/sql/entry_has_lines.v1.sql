-- An entry has its lines when its transaction commits. (That they sum to zero and that none is zero
-- makes them two or more.)
CREATE FUNCTION ledger_entry_has_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM ledger_line WHERE entry_id = NEW.id) THEN
        RAISE EXCEPTION 'entry % "%" has no lines', NEW.id, NEW.memo
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_has_lines';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_entry_has_lines AFTER INSERT ON ledger_entry
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_entry_has_lines();

-- down
DROP TRIGGER ledger_entry_has_lines ON ledger_entry;
DROP FUNCTION ledger_entry_has_lines();
