-- A payment is what its entry takes out of the book's bank account, to the cent, by a kind of entry that
-- PostgreSQL refuses while it would overdraw a client; and what took it back brings that much again.
CREATE FUNCTION payments_payment_is_its_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT paid.id, paid.amount, paid.amount_currency, coalesce(bank.amount, 0) AS moved,
        entry.kind, entry.entity_id = paid.entity_id AND book.entity_id = paid.entity_id AS is_ours
    INTO wrong
    FROM new_rows AS paid
    JOIN ledger_book AS book ON book.id = paid.book_id
    LEFT JOIN ledger_entry AS entry ON entry.id = paid.entry_id
    LEFT JOIN LATERAL (
        SELECT -sum(line.amount) AS amount FROM ledger_line AS line
        JOIN ledger_account AS account ON account.id = line.account_id AND account.kind = 'bank'
        WHERE line.entry_id = paid.entry_id AND line.book_id = paid.book_id
            AND line.amount_currency = paid.amount_currency
    ) AS bank ON true
    WHERE bank.amount IS DISTINCT FROM paid.amount OR entry.entity_id <> paid.entity_id
        OR book.entity_id <> paid.entity_id
        OR entry.kind NOT IN ('disbursement', 'vendor_payment', 'refund', 'fee_draw')
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payment % is of % %, its entry (%) takes % out of the account',
            wrong.id, wrong.amount, wrong.amount_currency, wrong.kind, wrong.moved
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_is_its_entry';
    END IF;
    SELECT id, state INTO wrong FROM new_rows WHERE state <> 'issued' OR back_entry_id IS NOT NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payment % begins as issued, not as %', wrong.id, wrong.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_goes_on';
    END IF;
    -- Paid again only what came back before: the row that is replaced is held until the end.
    PERFORM 1 FROM payments_payment WHERE id IN (SELECT replaces_id FROM new_rows)
        ORDER BY id FOR NO KEY UPDATE;
    SELECT before.id, before.state INTO wrong
    FROM new_rows AS fresh JOIN payments_payment AS before ON before.id = fresh.replaces_id
    WHERE before.entity_id <> fresh.entity_id OR before.state NOT IN ('returned', 'stopped', 'void') LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payment % is %; it is replaced when its money has come back', wrong.id, wrong.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_replaced_when_back';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_payment_is_its_entry AFTER INSERT ON payments_payment
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION payments_payment_is_its_entry();

CREATE FUNCTION payments_payment_back_is_its_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    brought numeric;
BEGIN
    SELECT sum(line.amount) INTO brought FROM ledger_line AS line
    JOIN ledger_account AS account ON account.id = line.account_id AND account.kind = 'bank'
    WHERE line.entry_id = NEW.back_entry_id AND line.book_id = NEW.book_id
        AND line.amount_currency = NEW.amount_currency;
    IF brought IS DISTINCT FROM NEW.amount THEN
        RAISE EXCEPTION 'payment % is of %, the entry that took it back brings %',
            NEW.id, NEW.amount, coalesce(brought, 0)
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_back_is_its_entry';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payments_payment_back_is_its_entry AFTER UPDATE OF back_entry_id ON payments_payment
    FOR EACH ROW WHEN (NEW.back_entry_id IS NOT NULL AND OLD.back_entry_id IS NULL)
    EXECUTE FUNCTION payments_payment_back_is_its_entry();

-- down
DROP TRIGGER payments_payment_back_is_its_entry ON payments_payment;
DROP FUNCTION payments_payment_back_is_its_entry();
DROP TRIGGER payments_payment_is_its_entry ON payments_payment;
DROP FUNCTION payments_payment_is_its_entry();
