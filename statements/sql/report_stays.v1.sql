-- A report that was made stays as it is, whoever writes; a correction is a new version.
CREATE FUNCTION statements_report_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'TRUNCATE' THEN
        IF OLD.state <> 'made' THEN
            RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
        END IF;
    END IF;
    RAISE EXCEPTION 'a trust report that was made stays as it is; make a new version'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'statements_report_stays';
END $$;
CREATE TRIGGER statements_report_stays BEFORE UPDATE OR DELETE ON statements_trustreport
    FOR EACH ROW EXECUTE FUNCTION statements_report_stays();
CREATE TRIGGER statements_reports_stay BEFORE TRUNCATE ON statements_trustreport
    FOR EACH STATEMENT EXECUTE FUNCTION statements_report_stays();

-- down
DROP TRIGGER statements_reports_stay ON statements_trustreport;
DROP TRIGGER statements_report_stays ON statements_trustreport;
DROP FUNCTION statements_report_stays();
