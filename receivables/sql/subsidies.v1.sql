-- The lines of an agency's list sum to what reaches the bank, whoever writes; looked at when the
-- transaction ends, so that the lines may follow their remittance.
CREATE FUNCTION receivables_subsidy_lines_sum() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT remittance.id, remittance.amount, coalesce(sum(line.amount), 0) AS listed INTO wrong
    FROM receivables_subsidyremittance AS remittance
    LEFT JOIN receivables_subsidyline AS line ON line.remittance_id = remittance.id
    WHERE remittance.id = CASE TG_TABLE_NAME
        WHEN 'receivables_subsidyline' THEN (to_jsonb(NEW) ->> 'remittance_id')::bigint
        ELSE NEW.id END
    GROUP BY remittance.id
    HAVING coalesce(sum(line.amount), 0) <> remittance.amount;
    IF FOUND THEN
        RAISE EXCEPTION 'subsidy remittance % of %: its lines sum to %', wrong.id, wrong.amount, wrong.listed
            USING ERRCODE = 'check_violation', CONSTRAINT = 'subsidy_lines_sum';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER receivables_subsidy_lines_sum AFTER INSERT ON receivables_subsidyremittance
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION receivables_subsidy_lines_sum();
CREATE CONSTRAINT TRIGGER receivables_subsidy_line_sums AFTER INSERT ON receivables_subsidyline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION receivables_subsidy_lines_sum();

-- What was recorded stays; a line's money taken back may be answered, once.
CREATE TRIGGER receivables_subsidy_remittance_stays BEFORE DELETE OR UPDATE ON receivables_subsidyremittance
    FOR EACH ROW EXECUTE FUNCTION receivables_posted_stays();
CREATE TRIGGER receivables_subsidy_line_stays BEFORE DELETE OR UPDATE ON receivables_subsidyline
    FOR EACH ROW EXECUTE FUNCTION receivables_posted_stays('answer_id');
CREATE TRIGGER receivables_receipt_move_stays BEFORE DELETE OR UPDATE ON receivables_receiptmove
    FOR EACH ROW EXECUTE FUNCTION receivables_posted_stays();
CREATE TRIGGER receivables_never_emptied BEFORE TRUNCATE ON receivables_subsidyremittance
    EXECUTE FUNCTION receivables_never_emptied();
CREATE TRIGGER receivables_never_emptied BEFORE TRUNCATE ON receivables_subsidyline
    EXECUTE FUNCTION receivables_never_emptied();
CREATE TRIGGER receivables_never_emptied BEFORE TRUNCATE ON receivables_receiptmove
    EXECUTE FUNCTION receivables_never_emptied();

-- A lease's subsidy comes from an agency of its own company.
CREATE FUNCTION receivables_subsidy_of_one_company() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT entity_id FROM leases_lease WHERE id = NEW.lease_id)
        <> (SELECT entity_id FROM receivables_housingagency WHERE id = NEW.agency_id)
    THEN
        RAISE EXCEPTION 'subsidy %: agency and lease belong to two companies', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'subsidy_of_one_company';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER receivables_subsidy_of_one_company BEFORE INSERT OR UPDATE ON receivables_subsidy
    FOR EACH ROW EXECUTE FUNCTION receivables_subsidy_of_one_company();

-- down
DROP TRIGGER receivables_subsidy_of_one_company ON receivables_subsidy;
DROP FUNCTION receivables_subsidy_of_one_company();
DROP TRIGGER receivables_never_emptied ON receivables_receiptmove;
DROP TRIGGER receivables_never_emptied ON receivables_subsidyline;
DROP TRIGGER receivables_never_emptied ON receivables_subsidyremittance;
DROP TRIGGER receivables_receipt_move_stays ON receivables_receiptmove;
DROP TRIGGER receivables_subsidy_line_stays ON receivables_subsidyline;
DROP TRIGGER receivables_subsidy_remittance_stays ON receivables_subsidyremittance;
DROP TRIGGER receivables_subsidy_line_sums ON receivables_subsidyline;
DROP TRIGGER receivables_subsidy_lines_sum ON receivables_subsidyremittance;
DROP FUNCTION receivables_subsidy_lines_sum();
