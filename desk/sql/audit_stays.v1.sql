-- The audit trail only grows, whoever writes: no change, no deletion, no emptying of the table.
CREATE FUNCTION desk_audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail only grows: % is refused', lower(TG_OP)
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'desk_audit_stays';
END $$;
CREATE TRIGGER desk_audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON desk_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION desk_audit_stays();

-- down
DROP TRIGGER desk_audit_stays ON desk_auditevent;
DROP FUNCTION desk_audit_stays();
