-- Writes one entry with its lines; no row where its key stands already. It keeps no truth: it is
-- here because PostgreSQL remembers the plans of a function's statements, which halves their cost.
-- Nth of each array: the Nth line.
CREATE FUNCTION ledger_post(
    entity_id bigint, key text, kind text, dated_on date, memo text, digest text,
    reverses_id bigint, adjusts_id bigint, posted_by_id bigint,
    books bigint[], accounts bigint[], beneficiaries bigint[], currencies text[], amounts numeric[]
) RETURNS TABLE (entry_id bigint, known_at timestamptz) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO ledger_entry AS e (entity_id, key, kind, dated_on, memo, digest,
        reverses_id, adjusts_id, posted_by_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (entity_id, key) DO NOTHING
    RETURNING e.id, e.known_at INTO ledger_post.entry_id, ledger_post.known_at;
    IF FOUND THEN
        INSERT INTO ledger_line (entry_id, position, dated_on, book_id, account_id,
            beneficiary_id, amount_currency, amount)
        SELECT ledger_post.entry_id, l.position, $4, l.book_id, l.account_id, l.beneficiary_id,
            l.currency, l.amount
        FROM unnest($10, $11, $12, $13, $14) WITH ORDINALITY
            AS l (book_id, account_id, beneficiary_id, currency, amount, position);
        RETURN NEXT;
    END IF;
END $$;

-- down
DROP FUNCTION ledger_post(bigint, text, text, date, text, text, bigint, bigint, bigint,
    bigint[], bigint[], bigint[], text[], numeric[]);
