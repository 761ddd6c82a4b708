-- What a bank told us stays as it was told: files, statements and their lines only grow. A line can
-- still become matched (which follows its matches) or be named the repetition of another line.
CREATE FUNCTION reconciliation_bank_line_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    as_before reconciliation_bankline;
BEGIN
    IF TG_OP = 'INSERT' THEN
        RAISE EXCEPTION 'a new bank line has no match yet and repeats nothing'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reconciliation_bank_line_stays';
    END IF;
    as_before := NEW;
    as_before.is_matched := OLD.is_matched;
    as_before.repeats_id := OLD.repeats_id;
    IF TG_OP = 'DELETE' OR as_before IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'bank line % is what the bank told; it cannot be changed', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'reconciliation_bank_line_stays';
    END IF;
    IF NEW.is_matched <> EXISTS (
        SELECT FROM reconciliation_matchbankline AS side
        WHERE side.bank_line_id = NEW.id AND side.is_live)
    THEN
        RAISE EXCEPTION 'is_matched of bank line % follows its matches', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reconciliation_is_matched_follows';
    END IF;
    IF NEW.repeats_id IS DISTINCT FROM OLD.repeats_id AND NEW.repeats_id IS NOT NULL AND (
        NOT EXISTS (
            SELECT FROM reconciliation_bankline AS first
            WHERE first.id = NEW.repeats_id AND first.id <> NEW.id AND first.repeats_id IS NULL
              AND first.bank_account_id = NEW.bank_account_id
              AND first.amount = NEW.amount AND first.amount_currency = NEW.amount_currency)
        OR EXISTS (SELECT FROM reconciliation_bankline AS later WHERE later.repeats_id = NEW.id))
    THEN
        RAISE EXCEPTION 'bank line % repeats no line of its account with its amount', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reconciliation_repeats_an_equal';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reconciliation_bank_line_stays BEFORE UPDATE OR DELETE ON reconciliation_bankline
    FOR EACH ROW EXECUTE FUNCTION reconciliation_bank_line_stays();
CREATE TRIGGER reconciliation_bank_line_is_new BEFORE INSERT ON reconciliation_bankline
    FOR EACH ROW WHEN (NEW.is_matched OR NEW.repeats_id IS NOT NULL)
    EXECUTE FUNCTION reconciliation_bank_line_stays();

CREATE FUNCTION reconciliation_bank_lines_fit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    stranger bigint;
BEGIN
    SELECT line.id INTO stranger
    FROM added AS line
    JOIN reconciliation_statement AS statement ON statement.id = line.statement_id
    WHERE statement.bank_account_id <> line.bank_account_id OR statement.is_intraday
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'bank line % is not of a final statement of its account', stranger
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reconciliation_bank_lines_fit';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER reconciliation_bank_lines_fit AFTER INSERT ON reconciliation_bankline
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION reconciliation_bank_lines_fit();

CREATE FUNCTION reconciliation_facts_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - TG_ARGV::text[] = to_jsonb(OLD) - TG_ARGV::text[] THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% % is what the bank told; it cannot be changed', TG_TABLE_NAME, OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'reconciliation_facts_stay';
END $$;
CREATE TRIGGER reconciliation_facts_stay BEFORE UPDATE OR DELETE ON reconciliation_statement
    FOR EACH ROW EXECUTE FUNCTION reconciliation_facts_stay();
CREATE TRIGGER reconciliation_facts_stay BEFORE UPDATE OR DELETE ON reconciliation_intradayline
    FOR EACH ROW EXECUTE FUNCTION reconciliation_facts_stay();
CREATE TRIGGER reconciliation_facts_stay BEFORE UPDATE OR DELETE ON reconciliation_sighting
    FOR EACH ROW EXECUTE FUNCTION reconciliation_facts_stay('is_doubtful', 'became_id');
-- What is read out of a file may be read again; its bytes stay.
CREATE FUNCTION reconciliation_file_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'statement file % is kept as it came', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'reconciliation_file_stays';
END $$;
CREATE TRIGGER reconciliation_file_stays BEFORE DELETE
    OR UPDATE OF id, entity_id, name, body, sha256, received_at, received_from_id
    ON reconciliation_statementfile
    FOR EACH ROW EXECUTE FUNCTION reconciliation_file_stays();

CREATE FUNCTION reconciliation_never_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% only grows; it is never emptied', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'reconciliation_never_emptied';
END $$;
CREATE TRIGGER reconciliation_never_emptied BEFORE TRUNCATE ON reconciliation_statementfile
    EXECUTE FUNCTION reconciliation_never_emptied();
CREATE TRIGGER reconciliation_never_emptied BEFORE TRUNCATE ON reconciliation_statement
    EXECUTE FUNCTION reconciliation_never_emptied();
CREATE TRIGGER reconciliation_never_emptied BEFORE TRUNCATE ON reconciliation_bankline
    EXECUTE FUNCTION reconciliation_never_emptied();
CREATE TRIGGER reconciliation_never_emptied BEFORE TRUNCATE ON reconciliation_match
    EXECUTE FUNCTION reconciliation_never_emptied();

-- down
DROP TRIGGER reconciliation_never_emptied ON reconciliation_match;
DROP TRIGGER reconciliation_never_emptied ON reconciliation_bankline;
DROP TRIGGER reconciliation_never_emptied ON reconciliation_statement;
DROP TRIGGER reconciliation_never_emptied ON reconciliation_statementfile;
DROP FUNCTION reconciliation_never_emptied();
DROP TRIGGER reconciliation_file_stays ON reconciliation_statementfile;
DROP FUNCTION reconciliation_file_stays();
DROP TRIGGER reconciliation_facts_stay ON reconciliation_sighting;
DROP TRIGGER reconciliation_facts_stay ON reconciliation_intradayline;
DROP TRIGGER reconciliation_facts_stay ON reconciliation_statement;
DROP FUNCTION reconciliation_facts_stay();
DROP TRIGGER reconciliation_bank_lines_fit ON reconciliation_bankline;
DROP FUNCTION reconciliation_bank_lines_fit();
DROP TRIGGER reconciliation_bank_line_is_new ON reconciliation_bankline;
DROP TRIGGER reconciliation_bank_line_stays ON reconciliation_bankline;
DROP FUNCTION reconciliation_bank_line_stays();
