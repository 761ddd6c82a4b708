-- What a bill takes from the properties is whole when it is approved, and stays as it was approved.
CREATE FUNCTION payables_bill_is_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lines numeric;
BEGIN
    IF TG_OP = 'INSERT' OR NEW.state IS DISTINCT FROM OLD.state THEN
        IF NEW.state IN ('approved', 'part_paid', 'paid')
            AND (TG_OP = 'INSERT' OR OLD.state IN ('draft', 'questioned', 'rejected', 'cancelled'))
        THEN
            SELECT coalesce(sum(amount), 0) INTO lines FROM payables_billline WHERE bill_id = NEW.id;
            IF lines <> NEW.amount THEN
                RAISE EXCEPTION 'bill % is %, its lines come to %', NEW.number, NEW.amount, lines
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'bill_lines_sum';
            END IF;
        END IF;
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM payables_vendor WHERE id = NEW.vendor_id AND entity_id = NEW.entity_id
    ) OR NEW.work_order_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM payables_workorder WHERE id = NEW.work_order_id AND entity_id = NEW.entity_id
    ) OR NEW.document_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM payables_document WHERE id = NEW.document_id AND entity_id = NEW.entity_id
    ) THEN
        RAISE EXCEPTION 'bill %: vendor, work order and file must be of its company', NEW.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bill_one_entity';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payables_bill_is_whole BEFORE INSERT OR UPDATE ON payables_bill
    FOR EACH ROW EXECUTE FUNCTION payables_bill_is_whole();

CREATE FUNCTION payables_bill_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- The state goes on; an emergency may be declared, a link to its work order made, later.
    free text[] := ARRAY['state', 'emergency_by_id', 'emergency_reason', 'work_order_id'];
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - free <> to_jsonb(OLD) - free
        OR OLD.state = 'cancelled' OR NEW.state IN ('draft', 'questioned', 'rejected')
    THEN
        RAISE EXCEPTION 'bill % is approved; cancel it and enter it again', OLD.number
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bill_stays';
    END IF;
    IF NEW.state = 'cancelled' AND EXISTS (
        SELECT 1 FROM payables_billline WHERE bill_id = NEW.id AND paid > 0
    ) THEN
        RAISE EXCEPTION 'bill % is paid in part; its payment must come back first', OLD.number
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'paid_bill_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payables_bill_stays BEFORE UPDATE OR DELETE ON payables_bill
    FOR EACH ROW WHEN (OLD.entry_id IS NOT NULL) EXECUTE FUNCTION payables_bill_stays();

CREATE FUNCTION payables_line_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    whose bigint := CASE WHEN TG_OP = 'DELETE' THEN OLD.bill_id ELSE NEW.bill_id END;
    bill record;
BEGIN
    -- Waits for whoever is approving the bill at this moment.
    SELECT * INTO bill FROM payables_bill WHERE id = whose FOR KEY SHARE;
    IF bill.entry_id IS NOT NULL AND (
        TG_OP <> 'UPDATE'
        OR to_jsonb(NEW) - ARRAY['paid', 'paid_currency'] <> to_jsonb(OLD) - ARRAY['paid', 'paid_currency']
    ) THEN
        RAISE EXCEPTION 'bill % is approved; its lines stay', bill.number
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bill_line_stays';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM leases_property WHERE id = NEW.property_id AND entity_id = bill.entity_id
    ) OR NEW.unit_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM leases_unit WHERE id = NEW.unit_id AND property_id = NEW.property_id
    ) THEN
        RAISE EXCEPTION 'bill %: line % is for a property or unit that is not its company''s',
            bill.number, NEW.position
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bill_line_one_entity';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payables_line_stays BEFORE INSERT OR UPDATE OR DELETE ON payables_billline
    FOR EACH ROW EXECUTE FUNCTION payables_line_stays();

-- down
DROP TRIGGER payables_line_stays ON payables_billline;
DROP FUNCTION payables_line_stays();
DROP TRIGGER payables_bill_stays ON payables_bill;
DROP FUNCTION payables_bill_stays();
DROP TRIGGER payables_bill_is_whole ON payables_bill;
DROP FUNCTION payables_bill_is_whole();
