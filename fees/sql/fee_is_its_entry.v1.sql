-- A fee says what its journal entry says: its parts sum to its amount, and the entry takes exactly
-- them from these beneficiaries of its book and gives their sum to the company.
--
-- The planner knows these joins only as they were at the first call: with hash and merge joins off
-- one plan serves one fee and ten thousand.
CREATE FUNCTION fees_fee_is_its_entry() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    wrong record;
BEGIN
    SELECT fee.id, fee.amount, part.amount AS parts INTO wrong
    FROM new_rows AS fee
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(value::numeric), 0) AS amount,
            coalesce(bool_or(sign(value::numeric) <> sign(fee.amount)), true) AS is_mixed
        FROM jsonb_each_text(fee.parts)
    ) AS part
    WHERE part.amount <> fee.amount OR part.is_mixed LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'fee % is %, its parts are %', wrong.id, wrong.amount, wrong.parts
            USING ERRCODE = 'check_violation', CONSTRAINT = 'fee_parts_add_up';
    END IF;

    SELECT fee.id, fee.entry_id, said.who, said.part, posted.amount INTO wrong
    FROM new_rows AS fee
    CROSS JOIN LATERAL (
        SELECT key::bigint AS who, value::numeric AS part FROM jsonb_each_text(fee.parts)
        UNION ALL
        SELECT id, -fee.amount FROM ledger_beneficiary
        WHERE entity_id = fee.entity_id AND reference = 'company'
    ) AS said
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount), 0) AS amount FROM ledger_line
        -- Found by its entry alone: the company's lines of a book are too many to look through.
        WHERE entry_id = fee.entry_id
            AND (book_id, beneficiary_id) IS NOT DISTINCT FROM (fee.book_id, said.who)
    ) AS posted
    WHERE fee.entry_id IS NOT NULL AND posted.amount <> said.part LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'fee % says % for beneficiary %, its entry % says %',
            wrong.id, wrong.part, wrong.who, wrong.entry_id, wrong.amount
            USING ERRCODE = 'check_violation', CONSTRAINT = 'fee_is_its_entry';
    END IF;

    -- Nobody else pays in the entry, and it is not without the company.
    SELECT fee.id, fee.entry_id INTO wrong
    FROM new_rows AS fee
    WHERE fee.entry_id IS NOT NULL AND (
        (SELECT count(*) FROM ledger_line l WHERE l.entry_id = fee.entry_id AND l.beneficiary_id IS NOT NULL)
        <> (SELECT count(*) + 1 FROM jsonb_each_text(fee.parts))
        OR NOT EXISTS (SELECT FROM ledger_entry e
            WHERE e.id = fee.entry_id AND e.entity_id = fee.entity_id)
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'fee % names entry %, which moves other claims, too', wrong.id, wrong.entry_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'fee_is_its_entry';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fees_fee_is_its_entry AFTER INSERT ON fees_fee
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fees_fee_is_its_entry();
CREATE TRIGGER fees_waiting_fee_is_its_entry AFTER UPDATE ON fees_fee
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fees_fee_is_its_entry();

-- down
DROP TRIGGER fees_waiting_fee_is_its_entry ON fees_fee;
DROP TRIGGER fees_fee_is_its_entry ON fees_fee;
DROP FUNCTION fees_fee_is_its_entry();
