-- As before, and a convenience fee is nobody's to spend: charges are paid from what is left of a
-- receipt without it, and what went back takes the payer's rent first and the fee last.
CREATE OR REPLACE FUNCTION receivables_receipt_spent_once(receipts bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    -- Two sessions on one receipt wait for each other here, in the order of the ids.
    PERFORM 1 FROM receivables_receipt WHERE id = ANY (receipts) ORDER BY id FOR NO KEY UPDATE;
    SELECT receipt.id, receipt.gross, receipt.convenience_fee, allocated, taken INTO wrong
    FROM receivables_receipt AS receipt
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount), 0) AS allocated FROM receivables_allocation
        WHERE receipt_id = receipt.id AND undone_by_id IS NULL
    ) AS allocation
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(CASE WHEN kind IN ('return', 'refund', 'dispute') THEN amount
                                 WHEN kind IN ('dispute_won', 'refund_failed') THEN -amount
                                 ELSE 0 END), 0) AS taken
        FROM receivables_comeback WHERE receipt_id = receipt.id
    ) AS comeback
    WHERE receipt.id = ANY (receipts) AND (
        taken < 0 OR taken > receipt.gross
        OR allocated + least(taken, receipt.gross - receipt.convenience_fee)
            > receipt.gross - receipt.convenience_fee
    )
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'receipt % of % (convenience fee %): % allocated and % taken back', wrong.id,
            wrong.gross, wrong.convenience_fee, wrong.allocated, wrong.taken
            USING ERRCODE = 'check_violation', CONSTRAINT = 'receipt_spent_once';
    END IF;
END $$;

-- A posted receipt keeps its convenience fee, too.
CREATE FUNCTION receivables_receipt_keeps_fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'receipt % is posted; take it back instead', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'receipt_stays';
END $$;
CREATE TRIGGER receivables_receipt_keeps_fee BEFORE UPDATE ON receivables_receipt
    FOR EACH ROW WHEN (OLD.entry_id IS NOT NULL AND (NEW.convenience_fee, NEW.convenience_fee_currency)
        IS DISTINCT FROM (OLD.convenience_fee, OLD.convenience_fee_currency))
    EXECUTE FUNCTION receivables_receipt_keeps_fee();

-- down
DROP TRIGGER receivables_receipt_keeps_fee ON receivables_receipt;
DROP FUNCTION receivables_receipt_keeps_fee();
CREATE OR REPLACE FUNCTION receivables_receipt_spent_once(receipts bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    -- Two sessions on one receipt wait for each other here, in the order of the ids.
    PERFORM 1 FROM receivables_receipt WHERE id = ANY (receipts) ORDER BY id FOR NO KEY UPDATE;
    SELECT receipt.id, receipt.gross, allocated, taken INTO wrong
    FROM receivables_receipt AS receipt
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount), 0) AS allocated FROM receivables_allocation
        WHERE receipt_id = receipt.id AND undone_by_id IS NULL
    ) AS allocation
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(CASE WHEN kind IN ('return', 'refund', 'dispute') THEN amount
                                 WHEN kind IN ('dispute_won', 'refund_failed') THEN -amount
                                 ELSE 0 END), 0) AS taken
        FROM receivables_comeback WHERE receipt_id = receipt.id
    ) AS comeback
    WHERE receipt.id = ANY (receipts) AND (allocated + taken > receipt.gross OR taken < 0)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'receipt % of %: % allocated and % taken back', wrong.id, wrong.gross,
            wrong.allocated, wrong.taken
            USING ERRCODE = 'check_violation', CONSTRAINT = 'receipt_spent_once';
    END IF;
END $$;
