-- What of an advance is repaid is the sum of its repayments; both stay as they were posted.
CREATE FUNCTION disbursements_repays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE disbursements_advance a SET repaid = a.repaid + s.amount
    FROM (SELECT advance_id, sum(amount) AS amount FROM new_rows GROUP BY advance_id) s
    WHERE a.id = s.advance_id;
    RETURN NULL;
END $$;
CREATE TRIGGER disbursements_repays AFTER INSERT ON disbursements_repayment
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION disbursements_repays();

CREATE FUNCTION disbursements_advance_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'disbursements_advance' AND TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - 'repaid' = to_jsonb(OLD) - 'repaid' AND NEW.repaid = (
            SELECT coalesce(sum(amount), 0) FROM disbursements_repayment WHERE advance_id = NEW.id
        ) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% % is posted and stays', replace(TG_TABLE_NAME, 'disbursements_', ''), OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'advance_stays';
END $$;
CREATE TRIGGER disbursements_advance_stays BEFORE UPDATE OR DELETE ON disbursements_advance
    FOR EACH ROW EXECUTE FUNCTION disbursements_advance_stays();
CREATE TRIGGER disbursements_repayment_stays BEFORE UPDATE OR DELETE ON disbursements_repayment
    FOR EACH ROW EXECUTE FUNCTION disbursements_advance_stays();

CREATE FUNCTION disbursements_contribution_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state = 'asked' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'contribution % is % and stays', OLD.id, OLD.state
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'contribution_stays';
END $$;
CREATE TRIGGER disbursements_contribution_stays BEFORE UPDATE OR DELETE ON disbursements_contribution
    FOR EACH ROW EXECUTE FUNCTION disbursements_contribution_stays();

-- down
DROP TRIGGER disbursements_contribution_stays ON disbursements_contribution;
DROP FUNCTION disbursements_contribution_stays();
DROP TRIGGER disbursements_repayment_stays ON disbursements_repayment;
DROP TRIGGER disbursements_advance_stays ON disbursements_advance;
DROP FUNCTION disbursements_advance_stays();
DROP TRIGGER disbursements_repays ON disbursements_repayment;
DROP FUNCTION disbursements_repays();
