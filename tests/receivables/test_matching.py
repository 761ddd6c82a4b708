"""Whose payment is it: what is certain, what is likely, and what is never decided alone."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from proptrust.lib.money import usd
from receivables import matching, services
from receivables.matching import Matcher, candidates, certain, known_lease
from receivables.models import PayerAlias
from tests.factories import receivables as make
from tests.factories.leases import Company, lease_in
from tests.factories.leases import company_without_fees as company

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Company:
    """Maria Garcia owes 1,000, due on the second of March."""
    home = company(lease_code="ELM-204")
    make.charge(home.lease)
    return home


def alias(home: Company, text: str, *, source: str = "name", is_active: bool = True) -> PayerAlias:
    return PayerAlias.objects.create(
        entity=home.entity, lease=home.lease, source=source, alias=text, is_active=is_active
    )


@pytest.mark.parametrize(
    "facts",
    [
        {"lease_code": "elm-204"},
        {"text": "March rent, ELM-204."},
        {"text": "elm-204"},
    ],
)
def test_our_own_code_says_whose_it_is(home: Company, facts: dict[str, str]) -> None:
    known = known_lease(home.entity.pk, **facts)

    assert known is not None
    assert known.lease_id == home.lease.pk


def test_code_that_is_not_ours_is_not_passed_over(home: Company) -> None:
    alias(home, "maria garcia")

    assert known_lease(home.entity.pk, lease_code="XX-1", payer="Maria Garcia") is None


def test_two_codes_in_one_text_decide_nothing(home: Company) -> None:
    lease_in(home.unit, code="ELM-205")

    assert known_lease(home.entity.pk, text="ELM-204 and ELM-205") is None


def test_short_code_in_a_text_is_no_proof(home: Company) -> None:
    lease_in(home.unit, code="204")

    assert known_lease(home.entity.pk, text="Apt 204 rent") is None
    assert known_lease(home.entity.pk, lease_code="204") is not None


def test_customer_id_that_a_person_confirmed_decides_unless_it_fits_two(home: Company) -> None:
    alias(home, "cus_1", source="stripe")
    facts = {"slug": "stripe", "payer_reference": "cus_1"}
    assert known_lease(home.entity.pk, **facts) is not None

    PayerAlias.objects.create(
        entity=home.entity, lease=lease_in(home.unit), source="stripe", alias="cus_1"
    )

    assert known_lease(home.entity.pk, **facts) is None


def test_alias_that_was_switched_off_decides_nothing(home: Company) -> None:
    alias(home, "maria garcia", is_active=False)

    assert known_lease(home.entity.pk, payer="GARCIA, MARIA") is None


def test_exact_amount_name_and_day_are_likely_and_never_certain(home: Company) -> None:
    found = candidates(home.entity.pk, usd(1000), make.A_DAY, "ZELLE MARIA GARCIA")

    assert found[0].criteria == {"amount": 40, "name": 25, "date": 10}
    assert certain(found) is None


def test_confirmed_name_with_the_open_amount_is_certain(home: Company) -> None:
    alias(home, "m garcia")

    found = candidates(home.entity.pk, usd(1000), make.A_DAY, "ZELLE M GARCIA")

    assert found[0].points == 100
    assert certain(found) == found[0]
    assert "a person has confirmed this name" in found[0].why


def test_two_equal_candidates_are_never_certain(home: Company) -> None:
    twin = lease_in(home.unit, tenants=("Maria Garcia",), code="ELM-304")
    make.charge(twin)

    found = candidates(home.entity.pk, usd(1000), make.A_DAY, "Maria Garcia", "ELM-204 ELM-304")

    assert found[0].points == found[1].points
    assert certain(found) is None


def test_a_day_of_distance_takes_a_point(home: Company) -> None:
    friday_after = date(2026, 3, 6)

    found = candidates(home.entity.pk, usd(1000), friday_after)

    assert found[0].criteria == {"amount": 40, "date": 6}


def test_sum_of_open_charges_is_a_weaker_sign(home: Company) -> None:
    make.charge(home.lease, "55.00", kind="parking")

    found = candidates(home.entity.pk, usd(1055), make.A_DAY)

    assert found[0].criteria["amount"] == 30


def test_sum_of_some_of_the_open_charges_is_found(home: Company) -> None:
    make.charge(home.lease, "55.00", kind="parking")
    make.charge(home.lease, "20.00", kind="utilities")

    found = candidates(home.entity.pk, usd(1055), make.A_DAY, "Maria Garcia")

    assert found[0].criteria["amount"] == 30


def test_rent_that_comes_before_it_is_charged_is_recognised() -> None:
    home = company()
    make.recurring(home.lease, "875.00")

    found = candidates(home.entity.pk, usd(875), date(2026, 2, 27))

    assert found[0].criteria["amount"] == 30


def test_payer_who_paid_the_lease_before_is_more_likely(home: Company) -> None:
    receipt = make.suspense(home.rent_book, "1000.00", payer="Parents of Maria")
    services.assign_receipt(receipt, home.lease)

    found = candidates(home.entity.pk, usd(40), make.A_DAY, "PARENTS OF MARIA")

    assert found[0].criteria["history"] == 10


def test_stranger_with_an_odd_amount_has_no_candidate(home: Company) -> None:
    assert candidates(home.entity.pk, usd("13.37"), make.A_DAY, "Xu Zhang") == []


def test_leases_of_another_company_are_no_candidates(home: Company) -> None:
    assert candidates(company().entity.pk, usd(1000), make.A_DAY, "Maria Garcia") != []
    found = candidates(home.entity.pk, usd(1000), make.A_DAY, "Maria Garcia")
    assert {each.lease_id for each in found} == {home.lease.pk}


def test_many_payments_are_matched_with_one_load(home: Company) -> None:
    with CaptureQueriesContext(connection) as loading:
        matcher = Matcher.load(home.entity.pk)
    with CaptureQueriesContext(connection) as asking:
        for cents in range(100):
            matcher.candidates(usd(cents), make.A_DAY, "Maria Garcia")

    assert (len(loading), len(asking)) == (6, 0)


def test_points_of_a_name_grow_with_its_likeness() -> None:
    assert matching.name_points("GARCIA,MARIA", "Maria Garcia") == 25
    assert 15 < matching.name_points("MARIA GARCA", "Maria Garcia") < 25
    assert matching.name_points("Xu Zhang", "Maria Garcia") == 0


@pytest.mark.parametrize("amount", ["1000.00", "600.00", "1600.00", "77.00"])
@pytest.mark.parametrize(
    ("payer", "text"),
    [
        ("Maria Garcia", ""),
        ("GARCIA,MARIA", "ELM-204 rent"),
        ("", "WIRE IN ROSA LOPEZ"),
        ("Old Payer", ""),
        ("", ""),
    ],
)
def test_one_payment_alone_gets_the_candidates_that_the_whole_portfolio_gives(
    home: Company, amount: str, payer: str, text: str
) -> None:
    make.charge(home.lease, "600.00")
    other = lease_in(home.unit, code="OAK-1", tenants=("Rosa Lopez",))
    make.charge(other, "1000.00")
    make.recurring(other, "77.00")
    make.receipt(other, "5.00", payer="Old Payer")
    alias(home, "old payer")
    whole = Matcher.load(home.entity.pk).candidates(usd(amount), make.A_DAY, payer, text)

    assert candidates(home.entity.pk, usd(amount), make.A_DAY, payer, text) == whole
