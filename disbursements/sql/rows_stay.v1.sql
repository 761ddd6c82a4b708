-- What may still happen to the rows of a run: everything while it is frozen; once it is approved a
-- draw may be left out, and the lines that paid it are added; once it is sent only the state and the
-- payment of a draw change. A row never moves to another run.
CREATE FUNCTION disbursements_rows_stay() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN EXECUTE CASE TG_TABLE_NAME
        WHEN 'disbursements_ownerdraw' THEN $q$
            SELECT r.id, r.state
            FROM old_rows o JOIN disbursements_run r ON r.id = o.run_id
            LEFT JOIN new_rows n ON n.id = o.id
            WHERE r.state <> 'frozen' AND (
                n.id IS NULL
                OR (to_jsonb(n) - '{state,payment_id}'::text[])
                    <> (to_jsonb(o) - '{state,payment_id}'::text[])
            ) AND NOT (
                -- Leaving a draw out pays less than was approved, never more or elsewhere.
                r.state = 'approved' AND n.state = 'held' AND n.amount = 0 AND n.withheld = 0
                AND (to_jsonb(n) - '{state,amount,withheld,repaid,closing,hold_reason}'::text[])
                    = (to_jsonb(o) - '{state,amount,withheld,repaid,closing,hold_reason}'::text[])
            ) LIMIT 1 $q$
        WHEN 'disbursements_drawproperty' THEN $q$
            SELECT r.id, r.state
            FROM old_rows o JOIN disbursements_ownerdraw d ON d.id = o.draw_id
            JOIN disbursements_run r ON r.id = d.run_id
            LEFT JOIN new_rows n ON n.id = o.id
            WHERE r.state <> 'frozen' AND NOT (
                r.state = 'approved' AND n.amount = 0 AND n.withheld = 0 AND d.state = 'held'
                AND (to_jsonb(n) - '{amount,withheld,repaid,repays,closing}'::text[])
                    = (to_jsonb(o) - '{amount,withheld,repaid,repays,closing}'::text[])
            ) LIMIT 1 $q$
        WHEN 'disbursements_withholding' THEN $q$
            SELECT r.id, r.state
            FROM old_rows o JOIN disbursements_drawproperty p ON p.id = o.draw_property_id
            JOIN disbursements_ownerdraw d ON d.id = p.draw_id
            JOIN disbursements_run r ON r.id = d.run_id
            LEFT JOIN new_rows n ON n.id = o.id
            WHERE r.state <> 'frozen' AND NOT (
                r.state = 'approved' AND n.id IS NOT NULL
                AND (to_jsonb(n) - 'entry_id') = (to_jsonb(o) - 'entry_id')
            ) AND NOT (r.state = 'approved' AND d.state = 'held' AND n.amount = 0
                AND (to_jsonb(n) - 'amount') = (to_jsonb(o) - 'amount')
            ) LIMIT 1 $q$
        ELSE $q$
            SELECT r.id, r.state
            FROM old_rows o JOIN disbursements_drawproperty p ON p.id = o.draw_property_id
            JOIN disbursements_ownerdraw d ON d.id = p.draw_id
            JOIN disbursements_run r ON r.id = d.run_id
            LEFT JOIN new_rows n ON n.id = o.id
            WHERE r.state <> 'frozen' AND NOT (
                -- A cancelled run gives its lines back.
                r.state IN ('reviewed', 'approved') AND n.part = 'freed'
                AND (to_jsonb(n) - 'part') = (to_jsonb(o) - 'part')
            ) LIMIT 1 $q$
        END
    LOOP
        RAISE EXCEPTION 'run % is %: its rows stay as they are', r.id, r.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'run_rows_stay';
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION disbursements_rows_added() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN EXECUTE CASE TG_TABLE_NAME
        WHEN 'disbursements_ownerdraw' THEN $q$
            SELECT r.id, r.state FROM new_rows n JOIN disbursements_run r ON r.id = n.run_id
            WHERE r.state <> 'frozen' LIMIT 1 $q$
        WHEN 'disbursements_drawproperty' THEN $q$
            SELECT r.id, r.state FROM new_rows n
            JOIN disbursements_ownerdraw d ON d.id = n.draw_id
            JOIN disbursements_run r ON r.id = d.run_id WHERE r.state <> 'frozen' LIMIT 1 $q$
        WHEN 'disbursements_withholding' THEN $q$
            SELECT r.id, r.state FROM new_rows n
            JOIN disbursements_drawproperty p ON p.id = n.draw_property_id
            JOIN disbursements_ownerdraw d ON d.id = p.draw_id
            JOIN disbursements_run r ON r.id = d.run_id WHERE r.state <> 'frozen' LIMIT 1 $q$
        ELSE $q$
            SELECT r.id, r.state FROM new_rows n
            JOIN disbursements_drawproperty p ON p.id = n.draw_property_id
            JOIN disbursements_ownerdraw d ON d.id = p.draw_id
            JOIN disbursements_run r ON r.id = d.run_id
            WHERE NOT (r.state = 'frozen' OR (r.state = 'approved' AND n.part = 'sent')) LIMIT 1 $q$
        END
    LOOP
        RAISE EXCEPTION 'run % is %: nothing is added to it', r.id, r.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'run_rows_stay';
    END LOOP;
    RETURN NULL;
END $$;

CREATE TRIGGER disbursements_draw_added AFTER INSERT ON disbursements_ownerdraw
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION disbursements_rows_added();
CREATE TRIGGER disbursements_property_added AFTER INSERT ON disbursements_drawproperty
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION disbursements_rows_added();
CREATE TRIGGER disbursements_line_added AFTER INSERT ON disbursements_drawline
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION disbursements_rows_added();
CREATE TRIGGER disbursements_withholding_added AFTER INSERT ON disbursements_withholding
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION disbursements_rows_added();

CREATE TRIGGER disbursements_draw_stays AFTER UPDATE ON disbursements_ownerdraw
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION disbursements_rows_stay();
CREATE TRIGGER disbursements_property_stays AFTER UPDATE ON disbursements_drawproperty
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION disbursements_rows_stay();
CREATE TRIGGER disbursements_line_stays AFTER UPDATE ON disbursements_drawline
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION disbursements_rows_stay();
CREATE TRIGGER disbursements_withholding_stays AFTER UPDATE ON disbursements_withholding
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION disbursements_rows_stay();

-- A row that is deleted has no new one: the same question with an empty table of new rows.
CREATE FUNCTION disbursements_rows_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN EXECUTE CASE TG_TABLE_NAME
        WHEN 'disbursements_ownerdraw' THEN $q$
            SELECT r.id, r.state FROM old_rows o JOIN disbursements_run r ON r.id = o.run_id
            WHERE r.state <> 'frozen' LIMIT 1 $q$
        WHEN 'disbursements_drawproperty' THEN $q$
            SELECT r.id, r.state FROM old_rows o
            JOIN disbursements_ownerdraw d ON d.id = o.draw_id
            JOIN disbursements_run r ON r.id = d.run_id WHERE r.state <> 'frozen' LIMIT 1 $q$
        WHEN 'disbursements_withholding' THEN $q$
            SELECT r.id, r.state FROM old_rows o
            JOIN disbursements_drawproperty p ON p.id = o.draw_property_id
            JOIN disbursements_ownerdraw d ON d.id = p.draw_id
            JOIN disbursements_run r ON r.id = d.run_id WHERE r.state <> 'frozen' LIMIT 1 $q$
        ELSE $q$
            SELECT r.id, r.state FROM old_rows o
            JOIN disbursements_drawproperty p ON p.id = o.draw_property_id
            JOIN disbursements_ownerdraw d ON d.id = p.draw_id
            JOIN disbursements_run r ON r.id = d.run_id
            WHERE r.state <> 'frozen' LIMIT 1 $q$
        END
    LOOP
        RAISE EXCEPTION 'run % is %: its rows stay', r.id, r.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'run_rows_stay';
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER disbursements_draw_deleted AFTER DELETE ON disbursements_ownerdraw
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION disbursements_rows_deleted();
CREATE TRIGGER disbursements_property_deleted AFTER DELETE ON disbursements_drawproperty
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION disbursements_rows_deleted();
CREATE TRIGGER disbursements_line_deleted AFTER DELETE ON disbursements_drawline
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION disbursements_rows_deleted();
CREATE TRIGGER disbursements_withholding_deleted AFTER DELETE ON disbursements_withholding
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION disbursements_rows_deleted();

CREATE FUNCTION disbursements_never_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is never emptied: what was paid stays', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'disbursements_never_emptied';
END $$;
CREATE TRIGGER disbursements_never_emptied BEFORE TRUNCATE ON disbursements_run
    EXECUTE FUNCTION disbursements_never_emptied();
CREATE TRIGGER disbursements_never_emptied BEFORE TRUNCATE ON disbursements_drawline
    EXECUTE FUNCTION disbursements_never_emptied();
CREATE TRIGGER disbursements_never_emptied BEFORE TRUNCATE ON disbursements_advance
    EXECUTE FUNCTION disbursements_never_emptied();

-- down
DROP TRIGGER disbursements_never_emptied ON disbursements_advance;
DROP TRIGGER disbursements_never_emptied ON disbursements_drawline;
DROP TRIGGER disbursements_never_emptied ON disbursements_run;
DROP FUNCTION disbursements_never_emptied();
DROP TRIGGER disbursements_withholding_deleted ON disbursements_withholding;
DROP TRIGGER disbursements_line_deleted ON disbursements_drawline;
DROP TRIGGER disbursements_property_deleted ON disbursements_drawproperty;
DROP TRIGGER disbursements_draw_deleted ON disbursements_ownerdraw;
DROP FUNCTION disbursements_rows_deleted();
DROP TRIGGER disbursements_withholding_stays ON disbursements_withholding;
DROP TRIGGER disbursements_line_stays ON disbursements_drawline;
DROP TRIGGER disbursements_property_stays ON disbursements_drawproperty;
DROP TRIGGER disbursements_draw_stays ON disbursements_ownerdraw;
DROP TRIGGER disbursements_withholding_added ON disbursements_withholding;
DROP TRIGGER disbursements_line_added ON disbursements_drawline;
DROP TRIGGER disbursements_property_added ON disbursements_drawproperty;
DROP TRIGGER disbursements_draw_added ON disbursements_ownerdraw;
DROP FUNCTION disbursements_rows_added();
DROP FUNCTION disbursements_rows_stay();
