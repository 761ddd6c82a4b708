"""Who owns and rents what, on which day, and what PostgreSQL keeps of it."""

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from leases import services
from leases.errors import AlreadyExists, OtherEntity, SharesNotWhole
from leases.models import Lease, LeaseTenant, OwnershipShare
from leases.queries import agreement_on, lease_by_code, leases_in_force, shares_on
from leases.types import Address
from tests.factories.leases import Company, company, lease_in

MARCH = date(2026, 3, 1)
HALF = Decimal("0.5")


def check_now() -> None:
    """Let PostgreSQL check what it otherwise checks at commit."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def sell(home: Company, *shares: str, on: date = MARCH) -> None:
    """New owners from a day on."""
    buyers = {
        services.create_owner(
            entity_id=home.entity.pk, code=f"B{home.property.pk}-{n}", name=f"Buyer {n}"
        ): Decimal(share)
        for n, share in enumerate(shares)
    }
    services.set_shares(property_=home.property, from_on=on, shares=buyers)


@pytest.mark.django_db
class TestShares:
    def test_days_before_a_sale_are_the_sellers_and_those_after_the_buyers(self) -> None:
        home = company(shares=("0.5", "0.5"))

        sell(home, "0.25", "0.75")
        check_now()

        before = shares_on(home.property, date(2026, 2, 28))
        after = shares_on(home.property, MARCH)
        assert [each.share for each in before] == [HALF, HALF]
        assert [each.share for each in after] == [Decimal("0.75"), Decimal("0.25")]
        assert not {each.owner_id for each in before} & {each.owner_id for each in after}

    def test_nobody_owns_before_the_first_day(self) -> None:
        assert shares_on(company().property, date(2019, 12, 31)) == []

    @pytest.mark.parametrize("shares", [("0.5", "0.4"), ("0.6", "0.5"), ("1", "0")])
    def test_shares_that_make_no_whole_are_refused_with_the_sum(
        self, shares: tuple[str, ...]
    ) -> None:
        home = company()

        with pytest.raises(SharesNotWhole, match="must sum to 1"):
            sell(home, *shares)

    def test_owner_of_another_company_is_refused(self) -> None:
        stranger = company().owners[0]

        with pytest.raises(OtherEntity):
            services.set_shares(
                property_=company().property, from_on=MARCH, shares={stranger: Decimal(1)}
            )

    @pytest.mark.parametrize(
        "sql",
        [
            "UPDATE leases_ownershipshare SET share = 0.4",
            "UPDATE leases_ownershipshare SET until_on = '2026-02-01' WHERE share = 0.25",
            "DELETE FROM leases_ownershipshare WHERE share = 0.25",
        ],
    )
    def test_database_keeps_the_sum_of_every_day_at_one(self, sql: str) -> None:
        company(shares=("0.75", "0.25"))
        check_now()

        with (
            pytest.raises(IntegrityError, match="not to 1"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)

    def test_day_without_any_owner_between_two_is_refused_by_the_database(self) -> None:
        home = company()
        sell(home, "1")
        check_now()

        with pytest.raises(IntegrityError, match="sum to 0 on 2026-02-28"), transaction.atomic():
            OwnershipShare.objects.filter(until_on=date(2026, 2, 28)).update(
                until_on=date(2026, 2, 27)
            )

    def test_property_that_is_no_longer_managed_may_end(self) -> None:
        home = company()

        home.property.shares.update(until_on=MARCH)
        check_now()

        assert shares_on(home.property, date(2026, 3, 2)) == []

    def test_owner_has_one_share_on_a_day(self) -> None:
        home = company()
        share = home.property.shares.get()

        with pytest.raises(IntegrityError, match="one_share_per_owner_and_day"):
            OwnershipShare.objects.create(
                property=home.property,
                owner=share.owner,
                share=HALF,
                from_on=MARCH,
                beneficiary=share.beneficiary,
            )


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=30))
def test_any_parts_of_a_whole_can_be_stored_and_sum_to_one(parts: list[int]) -> None:
    fractions = [Fraction(part, sum(parts)) for part in parts]

    shares = services.whole_shares(fractions)

    assert sum(shares) == 1
    assert all(
        abs(share - Decimal(part.numerator) / part.denominator) < Decimal("1e-7")
        for share, part in zip(shares, fractions, strict=True)
    )


def test_parts_of_less_than_a_whole_are_refused() -> None:
    with pytest.raises(SharesNotWhole, match="2/3"):
        services.whole_shares([Fraction(1, 3), Fraction(1, 3)])


@pytest.mark.django_db
class TestAgreements:
    def test_new_terms_end_the_old_ones_on_the_day_before(self) -> None:
        home = company()

        services.create_agreement(property_=home.property, from_on=MARCH, fee_rate=Decimal("0.1"))

        before = agreement_on(home.property, date(2026, 2, 28))
        after = agreement_on(home.property, MARCH)
        assert before is not None
        assert after is not None
        assert (before.fee_rate, after.fee_rate) == (Decimal("0.08"), Decimal("0.1"))

    def test_two_agreements_on_one_day_are_refused_by_the_database(self) -> None:
        home = company()

        with pytest.raises(IntegrityError, match="one_agreement_per_property_and_day"):
            home.property.agreements.create(from_on=MARCH, fee_rate=Decimal("0.1"))


@pytest.mark.django_db
class TestLeases:
    def test_lease_is_found_as_payers_write_its_code(self) -> None:
        home = company(lease_code="ELM-1")

        assert lease_by_code(home.entity.pk, " elm-1 ") == home.lease
        assert lease_by_code(home.entity.pk, "ELM-2") is None
        assert lease_by_code(home.entity.pk, "") is None

    def test_two_codes_that_differ_in_case_need_it(self) -> None:
        home = company(lease_code="ELM-1")
        other = lease_in(home.unit, code="elm-1")

        assert lease_by_code(home.entity.pk, "elm-1") == other
        assert lease_by_code(home.entity.pk, "Elm-1") is None

    def test_roommates_shares_sum_to_one_in_the_service_and_the_database(self) -> None:
        home = company(tenants=("Ann", "Ben"))
        check_now()

        with pytest.raises(SharesNotWhole):
            services.create_lease(
                unit=home.unit, code="X", starts_on=MARCH, tenants={home.tenants[0]: HALF}
            )
        with pytest.raises(IntegrityError, match="not to 1"), transaction.atomic():
            LeaseTenant.objects.filter(tenant=home.tenants[0]).update(share=Decimal("0.4"))

    @pytest.mark.parametrize(
        ("facts", "is_in_force"),
        [
            ({}, True),
            ({"ends_on": date(2026, 2, 28)}, True),
            ({"ends_on": date(2026, 2, 28), "state": Lease.State.ENDED}, False),
            ({"moved_out_on": date(2026, 2, 28)}, False),
            ({"moved_out_on": MARCH}, True),
            ({"starts_on": date(2026, 4, 1)}, False),
        ],
    )
    def test_lease_goes_on_until_it_is_ended_or_left(
        self, facts: dict[str, object], is_in_force: bool
    ) -> None:
        home = company()
        Lease.objects.filter(pk=home.lease.pk).update(**facts)

        in_force = leases_in_force(home.entity.pk, MARCH, date(2026, 3, 31))

        assert in_force.exists() is is_in_force

    def test_codes_are_used_once(self) -> None:
        home = company(lease_code="ELM-1")

        with pytest.raises(AlreadyExists, match="lease ELM-1"):
            lease_in(home.unit, code="ELM-1")
        with pytest.raises(AlreadyExists, match="unit"):
            services.create_unit(property_=home.property, code=home.unit.code)
        with pytest.raises(AlreadyExists, match="property"):
            services.create_property(
                entity_id=home.entity.pk,
                code=home.property.code,
                name="Again",
                address=Address("AZ"),
                rent_book=home.rent_book,
                deposit_book=home.deposit_book,
            )

    def test_property_does_not_lie_in_another_companys_trust_account(self) -> None:
        home = company()

        with pytest.raises(OtherEntity):
            services.create_property(
                entity_id=home.entity.pk,
                code="NEW",
                name="New",
                address=Address("AZ"),
                rent_book=company().rent_book,
                deposit_book=home.deposit_book,
            )
