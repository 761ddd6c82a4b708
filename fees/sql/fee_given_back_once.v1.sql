-- A fee that gives another back is its mirror: the same lease, book and parts, as far posted as it is.
-- A fee of a payment stands exactly as long as the payment pays its charge.
CREATE FUNCTION fees_fee_given_back_once() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    wrong bigint;
BEGIN
    SELECT fee.id INTO wrong
    FROM new_rows AS fee
    JOIN fees_fee AS first ON first.id = fee.reverses_id
    WHERE (fee.entity_id, fee.property_id, fee.book_id, fee.kind, fee.rate, fee.amount, fee.basis)
            <> (first.entity_id, first.property_id, first.book_id, first.kind, first.rate, -first.amount, -first.basis)
        OR fee.lease_id IS DISTINCT FROM first.lease_id
        OR fee.allocation_id IS DISTINCT FROM first.allocation_id
        OR fee.month IS DISTINCT FROM first.month
        OR first.reverses_id IS NOT NULL
        OR (fee.entry_id IS NULL) <> (first.entry_id IS NULL)
        OR fee.parts <> (
            SELECT jsonb_object_agg(key, (-value::numeric)::text) FROM jsonb_each_text(first.parts))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'fee % is not the mirror of the fee that it gives back', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'fee_given_back_mirrors';
    END IF;

    SELECT fee.id INTO wrong
    FROM new_rows AS fee
    JOIN receivables_allocation AS paid ON paid.id = fee.allocation_id
    JOIN receivables_charge AS charge ON charge.id = paid.charge_id
    WHERE (fee.reverses_id IS NULL) <> (paid.undone_by_id IS NULL)
        OR charge.lease_id IS DISTINCT FROM fee.lease_id
        OR abs(fee.basis) <> paid.amount
        OR abs(fee.amount) > paid.amount
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'fee % does not fit the payment that it is of', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'fee_fits_its_allocation';
    END IF;

    SELECT fee.id INTO wrong
    FROM new_rows AS fee
    JOIN leases_property AS house ON house.id = fee.property_id
    JOIN ledger_book AS book ON book.id = fee.book_id
    WHERE fee.entity_id <> house.entity_id OR fee.entity_id <> book.entity_id OR book.kind <> 'trust'
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'fee %, its property and its trust book belong together', wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'fee_of_one_entity';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fees_fee_given_back_once AFTER INSERT ON fees_fee
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fees_fee_given_back_once();

-- A fee that was given up while it waited is never posted afterwards.
CREATE FUNCTION fees_given_up_stays_unposted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.reverses_id IS NOT NULL OR EXISTS (SELECT FROM fees_fee WHERE reverses_id = NEW.id) THEN
        RAISE EXCEPTION 'fee % was given up while it waited', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'fee_given_up_stays_unposted';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fees_given_up_stays_unposted BEFORE UPDATE ON fees_fee
    FOR EACH ROW WHEN (OLD.entry_id IS NULL AND NEW.entry_id IS NOT NULL)
    EXECUTE FUNCTION fees_given_up_stays_unposted();

-- down
DROP TRIGGER fees_given_up_stays_unposted ON fees_fee;
DROP FUNCTION fees_given_up_stays_unposted();
DROP TRIGGER fees_fee_given_back_once ON fees_fee;
DROP FUNCTION fees_fee_given_back_once();
