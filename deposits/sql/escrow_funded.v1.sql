-- What an escrow got in a month is the sum of its movements; a movement stays.
CREATE FUNCTION deposits_escrow_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        RAISE EXCEPTION 'escrow movement % is posted and stays', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'deposits_escrow_move_stays';
    END IF;
    UPDATE deposits_escrowfunding SET funded = funded + NEW.amount, moves = moves + 1
        WHERE id = NEW.funding_id;
    RETURN NULL;
END $$;
CREATE TRIGGER deposits_escrow_moved AFTER INSERT ON deposits_escrowmove
    FOR EACH ROW EXECUTE FUNCTION deposits_escrow_moved();
CREATE TRIGGER deposits_escrow_move_stays BEFORE UPDATE OR DELETE ON deposits_escrowmove
    FOR EACH ROW EXECUTE FUNCTION deposits_escrow_moved();

CREATE FUNCTION deposits_escrow_funded() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moved numeric;
BEGIN
    SELECT coalesce(sum(amount), 0) INTO moved FROM deposits_escrowmove WHERE funding_id = NEW.id;
    IF NEW.funded <> moved THEN
        RAISE EXCEPTION 'escrow funding % says %, its movements sum to %', NEW.id, NEW.funded, moved
            USING ERRCODE = 'check_violation', CONSTRAINT = 'deposits_escrow_funded_is_moved';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER deposits_escrow_funded AFTER INSERT OR UPDATE ON deposits_escrowfunding
    FOR EACH ROW EXECUTE FUNCTION deposits_escrow_funded();

-- down
DROP TRIGGER deposits_escrow_funded ON deposits_escrowfunding;
DROP FUNCTION deposits_escrow_funded();
DROP TRIGGER deposits_escrow_move_stays ON deposits_escrowmove;
DROP TRIGGER deposits_escrow_moved ON deposits_escrowmove;
DROP FUNCTION deposits_escrow_moved();
