-- What is posted stays as it is, whoever writes; a correction is a reversal.
CREATE FUNCTION ledger_row_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% % is posted and stays as it is; reverse its entry instead',
        CASE TG_TABLE_NAME WHEN 'ledger_line' THEN 'line' ELSE 'entry' END, OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;

CREATE FUNCTION ledger_table_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is never emptied: what is posted stays', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;

CREATE TRIGGER ledger_entry_stays BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_row_stays();
CREATE TRIGGER ledger_line_stays BEFORE UPDATE OR DELETE ON ledger_line
    FOR EACH ROW EXECUTE FUNCTION ledger_row_stays();
CREATE TRIGGER ledger_entries_stay BEFORE TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_table_stays();
CREATE TRIGGER ledger_lines_stay BEFORE TRUNCATE ON ledger_line
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_table_stays();
CREATE TRIGGER ledger_periods_stay BEFORE TRUNCATE ON ledger_period
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_table_stays();
CREATE TRIGGER ledger_books_stay BEFORE TRUNCATE ON ledger_book
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_table_stays();
CREATE TRIGGER ledger_accounts_stay BEFORE TRUNCATE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_table_stays();
CREATE TRIGGER ledger_beneficiaries_stay BEFORE TRUNCATE ON ledger_beneficiary
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_table_stays();

-- down
DROP TRIGGER ledger_beneficiaries_stay ON ledger_beneficiary;
DROP TRIGGER ledger_accounts_stay ON ledger_account;
DROP TRIGGER ledger_books_stay ON ledger_book;
DROP TRIGGER ledger_periods_stay ON ledger_period;
DROP TRIGGER ledger_lines_stay ON ledger_line;
DROP TRIGGER ledger_entries_stay ON ledger_entry;
DROP TRIGGER ledger_line_stays ON ledger_line;
DROP TRIGGER ledger_entry_stays ON ledger_entry;
DROP FUNCTION ledger_table_stays();
DROP FUNCTION ledger_row_stays();
