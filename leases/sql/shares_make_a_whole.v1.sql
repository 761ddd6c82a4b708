-- A property's shares sum to one on every day from the first to the last: else money has no owner.
-- Checked at commit, so that one share may give way to another within a transaction.
CREATE FUNCTION leases_shares_make_a_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_property bigint := CASE WHEN TG_OP = 'DELETE' THEN OLD.property_id ELSE NEW.property_id END;
    wrong record;
BEGIN
    -- Sums only change on the day a share begins and the day after one ends.
    SELECT day, coalesce(sum(share.share), 0) AS total INTO wrong
    FROM (
        SELECT from_on AS day FROM leases_ownershipshare WHERE property_id = of_property
        UNION
        SELECT until_on + 1 FROM leases_ownershipshare
        WHERE property_id = of_property AND until_on IS NOT NULL
    ) AS change
    LEFT JOIN leases_ownershipshare AS share
        ON share.property_id = of_property
        AND share.from_on <= day AND (share.until_on IS NULL OR share.until_on >= day)
    GROUP BY day
    HAVING coalesce(sum(share.share), 0) <> 1
        AND NOT (
            count(share.id) = 0
            AND day > (SELECT max(from_on) FROM leases_ownershipshare WHERE property_id = of_property)
        )
    ORDER BY day LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'shares of property % sum to % on %, not to 1', of_property, wrong.total, wrong.day
            USING ERRCODE = 'check_violation', CONSTRAINT = 'shares_make_a_whole';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER leases_shares_make_a_whole
    AFTER INSERT OR UPDATE OR DELETE ON leases_ownershipshare
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION leases_shares_make_a_whole();

-- down
DROP TRIGGER leases_shares_make_a_whole ON leases_ownershipshare;
DROP FUNCTION leases_shares_make_a_whole();
