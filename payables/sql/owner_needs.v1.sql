-- Where the owners' word is needed before a bill may be paid: one row per bill and property.
-- total: what the bill takes from the property. threshold: of the management agreement in force on
-- the bill's day; nothing without an agreement. together: with the vendor's other bills on the
-- property within thirty days that each stayed at or below the threshold; is_split says that only
-- this sum is above it. Owners of half the property decide, unless one rejects.
CREATE FUNCTION payables_owner_needs(bills bigint[])
RETURNS TABLE (
    bill_id bigint, property_id bigint, total numeric, threshold numeric, together numeric,
    is_split boolean, is_approved boolean, is_rejected boolean
) LANGUAGE sql STABLE AS $$
    WITH mine AS (
        SELECT bill.id AS bill_id, bill.vendor_id, bill.dated_on, line.property_id,
            sum(line.amount) AS total,
            coalesce((
                SELECT agreement.approval_threshold FROM leases_managementagreement AS agreement
                WHERE agreement.property_id = line.property_id
                    AND agreement.from_on <= bill.dated_on
                    AND (agreement.until_on IS NULL OR agreement.until_on >= bill.dated_on)
            ), 0) AS threshold
        FROM payables_bill AS bill JOIN payables_billline AS line ON line.bill_id = bill.id
        WHERE bill.id = ANY (bills) AND NOT bill.is_credit AND bill.emergency_reason = ''
        GROUP BY bill.id, line.property_id
    ), counted AS (
        SELECT mine.*, mine.total + coalesce((
            SELECT sum(other.total) FROM (
                SELECT sum(line.amount) AS total
                FROM payables_bill AS bill JOIN payables_billline AS line ON line.bill_id = bill.id
                WHERE bill.vendor_id = mine.vendor_id AND line.property_id = mine.property_id
                    AND bill.id <> mine.bill_id AND NOT bill.is_credit
                    AND bill.state NOT IN ('cancelled', 'rejected')
                    AND bill.dated_on BETWEEN mine.dated_on - 30 AND mine.dated_on + 30
                GROUP BY bill.id
            ) AS other WHERE other.total <= mine.threshold
        ), 0) AS together
        FROM mine
    )
    SELECT counted.bill_id, counted.property_id, counted.total, counted.threshold,
        counted.together, counted.total <= counted.threshold,
        coalesce(word.agreed >= 0.5 AND NOT word.has_rejection, false),
        coalesce(word.has_rejection, false)
    FROM counted LEFT JOIN LATERAL (
        SELECT coalesce(sum(approval.share) FILTER (
                WHERE approval.state = 'approved' AND approval.cap >= counted.total), 0) AS agreed,
            coalesce(bool_or(approval.state = 'rejected'), false) AS has_rejection
        FROM payables_ownerapproval AS approval
        WHERE approval.bill_id = counted.bill_id AND approval.property_id = counted.property_id
    ) AS word ON true
    WHERE counted.total > counted.threshold
        OR counted.together > counted.threshold AND NOT EXISTS (
            SELECT 1 FROM payables_release AS release
            WHERE release.bill_id = counted.bill_id AND release.kind = 'bills_split_below_threshold'
        )
$$;

-- Money goes out only for an approved bill, from the trust account of the property, with the
-- owners' word where it is needed.
CREATE FUNCTION payables_line_may_be_paid() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong record;
BEGIN
    SELECT bill.number INTO wrong
    FROM new_rows JOIN payables_billline AS line ON line.id = new_rows.line_id
    JOIN payables_bill AS bill ON bill.id = line.bill_id
    WHERE bill.entry_id IS NULL OR bill.state = 'cancelled' OR bill.is_credit LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'bill % is not approved, or is a credit', wrong.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'only_approved_bills_are_paid';
    END IF;
    SELECT bill.number INTO wrong
    FROM new_rows JOIN payables_billline AS line ON line.id = new_rows.line_id
    JOIN payables_bill AS bill ON bill.id = line.bill_id
    JOIN leases_property AS property ON property.id = line.property_id
    JOIN payments_payment AS payment ON payment.id = new_rows.payment_id
    WHERE payment.book_id <> property.rent_book_id OR payment.entity_id <> bill.entity_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'bill %: the payment leaves a trust account that does not hold the money of its property',
            wrong.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'bill_paid_from_its_account';
    END IF;
    SELECT bill.number INTO wrong
    FROM new_rows JOIN payables_billline AS line ON line.id = new_rows.line_id
    JOIN payables_bill AS bill ON bill.id = line.bill_id
    JOIN payables_billline AS credit ON credit.id = new_rows.credit_id
    JOIN payables_bill AS given ON given.id = credit.bill_id
    WHERE NOT given.is_credit OR given.entry_id IS NULL OR given.state = 'cancelled'
        OR given.vendor_id <> bill.vendor_id OR credit.property_id <> line.property_id LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'bill %: the credit is not of this vendor and property', wrong.number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_of_same_property';
    END IF;
    SELECT bill.number, property.name AS property, needs.total INTO wrong
    FROM payables_owner_needs(ARRAY(
        SELECT DISTINCT line.bill_id FROM new_rows JOIN payables_billline AS line ON line.id = new_rows.line_id
        WHERE new_rows.payment_id IS NOT NULL
    )) AS needs
    JOIN payables_bill AS bill ON bill.id = needs.bill_id
    JOIN leases_property AS property ON property.id = needs.property_id
    WHERE NOT needs.is_approved AND EXISTS (
        SELECT 1 FROM new_rows JOIN payables_billline AS line ON line.id = new_rows.line_id
        WHERE line.bill_id = needs.bill_id AND line.property_id = needs.property_id
            AND new_rows.payment_id IS NOT NULL
    ) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'bill % takes % from %, which its owners have not approved',
            wrong.number, wrong.total, wrong.property
            USING ERRCODE = 'check_violation', CONSTRAINT = 'owners_approve_above_threshold';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER payables_line_may_be_paid AFTER INSERT ON payables_linepayment
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION payables_line_may_be_paid();

-- What an owner was asked stays; so does what was answered.
CREATE FUNCTION payables_owner_approval_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.bill_id, NEW.property_id, NEW.owner_id, NEW.share)
            IS DISTINCT FROM (OLD.bill_id, OLD.property_id, OLD.owner_id, OLD.share)
        OR OLD.state = 'approved' AND to_jsonb(NEW) <> to_jsonb(OLD)
        OR NEW.cap <> OLD.cap AND NEW.state = 'approved'
    THEN
        RAISE EXCEPTION 'the owner''s approval % stays as it was given', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'owner_approval_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payables_owner_approval_stays BEFORE UPDATE OR DELETE ON payables_ownerapproval
    FOR EACH ROW EXECUTE FUNCTION payables_owner_approval_stays();

-- An owner approves over a link, or a second person confirms the evidence that a first one recorded.
CREATE FUNCTION payables_owner_approval_is_given() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NEW.confirmation_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM desk_approval WHERE id = NEW.confirmation_id AND state = 'approved'
    ) THEN
        RAISE EXCEPTION 'an owner''s approval is given after it was asked for, and confirmed by two people'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'owner_approval_is_given';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payables_owner_approval_is_given BEFORE INSERT OR UPDATE ON payables_ownerapproval
    FOR EACH ROW WHEN (NEW.state = 'approved') EXECUTE FUNCTION payables_owner_approval_is_given();

-- Who entered a bill never lets it pass a check.
CREATE FUNCTION payables_release_by_another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND EXISTS (
        SELECT 1 FROM payables_linepayment AS paid JOIN payables_billline AS line ON line.id = paid.line_id
        WHERE line.bill_id = OLD.bill_id AND paid.undone_on IS NULL
    ) THEN
        RAISE EXCEPTION 'the bill was paid on this release; it stays'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'release_stays';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF EXISTS (SELECT 1 FROM payables_bill WHERE id = NEW.bill_id AND made_by_id = NEW.made_by_id) THEN
        RAISE EXCEPTION 'who entered the bill does not release it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'release_by_another_person';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER payables_release_by_another BEFORE INSERT OR UPDATE OR DELETE ON payables_release
    FOR EACH ROW EXECUTE FUNCTION payables_release_by_another();

-- down
DROP TRIGGER payables_release_by_another ON payables_release;
DROP FUNCTION payables_release_by_another();
DROP TRIGGER payables_owner_approval_is_given ON payables_ownerapproval;
DROP FUNCTION payables_owner_approval_is_given();
DROP TRIGGER payables_owner_approval_stays ON payables_ownerapproval;
DROP FUNCTION payables_owner_approval_stays();
DROP TRIGGER payables_line_may_be_paid ON payables_linepayment;
DROP FUNCTION payables_line_may_be_paid();
DROP FUNCTION payables_owner_needs(bigint[]);
