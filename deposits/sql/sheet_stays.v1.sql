-- Deductions and refunds do not change under a settled or cancelled sheet. The sheet is locked for
-- reading, so that it is not settled while one of them is written.
CREATE FUNCTION deposits_sheet_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sheet bigint;
    found text;
    paid numeric;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.move_out_id <> OLD.move_out_id THEN
        RAISE EXCEPTION 'row % stays with its move-out', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'deposits_sheet_stays';
    END IF;
    sheet := CASE WHEN TG_OP = 'DELETE' THEN OLD.move_out_id ELSE NEW.move_out_id END;
    SELECT state INTO found FROM deposits_moveout WHERE id = sheet FOR SHARE;
    IF found IN ('settled', 'cancelled') THEN
        -- How and whether a refund is paid goes on after the settlement; how much does not.
        IF TG_TABLE_NAME <> 'deposits_refundshare' OR TG_OP <> 'UPDATE' THEN
            RAISE EXCEPTION 'move-out % is %: its sheet does not change', sheet, found
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'deposits_sheet_stays';
        END IF;
        IF (to_jsonb(NEW)->'amount', to_jsonb(NEW)->'share', to_jsonb(NEW)->'fixed',
                to_jsonb(NEW)->'tenant_id', to_jsonb(NEW)->'payee')
            IS DISTINCT FROM (to_jsonb(OLD)->'amount', to_jsonb(OLD)->'share',
                to_jsonb(OLD)->'fixed', to_jsonb(OLD)->'tenant_id', to_jsonb(OLD)->'payee')
        THEN
            RAISE EXCEPTION 'move-out % is %: its sheet does not change', sheet, found
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'deposits_sheet_stays';
        END IF;
    END IF;
    IF TG_TABLE_NAME = 'deposits_refundshare' AND TG_OP <> 'DELETE' THEN
        IF to_jsonb(NEW)->>'payment_id' IS NOT NULL THEN
            SELECT amount INTO paid FROM payments_payment
                WHERE id = (to_jsonb(NEW)->>'payment_id')::bigint;
            IF paid IS DISTINCT FROM NEW.amount THEN
                RAISE EXCEPTION 'refund % is of %, its payment of %', NEW.id, NEW.amount, paid
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'deposits_refund_is_paid';
            END IF;
        END IF;
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER deposits_deduction_stays BEFORE INSERT OR UPDATE OR DELETE ON deposits_deduction
    FOR EACH ROW EXECUTE FUNCTION deposits_sheet_stays();
CREATE TRIGGER deposits_refund_stays
    BEFORE INSERT OR DELETE OR UPDATE OF move_out_id, amount, share, fixed, tenant_id, payee, payment_id
    ON deposits_refundshare
    FOR EACH ROW EXECUTE FUNCTION deposits_sheet_stays();

CREATE FUNCTION deposits_proof_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    SELECT m.state INTO found FROM deposits_deduction d
        JOIN deposits_moveout m ON m.id = d.move_out_id
        WHERE d.id = CASE WHEN TG_OP = 'DELETE' THEN OLD.deduction_id ELSE NEW.deduction_id END
        FOR SHARE OF m;
    -- A bill for work that was estimated may still be added; nothing is taken away or altered.
    IF found IN ('settled', 'cancelled') AND TG_OP <> 'INSERT' THEN
        RAISE EXCEPTION 'file % proves a settled deduction', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'deposits_proof_stays';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER deposits_proof_stays BEFORE INSERT OR UPDATE OR DELETE ON deposits_deductionfile
    FOR EACH ROW EXECUTE FUNCTION deposits_proof_stays();

-- down
DROP TRIGGER deposits_proof_stays ON deposits_deductionfile;
DROP FUNCTION deposits_proof_stays();
DROP TRIGGER deposits_refund_stays ON deposits_refundshare;
DROP TRIGGER deposits_deduction_stays ON deposits_deduction;
DROP FUNCTION deposits_sheet_stays();
