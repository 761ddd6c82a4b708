-- At the end of the transaction a hand-over is the sum of its tenants' parts, and so is its payment.
CREATE FUNCTION deposits_hand_over_adds_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    h record;
    parts numeric;
    paid numeric;
BEGIN
    SELECT * INTO h FROM deposits_handover
        WHERE id = CASE WHEN TG_TABLE_NAME = 'deposits_handover' THEN NEW.id
            ELSE (to_jsonb(NEW)->>'hand_over_id')::bigint END;
    SELECT coalesce(sum(amount), 0) INTO parts FROM deposits_handoverline WHERE hand_over_id = h.id;
    SELECT amount INTO paid FROM payments_payment WHERE id = h.payment_id;
    IF parts <> h.amount OR coalesce(paid, h.amount) <> h.amount
        OR (h.payment_id IS NOT NULL AND paid IS NULL) THEN
        RAISE EXCEPTION 'hand-over % is of %, its parts sum to %, its payment is %',
            h.id, h.amount, parts, paid
            USING ERRCODE = 'check_violation', CONSTRAINT = 'deposits_hand_over_adds_up';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER deposits_hand_over_adds_up AFTER INSERT OR UPDATE ON deposits_handover
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION deposits_hand_over_adds_up();
CREATE CONSTRAINT TRIGGER deposits_hand_over_line_adds_up
    AFTER INSERT OR UPDATE ON deposits_handoverline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION deposits_hand_over_adds_up();

-- down
DROP TRIGGER deposits_hand_over_line_adds_up ON deposits_handoverline;
DROP TRIGGER deposits_hand_over_adds_up ON deposits_handover;
DROP FUNCTION deposits_hand_over_adds_up();
