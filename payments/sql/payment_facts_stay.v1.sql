-- A payment's facts stay as they were when it was issued; only its way through the bank goes on, and
-- never from an end to anywhere else. A cleared payment is not voided: its money is gone.
CREATE FUNCTION payments_payment_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    -- What may still be written.
    open_columns CONSTANT text[] := '{state,back_entry_id,request_id,batch,back_batch,trace,id_number,settles_on,'
        'printed_at,cleared_on,back_on,code,reason,is_answered}';
BEGIN
    -- The same number under a new key (manage.py rotate_field_keys).
    IF TG_OP = 'UPDATE' AND current_setting('proptrust.rotates_keys', true) = 'on'
        AND to_jsonb(NEW) - 'account_number' = to_jsonb(OLD) - 'account_number'
    THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' OR to_jsonb(NEW) - open_columns <> to_jsonb(OLD) - open_columns THEN
        RAISE EXCEPTION 'payment % is issued and stays as it is; void it instead', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_facts_stay';
    END IF;
    IF OLD.back_entry_id IS NOT NULL AND NEW.back_entry_id IS DISTINCT FROM OLD.back_entry_id THEN
        RAISE EXCEPTION 'payment % keeps the entry that took it back', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payment_facts_stay';
    END IF;
    IF NEW.state <> OLD.state AND NEW.state <> ALL (CASE OLD.state
        WHEN 'issued' THEN '{sent,cleared,returned,void,stopped,stale}'::text[]
        WHEN 'sent' THEN '{issued,cleared,returned,void,stopped,stale}'::text[]
        WHEN 'stale' THEN '{issued,sent,cleared,returned,void,stopped,unclaimed}'::text[]
        WHEN 'cleared' THEN '{issued,sent,stale,returned}'::text[]
        ELSE '{}'::text[] END)
    THEN
        RAISE EXCEPTION 'payment % is %; it cannot become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payment_goes_on';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payments_payment_stays BEFORE UPDATE OR DELETE ON payments_payment
    FOR EACH ROW EXECUTE FUNCTION payments_payment_stays();

CREATE FUNCTION payments_never_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never emptied: what is paid stays', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payments_never_emptied';
END $$;
CREATE TRIGGER payments_never_emptied BEFORE TRUNCATE ON payments_payment
    EXECUTE FUNCTION payments_never_emptied();

-- A routing number has nine digits and the ABA's check digit: 3·(d1+d4+d7) + 7·(d2+d5+d8) + (d3+d6+d9)
-- is divisible by ten.
CREATE FUNCTION payments_is_routing_number(digits text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT digits ~ '^[0-9]{9}$' AND digits <> '000000000' AND (
        SELECT sum(substr(digits, place, 1)::int * (ARRAY[3, 7, 1])[1 + (place - 1) % 3])
        FROM generate_series(1, 9) AS place) % 10 = 0
$$;
ALTER TABLE payments_payment ADD CONSTRAINT payment_routing_number
    CHECK (routing_number = '' OR payments_is_routing_number(routing_number));

-- down
ALTER TABLE payments_payment DROP CONSTRAINT payment_routing_number;
DROP FUNCTION payments_is_routing_number(text);
DROP TRIGGER payments_never_emptied ON payments_payment;
DROP FUNCTION payments_never_emptied();
DROP TRIGGER payments_payment_stays ON payments_payment;
DROP FUNCTION payments_payment_stays();
