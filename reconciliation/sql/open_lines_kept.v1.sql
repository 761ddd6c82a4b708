-- The journal's cash lines that no live match answers, so that what is outstanding is read without
-- going through all that was matched in years. Written by the lines and the matches alone: their
-- triggers are one deep, so that a write from there is two deep, and one from anywhere else one.
CREATE FUNCTION reconciliation_open_line_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('INSERT', 'DELETE') AND pg_trigger_depth() > 1 THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'open lines follow the journal and its matches; nobody else writes them'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'reconciliation_open_line_is_kept';
END $$;
CREATE TRIGGER reconciliation_open_line_is_kept
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON reconciliation_openline
    FOR EACH STATEMENT EXECUTE FUNCTION reconciliation_open_line_is_kept();

CREATE FUNCTION reconciliation_line_is_open() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO reconciliation_openline
        (line_id, book_id, entry_id, dated_on, amount_currency, amount)
    SELECT line.id, line.book_id, line.entry_id, line.dated_on, line.amount_currency, line.amount
    FROM added AS line
    JOIN ledger_account AS account ON account.id = line.account_id AND account.kind = 'bank'
    WHERE line.beneficiary_id IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER reconciliation_line_is_open AFTER INSERT ON ledger_line
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION reconciliation_line_is_open();

CREATE FUNCTION reconciliation_line_is_matched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM reconciliation_openline AS open
    USING changed
    WHERE open.line_id = changed.line_id AND changed.is_live;
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO reconciliation_openline
            (line_id, book_id, entry_id, dated_on, amount_currency, amount)
        SELECT line.id, line.book_id, line.entry_id, line.dated_on, line.amount_currency,
            line.amount
        FROM ledger_line AS line
        JOIN ledger_account AS account ON account.id = line.account_id AND account.kind = 'bank'
        WHERE line.id IN (SELECT line_id FROM changed WHERE NOT is_live)
          AND line.beneficiary_id IS NULL
          AND NOT EXISTS (
              SELECT FROM reconciliation_matchline AS side
              WHERE side.line_id = line.id AND side.is_live)
        ON CONFLICT (line_id) DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER reconciliation_line_is_matched AFTER INSERT ON reconciliation_matchline
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION reconciliation_line_is_matched();
CREATE TRIGGER reconciliation_line_is_matched_after_undo AFTER UPDATE ON reconciliation_matchline
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION reconciliation_line_is_matched();

-- With which entry a book begins is asked for every time its figures are.
CREATE INDEX reconciliation_beginnings ON ledger_entry (entity_id) WHERE kind = 'opening';

-- Lines that were posted before this table was.
ALTER TABLE reconciliation_openline DISABLE TRIGGER reconciliation_open_line_is_kept;
INSERT INTO reconciliation_openline
    (line_id, book_id, entry_id, dated_on, amount_currency, amount)
SELECT line.id, line.book_id, line.entry_id, line.dated_on, line.amount_currency, line.amount
FROM ledger_line AS line
JOIN ledger_account AS account ON account.id = line.account_id AND account.kind = 'bank'
WHERE line.beneficiary_id IS NULL AND NOT EXISTS (
    SELECT FROM reconciliation_matchline AS side
    WHERE side.line_id = line.id AND side.is_live);
ALTER TABLE reconciliation_openline ENABLE TRIGGER reconciliation_open_line_is_kept;

-- down
DROP INDEX reconciliation_beginnings;
DROP TRIGGER reconciliation_line_is_matched_after_undo ON reconciliation_matchline;
DROP TRIGGER reconciliation_line_is_matched ON reconciliation_matchline;
DROP FUNCTION reconciliation_line_is_matched();
DROP TRIGGER reconciliation_line_is_open ON ledger_line;
DROP FUNCTION reconciliation_line_is_open();
DROP TRIGGER reconciliation_open_line_is_kept ON reconciliation_openline;
DROP FUNCTION reconciliation_open_line_is_kept();
