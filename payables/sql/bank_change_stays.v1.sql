-- Bank details of a vendor are those of an approved change. A change is asked, decided once by a
-- second person whose approval stands on the desk, and used no earlier than three days after.
CREATE FUNCTION payables_bank_change_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'waiting' OR NEW.usable_on IS NOT NULL THEN
            RAISE EXCEPTION 'bank details are asked for first, then approved by a second person'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_change_is_asked_first';
        END IF;
        RETURN NEW;
    END IF;
    -- The same number under a new key (manage.py rotate_field_keys).
    IF TG_OP = 'UPDATE' AND current_setting('proptrust.rotates_keys', true) = 'on'
        AND to_jsonb(NEW) - 'account_number' = to_jsonb(OLD) - 'account_number'
    THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR OLD.state <> 'waiting'
        OR to_jsonb(NEW) - ARRAY['state', 'decided_by_id', 'decided_on', 'usable_on', 'reason']
            <> to_jsonb(OLD) - ARRAY['state', 'decided_by_id', 'decided_on', 'usable_on', 'reason']
    THEN
        RAISE EXCEPTION 'bank details % stay as they were asked for and decided', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_change_stays';
    END IF;
    IF NEW.state = 'approved' AND NOT EXISTS (
        SELECT 1 FROM desk_approval
        WHERE key = 'vendor-bank:' || NEW.id AND state = 'approved'
            AND maker_id = NEW.asked_by_id AND checker_id = NEW.decided_by_id
    ) THEN
        RAISE EXCEPTION 'no second person has approved the bank details %', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_change_is_approved';
    END IF;
    IF NEW.state = 'approved' AND NEW.usable_on < NEW.decided_on + 3 THEN
        RAISE EXCEPTION 'bank details % are used three days after their approval at the earliest', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bank_change_cools_down';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payables_bank_change_stays BEFORE INSERT OR UPDATE OR DELETE ON payables_vendorbankchange
    FOR EACH ROW EXECUTE FUNCTION payables_bank_change_stays();

-- A file, a step and a work order's step stay as they were written.
CREATE FUNCTION payables_history_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The same file under a new key (manage.py rotate_field_keys).
    IF TG_OP = 'UPDATE' AND current_setting('proptrust.rotates_keys', true) = 'on'
        AND to_jsonb(NEW) - 'body' = to_jsonb(OLD) - 'body'
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% % stays as it was written', replace(TG_TABLE_NAME, 'payables_', ''), OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payables_history_stays';
END $$;
CREATE TRIGGER payables_document_stays BEFORE UPDATE OR DELETE ON payables_document
    FOR EACH ROW EXECUTE FUNCTION payables_history_stays();
CREATE TRIGGER payables_step_stays BEFORE UPDATE OR DELETE ON payables_billstep
    FOR EACH ROW EXECUTE FUNCTION payables_history_stays();
CREATE TRIGGER payables_work_step_stays BEFORE UPDATE OR DELETE ON payables_workorderstep
    FOR EACH ROW EXECUTE FUNCTION payables_history_stays();

-- A work order goes from state to state as work does, one step back where a payment or bill went.
CREATE FUNCTION payables_work_order_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('created', 'approved'), ('approved', 'completed'), ('completed', 'invoiced'),
        ('invoiced', 'paid'), ('paid', 'cleared'),
        ('invoiced', 'completed'), ('paid', 'invoiced'), ('cleared', 'invoiced'), ('cleared', 'paid'),
        ('created', 'cancelled'), ('approved', 'cancelled'), ('completed', 'cancelled')
    ) THEN
        RAISE EXCEPTION 'work order % cannot go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'work_order_goes_on';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payables_work_order_goes_on BEFORE UPDATE ON payables_workorder
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION payables_work_order_goes_on();

-- down
DROP TRIGGER payables_work_order_goes_on ON payables_workorder;
DROP FUNCTION payables_work_order_goes_on();
DROP TRIGGER payables_work_step_stays ON payables_workorderstep;
DROP TRIGGER payables_step_stays ON payables_billstep;
DROP TRIGGER payables_document_stays ON payables_document;
DROP FUNCTION payables_history_stays();
DROP TRIGGER payables_bank_change_stays ON payables_vendorbankchange;
DROP FUNCTION payables_bank_change_stays();
