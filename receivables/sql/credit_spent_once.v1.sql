-- A credit lets its own charge off exactly its amount, once; an undone one lets off nothing. Looked at
-- when the transaction ends: a credit and its allocation are two statements.
CREATE FUNCTION receivables_credit_spent_once(credit_id_ bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT credit.id, credit.amount, allocated, strangers,
        CASE WHEN credit.undone_by_id IS NULL THEN credit.amount ELSE 0 END AS due,
        charge.entity_id = credit.entity_id AS is_own_entity
    INTO wrong
    FROM receivables_credit AS credit
    JOIN receivables_charge AS charge ON charge.id = credit.charge_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount) FILTER (WHERE undone_by_id IS NULL), 0) AS allocated,
            count(*) FILTER (WHERE charge_id <> credit.charge_id) AS strangers
        FROM receivables_allocation WHERE credit_id = credit.id
    ) AS allocation
    WHERE credit.id = credit_id_;
    IF wrong.strangers > 0 OR NOT wrong.is_own_entity THEN
        RAISE EXCEPTION 'credit % lets off a charge that is not its own', wrong.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_of_own_charge';
    END IF;
    IF wrong.allocated <> wrong.due THEN
        RAISE EXCEPTION 'credit % of %: % allocated', wrong.id, wrong.amount, wrong.allocated
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_spent_once';
    END IF;
END $$;

CREATE FUNCTION receivables_credit_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM receivables_credit_spent_once(NEW.id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER receivables_credit_written AFTER INSERT OR UPDATE ON receivables_credit
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION receivables_credit_written();

CREATE FUNCTION receivables_credit_allocated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM receivables_credit_spent_once(NEW.credit_id);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER receivables_credit_allocated AFTER INSERT OR UPDATE ON receivables_allocation
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.credit_id IS NOT NULL) EXECUTE FUNCTION receivables_credit_allocated();

-- A credit stays as it was given; the one thing that may still happen to it is its undo, once.
CREATE FUNCTION receivables_credit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.undone_by_id IS NULL AND to_jsonb(NEW) - 'undone_by_id' = to_jsonb(OLD) - 'undone_by_id' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'credit % is posted; undo it instead', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'credit_stays';
END $$;
CREATE TRIGGER receivables_credit_stays BEFORE UPDATE OR DELETE ON receivables_credit
    FOR EACH ROW EXECUTE FUNCTION receivables_credit_stays();
CREATE TRIGGER receivables_never_emptied BEFORE TRUNCATE ON receivables_credit
    EXECUTE FUNCTION receivables_never_emptied();

-- down
DROP TRIGGER receivables_never_emptied ON receivables_credit;
DROP TRIGGER receivables_credit_stays ON receivables_credit;
DROP FUNCTION receivables_credit_stays();
DROP TRIGGER receivables_credit_allocated ON receivables_allocation;
DROP FUNCTION receivables_credit_allocated();
DROP TRIGGER receivables_credit_written ON receivables_credit;
DROP FUNCTION receivables_credit_written();
DROP FUNCTION receivables_credit_spent_once(bigint);
