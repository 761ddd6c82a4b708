-- What a line means hangs on its book, account and beneficiary: their entity and kind never change,
-- so that one check of the three holds for ever. A balance row keeps them from being deleted.
CREATE FUNCTION ledger_parent_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := to_jsonb(OLD);
    after jsonb := to_jsonb(NEW);
BEGIN
    IF before -> 'id' IS DISTINCT FROM after -> 'id'
        OR before -> 'entity_id' IS DISTINCT FROM after -> 'entity_id'
        OR before -> 'kind' IS DISTINCT FROM after -> 'kind'
    THEN
        RAISE EXCEPTION 'the legal entity and the kind of % "%" never change',
            replace(TG_TABLE_NAME, 'ledger_', ''), before ->> 'name'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_parent_stays';
    END IF;
    -- Only the trigger of a period's closing moves this day: it runs one level deeper.
    IF before -> 'closed_through' IS DISTINCT FROM after -> 'closed_through'
        AND pg_trigger_depth() < 2
    THEN
        RAISE EXCEPTION 'book "%" is closed by closing its periods', before ->> 'name'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_parent_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_book_keeps_kind BEFORE UPDATE ON ledger_book
    FOR EACH ROW EXECUTE FUNCTION ledger_parent_stays();
CREATE TRIGGER ledger_account_keeps_kind BEFORE UPDATE ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION ledger_parent_stays();
CREATE TRIGGER ledger_beneficiary_keeps_kind BEFORE UPDATE ON ledger_beneficiary
    FOR EACH ROW EXECUTE FUNCTION ledger_parent_stays();

CREATE FUNCTION ledger_book_starts_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.closed_through IS NOT NULL THEN
        RAISE EXCEPTION 'book "%" is closed by closing its periods', NEW.name
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_parent_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_book_starts_open BEFORE INSERT ON ledger_book
    FOR EACH ROW EXECUTE FUNCTION ledger_book_starts_open();

-- down
DROP TRIGGER ledger_book_starts_open ON ledger_book;
DROP FUNCTION ledger_book_starts_open();
DROP TRIGGER ledger_beneficiary_keeps_kind ON ledger_beneficiary;
DROP TRIGGER ledger_account_keeps_kind ON ledger_account;
DROP TRIGGER ledger_book_keeps_kind ON ledger_book;
DROP FUNCTION ledger_parent_stays();
