-- The shares that roommates agreed on sum to one, checked at commit.
CREATE FUNCTION leases_tenants_make_a_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_lease bigint := CASE WHEN TG_OP = 'DELETE' THEN OLD.lease_id ELSE NEW.lease_id END;
    total numeric;
BEGIN
    SELECT sum(share) INTO total FROM leases_leasetenant WHERE lease_id = of_lease;
    IF total <> 1 THEN
        RAISE EXCEPTION 'tenants'' shares of lease % sum to %, not to 1', of_lease, total
            USING ERRCODE = 'check_violation', CONSTRAINT = 'tenants_make_a_whole';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER leases_tenants_make_a_whole
    AFTER INSERT OR UPDATE OR DELETE ON leases_leasetenant
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION leases_tenants_make_a_whole();

-- down
DROP TRIGGER leases_tenants_make_a_whole ON leases_leasetenant;
DROP FUNCTION leases_tenants_make_a_whole();
