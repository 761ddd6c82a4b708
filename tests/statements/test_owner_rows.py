"""Owner statements to the cent. The figures are worked by hand beside each test.

Owner A has a third, owner B two thirds; the fee is 8 % of what is collected.
"""

from datetime import date
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leases import services as leases
from ledger.models import Entry
from ledger.services import close_period
from proptrust.lib.money import usd
from receivables.models import ChargeKind
from statements.errors import NothingToReport, StatementsError
from statements.models import OwnerStatement, TrustReport
from statements.owners import reading, services
from statements.owners.stored import rows_of
from tests.disbursements.world import MARCH as MARCH_RUN
from tests.disbursements.world import world
from tests.factories.desk import person
from tests.factories.leases import Company, lease_in, property_in
from tests.statements.owner_world import (
    APRIL,
    FEBRUARY,
    MARCH,
    adds_up,
    ask,
    bill_paid,
    held,
    lines_of,
    rent_paid,
    returned,
    stamp,
    summary,
    thirds,
    told,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Company:
    return thirds()


def test_a_month_of_rent_fee_bill_and_the_return_of_an_earlier_month(home: Company) -> None:
    # February: 900.00 is 300.00 and 600.00; the fee of 72.00 is 24.00 and 48.00.
    february = rent_paid(home, date(2026, 2, 2), "900.00")
    of_february = told(home, FEBRUARY)
    # March: 1,000.00 is 333.33 and 666.67; the fee of 80.00 is 26.67 and 53.33; the bill of 150.00
    # is 50.00 and 100.00. Then February's rent comes back, and its fee with it.
    rent_paid(home, date(2026, 3, 2), "1000.00")
    bill_paid(home, date(2026, 3, 16), "150.00")
    returned(home, february, date(2026, 3, 20))
    one, two = told(home, MARCH)

    assert [summary(rows) for rows in of_february] == [
        {"opening": "0.00", "rent": "300.00", "management_fee": "-24.00", "closing": "276.00"},
        {"opening": "0.00", "rent": "600.00", "management_fee": "-48.00", "closing": "552.00"},
    ]
    assert summary(one) == {
        "opening": "276.00", "rent": "333.33", "management_fee": "-26.67", "bill": "-50.00",
        "adjustment": "-276.00", "closing": "256.66",
    }  # fmt: skip
    assert summary(two) == {
        "opening": "552.00", "rent": "666.67", "management_fee": "-53.33", "bill": "-100.00",
        "adjustment": "-552.00", "closing": "513.34",
    }  # fmt: skip
    for rows in (*of_february, one, two):
        adds_up(rows)
    assert [one.closing, two.closing] == [held(home, n, MARCH[1]) for n in (0, 1)]


def test_what_takes_an_earlier_line_back_names_its_statement_and_line(home: Company) -> None:
    february = rent_paid(home, date(2026, 2, 2), "900.00")
    (before,) = [stamp(row) for row in ask(home, FEBRUARY, [0])]
    returned(home, february, date(2026, 3, 20))

    (rows,) = told(home, MARCH, [0])

    assert {line.amount: line.refers_to for line in lines_of(rows, "adjustment")} == {
        "-300.00": f"Statement February 2026 (no. {before.pk}, version 1), line 1",
        "24.00": f"Statement February 2026 (no. {before.pk}, version 1), line 2",
    }
    assert rows.cover.follows.startswith("Statement February 2026")


def test_what_takes_a_line_of_the_same_statement_back_is_no_adjustment(home: Company) -> None:
    paid = rent_paid(home, date(2026, 3, 2), "900.00")
    returned(home, paid, date(2026, 3, 9))

    (rows,) = told(home, MARCH, [0])

    first, second = lines_of(rows, "rent")
    assert (first.amount, second.amount) == ("300.00", "-300.00")
    assert second.refers_to == "Line 1 of this statement"
    assert not lines_of(rows, "adjustment")


def test_each_line_says_unit_tenant_month_and_what_for(home: Company) -> None:
    rent_paid(home, date(2026, 3, 2), "1000.00")
    bill = bill_paid(home, date(2026, 3, 16), "150.00")

    (rows,) = told(home, MARCH, [0])

    (rent,), (fee,), (paid,) = (lines_of(rows, name) for name in ("rent", "management_fee", "bill"))
    assert (rent.unit, rent.tenant) == (home.unit.code, "Maria Garcia")
    assert rent.what == "Rent March 2026, 1,000.00 in all"
    assert fee.what == "Management fee, 8 % of 1,000.00"
    assert paid.what == (
        f"Hazel Plumbing, bill {bill.number}: Leak in the kitchen, 150.00"
        " (Check 1001 to Hazel Plumbing)"
    )
    assert Entry.objects.filter(pk=rent.entry_id).exists()


def test_a_late_fact_of_a_closed_month_is_an_adjustment_that_names_it(home: Company) -> None:
    rent_paid(home, date(2026, 2, 2), "900.00")
    told(home, FEBRUARY)
    for book in (home.rent_book, home.property.book):
        for month in (1, 2):
            close_period(
                book_id=book.pk, first_on=date(2026, month, 1),
                closed_by_id=person(entity=home.entity).pk,
            )  # fmt: skip
    # 60.00 of parking came on February 27 and is told in March: 20.00 of it is A's. The fee of 1.60
    # on it is taken in March, and is March's.
    rent_paid(home, date(2026, 2, 27), "60.00", kind=ChargeKind.PARKING)

    (rows,) = told(home, MARCH, [0])

    assert summary(rows) == {
        "opening": "276.00", "management_fee": "-1.60", "adjustment": "20.00", "closing": "294.40"
    }  # fmt: skip
    assert {line.dated_on for line in rows.lines} == {"2026-03-01"}
    for line in lines_of(rows, "adjustment"):
        assert line.refers_to.startswith("February 2026, which is closed; Statement February 2026")
    adds_up(rows)


def test_what_becomes_known_after_a_statement_stands_on_the_next_one(home: Company) -> None:
    rent_paid(home, date(2026, 3, 2), "900.00")
    (march,) = told(home, MARCH, [0])
    # Dated in March, but told when March's statement was out: 99.00 is 33.00, its fee 2.64.
    rent_paid(home, date(2026, 3, 30), "99.00", kind=ChargeKind.PARKING)

    (april,) = told(home, APRIL, [0])

    assert march.closing == "276.00"
    assert april.opening == march.closing
    assert summary(april)["adjustment"] == "30.36"
    assert all("known since" in line.refers_to for line in april.lines)
    assert april.closing == held(home, 0, APRIL[1]) == "306.36"
    adds_up(april)


def test_a_new_version_lists_what_changed_line_by_line(home: Company) -> None:
    rent_paid(home, date(2026, 3, 2), "900.00")
    (first,) = [stamp(row) for row in ask(home, MARCH, [0])]
    rent_paid(home, date(2026, 3, 30), "99.00", kind=ChargeKind.PARKING)
    (second,) = ask(home, MARCH, [0])

    rows = rows_of(second)
    assert (second.version, second.supersedes_id) == (2, first.pk)
    assert rows.cover.supersedes == f"version 1, SHA-256 {first.sha256}"
    assert [(change.what, change.before, change.after) for change in rows.changes] == [
        ("Closing", "276.00", "306.36"),
        (
            "New line", "–",
            f"Other charges collected, {home.unit.code}, Maria Garcia,"
            " Parking March 2026, 99.00 in all, 33.00",
        ),
        (
            "New line", "–",
            f"Management fees, {home.unit.code}, Management fee, 8 % of 99.00, \N{MINUS SIGN}2.64",
        ),
    ]  # fmt: skip
    adds_up(rows)


def test_the_next_statement_follows_the_last_version(home: Company) -> None:
    rent_paid(home, date(2026, 3, 2), "900.00")
    told(home, MARCH, [0])
    rent_paid(home, date(2026, 3, 30), "99.00", kind=ChargeKind.PARKING)
    (second,) = told(home, MARCH, [0])

    (april,) = told(home, APRIL, [0])

    assert april.opening == second.closing == "306.36"
    assert not april.lines


def test_year_to_date_is_the_sum_of_the_statements_and_leaves_last_year_out(home: Company) -> None:
    rent_paid(home, date(2025, 12, 2), "300.00")
    rent_paid(home, date(2026, 1, 2), "300.00")
    rent_paid(home, date(2026, 2, 2), "600.00")
    # The first statement reads January from the ledger, the second one goes on from the first.
    (february,) = told(home, FEBRUARY, [0])
    rent_paid(home, date(2026, 3, 2), "900.00")
    (march,) = told(home, MARCH, [0])

    years = [{row.section: row.year_to_date for row in rows.summary} for rows in (february, march)]
    assert years == [
        {"rent": "300.00", "management_fee": "-24.00"},
        {"rent": "600.00", "management_fee": "-48.00"},
    ]
    assert february.opening == "184.00"  # 100.00 less 8.00, twice.


def test_shares_that_change_are_shown_with_their_days(home: Company) -> None:
    one, two = home.owners
    leases.set_shares(
        property_=home.property,
        from_on=date(2026, 3, 16),
        shares={one: Decimal("0.5"), two: Decimal("0.5")},
        tax_shares={one: Decimal("0.4"), two: Decimal("0.6")},
    )
    rent_paid(home, date(2026, 3, 20), "100.00")

    (rows,) = told(home, MARCH, [0])

    (shown,) = rows.properties
    assert shown.share == "33.333333 % until Mar 15, 2026, 50 % from Mar 16, 2026"
    assert shown.tax_share == "33.333333 % until Mar 15, 2026, 40 % from Mar 16, 2026"
    assert summary(rows)["rent"] == "50.00"


def test_what_is_dated_later_is_the_next_cycle_and_in_no_figure(home: Company) -> None:
    rent_paid(home, date(2026, 3, 2), "900.00")
    rent_paid(home, date(2026, 4, 3), "300.00")

    (rows,) = told(home, MARCH, [0])

    assert [(row.dated_on, row.amount) for row in rows.next_cycle] == [
        ("2026-04-03", "100.00"),
        ("2026-04-03", "-8.00"),
    ]
    assert rows.closing == "276.00"


def test_reserve_stays_and_the_rest_is_available(home: Company) -> None:
    home.property.agreements.update(reserve_target=usd("300.00"))
    rent_paid(home, date(2026, 3, 2), "900.00")

    one, two = told(home, MARCH)

    assert [(row.reserve, row.available) for row in one.properties] == [("100.00", "176.00")]
    assert [(row.reserve, row.available) for row in two.properties] == [("200.00", "352.00")]


def test_the_tie_out_names_the_account_and_its_beneficiaries(home: Company) -> None:
    rent_paid(home, date(2026, 3, 2), "900.00")

    one, two = told(home, MARCH)

    (tie,) = one.ties
    assert (tie.trust_account, tie.held, tie.closing) == (home.rent_book.name, "276.00", "276.00")
    # 276.00 and 552.00 are the owners', 72.00 the company's.
    assert tie.beneficiaries == two.ties[0].beneficiaries == "900.00"


def test_the_tie_out_names_the_trust_report_of_the_day(home: Company) -> None:
    rent_paid(home, date(2026, 3, 2), "900.00")
    report = TrustReport.objects.create(
        entity=home.entity, bank_account=home.rent_book.bank_account, from_on=MARCH[0],
        to_on=MARCH[1], state="made", pdf=b"x", rows=b"{}", sha256="1" * 64, rows_sha256="a" * 64,
    )  # fmt: skip

    march, april = (told(home, span, [0])[0] for span in (MARCH, APRIL))

    said = f"Trust report no. {report.pk}, version 1, rows {'a' * 16}"
    assert march.ties[0].trust_report == said
    assert april.ties[0].trust_report == ""


def test_a_run_pays_on_a_later_day_and_its_statement_shows_it() -> None:
    made = world(shares=("1",), reserve="100.00")
    made.rent(date(2026, 3, 3), "1000.00")
    # 1,000.00 less 80.00 of fee less 100.00 of reserve: 820.00, paid on April 10.
    run = made.send(MARCH_RUN)

    asked = services.request_statements_of_run(run, asked_by=made.maker)
    services.compose_statements([row.pk for row in asked])
    asked[0].refresh_from_db()
    rows = rows_of(stamp(asked[0]))

    draw = run.draws.get()
    assert (rows.paid, rows.closing) == ("820.00", "100.00")
    assert (draw.amount, draw.closing) == (usd("820.00"), usd("100.00"))
    (line,) = lines_of(rows, "draw")
    assert line.dated_on == "2026-04-10"
    assert rows.integrity.carried == (line.line_id,)
    (tie,) = rows.ties
    assert (tie.held, tie.counted_after, tie.closing) == ("920.00", "-820.00", "100.00")
    assert rows.properties[0].reserve == "100.00"
    adds_up(rows)

    # The next statement begins with what is left, and does not count the draw once more.
    (row,) = services.request_statements(made.home.entity, to_on=date(2026, 4, 30))
    services.compose_statements([row.pk])
    row.refresh_from_db()
    after = rows_of(row)
    assert (row.from_on, after.opening, after.closing) == (date(2026, 3, 26), "100.00", "100.00")
    assert not after.lines
    adds_up(after)


def test_a_run_that_is_not_sent_has_no_statements() -> None:
    made = world()
    made.rent(date(2026, 3, 3), "1000.00")
    run = made.freeze(MARCH_RUN)

    with pytest.raises(StatementsError, match="send it first"):
        services.request_statements_of_run(run)


def test_days_that_do_not_fit_are_refused(home: Company) -> None:
    with pytest.raises(StatementsError, match="lies after"):
        services.request_statements(home.entity, from_on=APRIL[0], to_on=MARCH[1])
    with pytest.raises(StatementsError, match="has not come yet"):
        services.request_statements(home.entity, to_on=date(2999, 1, 31))
    with pytest.raises(NothingToReport):
        services.request_statements(home.entity, to_on=date(1999, 1, 31))


def test_asking_twice_makes_one(home: Company) -> None:
    first = services.request_statements(home.entity, from_on=MARCH[0], to_on=MARCH[1])
    again = services.request_statements(home.entity, from_on=MARCH[0], to_on=MARCH[1])

    assert {row.pk for row in first} == {row.pk for row in again}
    assert OwnerStatement.objects.count() == 2


def test_composing_twice_changes_nothing(home: Company) -> None:
    rent_paid(home, date(2026, 3, 2), "900.00")
    (row,) = ask(home, MARCH, [0])
    rent_paid(home, date(2026, 3, 30), "99.00")

    assert services.compose_statements([row.pk]) == 0
    row_again = OwnerStatement.objects.get(pk=row.pk)
    assert bytes(row_again.rows or b"") == bytes(row.rows or b"")


def _more_owners(home: Company, count: int) -> list[int]:
    """So many more owners, each with a property, rent, a fee and a bill."""
    ids = []
    for number in range(count):
        place, (owner,) = property_in(home.entity, home.rent_book, home.deposit_book)
        leases.create_agreement(property_=place, from_on=date(2020, 1, 1), fee_rate=Decimal("0.08"))
        unit = leases.create_unit(property_=place, code=f"M{number}")
        more = Company(
            home.entity, home.rent_book, home.deposit_book, place, [owner], unit, lease_in(unit)
        )
        rent_paid(more, date(2026, 3, 2), "500.00")
        bill_paid(more, date(2026, 3, 16), "50.00")
        ids.append(owner.pk)
    return ids


def test_facts_of_twenty_owners_take_as_many_queries_as_of_two(home: Company) -> None:
    owners = _more_owners(home, 20)
    counts = []
    for some in (owners[:2], owners):
        for span in (FEBRUARY, MARCH):
            rows = services.request_statements(
                home.entity, from_on=span[0], to_on=span[1], owner_ids=some
            )
            with CaptureQueriesContext(connection) as seen:
                facts = reading.statement_facts(
                    list(
                        OwnerStatement.objects.filter(pk__in=[row.pk for row in rows])
                        .select_related("entity", "owner", "run", "supersedes")
                        .order_by("pk")
                    ),
                    known_at=reading.settled_moment(),
                )
            services.compose_statements([row.pk for row in rows])
            for row in OwnerStatement.objects.filter(pk__in=[row.pk for row in rows]):
                stamp(row)
            assert len(facts) == len(some)
        counts.append(len(seen))

    assert counts[0] == counts[1]


def test_asking_for_twenty_statements_takes_as_many_queries_as_for_two(home: Company) -> None:
    owners = _more_owners(home, 20)
    counts = []
    for some, last in ((owners[:2], date(2026, 3, 30)), (owners, date(2026, 3, 31))):
        with CaptureQueriesContext(connection) as seen:
            services.request_statements(home.entity, to_on=last, owner_ids=some)
        counts.append(len(seen))

    assert counts[0] == counts[1]
