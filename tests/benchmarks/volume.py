"""A large company, written with a dozen statements: 10,000 leases and 100,000 bank lines.

One rent trust account with 200,000 journal lines: 100,000 receipts of cash and claim, of which the
last thousand are in transit. A bank line for each of the others, 3,000 of them without a key, so
that a person must match them; 3,000 receipts in suspense; 20,000 charges that are paid in part.
"""

import os
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection, transaction
from django.utils import timezone

from desk.models import LegalEntity, Membership, Role, User, WorkItem
from ledger.charts import chart
from ledger.models import BankAccount, Book
from ledger.services import ensure_beneficiary, ensure_book

LEASES, RECEIPTS, UNMATCHED, SUSPENSE, IN_TRANSIT = 10_000, 100_000, 3_000, 3_000, 1_000
PER_PROPERTY, CHARGES, IN_PART, DAYS = 10, 3, 20_000, 600
ITEMS = 100_000


@dataclass(frozen=True, slots=True)
class Volume:
    """The company and a bookkeeper of it."""

    entity: LegalEntity
    account: BankAccount
    user: User
    today: date


def large_company() -> Volume:
    """Write the company around the triggers, which guard single writers; balances are summed."""
    entity = LegalEntity.objects.create(name=f"Bench {os.urandom(6).hex()}", state="CA")
    user = User.objects.create(username=f"bench-{os.urandom(6).hex()}")
    Membership.objects.create(user=user, entity=entity, role=Role.BOOKKEEPER)
    rent, deposits = (
        ensure_book(entity_id=entity.pk, kind=Book.Kind.TRUST, name=f"{name} trust")
        for name in ("Rent", "Deposit")
    )
    account = BankAccount.objects.create(
        book=rent,
        purpose=BankAccount.Purpose.RENT,
        bank_name="Bench Bank",
        title="Trust",
        routing_number="021000021",
        account_number=f"77{os.urandom(4).hex()}",
    )
    for kind, reference in (("suspense", "suspense"), ("company", "company")):
        ensure_beneficiary(entity_id=entity.pk, kind=kind, name=kind, reference=reference)
    charted = chart(entity.pk)
    today = timezone.localdate()
    facts: dict[str, int | date] = {
        "entity": entity.pk,
        "rent": rent.pk,
        "deposits": deposits.pk,
        "account": account.pk,
        "cash": charted.bank,
        "claims": charted.claims,
        "today": today,
        "first": today - timedelta(days=DAYS),
        "leases": LEASES,
        "properties": LEASES // PER_PROPERTY,
        "per_property": PER_PROPERTY,
        "receipts": RECEIPTS,
        "suspense": SUSPENSE,
        "unmatched": UNMATCHED,
        "in_transit": IN_TRANSIT,
        "charges": CHARGES * LEASES,
        "in_part": IN_PART,
        "days": DAYS,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # Triggers of the origin role sleep in a replica.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in _STATEMENTS:
            cursor.execute(statement, facts)
    _analyze()
    return Volume(entity, account, user, today)


def fill_the_desk(volume: Volume, kind: str) -> None:
    """Items of a kind without a detector, until 100,000 are open."""
    standing = WorkItem.objects.exclude(state=WorkItem.State.CLOSED).count()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO desk_workitem (key, entity_id, kind, severity, title, reason,
                amount_currency, who, "where", subject_type, subject_id, happened_on, suggestion,
                state, due_at, wait_reason, closed_how, opened_at)
            SELECT %(kind)s || n, %(entity)s, %(kind)s, 1, 'Item ' || n, 'To fill the list.',
                'USD', 'Payer ' || n, 'Rent trust', 'tests.line', n,
                %(today)s::date - n %% 600, '', 'open', now(), '', '', now()
            FROM generate_series(1, %(count)s) AS n
            """,
            {
                "kind": kind,
                "entity": volume.entity.pk,
                "today": volume.today,
                "count": max(ITEMS - standing, 0),
            },
        )
    _analyze()


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


_FIRST_NAMES = (
    "Alma Boris Carla Dmitri Elena Farid Greta Hugo Irene Jamal Keiko Luis Mona Nadia Omar"
)
_LAST_NAMES = (
    "Abbott Brennan Castillo Dumas Ekström Fuentes Garcia Hoffman Ito Jansen Kowalski Larsen Moreau"
    " Novak Okafor Petrov Quinn Rossi Silva Tanaka Ueda Vargas Weber Yilmaz Zhang"
)


def _name(n: str) -> str:
    """SQL for the name of the n-th tenant."""
    return f"""
        (string_to_array('{_FIRST_NAMES}', ' '))[1 + {n} %% 15] || ' '
        || (string_to_array('{_LAST_NAMES}', ' '))[1 + {n} / 15 %% 25] || ' '
        || chr((65 + {n} / 375 %% 26)::int) || chr((97 + {n} / 9750 %% 26)::int)
    """


# The rent of a lease; many are equal, as rents are.
_RENT = "(900 + n %% 397 + 0.5 * (n %% 2))"
_STATEMENTS = [
    """
    CREATE TEMPORARY TABLE of_bench ON COMMIT DROP AS
    SELECT n, nextval(pg_get_serial_sequence('ledger_entry', 'id')) AS entry_id,
        nextval(pg_get_serial_sequence('ledger_line', 'id')) AS cash_id,
        nextval(pg_get_serial_sequence('reconciliation_bankline', 'id')) AS bank_line_id,
        nextval(pg_get_serial_sequence('reconciliation_match', 'id')) AS match_id,
        %(first)s::date + (n * %(days)s::bigint / %(receipts)s)::int AS day
    FROM generate_series(0, %(receipts)s - 1) AS n
    """,
    # Who owns and who rents.
    """
    INSERT INTO ledger_beneficiary (entity_id, kind, name, reference)
    SELECT %(entity)s, 'owner', 'Owner ' || n, 'owner:' || n
    FROM generate_series(0, %(properties)s - 1) AS n
    UNION ALL SELECT %(entity)s, 'prepaid', 'Prepaid ' || n, 'prepaid:' || n
    FROM generate_series(0, %(leases)s - 1) AS n
    UNION ALL SELECT %(entity)s, 'deposit', 'Deposit ' || n, 'deposit:' || n
    FROM generate_series(0, %(leases)s - 1) AS n
    """,
    """
    INSERT INTO ledger_book (entity_id, kind, name)
    SELECT %(entity)s, 'property', 'Property P-' || n
    FROM generate_series(0, %(properties)s - 1) AS n
    """,
    """
    INSERT INTO leases_owner (entity_id, code, name, email, tax_id, payout_routing_number,
        payout_account_number)
    SELECT %(entity)s, 'O-' || n, 'Owner ' || n, '', '', '', ''
    FROM generate_series(0, %(properties)s - 1) AS n
    """,
    """
    INSERT INTO leases_property (entity_id, code, name, street, city, state, zip_code, book_id,
        rent_book_id, deposit_book_id)
    SELECT %(entity)s, 'P-' || n, 'House ' || n, '', '', 'CA', '', book.id, %(rent)s, %(deposits)s
    FROM generate_series(0, %(properties)s - 1) AS n
    JOIN ledger_book AS book ON book.entity_id = %(entity)s AND book.name = 'Property P-' || n
    """,
    """
    INSERT INTO leases_ownershipshare (property_id, owner_id, share, from_on, beneficiary_id)
    SELECT property.id, owner.id, 1, '2020-01-01', who.id
    FROM leases_property AS property
    JOIN leases_owner AS owner ON owner.entity_id = %(entity)s
        AND owner.code = 'O-' || substr(property.code, 3)
    JOIN ledger_beneficiary AS who ON who.entity_id = %(entity)s
        AND who.reference = 'owner:' || substr(property.code, 3)
    WHERE property.entity_id = %(entity)s
    """,
    """
    INSERT INTO leases_managementagreement (property_id, from_on, fee_rate, fee_minimum_currency,
        fee_minimum, late_fee_owner_rate, approval_threshold_currency, approval_threshold,
        reserve_target_currency, reserve_target, cut_off_day, payment_day, seasoning_days,
        allocation_order)
    SELECT id, '2020-01-01', 0.08, 'USD', 0, 1, 'USD', 500, 'USD', 0, 25, 10, 5, 'oldest_first'
    FROM leases_property WHERE entity_id = %(entity)s
    """,
    """
    INSERT INTO leases_unit (property_id, code)
    SELECT property.id, 'U' || n
    FROM generate_series(0, %(leases)s - 1) AS n
    JOIN leases_property AS property ON property.entity_id = %(entity)s
        AND property.code = 'P-' || n / %(per_property)s
    """,
    f"""
    INSERT INTO leases_tenant (entity_id, code, name, email, phone)
    SELECT %(entity)s, 'T-' || n, {_name("n")}, '', '' FROM generate_series(0, %(leases)s - 1) AS n
    """,
    """
    INSERT INTO leases_lease (entity_id, unit_id, code, starts_on, state, deposit_agreed_currency,
        deposit_agreed, prepaid_id, deposit_id)
    SELECT %(entity)s, unit.id, 'L-' || lpad(n::text, 6, '0'), '2020-01-01', 'active', 'USD', 0,
        prepaid.id, deposit.id
    FROM generate_series(0, %(leases)s - 1) AS n
    JOIN leases_property AS property ON property.entity_id = %(entity)s
        AND property.code = 'P-' || n / %(per_property)s
    JOIN leases_unit AS unit ON unit.property_id = property.id AND unit.code = 'U' || n
    JOIN ledger_beneficiary AS prepaid ON prepaid.entity_id = %(entity)s
        AND prepaid.reference = 'prepaid:' || n
    JOIN ledger_beneficiary AS deposit ON deposit.entity_id = %(entity)s
        AND deposit.reference = 'deposit:' || n
    """,
    """
    CREATE TEMPORARY TABLE lease_of_bench ON COMMIT DROP AS
    SELECT lease.id, substr(lease.code, 3)::int AS n, owner.id AS owner_id
    FROM leases_lease AS lease
    JOIN ledger_beneficiary AS owner ON owner.entity_id = %(entity)s
        AND owner.reference = 'owner:' || substr(lease.code, 3)::int / %(per_property)s
    WHERE lease.entity_id = %(entity)s
    """,
    """
    INSERT INTO leases_leasetenant (lease_id, tenant_id, share)
    SELECT lease.id, tenant.id, 1 FROM lease_of_bench AS lease
    JOIN leases_tenant AS tenant ON tenant.entity_id = %(entity)s AND tenant.code = 'T-' || lease.n
    """,
    f"""
    INSERT INTO receivables_recurringcharge (lease_id, kind, amount_currency, amount, due_day,
        from_on)
    SELECT id, 'rent', 'USD', {_RENT}, 1, '2020-01-01' FROM lease_of_bench
    """,
    f"""
    INSERT INTO receivables_charge (entity_id, lease_id, kind, key, amount_currency, amount, due_on,
        memo, paid_currency, paid)
    SELECT %(entity)s, lease.id, 'rent', 'bench:' || place, 'USD', lease.rent,
        date_trunc('month', %(today)s::date)::date - (30 * (place / %(leases)s))::int, '', 'USD',
        CASE WHEN place < %(in_part)s THEN 100 ELSE lease.rent END
    FROM generate_series(0, %(charges)s - 1) AS place
    JOIN (SELECT id, n, {_RENT} AS rent FROM lease_of_bench) AS lease
        ON lease.n = place %% %(leases)s
    """,
    # What came in, and what the bank told of it.
    """
    INSERT INTO ledger_entry (id, entity_id, key, kind, dated_on, memo, digest)
    SELECT entry_id, %(entity)s, 'bench:' || n, 'receipt', day, 'Rent ' || n, '' FROM of_bench
    """,
    f"""
    INSERT INTO ledger_line (id, entry_id, position, book_id, account_id, dated_on, amount_currency,
        amount)
    SELECT cash_id, entry_id, 1, %(rent)s, %(cash)s, day, 'USD', {_RENT} FROM of_bench
    """,
    f"""
    INSERT INTO ledger_line (entry_id, position, book_id, account_id, beneficiary_id, dated_on,
        amount_currency, amount)
    SELECT entry_id, 2, %(rent)s, %(claims)s,
        CASE WHEN n < %(suspense)s THEN suspense.id ELSE lease.owner_id END, day, 'USD', -{_RENT}
    FROM of_bench
    JOIN (SELECT n AS lease_n, owner_id FROM lease_of_bench) AS lease
        ON lease.lease_n = n %% %(leases)s
    JOIN ledger_beneficiary AS suspense
        ON suspense.entity_id = %(entity)s AND suspense.reference = 'suspense'
    """,
    """
    INSERT INTO ledger_balance (book_id, account_id, beneficiary_id, part, amount_currency, amount)
    SELECT book_id, account_id, beneficiary_id, 0, 'USD', sum(amount)
    FROM ledger_line WHERE book_id = %(rent)s AND beneficiary_id IS NOT NULL
    GROUP BY book_id, account_id, beneficiary_id
    UNION ALL
    SELECT book_id, account_id, NULL, 1, 'USD', sum(amount)
    FROM ledger_line WHERE book_id = %(rent)s GROUP BY book_id, account_id
    """,
    f"""
    INSERT INTO receivables_receipt (entity_id, book_id, lease_id, key, payment, channel, "into",
        state, gross_currency, gross, fee_currency, fee, convenience_fee_currency, convenience_fee,
        received_on, settles_on, payer, payer_reference, number, trace, batch, memo, entry_id,
        matched_by, moves)
    SELECT %(entity)s, %(rent)s, CASE WHEN n >= %(suspense)s THEN lease.id END, 'bench:' || n, '',
        'wire', 'bank', 'settled', 'USD', {_RENT}, 'USD', 0, 'USD', 0, day, day,
        {_name("lease_n")}, '', '',
        'TRC' || lpad(n::text, 9, '0'), '', '', entry_id, '{{}}', 0
    FROM of_bench
    JOIN (SELECT id, n AS lease_n FROM lease_of_bench) AS lease ON lease.lease_n = n %% %(leases)s
    """,
    """
    INSERT INTO reconciliation_statementfile (entity_id, bank_account_id, name, body, sha256,
        format, state, reason, warnings, attempts, imported_at, lines_new, lines_known)
    VALUES (%(entity)s, %(account)s, 'bench.bai', '', 'bench', 'bai2', 'imported', '', '[]', 1,
        now(), %(receipts)s, 0)
    """,
    f"""
    INSERT INTO reconciliation_statement (file_id, bank_account_id, number, from_on, to_on,
        closing_on, opening_currency, opening, closing_currency, closing, total_currency, total,
        is_intraday, absent)
    SELECT file.id, %(account)s, day - %(first)s::date + 1, day, day, day, 'USD',
        sum(total) OVER (ORDER BY day) - total, 'USD', sum(total) OVER (ORDER BY day), 'USD', total,
        false, '[]'
    FROM (SELECT day, sum({_RENT}) AS total FROM of_bench
        WHERE n < %(receipts)s - %(in_transit)s GROUP BY day) AS moved,
        reconciliation_statementfile AS file
    WHERE file.bank_account_id = %(account)s
    """,
    f"""
    INSERT INTO reconciliation_bankline (id, bank_account_id, statement_id, posted_on,
        amount_currency, amount, type, bank_reference, customer_reference, check_number,
        description, place, fingerprint, number, is_matched)
    SELECT bank_line_id, %(account)s, statement.id, day, 'USD', {_RENT}, 'wire',
        CASE WHEN n < %(receipts)s - %(in_transit)s - %(unmatched)s
            THEN 'TRC' || lpad(n::text, 9, '0') ELSE '' END, '', '',
        'WIRE IN ' || upper({_name("(n %% %(leases)s)")}),
        'line ' || n, 'bench' || n, 1, n < %(receipts)s - %(in_transit)s - %(unmatched)s
    FROM of_bench
    JOIN (SELECT id, from_on FROM reconciliation_statement
        WHERE bank_account_id = %(account)s) AS statement ON statement.from_on = day
    WHERE n < %(receipts)s - %(in_transit)s
    """,
    """
    INSERT INTO reconciliation_match (id, bank_account_id, made, rule, points, reasons, undone_why)
    SELECT match_id, %(account)s, 'automatic', 'trace.1', 100, '{}', '' FROM of_bench
    WHERE n < %(receipts)s - %(in_transit)s - %(unmatched)s
    """,
    """
    INSERT INTO reconciliation_matchbankline (match_id, bank_line_id, is_live)
    SELECT match_id, bank_line_id, true FROM of_bench
    WHERE n < %(receipts)s - %(in_transit)s - %(unmatched)s
    """,
    """
    INSERT INTO reconciliation_matchline (match_id, line_id, is_live)
    SELECT match_id, cash_id, true FROM of_bench
    WHERE n < %(receipts)s - %(in_transit)s - %(unmatched)s
    """,
    """
    INSERT INTO reconciliation_openline (line_id, book_id, entry_id, dated_on, amount_currency,
        amount)
    SELECT line.id, line.book_id, line.entry_id, line.dated_on, 'USD', line.amount
    FROM of_bench JOIN ledger_line AS line ON line.id = cash_id
    WHERE n >= %(receipts)s - %(in_transit)s - %(unmatched)s
    """,
]
