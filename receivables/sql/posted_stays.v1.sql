-- What rent collection has posted stays as the journal has it: a charge, a remittance and its items, a
-- deposit slip. TG_ARGV: the columns that may still change.
CREATE FUNCTION receivables_posted_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - TG_ARGV::text[] = to_jsonb(OLD) - TG_ARGV::text[] THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% % is posted and stays as it is', replace(TG_TABLE_NAME, 'receivables_', ''), OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'posted_stays';
END $$;
-- Its entry is written once, after it; what is paid follows its allocations.
CREATE TRIGGER receivables_charge_stays BEFORE DELETE OR UPDATE ON receivables_charge
    FOR EACH ROW EXECUTE FUNCTION receivables_posted_stays('paid', 'paid_currency', 'entry_id', 'memo');
CREATE TRIGGER receivables_item_stays BEFORE DELETE OR UPDATE ON receivables_remittanceitem
    FOR EACH ROW EXECUTE FUNCTION receivables_posted_stays('receipt_id', 'entry_id');
CREATE TRIGGER receivables_remittance_stays BEFORE DELETE OR UPDATE ON receivables_remittance
    FOR EACH ROW EXECUTE FUNCTION receivables_posted_stays(
        'fees', 'fees_currency', 'trace', 'state', 'entry_id', 'failed_entry_id', 'reason');
CREATE TRIGGER receivables_slip_stays BEFORE DELETE OR UPDATE ON receivables_depositslip
    FOR EACH ROW EXECUTE FUNCTION receivables_posted_stays('total', 'total_currency', 'entry_id');

CREATE FUNCTION receivables_entry_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% % keeps the entry that posted it', replace(TG_TABLE_NAME, 'receivables_', ''), OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'posted_entry_stays';
END $$;
CREATE TRIGGER receivables_charge_keeps_entry BEFORE UPDATE ON receivables_charge
    FOR EACH ROW WHEN (OLD.entry_id IS NOT NULL AND NEW.entry_id IS DISTINCT FROM OLD.entry_id)
    EXECUTE FUNCTION receivables_entry_stays();
CREATE TRIGGER receivables_remittance_keeps_entry BEFORE UPDATE ON receivables_remittance
    FOR EACH ROW WHEN (OLD.entry_id IS NOT NULL AND (NEW.entry_id, NEW.fees) IS DISTINCT FROM (OLD.entry_id, OLD.fees))
    EXECUTE FUNCTION receivables_entry_stays();
-- A slip's total changes only with a new entry (a receipt on it was corrected).
CREATE TRIGGER receivables_slip_keeps_total BEFORE UPDATE ON receivables_depositslip
    FOR EACH ROW WHEN (NEW.total <> OLD.total AND NEW.entry_id IS NOT DISTINCT FROM OLD.entry_id)
    EXECUTE FUNCTION receivables_entry_stays();

CREATE FUNCTION receivables_never_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never emptied: what is posted stays', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'receivables_never_emptied';
END $$;
CREATE TRIGGER receivables_never_emptied BEFORE TRUNCATE ON receivables_allocation
    EXECUTE FUNCTION receivables_never_emptied();
CREATE TRIGGER receivables_never_emptied BEFORE TRUNCATE ON receivables_comeback
    EXECUTE FUNCTION receivables_never_emptied();
CREATE TRIGGER receivables_never_emptied BEFORE TRUNCATE ON receivables_charge
    EXECUTE FUNCTION receivables_never_emptied();
CREATE TRIGGER receivables_never_emptied BEFORE TRUNCATE ON receivables_receipt
    EXECUTE FUNCTION receivables_never_emptied();

-- down
DROP TRIGGER receivables_never_emptied ON receivables_receipt;
DROP TRIGGER receivables_never_emptied ON receivables_charge;
DROP TRIGGER receivables_never_emptied ON receivables_comeback;
DROP TRIGGER receivables_never_emptied ON receivables_allocation;
DROP FUNCTION receivables_never_emptied();
DROP TRIGGER receivables_slip_keeps_total ON receivables_depositslip;
DROP TRIGGER receivables_remittance_keeps_entry ON receivables_remittance;
DROP TRIGGER receivables_charge_keeps_entry ON receivables_charge;
DROP FUNCTION receivables_entry_stays();
DROP TRIGGER receivables_slip_stays ON receivables_depositslip;
DROP TRIGGER receivables_remittance_stays ON receivables_remittance;
DROP TRIGGER receivables_item_stays ON receivables_remittanceitem;
DROP TRIGGER receivables_charge_stays ON receivables_charge;
DROP FUNCTION receivables_posted_stays();
