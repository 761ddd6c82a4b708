-- An allocation stays as it was made; the one thing that may still happen to it is its undo, once.
CREATE FUNCTION receivables_allocation_stays() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER receivables_allocation_stays BEFORE UPDATE OR DELETE ON receivables_allocation
    FOR EACH ROW EXECUTE FUNCTION receivables_allocation_stays();

-- down
DROP TRIGGER receivables_allocation_stays ON receivables_allocation;
DROP FUNCTION receivables_allocation_stays();
