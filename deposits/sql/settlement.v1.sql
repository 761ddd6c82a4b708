-- A settled sheet adds up, and stays as it was settled, whoever writes.
CREATE FUNCTION deposits_settlement() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said numeric;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'move-out % is kept; cancel it instead', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'deposits_move_out_stays';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'open' THEN
            RAISE EXCEPTION 'a move-out begins open, not %', NEW.state
                USING ERRCODE = 'check_violation', CONSTRAINT = 'deposits_move_out_begins_open';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state IN ('settled', 'cancelled') AND (
        NEW.state, NEW.entity_id, NEW.lease_id, NEW.deposit_id, NEW.moved_out_on, NEW.ended_on,
        NEW.held, NEW.interest, NEW.deducted, NEW.prepaid, NEW.kept, NEW.refunded, NEW.still_owed,
        NEW.made_by_id, NEW.reviewed_by_id, NEW.settled_on, NEW.kept_receipt_id, NEW.kept_entry_id
    ) IS DISTINCT FROM (
        OLD.state, OLD.entity_id, OLD.lease_id, OLD.deposit_id, OLD.moved_out_on, OLD.ended_on,
        OLD.held, OLD.interest, OLD.deducted, OLD.prepaid, OLD.kept, OLD.refunded, OLD.still_owed,
        OLD.made_by_id, OLD.reviewed_by_id, OLD.settled_on, OLD.kept_receipt_id, OLD.kept_entry_id
    ) THEN
        RAISE EXCEPTION 'move-out % is % and stays as it is', OLD.id, OLD.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'deposits_move_out_stays';
    END IF;
    IF NEW.state = 'settled' AND OLD.state <> 'settled' THEN
        IF OLD.state <> 'reviewed' THEN
            RAISE EXCEPTION 'move-out % was not reviewed by a second person', OLD.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'deposits_settled_was_reviewed';
        END IF;
        SELECT coalesce(sum(amount), 0) INTO said FROM deposits_deduction
            WHERE move_out_id = NEW.id;
        IF said <> NEW.deducted THEN
            RAISE EXCEPTION 'move-out % says % deducted; its deductions sum to %',
                NEW.id, NEW.deducted, said
                USING ERRCODE = 'check_violation', CONSTRAINT = 'deposits_deductions_add_up';
        END IF;
        SELECT coalesce(sum(amount), 0) INTO said FROM deposits_refundshare
            WHERE move_out_id = NEW.id;
        IF said <> NEW.refunded THEN
            RAISE EXCEPTION 'move-out % says % refunded; its refunds sum to %',
                NEW.id, NEW.refunded, said
                USING ERRCODE = 'check_violation', CONSTRAINT = 'deposits_refunds_add_up';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER deposits_settlement BEFORE INSERT OR UPDATE OR DELETE ON deposits_moveout
    FOR EACH ROW EXECUTE FUNCTION deposits_settlement();

-- down
DROP TRIGGER deposits_settlement ON deposits_moveout;
DROP FUNCTION deposits_settlement();
