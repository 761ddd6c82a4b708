-- A run goes forward: frozen, reviewed, approved, sent, matched; an open one may be cancelled. The
-- one way back is from matched to sent, when a match with the bank is undone. Before it goes on, its
-- draws must be true.
--
-- The planner knows these tables only as they were before the run was written: with its other ways
-- off it goes from draw to property to line by their indexes, whatever the years before have left.
CREATE FUNCTION disbursements_out_by(run bigint, OUT draw bigint, OUT what text) LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off
AS $$
BEGIN
    -- Each figure is the sum of its counted lines.
    SELECT d.id, 'its figures and its lines' INTO draw, what
    FROM disbursements_ownerdraw d
    LEFT JOIN LATERAL (
        SELECT
            coalesce(sum(l.amount) FILTER (WHERE f.figure = 'collected'), 0) AS collected,
            coalesce(sum(l.amount) FILTER (WHERE f.figure = 'fees'), 0) AS fees,
            coalesce(sum(l.amount) FILTER (WHERE f.figure = 'bills'), 0) AS bills,
            coalesce(sum(l.amount) FILTER (WHERE f.figure = 'contributions'), 0) AS contributions,
            coalesce(sum(l.amount) FILTER (WHERE f.figure = 'recoveries'), 0) AS recoveries,
            coalesce(sum(l.amount) FILTER (WHERE f.figure = 'adjustments'), 0) AS adjustments,
            coalesce(sum(l.amount) FILTER (WHERE f.figure = 'other'), 0) AS other
        FROM disbursements_drawproperty p
        JOIN disbursements_drawline l ON l.draw_property_id = p.id AND l.part = 'counted'
        CROSS JOIN LATERAL (SELECT disbursements_figure_of(l.section) AS figure) f
        WHERE p.draw_id = d.id
    ) s ON true
    WHERE d.run_id = disbursements_out_by.run AND (
        d.collected, d.fees, d.bills, d.contributions, d.recoveries, d.adjustments, d.other
    ) <> (
        s.collected, s.fees, s.bills, s.contributions, s.recoveries, s.adjustments, s.other
    ) LIMIT 1;
    IF FOUND THEN RETURN; END IF;

    -- Each draw is the sum of its properties; netting gives nothing away.
    SELECT d.id, 'its figures and its properties' INTO draw, what
    FROM disbursements_ownerdraw d
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(p.opening), 0) AS opening, coalesce(sum(p.change), 0) AS change,
            coalesce(sum(p.netted), 0) AS netted, coalesce(sum(p.amount), 0) AS amount,
            coalesce(sum(p.withheld), 0) AS withheld, coalesce(sum(p.repaid), 0) AS repaid,
            coalesce(sum(p.closing), 0) AS closing,
            coalesce(sum(p.reserve_held), 0) AS reserve_held,
            coalesce(sum(p.held_back), 0) AS held_back
        FROM disbursements_drawproperty p WHERE p.draw_id = d.id
    ) s ON true
    WHERE d.run_id = disbursements_out_by.run AND (
        d.opening, d.collected + d.fees + d.bills + d.contributions + d.recoveries
            + d.adjustments + d.other, 0,
        d.amount, d.withheld, d.repaid, d.closing, d.reserve_held, d.held_back
    ) <> (
        s.opening, s.change, s.netted, s.amount, s.withheld, s.repaid, s.closing,
        s.reserve_held, s.held_back
    ) LIMIT 1;
    IF FOUND THEN RETURN; END IF;

    -- Each property's change is the sum of its counted lines, what is held back of those, and what is
    -- withheld of its rules.
    SELECT p.draw_id, 'a property and its lines' INTO draw, what
    FROM disbursements_drawproperty p
    JOIN disbursements_ownerdraw d ON d.id = p.draw_id
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(l.amount) FILTER (WHERE l.part = 'counted'), 0) AS change,
            coalesce(sum(l.amount) FILTER (WHERE l.part = 'held_back'), 0) AS held_back
        FROM disbursements_drawline l WHERE l.draw_property_id = p.id
    ) s ON true
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(w.amount), 0) AS withheld
        FROM disbursements_withholding w WHERE w.draw_property_id = p.id
    ) t ON true
    WHERE d.run_id = disbursements_out_by.run
        AND (p.change, p.held_back, p.withheld) <> (s.change, s.held_back, t.withheld) LIMIT 1;
END $$;

CREATE FUNCTION disbursements_run_forward() RETURNS trigger LANGUAGE plpgsql
    SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off
AS $$
DECLARE
    way CONSTANT text[] := '{frozen,reviewed,approved,sent,matched}';
    r record;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'run % stays; cancel it instead', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'run_goes_forward';
    END IF;
    IF (NEW.entity_id, NEW.cut_off_on, NEW.pays_on, NEW.made_by_id, NEW.made_at)
        <> (OLD.entity_id, OLD.cut_off_on, OLD.pays_on, OLD.made_by_id, OLD.made_at)
        OR (OLD.approved_by_id IS NOT NULL
            AND (NEW.approved_by_id, NEW.approved_at, NEW.reviewed_by_id)
                IS DISTINCT FROM (OLD.approved_by_id, OLD.approved_at, OLD.reviewed_by_id))
        OR (OLD.sent_by_id IS NOT NULL
            AND (NEW.sent_by_id, NEW.sent_at) IS DISTINCT FROM (OLD.sent_by_id, OLD.sent_at))
    THEN
        RAISE EXCEPTION 'run % keeps its days and who made, approved and sent it', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'run_facts_stay';
    END IF;
    IF NEW.state = OLD.state THEN
        RETURN NEW;
    END IF;
    IF NEW.state = 'cancelled' AND OLD.state IN ('frozen', 'reviewed', 'approved') THEN
        SELECT l.id INTO r FROM disbursements_drawline l
        JOIN disbursements_drawproperty p ON p.id = l.draw_property_id
        JOIN disbursements_ownerdraw d ON d.id = p.draw_id
        WHERE d.run_id = NEW.id AND l.part IN ('counted', 'sent') LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'run % is cancelled with lines that no other run could count', OLD.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'cancelled_run_frees_lines';
        END IF;
        RETURN NEW;
    END IF;
    IF NOT (array_position(way, NEW.state::text) = array_position(way, OLD.state::text) + 1
        OR (OLD.state = 'matched' AND NEW.state = 'sent'))
        OR array_position(way, NEW.state::text) IS NULL OR array_position(way, OLD.state::text) IS NULL
    THEN
        RAISE EXCEPTION 'run % does not go from % to %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'run_goes_forward';
    END IF;
    IF NEW.state IN ('reviewed', 'approved') OR (NEW.state = 'sent' AND OLD.state = 'approved') THEN
        SELECT * INTO r FROM disbursements_out_by(NEW.id);
        IF r.draw IS NOT NULL THEN
            RAISE EXCEPTION 'draw % of run % does not add up: % differ', r.draw, NEW.id, r.what
                USING ERRCODE = 'check_violation', CONSTRAINT = 'draw_is_its_lines';
        END IF;
    END IF;
    IF NEW.state = 'sent' AND OLD.state = 'approved' THEN
        SELECT d.id INTO r FROM disbursements_ownerdraw d
        LEFT JOIN payments_payment y ON y.id = d.payment_id
        WHERE d.run_id = NEW.id AND (
            (d.amount > 0) <> (y.id IS NOT NULL)
            OR (d.amount, d.book_id) <> (y.amount, y.book_id)
            OR -(d.amount + d.withheld + d.repaid) <> (
                SELECT coalesce(sum(l.amount), 0) FROM disbursements_drawline l
                JOIN disbursements_drawproperty p ON p.id = l.draw_property_id
                WHERE p.draw_id = d.id AND l.part = 'sent'
            )
        ) LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'draw % of run % was not paid as it says', r.id, NEW.id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'sent_draw_is_paid';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER disbursements_run_forward BEFORE UPDATE OR DELETE ON disbursements_run
    FOR EACH ROW EXECUTE FUNCTION disbursements_run_forward();

CREATE FUNCTION disbursements_run_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a run begins frozen, not %', NEW.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'run_goes_forward';
END $$;
CREATE TRIGGER disbursements_run_begins BEFORE INSERT ON disbursements_run
    FOR EACH ROW WHEN (NEW.state <> 'frozen') EXECUTE FUNCTION disbursements_run_begins();

-- down
DROP TRIGGER disbursements_run_begins ON disbursements_run;
DROP FUNCTION disbursements_run_begins();
DROP TRIGGER disbursements_run_forward ON disbursements_run;
DROP FUNCTION disbursements_run_forward();
DROP FUNCTION disbursements_out_by(bigint);
