-- A receipt pays charges and goes back at most once over: live allocations and what was taken back
-- never exceed its gross. And an allocation pays a charge of the receipt's own lease.
CREATE FUNCTION receivables_receipt_spent_once(receipts bigint[]) RETURNS void LANGUAGE plpgsql AS $$
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

CREATE FUNCTION receivables_allocation_within_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    stranger bigint;
BEGIN
    PERFORM receivables_receipt_spent_once(ARRAY(SELECT DISTINCT receipt_id FROM new_rows));
    SELECT new_rows.id INTO stranger
    FROM new_rows
    JOIN receivables_receipt AS receipt ON receipt.id = new_rows.receipt_id
    JOIN receivables_charge AS charge ON charge.id = new_rows.charge_id
    WHERE receipt.lease_id IS DISTINCT FROM charge.lease_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'allocation % pays a charge of another lease', stranger
            USING ERRCODE = 'check_violation', CONSTRAINT = 'allocation_within_lease';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER receivables_allocation_within_receipt AFTER INSERT ON receivables_allocation
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION receivables_allocation_within_receipt();

CREATE FUNCTION receivables_comeback_within_receipt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM receivables_receipt_spent_once(ARRAY(SELECT DISTINCT receipt_id FROM new_rows));
    RETURN NULL;
END $$;
CREATE TRIGGER receivables_comeback_within_receipt AFTER INSERT ON receivables_comeback
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION receivables_comeback_within_receipt();

-- A comeback's facts stay; and a receipt's amount, book and kind of money stay once it is posted.
CREATE FUNCTION receivables_comeback_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'comeback % is posted', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'comeback_stays';
END $$;
CREATE TRIGGER receivables_comeback_stays BEFORE DELETE OR UPDATE OF
    receipt_id, kind, key, amount, amount_currency, fee, fee_currency, "on", entry_id
    ON receivables_comeback
    FOR EACH ROW EXECUTE FUNCTION receivables_comeback_stays();

CREATE FUNCTION receivables_receipt_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.entry_id IS NOT NULL AND (
        (NEW.gross, NEW.gross_currency, NEW.book_id, NEW."into", NEW.entity_id, NEW.key, NEW.entry_id)
        IS DISTINCT FROM
        (OLD.gross, OLD.gross_currency, OLD.book_id, OLD."into", OLD.entity_id, OLD.key, OLD.entry_id)
    ) THEN
        RAISE EXCEPTION 'receipt % is posted; take it back instead', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'receipt_stays';
    END IF;
    IF NEW.lease_id IS DISTINCT FROM OLD.lease_id AND EXISTS (
        SELECT 1 FROM receivables_allocation WHERE receipt_id = OLD.id AND undone_by_id IS NULL
    ) THEN
        RAISE EXCEPTION 'receipt % still pays charges of its lease', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'receipt_keeps_lease';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER receivables_receipt_stays BEFORE UPDATE OR DELETE ON receivables_receipt
    FOR EACH ROW EXECUTE FUNCTION receivables_receipt_stays();

-- down
DROP TRIGGER receivables_receipt_stays ON receivables_receipt;
DROP FUNCTION receivables_receipt_stays();
DROP TRIGGER receivables_comeback_stays ON receivables_comeback;
DROP FUNCTION receivables_comeback_stays();
DROP TRIGGER receivables_comeback_within_receipt ON receivables_comeback;
DROP FUNCTION receivables_comeback_within_receipt();
DROP TRIGGER receivables_allocation_within_receipt ON receivables_allocation;
DROP FUNCTION receivables_allocation_within_receipt();
DROP FUNCTION receivables_receipt_spent_once(bigint[]);
