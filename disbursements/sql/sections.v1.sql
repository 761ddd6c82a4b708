-- The figure of a draw to which a section of its lines adds: models.FIGURES has the same table.
CREATE FUNCTION disbursements_figure_of(section text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN section IN ('rent', 'other_collected', 'deposit_kept') THEN 'collected'
        WHEN section IN ('management_fee', 'other_fee') THEN 'fees'
        WHEN section = 'bill' THEN 'bills'
        WHEN section = 'contribution' THEN 'contributions'
        WHEN section = 'recovery' THEN 'recoveries'
        WHEN section = 'adjustment' THEN 'adjustments'
        ELSE 'other'
    END
$$;

-- down
DROP FUNCTION disbursements_figure_of(text);
