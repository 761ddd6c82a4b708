"""Return rates against the network's limits, seasoned money, and the findings of late-fee terms."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection as database
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connectors.models import Connection
from desk import registry
from desk import services as desk
from desk.types import Finding
from leases.models import ManagementAgreement
from proptrust.lib.money import usd
from receivables import cards, findings_returns, return_rates, seasoning, services
from receivables.models import Charge, Receipt, Remittance
from receivables.return_rates import ReturnRates
from receivables.types import NewComeback
from tests.factories import receivables as make
from tests.factories.desk import WorkItemFactory, person
from tests.factories.late import home_in, terms
from tests.factories.leases import Company

pytestmark = pytest.mark.django_db
JUNE_30 = date(2026, 6, 30)


def debits(home: Company, bank: Connection, count: int, day: date) -> list[Receipt]:
    """ACH debits of a connection that settled on a day."""
    return [
        make.receipt(
            home.lease, "10.00", connection_id=bank.pk, received_on=day, settles_on=day,
            into="bank",
        )
        for _ in range(count)
    ]  # fmt: skip


def comes_back(receipt: Receipt, code: str, on: date | None = None) -> None:
    day = on or receipt.received_on + timedelta(days=1)
    services.take_back(
        receipt,
        NewComeback(kind="return", key="r1", amount=receipt.gross, on=day, code=code),
    )


def rates_on(bank: Connection, day: date = JUNE_30) -> ReturnRates:
    (found,) = return_rates.return_rates([bank], day)
    return found


def found(kind: str, home: Company) -> list[Finding]:
    detector = registry.detector_of(kind)
    assert detector is not None
    return [each for each in detector.find(home.entity.pk) if each.kind == kind]


class TestRates:
    def test_each_code_counts_where_the_network_counts_it(self) -> None:
        home = home_in("NY")
        bank = make.connection(home, "ach_nacha")
        sent = debits(home, bank, 10, JUNE_30)
        for receipt, code in zip(sent, ("R01", "R02", "R10"), strict=False):
            comes_back(receipt, code)

        found = rates_on(bank)

        # R10 is unauthorized, R02 administrative; overall are all three of ten.
        assert [(rate.returned, rate.sent) for rate in found.rates] == [(1, 10), (1, 10), (3, 10)]
        assert found.overall.rate == Decimal("0.3")
        assert [rate.is_over for rate in found.rates] == [True, True, True]

    def test_window_is_sixty_days_of_the_original_entry(self) -> None:
        home = home_in("NY")
        bank = make.connection(home, "ach_nacha")
        # May 2 is the first of the sixty days that end on June 30; May 1 is before it.
        (old,) = debits(home, bank, 1, date(2026, 5, 1))
        (first,) = debits(home, bank, 1, date(2026, 5, 2))
        comes_back(old, "R01", on=JUNE_30)
        comes_back(first, "R01", on=JUNE_30)

        assert (rates_on(bank).overall.returned, rates_on(bank).overall.sent) == (1, 1)

    def test_forecast_is_the_pace_of_the_newer_half(self) -> None:
        home = home_in("NY")
        bank = make.connection(home, "ach_nacha")
        debits(home, bank, 8, date(2026, 5, 10))
        comes_back(debits(home, bank, 2, date(2026, 6, 20))[0], "R01")

        overall = rates_on(bank).overall

        # One of ten in sixty days; one of two in the last thirty.
        assert (overall.rate, overall.forecast_rate) == (Decimal("0.1"), Decimal("0.5"))

    @pytest.mark.parametrize(
        ("returned", "is_near", "is_over", "left"),
        [
            (11, False, False, 4),  # 11 %, and 80 % of 15 % is 12 %.
            (12, True, False, 3),
            (15, True, False, 0),  # At the limit is not above it.
            (16, True, True, 0),
        ],
    )
    def test_near_begins_at_four_fifths_of_the_limit(
        self, returned: int, is_near: bool, is_over: bool, left: int
    ) -> None:
        rate = return_rates.Rate("overall", returned, 100, Decimal("0.15"), 0, 0)
        assert (rate.is_near, rate.is_over, rate.left) == (is_near, is_over, left)

    def test_other_channels_and_connections_without_debits_have_no_rates(self) -> None:
        home = home_in("NY")
        bank = make.connection(home, "stripe")
        make.receipt(home.lease, channel="card", connection_id=bank.pk)
        assert return_rates.return_rates([bank], date(2026, 3, 3)) == []

    def test_all_connections_of_a_company_cost_three_queries(self) -> None:
        home = home_in("NY")
        for _ in range(3):
            debits(home, make.connection(home, "ach_nacha"), 2, JUNE_30)
        with CaptureQueriesContext(database) as queried:
            assert len(return_rates.of_company([home.entity.pk], JUNE_30)) == 3
        assert len(queried) == 3

    def test_finding_and_card_say_what_is_near(self) -> None:
        home = home_in("NY")
        bank = make.connection(home, "ach_nacha")
        today = timezone.localdate()
        sent = debits(home, bank, 8, today - timedelta(days=3))
        assert found(findings_returns.RATE, home) == []
        comes_back(sent[0], "R01")

        # 1 of 8 is 12.5 %, above 80 % of 15 %.
        (finding,) = found(findings_returns.RATE, home)
        assert finding.title == f"{bank.label}: overall returns at 12.50% of sent debits"
        assert "overall 1 of 8 (12.50%, limit 15.0%" in finding.reason
        rows = cards.rates([home.entity.pk])
        assert (rows[0].label, rows[0].state) == (f"{bank.label}: overall", "warning")
        assert rows[0].detail == "1 of 8, 12.50%; limit 15.0%, forecast 12.50%, 0 left"

    def test_seen_rate_is_told_again_when_a_person_takes_it_back(self) -> None:
        home = home_in("NY")
        bank = make.connection(home, "ach_nacha")
        comes_back(debits(home, bank, 1, timezone.localdate())[0], "R01", timezone.localdate())
        work = WorkItemFactory.create(
            entity=home.entity, kind=findings_returns.RATE, subject_id=bank.pk,
            subject_type="connectors.connection",
        )  # fmt: skip
        clerk = person(entity=home.entity)

        desk.act(work, "acknowledge", QueryDict(), actor=clerk)
        assert found(findings_returns.RATE, home) == []
        desk.undo(clerk)
        assert len(found(findings_returns.RATE, home)) == 1


def seasoned(receipt: Receipt) -> date | None:
    return seasoning.seasoned_on(receipt)


class TestSeasoning:
    def test_own_ach_waits_the_agreed_banking_days_after_settlement(self) -> None:
        home = home_in("NY")
        receipt = make.receipt(home.lease, into="bank", settles_on=date(2026, 3, 4))

        found = seasoning.seasoned_on_many([receipt.pk])[receipt.pk]

        # Five banking days after Wednesday March 4: 5, 6, 9, 10, 11.
        assert found.on == date(2026, 3, 11)
        assert found.why == "5 banking days after settlement."
        # Sixty days are over on Sunday May 3; the next banking day is Monday May 4.
        assert found.unauthorised_until == date(2026, 5, 4)

    def test_agreement_says_how_many_days(self) -> None:
        home = home_in("NY")
        ManagementAgreement.objects.filter(property=home.property).update(seasoning_days=2)
        receipt = make.receipt(home.lease, into="bank", settles_on=date(2026, 3, 4))
        assert seasoned(receipt) == date(2026, 3, 6)

    def test_each_return_of_the_year_before_makes_it_longer(self) -> None:
        home = home_in("NY")
        for number, day in enumerate((date(2025, 2, 1), date(2025, 6, 1), date(2026, 1, 5))):
            bad = make.receipt(
                home.lease, into="bank", received_on=day, settles_on=day, key=f"bad:{number}"
            )
            comes_back(bad, "R01")
        receipt = make.receipt(home.lease, into="bank", settles_on=date(2026, 3, 4))

        found = seasoning.seasoned_on_many([receipt.pk])[receipt.pk]

        # February 2025 is more than a year back: two count, five banking days each, 15 in all.
        # From March 4: 5, 6; 9-13; 16-20; 23, 24, 25 is the fifteenth.
        assert found.days == 15
        assert found.on == date(2026, 3, 25)
        assert "10 more for 2 returned in a year" in found.why

    def test_authorisation_can_ask_for_more(self) -> None:
        home = home_in("NY")
        services.authorise(home.lease, channel="ach", last4="1234", hold_days=8)
        receipt = make.receipt(home.lease, into="bank", settles_on=date(2026, 3, 4))
        # 5, 6; 9-13; 16.
        assert seasoned(receipt) == date(2026, 3, 16)

    def test_processors_money_counts_from_its_remittance(self) -> None:
        home = home_in("NY")
        receipt = make.receipt(home.lease, channel="card")
        assert seasoned(receipt) is None
        row = Remittance.objects.create(
            connection=make.connection(home), vendor_id="po_1", book=home.rent_book,
            arrives_on=date(2026, 3, 4), amount=usd(1000), fees=usd(0),
        )  # fmt: skip
        Receipt.objects.filter(pk=receipt.pk).update(remittance=row)

        found = seasoning.seasoned_on_many([receipt.pk])[receipt.pk]
        assert (found.on, found.unauthorised_until) == (date(2026, 3, 11), None)

    def test_check_counts_from_its_deposit(self) -> None:
        home = home_in("NY")
        check = make.receipt(home.lease, channel="check", into="undeposited", number="7")
        assert seasoned(check) is None
        services.make_deposit_slip(
            book=home.rent_book, number="1", day=date(2026, 3, 4), receipts=[check]
        )
        assert seasoned(check) == date(2026, 3, 11)

    def test_wire_is_final_and_money_that_went_back_is_never_seasoned(self) -> None:
        home = home_in("NY")
        wire = make.receipt(home.lease, channel="wire", into="bank")
        assert seasoned(wire) == wire.received_on
        back = make.receipt(home.lease, into="bank", settles_on=date(2026, 3, 4))
        comes_back(back, "R01", on=date(2026, 3, 5))
        assert seasoned(back) is None

    def test_many_receipts_cost_the_same_queries_as_one(self) -> None:
        home = home_in("NY")
        rows = [make.receipt(home.lease, into="bank", settles_on=JUNE_30) for _ in range(10)]
        counts = []
        for part in (rows[:1], rows):
            with CaptureQueriesContext(database) as queried:
                assert len(seasoning.seasoned_on_many([row.pk for row in part])) == len(part)
            counts.append(len(queried))
        assert counts == [4, 4]


class TestLateFeeTerms:
    def late(self, home: Company) -> None:
        make.charge(home.lease, due_on=timezone.localdate() - timedelta(days=40))
        services.assess_late_fees(home.entity.pk, on=timezone.localdate())

    def test_unknown_law_is_a_finding_once_rent_is_late(self) -> None:
        home = home_in("AZ")
        row = terms(home)
        assert found(findings_returns.LAW_UNKNOWN, home) == []

        self.late(home)

        (finding,) = found(findings_returns.LAW_UNKNOWN, home)
        assert finding.subject_id == row.pk
        assert "the law of AZ is not on file" in finding.title
        assert not Charge.objects.filter(kind="late_fee").exists()

    def test_terms_above_the_cap_are_a_finding_and_the_cap_is_charged(self) -> None:
        home = home_in("NY")
        terms(home, flat="75.00")

        self.late(home)

        (finding,) = found(findings_returns.ABOVE_CAP, home)
        assert "ask for more than NY allows" in finding.title
        assert "N.Y. Real Prop. Law 238-a(2)" in finding.reason
        handler = registry.handler_of(findings_returns.ABOVE_CAP)
        assert ("Fee", "75.00") in [
            (row.label, row.value) for row in handler.detail(finding.subject_id).evidence
        ]

    def test_terms_within_the_law_are_no_finding(self) -> None:
        home = home_in("NY")
        terms(home, flat="50.00")
        self.late(home)
        assert found(findings_returns.ABOVE_CAP, home) == []
        assert found(findings_returns.LAW_UNKNOWN, home) == []
