-- A draw's `fees` is the sum of the fees that name it, when the transaction ends; one that was undone
-- has none. Its payment is a fee draw of the same amount out of the same book.
CREATE FUNCTION fees_check_draws(draws bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT draw.id, draw.fees, fee.amount INTO wrong
    FROM fees_feedraw AS draw
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount), 0) AS amount,
            coalesce(bool_or(book_id <> draw.book_id), false) AS is_strange
        FROM fees_fee WHERE draw_id = draw.id
    ) AS fee
    WHERE draw.id = ANY (draws) AND (fee.is_strange OR fee.amount
        <> CASE WHEN draw.undone_on IS NULL THEN draw.fees ELSE 0 END) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'fee draw % is of fees of %, those that name it are %',
            wrong.id, wrong.fees, wrong.amount
            USING ERRCODE = 'check_violation', CONSTRAINT = 'draw_is_its_fees';
    END IF;
END $$;

CREATE FUNCTION fees_draw_is_its_fees() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM fees_check_draws(ARRAY[NEW.id]);
    IF NOT EXISTS (
        SELECT FROM payments_payment p
        WHERE p.id = NEW.payment_id AND p.entity_id = NEW.entity_id AND p.book_id = NEW.book_id
            AND p.amount = NEW.amount AND p.purpose = 'fee_draw'
    ) THEN
        RAISE EXCEPTION 'fee draw % and its payment do not say the same', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'draw_is_its_payment';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER fees_draw_is_its_fees AFTER INSERT OR UPDATE ON fees_feedraw
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION fees_draw_is_its_fees();

CREATE FUNCTION fees_marked_draw_is_its_fees() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM fees_check_draws(ARRAY(
        SELECT DISTINCT draw_id FROM new_rows WHERE draw_id IS NOT NULL
    ));
    RETURN NULL;
END $$;
CREATE TRIGGER fees_inserted_draw_is_its_fees AFTER INSERT ON fees_fee
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fees_marked_draw_is_its_fees();
CREATE TRIGGER fees_marked_draw_is_its_fees AFTER UPDATE ON fees_fee
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION fees_marked_draw_is_its_fees();

-- down
DROP TRIGGER fees_marked_draw_is_its_fees ON fees_fee;
DROP TRIGGER fees_inserted_draw_is_its_fees ON fees_fee;
DROP FUNCTION fees_marked_draw_is_its_fees();
DROP TRIGGER fees_draw_is_its_fees ON fees_feedraw;
DROP FUNCTION fees_draw_is_its_fees();
DROP FUNCTION fees_check_draws(bigint[]);
