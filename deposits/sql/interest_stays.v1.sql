-- Credited interest stays as it was reckoned; what waits for money may be reckoned again.
CREATE FUNCTION deposits_interest_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state = 'credited' THEN
        RAISE EXCEPTION 'interest % is credited and stays as it is', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'deposits_interest_stays';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER deposits_interest_stays BEFORE UPDATE OR DELETE ON deposits_interestcredit
    FOR EACH ROW EXECUTE FUNCTION deposits_interest_stays();

-- A notice that was sent keeps the day, the way and the letter; its proof may come later.
CREATE FUNCTION deposits_notice_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.sent_on IS NOT NULL AND (TG_OP = 'DELETE' OR (NEW.deposit_id, NEW.kind, NEW.event_on,
            NEW.sent_on, NEW.how, NEW.letter) IS DISTINCT FROM (OLD.deposit_id, OLD.kind,
            OLD.event_on, OLD.sent_on, OLD.how, OLD.letter)) THEN
        RAISE EXCEPTION 'notice % was sent on % and stays as it was', OLD.id, OLD.sent_on
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'deposits_notice_stays';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER deposits_notice_stays BEFORE UPDATE OR DELETE ON deposits_notice
    FOR EACH ROW EXECUTE FUNCTION deposits_notice_stays();

-- down
DROP TRIGGER deposits_notice_stays ON deposits_notice;
DROP FUNCTION deposits_notice_stays();
DROP TRIGGER deposits_interest_stays ON deposits_interestcredit;
DROP FUNCTION deposits_interest_stays();
