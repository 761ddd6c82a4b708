-- What a charge has been paid is the sum of its live allocations, whoever writes.
-- The amounts change by a difference, so that two sessions on one charge wait for each other.
CREATE FUNCTION receivables_allocation_pays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE receivables_charge AS charge SET paid = charge.paid + change.amount
    FROM (
        SELECT charge_id, sum(amount) AS amount FROM new_rows
        WHERE undone_by_id IS NULL GROUP BY charge_id ORDER BY charge_id
    ) AS change
    WHERE charge.id = change.charge_id;
    RETURN NULL;
END $$;
CREATE TRIGGER receivables_allocation_pays AFTER INSERT ON receivables_allocation
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION receivables_allocation_pays();

CREATE FUNCTION receivables_allocation_unpays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE receivables_charge AS charge SET paid = charge.paid - change.amount
    FROM (
        SELECT new_rows.charge_id, sum(new_rows.amount) AS amount
        FROM new_rows JOIN old_rows USING (id)
        WHERE old_rows.undone_by_id IS NULL AND new_rows.undone_by_id IS NOT NULL
        GROUP BY new_rows.charge_id ORDER BY new_rows.charge_id
    ) AS change
    WHERE charge.id = change.charge_id;
    RETURN NULL;
END $$;
CREATE TRIGGER receivables_allocation_unpays AFTER UPDATE ON receivables_allocation
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION receivables_allocation_unpays();

-- Whoever writes `paid` by hand meets this.
CREATE FUNCTION receivables_charge_paid_is_allocated() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    allocated numeric := 0;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT coalesce(sum(amount), 0) INTO allocated FROM receivables_allocation
        WHERE charge_id = NEW.id AND undone_by_id IS NULL;
    END IF;
    IF NEW.paid <> allocated THEN
        RAISE EXCEPTION 'charge % says % is paid, its allocations are %', NEW.id, NEW.paid, allocated
            USING ERRCODE = 'check_violation', CONSTRAINT = 'charge_paid_is_allocated';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER receivables_charge_inserted_unpaid BEFORE INSERT ON receivables_charge
    FOR EACH ROW WHEN (NEW.paid <> 0) EXECUTE FUNCTION receivables_charge_paid_is_allocated();
CREATE TRIGGER receivables_charge_paid_is_allocated BEFORE UPDATE ON receivables_charge
    FOR EACH ROW WHEN (NEW.paid IS DISTINCT FROM OLD.paid)
    EXECUTE FUNCTION receivables_charge_paid_is_allocated();

-- down
DROP TRIGGER receivables_charge_paid_is_allocated ON receivables_charge;
DROP TRIGGER receivables_charge_inserted_unpaid ON receivables_charge;
DROP FUNCTION receivables_charge_paid_is_allocated();
DROP TRIGGER receivables_allocation_unpays ON receivables_allocation;
DROP FUNCTION receivables_allocation_unpays();
DROP TRIGGER receivables_allocation_pays ON receivables_allocation;
DROP FUNCTION receivables_allocation_pays();
