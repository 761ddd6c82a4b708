-- A draw's line says what the journal says: the same amount with the other sign (a credit gives),
-- the same entry, day and beneficiary, and the trust account that the draw pays from.
CREATE FUNCTION disbursements_line_is_journal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    SELECT n.id, n.line_id INTO r
    FROM new_rows n
    JOIN disbursements_drawproperty p ON p.id = n.draw_property_id
    JOIN disbursements_ownerdraw d ON d.id = p.draw_id
    LEFT JOIN ledger_line l ON l.id = n.line_id
    WHERE n.line_id IS NOT NULL AND (
        l.id IS NULL
        OR (l.entry_id, -l.amount, l.amount_currency, l.dated_on, l.beneficiary_id, l.book_id)
            IS DISTINCT FROM
            (n.entry_id, n.amount, n.amount_currency, n.dated_on, p.beneficiary_id, d.book_id)
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'draw line % does not say what line % of the journal says', r.id, r.line_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'draw_line_is_journal';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER disbursements_line_is_journal AFTER INSERT ON disbursements_drawline
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION disbursements_line_is_journal();

-- down
DROP TRIGGER disbursements_line_is_journal ON disbursements_drawline;
DROP FUNCTION disbursements_line_is_journal();
