-- A live match is exact: lines on both sides, all of its own bank account, with one and the same sum.
-- Looked at when the transaction commits, because a match and its sides arrive in three statements.
CREATE FUNCTION reconciliation_check_match(checked bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    the_account bigint;
    the_book bigint;
    is_standing boolean;
    at_bank numeric;
    in_journal numeric;
    currencies text[];
    strangers bigint;
    dead bigint;
    more_strangers bigint;
    more_dead bigint;
    more_currencies text[];
BEGIN
    SELECT match.bank_account_id, account.book_id, match.undone_at IS NULL
    INTO the_account, the_book, is_standing
    FROM reconciliation_match AS match
    JOIN ledger_bankaccount AS account ON account.id = match.bank_account_id
    WHERE match.id = checked;
    IF NOT FOUND THEN
        RETURN;  -- The foreign key refuses what is left of it.
    END IF;

    SELECT sum(line.amount), array_agg(DISTINCT line.amount_currency::text),
        count(*) FILTER (WHERE line.bank_account_id <> the_account OR line.repeats_id IS NOT NULL),
        count(*) FILTER (WHERE side.is_live <> is_standing)
    INTO at_bank, currencies, strangers, dead
    FROM reconciliation_matchbankline AS side
    JOIN reconciliation_bankline AS line ON line.id = side.bank_line_id
    WHERE side.match_id = checked;

    SELECT sum(line.amount), array_agg(DISTINCT line.amount_currency::text),
        count(*) FILTER (WHERE line.book_id <> the_book OR account.kind <> 'bank'),
        count(*) FILTER (WHERE side.is_live <> is_standing)
    INTO in_journal, more_currencies, more_strangers, more_dead
    FROM reconciliation_matchline AS side
    JOIN ledger_line AS line ON line.id = side.line_id
    JOIN ledger_account AS account ON account.id = line.account_id
    WHERE side.match_id = checked;

    IF dead + more_dead > 0 THEN
        RAISE EXCEPTION 'a side of match % does not follow it', checked
            USING ERRCODE = 'check_violation', CONSTRAINT = 'match_sides_follow_it';
    END IF;
    IF NOT is_standing THEN
        RETURN;
    END IF;
    IF at_bank IS NULL OR in_journal IS NULL THEN
        RAISE EXCEPTION 'match % needs a bank line and a journal line', checked
            USING ERRCODE = 'check_violation', CONSTRAINT = 'match_has_two_sides';
    END IF;
    IF strangers + more_strangers > 0 THEN
        RAISE EXCEPTION 'match % holds a line that is not of its bank account', checked
            USING ERRCODE = 'check_violation', CONSTRAINT = 'match_is_of_one_account';
    END IF;
    IF at_bank <> in_journal OR currencies <> more_currencies OR cardinality(currencies) > 1 THEN
        RAISE EXCEPTION 'match % is out by % %: the bank says %, the journal %',
            checked, at_bank - in_journal, currencies[1], at_bank, in_journal
            USING ERRCODE = 'check_violation', CONSTRAINT = 'match_is_exact';
    END IF;
END $$;

CREATE FUNCTION reconciliation_match_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM reconciliation_check_match(NEW.id);
    RETURN NULL;
END $$;
CREATE FUNCTION reconciliation_side_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM reconciliation_check_match(NEW.match_id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER reconciliation_match_is_exact AFTER INSERT OR UPDATE ON reconciliation_match
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reconciliation_match_changed();
CREATE CONSTRAINT TRIGGER reconciliation_match_is_exact AFTER INSERT OR UPDATE ON reconciliation_matchbankline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reconciliation_side_changed();
CREATE CONSTRAINT TRIGGER reconciliation_match_is_exact AFTER INSERT OR UPDATE ON reconciliation_matchline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reconciliation_side_changed();

-- down
DROP TRIGGER reconciliation_match_is_exact ON reconciliation_matchline;
DROP TRIGGER reconciliation_match_is_exact ON reconciliation_matchbankline;
DROP TRIGGER reconciliation_match_is_exact ON reconciliation_match;
DROP FUNCTION reconciliation_side_changed();
DROP FUNCTION reconciliation_match_changed();
DROP FUNCTION reconciliation_check_match(bigint);
