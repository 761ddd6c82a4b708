-- An allocation stays as it was made, of a receipt or of a credit; the one thing that may still happen
-- to it is its undo, once.
CREATE OR REPLACE FUNCTION receivables_allocation_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.undone_by_id IS NULL AND NEW.undone_by_id IS NOT NULL
            AND (NEW.id, NEW.receipt_id, NEW.credit_id, NEW.charge_id, NEW.amount, NEW.amount_currency, NEW.parts, NEW.entry_id)
                IS NOT DISTINCT FROM
                (OLD.id, OLD.receipt_id, OLD.credit_id, OLD.charge_id, OLD.amount, OLD.amount_currency, OLD.parts, OLD.entry_id)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'allocation % is posted; undo it instead', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'allocation_stays';
END $$;

-- down
CREATE OR REPLACE FUNCTION receivables_allocation_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.undone_by_id IS NULL AND NEW.undone_by_id IS NOT NULL
            AND (NEW.id, NEW.receipt_id, NEW.charge_id, NEW.amount, NEW.amount_currency, NEW.parts, NEW.entry_id)
                = (OLD.id, OLD.receipt_id, OLD.charge_id, OLD.amount, OLD.amount_currency, OLD.parts, OLD.entry_id)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'allocation % is posted; undo it instead', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'allocation_stays';
END $$;
