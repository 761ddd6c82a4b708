-- The guard of the lines: it sees all lines of one statement together, checks them, moves the
-- balances, and refuses money that goes out of a trust book which it leaves overdrawn.
-- docs/decisions/010-ledger-guards.md and 011-money-out.md say why the rules are as they are.
--
-- The planner knows these joins only as they were at the first call: with hash and merge joins off
-- one plan serves four lines and four hundred thousand.
CREATE FUNCTION ledger_lines_are_true() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off
AS $$
DECLARE
    -- The same list as Entry.MONEY_OUT.
    money_out CONSTANT text[] := '{disbursement,vendor_payment,refund,fee_draw}';
    -- What may lower the cash of a trust book.
    cash_out CONSTANT text[] := money_out ||
        '{transfer,settlement,return,bank_fee,reversal,opening}';
    -- What may overdraw the company: all that a bank or a processor does, and what was found.
    company_pays CONSTANT text[] := '{settlement,return,bank_fee,reversal,opening}';
    wrong_entry bigint;
    wrong_cash bigint;
    has_outgoing boolean;
    has_debits boolean;
    has_openings boolean;
    has_reversals boolean;
    has_late boolean;
    has_red boolean;
    outgoing_books bigint[];
    r record;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the ledger is written at isolation level read committed alone'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_read_committed';
    END IF;

    -- No period of these books closes before this transaction ends.
    PERFORM pg_advisory_xact_lock_shared(ledger_book_lock(b.book_id))
        FROM (SELECT DISTINCT book_id FROM new_lines ORDER BY book_id) b;

    SELECT min(s.entry_id) FILTER (WHERE
            s.out_by <> 0 OR e.id IS NULL OR b.id IS NULL OR e.entity_id <> b.entity_id
            OR s.first_place <> 1 OR s.first_on <> e.dated_on OR s.last_on <> e.dated_on
            OR s.first_on <= b.closed_through
            OR e.known_at < transaction_timestamp() OR e.known_at > clock_timestamp()),
        min(s.entry_id) FILTER (WHERE
            s.lowers_cash AND b.kind = 'trust' AND e.kind <> ALL (cash_out)),
        coalesce(bool_or(b.kind = 'trust' AND (e.kind = ANY (money_out)
            OR (s.lowers_cash AND e.kind <> 'return'))), false),
        coalesce(bool_or(s.debits_claim AND e.kind <> ALL (company_pays)), false),
        coalesce(bool_or(e.kind = 'opening' AND b.kind = 'trust'
            AND (s.lowers_cash OR s.debits_claim)), false),
        coalesce(bool_or(e.reverses_id IS NOT NULL), false),
        coalesce(bool_or(e.adjusts_id IS NOT NULL), false)
    INTO wrong_entry, wrong_cash, has_outgoing, has_debits, has_openings,
        has_reversals, has_late
    FROM (
        SELECT entry_id, book_id, amount_currency, sum(amount) AS out_by,
            min(min(position)) OVER (PARTITION BY entry_id) AS first_place,
            min(dated_on) AS first_on, max(dated_on) AS last_on,
            -- In a trust book, a line without a beneficiary is cash.
            bool_or(amount < 0 AND beneficiary_id IS NULL) AS lowers_cash,
            bool_or(amount > 0 AND beneficiary_id IS NOT NULL) AS debits_claim
        FROM new_lines
        GROUP BY entry_id, book_id, amount_currency
    ) s
    LEFT JOIN ledger_entry e ON e.id = s.entry_id
    LEFT JOIN ledger_book b ON b.id = s.book_id;

    IF wrong_entry IS NOT NULL THEN
        FOR r IN
            SELECT s.*, e.id AS found, e.entity_id AS entry_entity, e.dated_on, e.known_at,
                b.name AS book, b.entity_id AS book_entity, b.closed_through
            FROM (
                SELECT entry_id, book_id, amount_currency AS currency, sum(amount) AS out_by,
                    min(min(position)) OVER () AS first_place,
                    min(dated_on) AS first_on, max(dated_on) AS last_on
                FROM new_lines WHERE entry_id = wrong_entry
                GROUP BY entry_id, book_id, amount_currency
            ) s
            LEFT JOIN ledger_entry e ON e.id = s.entry_id
            LEFT JOIN ledger_book b ON b.id = s.book_id
        LOOP
            IF r.found IS NULL THEN
                RAISE EXCEPTION 'lines name entry %, which does not exist', r.entry_id
                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'ledger_line_parents';
            ELSIF r.book IS NULL THEN
                RAISE EXCEPTION 'entry % names book %, which does not exist', r.entry_id, r.book_id
                    USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'ledger_line_parents';
            ELSIF r.entry_entity <> r.book_entity THEN
                RAISE EXCEPTION 'entry % and book % belong to different legal entities',
                    r.entry_id, r.book
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_one_entity';
            ELSIF r.first_place <> 1 THEN
                RAISE EXCEPTION 'the lines of entry % come in one statement, from position 1',
                    r.entry_id
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_lines_at_once';
            ELSIF r.first_on <> r.dated_on OR r.last_on <> r.dated_on THEN
                RAISE EXCEPTION 'entry % counts for %, its lines for another day',
                    r.entry_id, r.dated_on
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_line_has_entry_day';
            ELSIF r.out_by <> 0 THEN
                RAISE EXCEPTION 'entry % is out by % % in book %',
                    r.entry_id, abs(r.out_by), r.currency, r.book
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_balances';
            ELSIF r.first_on <= r.closed_through THEN
                RAISE EXCEPTION 'book % is closed through %; entry % is dated %',
                    r.book, r.closed_through, r.entry_id, r.first_on
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_period_is_open';
            ELSIF r.known_at < transaction_timestamp() OR r.known_at > clock_timestamp() THEN
                RAISE EXCEPTION 'entry % is known when it is posted, not at %',
                    r.entry_id, r.known_at
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_known_when_posted';
            END IF;
        END LOOP;
        RAISE EXCEPTION 'entry % is refused', wrong_entry
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_lines_are_true';
    END IF;

    -- What was outstanding at the cut-over is brought forward before the book is in use; later, an
    -- opening would be a way to take money out that nobody checks.
    IF has_openings THEN
        SELECT e.id, b.name AS book INTO r
        FROM new_lines l
        JOIN ledger_entry e ON e.id = l.entry_id AND e.kind = 'opening'
        JOIN ledger_book b ON b.id = l.book_id AND b.kind = 'trust'
        WHERE (l.amount < 0) = (l.beneficiary_id IS NULL) AND EXISTS (
            SELECT FROM ledger_line used JOIN ledger_entry other ON other.id = used.entry_id
            WHERE used.book_id = l.book_id AND other.kind <> 'opening'
        ) LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'book % is in use: entry % is no opening of it', r.book, r.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_opening_comes_first';
        END IF;
    END IF;

    IF has_reversals THEN
        SELECT e.id, o.id AS original INTO r
        FROM (SELECT DISTINCT entry_id FROM new_lines) s
        JOIN ledger_entry e ON e.id = s.entry_id AND e.reverses_id IS NOT NULL
        JOIN ledger_entry o ON o.id = e.reverses_id
        WHERE o.entity_id <> e.entity_id OR EXISTS (
            SELECT FROM ledger_line l WHERE l.entry_id IN (e.id, o.id)
            GROUP BY l.book_id, l.account_id, l.beneficiary_id, l.amount_currency, abs(l.amount)
            HAVING count(*) FILTER (WHERE l.entry_id = e.id AND l.amount > 0)
                <> count(*) FILTER (WHERE l.entry_id = o.id AND l.amount < 0)
                OR count(*) FILTER (WHERE l.entry_id = e.id AND l.amount < 0)
                <> count(*) FILTER (WHERE l.entry_id = o.id AND l.amount > 0)
        ) LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'entry % is not the mirror of entry %, which it reverses',
                r.id, r.original
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_reversal_mirrors';
        END IF;
    END IF;

    IF has_late THEN
        SELECT e.id, e.adjusts_id INTO r
        FROM (SELECT DISTINCT entry_id FROM new_lines) s
        JOIN ledger_entry e ON e.id = s.entry_id AND e.adjusts_id IS NOT NULL
        LEFT JOIN ledger_period p ON p.id = e.adjusts_id
            AND p.closed_at IS NOT NULL AND p.last_on < e.dated_on
        WHERE p.id IS NULL OR NOT EXISTS (
            SELECT FROM ledger_line l WHERE l.entry_id = e.id AND l.book_id = p.book_id
        ) LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'entry % adjusts period %, which is not an earlier closed one of its books',
                r.id, r.adjusts_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_adjusts_closed_period';
        END IF;
    END IF;

    -- Rows are locked in the order of the key, so that writers never wait for each other in a ring.
    -- Whoever must not be overdrawn is locked with all rows (by adding nothing to the others).
    WITH sums AS MATERIALIZED (
        SELECT book_id, account_id, beneficiary_id, amount_currency, sum(amount) AS amount
        FROM new_lines GROUP BY book_id, account_id, beneficiary_id, amount_currency
    ), guarded AS (
        SELECT l.book_id, l.beneficiary_id
        FROM new_lines l JOIN ledger_entry e ON e.id = l.entry_id
        WHERE has_outgoing AND l.beneficiary_id IS NOT NULL AND e.kind = ANY (cash_out)
        UNION
        SELECT l.book_id, l.beneficiary_id
        FROM new_lines l JOIN ledger_entry e ON e.id = l.entry_id
        JOIN ledger_beneficiary y ON y.id = l.beneficiary_id AND y.kind = 'company'
        WHERE has_debits AND l.amount > 0 AND e.kind <> ALL (company_pays)
    ), rows AS (
        -- Many writers meet at the company, at suspense and at the totals: these are spread over
        -- parts 1 to 16 (Balance.PARTS), one for each writing process. Part 0 is not spread.
        SELECT s.book_id, s.account_id, s.beneficiary_id, s.amount_currency,
            CASE WHEN y.kind IN ('company', 'suspense') THEN 1 + pg_backend_pid() % 16 ELSE 0 END
            AS part, s.amount
        FROM sums s LEFT JOIN ledger_beneficiary y ON y.id = s.beneficiary_id
        WHERE s.beneficiary_id IS NOT NULL
        UNION ALL
        SELECT k.book_id, k.account_id, k.beneficiary_id, k.amount_currency, k.part, 0
        FROM guarded g
        JOIN ledger_balance k ON k.book_id = g.book_id AND k.beneficiary_id = g.beneficiary_id
        UNION ALL
        SELECT book_id, account_id, NULL, amount_currency, 1 + pg_backend_pid() % 16, sum(amount)
        FROM sums GROUP BY book_id, account_id, amount_currency
    ), changed AS (
        INSERT INTO ledger_balance AS kept
            (book_id, account_id, beneficiary_id, amount_currency, part, amount)
        SELECT book_id, account_id, beneficiary_id, amount_currency, part, sum(amount) FROM rows
        GROUP BY book_id, beneficiary_id, account_id, amount_currency, part
        ORDER BY book_id, beneficiary_id, account_id, amount_currency, part
        ON CONFLICT (book_id, beneficiary_id, account_id, amount_currency, part)
            DO UPDATE SET amount = kept.amount + excluded.amount
        -- A row that was not there before has no xmax.
        RETURNING book_id, account_id, beneficiary_id, is_overdrawn, xmax = 0 AS is_new
    ), met AS (
        SELECT book_id, account_id, beneficiary_id, beneficiary_id IS NULL AS is_total
        FROM changed WHERE is_new
        UNION ALL
        SELECT book_id, account_id, NULL, false FROM sums WHERE beneficiary_id IS NULL
    ), mismatched AS (
        SELECT m.book_id, m.account_id, m.beneficiary_id, b.name AS book, b.kind AS book_kind,
            a.name AS account, a.kind AS account_kind, y.name AS beneficiary,
            CASE
                WHEN b.id IS NULL OR a.id IS NULL OR (m.beneficiary_id IS NOT NULL AND y.id IS NULL)
                    THEN 'ledger_line_parents'
                WHEN a.entity_id <> b.entity_id OR y.entity_id <> b.entity_id
                    THEN 'ledger_one_entity'
                WHEN (b.kind = 'trust') <> (a.kind IN ('bank', 'transit', 'claim'))
                    AND (b.kind = 'trust' OR a.kind = 'claim') THEN 'ledger_book_takes_account'
                WHEN b.kind <> 'trust' AND a.kind = 'claim' THEN 'ledger_book_takes_account'
                WHEN a.kind = 'claim' AND y.id IS NULL AND NOT m.is_total
                    THEN 'ledger_claim_names_beneficiary'
                WHEN a.kind <> 'claim' AND y.id IS NOT NULL THEN 'ledger_only_claims_name_beneficiary'
            END AS truth
        FROM met m
        LEFT JOIN ledger_book b ON b.id = m.book_id
        LEFT JOIN ledger_account a ON a.id = m.account_id
        LEFT JOIN ledger_beneficiary y ON y.id = m.beneficiary_id
    )
    SELECT (SELECT bool_or(is_overdrawn) FROM changed) AS has_red, x.*
    INTO r FROM (SELECT) one LEFT JOIN (
        SELECT * FROM mismatched WHERE truth IS NOT NULL
        ORDER BY truth, book_id, account_id, beneficiary_id LIMIT 1
    ) x ON true;
    has_red := r.has_red;

    IF r.truth IS NOT NULL THEN
        RAISE EXCEPTION '%', CASE r.truth
            WHEN 'ledger_line_parents' THEN format(
                'a line names book %s, account %s and beneficiary %s, not all of which exist',
                r.book_id, r.account_id, coalesce(r.beneficiary_id::text, 'none'))
            WHEN 'ledger_one_entity' THEN format(
                'book %s, account %s and beneficiary %s belong to different legal entities',
                r.book, r.account, coalesce(r.beneficiary, 'none'))
            WHEN 'ledger_book_takes_account' THEN format(
                'book %s (%s) takes no line on account %s (%s)',
                r.book, r.book_kind, r.account, r.account_kind)
            WHEN 'ledger_claim_names_beneficiary' THEN format(
                'a line on %s in book %s names no beneficiary', r.account, r.book)
            ELSE format(
                'a line on %s in book %s names beneficiary %s, but only claims have one',
                r.account, r.book, r.beneficiary)
            END
            USING ERRCODE = CASE r.truth WHEN 'ledger_line_parents'
                THEN 'foreign_key_violation' ELSE 'check_violation' END, CONSTRAINT = r.truth;
    END IF;

    IF wrong_cash IS NOT NULL THEN
        SELECT e.kind, b.name AS book INTO r
        FROM new_lines l JOIN ledger_entry e ON e.id = l.entry_id
        JOIN ledger_book b ON b.id = l.book_id AND b.kind = 'trust'
        WHERE l.entry_id = wrong_cash AND l.amount < 0 AND l.beneficiary_id IS NULL LIMIT 1;
        RAISE EXCEPTION 'an entry of kind % takes no cash out of book %', r.kind, r.book
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_cash_out_kind';
    END IF;

    IF has_outgoing THEN
        SELECT array_agg(DISTINCT f.book_id) INTO outgoing_books
        FROM (
            SELECT l.entry_id, l.book_id,
                coalesce(sum(l.amount) FILTER (WHERE l.beneficiary_id IS NULL), 0) AS cash,
                coalesce(bool_or(l.amount > 0 AND y.kind <> 'company'), false) AS clients_pay
            FROM new_lines l
            JOIN ledger_book b ON b.id = l.book_id AND b.kind = 'trust'
            LEFT JOIN ledger_beneficiary y ON y.id = l.beneficiary_id
            GROUP BY l.entry_id, l.book_id, l.amount_currency
        ) f
        JOIN ledger_entry e ON e.id = f.entry_id
        LEFT JOIN ledger_entry o ON o.id = e.reverses_id
        WHERE e.kind = ANY (money_out) OR (f.cash < 0 AND (
            e.kind = 'transfer'
            OR (e.kind IN ('settlement', 'bank_fee') AND f.clients_pay)
            OR o.kind = 'reversal'
        ));
        -- Not only those whom the entry touches: a book that owes somebody more than it holds pays
        -- nobody, for it would pay with the others' money.
        SELECT y.name AS beneficiary, b.name AS book, h.owes, o.amount_currency AS currency INTO r
        FROM (
            SELECT DISTINCT book_id, beneficiary_id, amount_currency FROM ledger_balance
            WHERE is_overdrawn AND book_id = ANY (outgoing_books)
        ) o
        JOIN ledger_beneficiary y ON y.id = o.beneficiary_id AND y.kind <> 'company'
        JOIN ledger_book b ON b.id = o.book_id
        CROSS JOIN LATERAL (
            SELECT sum(k.amount) AS owes FROM ledger_balance k
            WHERE k.book_id = o.book_id AND k.beneficiary_id = o.beneficiary_id
                AND k.amount_currency = o.amount_currency
        ) h
        WHERE h.owes > 0 ORDER BY o.beneficiary_id LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION '% would be overdrawn by % % in book %; money does not go out before that is made good',
                r.beneficiary, r.owes, r.currency, r.book
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_nobody_overdrawn';
        END IF;
    END IF;

    -- The company's own debt does not stop the others' money, so nothing but what a bank or a
    -- processor takes may make it.
    IF has_red THEN
        SELECT y.name AS beneficiary, b.name AS book, h.owes, d.amount_currency AS currency INTO r
        FROM (
            SELECT l.book_id, l.beneficiary_id, l.amount_currency
            FROM new_lines l
            JOIN ledger_beneficiary c ON c.id = l.beneficiary_id AND c.kind = 'company'
            JOIN ledger_entry e ON e.id = l.entry_id AND e.kind <> ALL (company_pays)
            GROUP BY l.book_id, l.beneficiary_id, l.amount_currency HAVING sum(l.amount) > 0
        ) d
        JOIN ledger_beneficiary y ON y.id = d.beneficiary_id
        JOIN ledger_book b ON b.id = d.book_id
        CROSS JOIN LATERAL (
            SELECT sum(k.amount) AS owes FROM ledger_balance k
            WHERE k.book_id = d.book_id AND k.beneficiary_id = d.beneficiary_id
                AND k.amount_currency = d.amount_currency
        ) h
        WHERE h.owes > 0 ORDER BY d.beneficiary_id LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION '% would be overdrawn by % % in book %; the company gives only what it has there',
                r.beneficiary, r.owes, r.currency, r.book
                USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_nobody_overdrawn';
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_lines_are_true AFTER INSERT ON ledger_line
    REFERENCING NEW TABLE AS new_lines
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_lines_are_true();

-- down
DROP TRIGGER ledger_lines_are_true ON ledger_line;
DROP FUNCTION ledger_lines_are_true();
