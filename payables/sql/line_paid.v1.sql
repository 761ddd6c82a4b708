-- What a line has been paid is the sum of its live payments, whoever writes. A vendor credit's line
-- counts what it was applied to.
CREATE FUNCTION payables_line_pays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payables_billline AS line SET paid = line.paid + change.amount
    FROM (
        SELECT line_id, sum(amount) AS amount FROM (
            SELECT line_id, amount FROM new_rows WHERE undone_on IS NULL
            UNION ALL
            SELECT credit_id, amount FROM new_rows WHERE undone_on IS NULL AND credit_id IS NOT NULL
        ) AS moved GROUP BY line_id ORDER BY line_id
    ) AS change
    WHERE line.id = change.line_id;
    RETURN NULL;
END $$;
CREATE TRIGGER payables_line_pays AFTER INSERT ON payables_linepayment
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION payables_line_pays();

CREATE FUNCTION payables_line_unpays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payables_billline AS line SET paid = line.paid - change.amount
    FROM (
        SELECT line_id, sum(amount) AS amount FROM (
            SELECT new_rows.line_id, new_rows.amount FROM new_rows JOIN old_rows USING (id)
            WHERE old_rows.undone_on IS NULL AND new_rows.undone_on IS NOT NULL
            UNION ALL
            SELECT new_rows.credit_id, new_rows.amount FROM new_rows JOIN old_rows USING (id)
            WHERE old_rows.undone_on IS NULL AND new_rows.undone_on IS NOT NULL
                AND new_rows.credit_id IS NOT NULL
        ) AS moved GROUP BY line_id ORDER BY line_id
    ) AS change
    WHERE line.id = change.line_id;
    RETURN NULL;
END $$;
CREATE TRIGGER payables_line_unpays AFTER UPDATE ON payables_linepayment
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION payables_line_unpays();

-- Whoever writes `paid` by hand meets this.
CREATE FUNCTION payables_paid_is_true() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    live numeric;
BEGIN
    SELECT coalesce(sum(amount), 0) INTO live FROM payables_linepayment
    WHERE (line_id = NEW.id OR credit_id = NEW.id) AND undone_on IS NULL;
    IF NEW.paid <> live THEN
        RAISE EXCEPTION 'bill line % says % is paid, its payments are %', NEW.id, NEW.paid, live
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bill_line_paid_is_true';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payables_paid_is_true BEFORE UPDATE ON payables_billline
    FOR EACH ROW WHEN (NEW.paid IS DISTINCT FROM OLD.paid)
    EXECUTE FUNCTION payables_paid_is_true();
CREATE TRIGGER payables_line_begins_unpaid BEFORE INSERT ON payables_billline
    FOR EACH ROW WHEN (NEW.paid <> 0) EXECUTE FUNCTION payables_paid_is_true();

-- What paid a line stays; that it was undone is the one thing that may still be said, once.
CREATE FUNCTION payables_line_payment_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.undone_on IS NULL AND NEW.undone_on IS NOT NULL
            AND to_jsonb(NEW) - 'undone_on' = to_jsonb(OLD) - 'undone_on'
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'payment % of a bill line stays; undo it instead', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'line_payment_stays';
END $$;
CREATE TRIGGER payables_line_payment_stays BEFORE UPDATE OR DELETE ON payables_linepayment
    FOR EACH ROW EXECUTE FUNCTION payables_line_payment_stays();

-- down
DROP TRIGGER payables_line_payment_stays ON payables_linepayment;
DROP FUNCTION payables_line_payment_stays();
DROP TRIGGER payables_line_begins_unpaid ON payables_billline;
DROP TRIGGER payables_paid_is_true ON payables_billline;
DROP FUNCTION payables_paid_is_true();
DROP TRIGGER payables_line_unpays ON payables_linepayment;
DROP FUNCTION payables_line_unpays();
DROP TRIGGER payables_line_pays ON payables_linepayment;
DROP FUNCTION payables_line_pays();
