-- Balances are written by the guard of the lines alone: it runs inside their trigger, so that a
-- write from there is two triggers deep, and a write from anywhere else one.
-- Rows are written in place, so half of each page is kept free. A book's balances are read sooner
-- than parallel workers are started.
ALTER TABLE ledger_balance
    SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, parallel_workers = 0);

CREATE FUNCTION ledger_balance_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('INSERT', 'UPDATE') AND pg_trigger_depth() > 1 THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'balances follow the lines; nobody else writes them'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_balance_is_kept';
END $$;
CREATE TRIGGER ledger_balance_is_kept
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ledger_balance
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_balance_is_kept();

-- down
DROP TRIGGER ledger_balance_is_kept ON ledger_balance;
DROP FUNCTION ledger_balance_is_kept();
ALTER TABLE ledger_balance RESET (fillfactor, autovacuum_vacuum_scale_factor, parallel_workers);
