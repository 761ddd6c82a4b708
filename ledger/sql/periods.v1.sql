-- Periods of a book follow one another without a gap, close in that order, and stay closed.
-- The digest of a closed period is made here, whoever closes it. docs/decisions/012-period-digest.md
-- says how its text is built; check_journal builds it again in Python.

-- Posting into a book shares this lock until its transaction ends; closing a period owns it.
CREATE FUNCTION ledger_book_lock(book_id bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashtext('ledger_book')::bigint << 32) | (hashint8(book_id)::bigint & 4294967295)
$$;

CREATE FUNCTION ledger_period_digest(
    of_book bigint, from_day date, to_day date, previous text
) RETURNS text LANGUAGE sql STABLE AS $$
    WITH lines AS (
        SELECT l.entry_id,
            string_agg(
                format(
                    E'\n%s|%s|%s|%s|%s|%s',
                    l.id, l.position, l.account_id, l.beneficiary_id, l.amount_currency, l.amount
                ), '' ORDER BY l.position
            ) AS text
        FROM ledger_line l
        WHERE l.book_id = of_book AND l.dated_on BETWEEN from_day AND to_day
        GROUP BY l.entry_id
    ), entries AS (
        SELECT e.id, encode(sha256(convert_to(
            format(
                '%s|%s|%s|%s|%s|%s|%s|%s|%s:%s|%s:%s',
                e.id, e.entity_id, e.kind, to_char(e.dated_on, 'YYYY-MM-DD'),
                (extract(epoch FROM e.known_at) * 1000000)::bigint,
                e.reverses_id, e.adjusts_id, e.posted_by_id,
                length(e.key), e.key, length(e.memo), e.memo
            ) || lines.text, 'UTF8'
        )), 'hex') AS digest
        FROM lines JOIN ledger_entry e ON e.id = lines.entry_id
    )
    SELECT encode(sha256(convert_to(
        format(
            '%s|%s|%s|%s',
            previous, of_book, to_char(from_day, 'YYYY-MM-DD'), to_char(to_day, 'YYYY-MM-DD')
        ) || coalesce((SELECT string_agg(E'\n' || digest, '' ORDER BY id) FROM entries), ''), 'UTF8'
    )), 'hex')
$$;

CREATE FUNCTION ledger_period_opens() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    latest date;
BEGIN
    PERFORM pg_advisory_xact_lock(ledger_book_lock(NEW.book_id));
    IF NEW.closed_at IS NOT NULL OR NEW.closed_by_id IS NOT NULL
        OR NEW.digest <> '' OR NEW.previous_digest <> ''
    THEN
        RAISE EXCEPTION 'a period opens before it closes'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_period_opens';
    END IF;
    SELECT max(last_on) INTO latest FROM ledger_period WHERE book_id = NEW.book_id;
    IF NEW.first_on <> latest + 1 THEN
        RAISE EXCEPTION 'the period from % does not follow the one before, which ends on %',
            NEW.first_on, latest
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_period_follows';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_period_opens BEFORE INSERT ON ledger_period
    FOR EACH ROW EXECUTE FUNCTION ledger_period_opens();

CREATE FUNCTION ledger_period_closes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before record;
BEGIN
    IF OLD.closed_at IS NOT NULL THEN
        RAISE EXCEPTION 'the period from % to % is closed and stays as it is',
            OLD.first_on, OLD.last_on
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_period_stays_closed';
    END IF;
    IF (NEW.id, NEW.book_id, NEW.first_on, NEW.last_on)
        IS DISTINCT FROM (OLD.id, OLD.book_id, OLD.first_on, OLD.last_on)
        OR NEW.closed_at IS NULL
    THEN
        RAISE EXCEPTION 'a period changes only by being closed'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_period_closes';
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the ledger is written at isolation level read committed alone'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_read_committed';
    END IF;
    -- Waits for everyone who is posting into the book; who comes later sees it closed.
    PERFORM pg_advisory_xact_lock(ledger_book_lock(OLD.book_id));
    SELECT closed_at, digest, first_on INTO before FROM ledger_period
        WHERE book_id = OLD.book_id AND last_on = OLD.first_on - 1;
    IF FOUND AND before.closed_at IS NULL THEN
        RAISE EXCEPTION 'the period from % is still open; close it first', before.first_on
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_period_follows';
    END IF;
    NEW.closed_at := clock_timestamp();
    NEW.previous_digest := coalesce(before.digest, '');
    NEW.digest := ledger_period_digest(OLD.book_id, OLD.first_on, OLD.last_on, NEW.previous_digest);
    UPDATE ledger_book SET closed_through = OLD.last_on WHERE id = OLD.book_id;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_period_closes BEFORE UPDATE ON ledger_period
    FOR EACH ROW EXECUTE FUNCTION ledger_period_closes();

CREATE FUNCTION ledger_period_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the period from % to % is never deleted', OLD.first_on, OLD.last_on
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_period_stays';
END $$;
CREATE TRIGGER ledger_period_stays BEFORE DELETE ON ledger_period
    FOR EACH ROW EXECUTE FUNCTION ledger_period_stays();

-- down
DROP TRIGGER ledger_period_stays ON ledger_period;
DROP FUNCTION ledger_period_stays();
DROP TRIGGER ledger_period_closes ON ledger_period;
DROP FUNCTION ledger_period_closes();
DROP TRIGGER ledger_period_opens ON ledger_period;
DROP FUNCTION ledger_period_opens();
DROP FUNCTION ledger_period_digest(bigint, date, date, text);
DROP FUNCTION ledger_book_lock(bigint);
