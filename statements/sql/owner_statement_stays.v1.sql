-- An owner statement that was made stays as it is, whoever writes; a correction is a new version.
-- From its rows on it keeps what it says: the pages are laid out from these and nothing else.
CREATE FUNCTION statements_owner_statement_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' OR OLD.state = 'made' THEN
        RAISE EXCEPTION 'an owner statement that was made stays as it is; make a new version'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'statements_owner_statement_stays';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF (NEW.entity_id, NEW.owner_id, NEW.from_on, NEW.to_on, NEW.version)
        <> (OLD.entity_id, OLD.owner_id, OLD.from_on, OLD.to_on, OLD.version)
        OR NEW.run_id IS DISTINCT FROM OLD.run_id
        OR NEW.supersedes_id IS DISTINCT FROM OLD.supersedes_id
    THEN
        RAISE EXCEPTION 'owner statement % keeps its owner, days and version', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'statements_owner_statement_stays';
    END IF;
    IF OLD.state = 'composed' AND NEW.state <> 'queued' AND (
        NEW.rows IS DISTINCT FROM OLD.rows OR NEW.rows_sha256 <> OLD.rows_sha256
        OR (NEW.opening, NEW.change, NEW.paid, NEW.closing, NEW.known_at)
            IS DISTINCT FROM (OLD.opening, OLD.change, OLD.paid, OLD.closing, OLD.known_at)
    ) THEN
        RAISE EXCEPTION 'the rows of owner statement % are composed and stay', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'statements_owner_statement_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER statements_owner_statement_stays BEFORE UPDATE OR DELETE
    ON statements_ownerstatement
    FOR EACH ROW EXECUTE FUNCTION statements_owner_statement_stays();
CREATE TRIGGER statements_owner_statements_stay BEFORE TRUNCATE ON statements_ownerstatement
    FOR EACH STATEMENT EXECUTE FUNCTION statements_owner_statement_stays();

-- A link that was taken back stays back, and leads where it was made for.
CREATE FUNCTION statements_owner_link_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.statement_id, NEW.nonce) <> (OLD.statement_id, OLD.nonce)
        OR NEW.expires_at > OLD.expires_at
        OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL)
    THEN
        RAISE EXCEPTION 'owner link % leads to one statement and only ends; make another', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'statements_owner_link_stays';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER statements_owner_link_stays BEFORE UPDATE ON statements_ownerlink
    FOR EACH ROW EXECUTE FUNCTION statements_owner_link_stays();

-- down
DROP TRIGGER statements_owner_link_stays ON statements_ownerlink;
DROP FUNCTION statements_owner_link_stays();
DROP TRIGGER statements_owner_statements_stay ON statements_ownerstatement;
DROP TRIGGER statements_owner_statement_stays ON statements_ownerstatement;
DROP FUNCTION statements_owner_statement_stays();
