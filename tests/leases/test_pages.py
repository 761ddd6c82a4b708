"""The portfolio's pages: who sees and writes, what each form does, and what it refuses."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection
from django.test import Client
from django.urls import reverse

from desk.models import Approval, AuditEvent, Role
from desk.services import decide
from leases.forms import AgreementForm
from leases.models import Lease, Owner, OwnerBankChange
from receivables.models import ChargeKind
from tests.factories.desk import person
from tests.factories.leases import Company, company

pytestmark = pytest.mark.django_db
BANK = {"routing_number": "021000021", "account_number": "123456789", "evidence": "Called Ann"}


@pytest.fixture
def home() -> Company:
    return company(shares=("0.5", "0.5"))


def signed_in(home: Company, role: str = Role.BOOKKEEPER) -> Client:
    client = Client()
    client.force_login(person(role, home.entity))
    return client


def pages(home: Company) -> list[str]:
    return [
        reverse("leases:properties"),
        reverse("leases:owners"),
        reverse("leases:property", args=[home.property.pk]),
        reverse("leases:owner", args=[home.owners[0].pk]),
        reverse("leases:lease", args=[home.lease.pk]),
    ]


def form_urls(home: Company) -> list[str]:
    of_property = ("shares", "agreement", "late_fees", "new_unit", "new_lease")
    return [
        *(reverse(f"leases:{name}", args=[home.property.pk]) for name in of_property),
        *(reverse(f"leases:{name}", args=[home.owners[0].pk]) for name in ("change_owner", "bank")),
        *(reverse(f"leases:{n}", args=[home.lease.pk]) for n in ("lease_late_fees", "move_out")),
        reverse("leases:address", args=[home.tenants[0].pk]),
    ]


def test_pages_and_forms_by_role_and_wall(home: Company) -> None:
    keeper, reader = signed_in(home), signed_in(home, Role.PROPERTY_MANAGER)
    stranger = signed_in(company())
    assert {keeper.get(url).status_code for url in [*pages(home), *form_urls(home)]} == {200}
    assert {reader.get(url).status_code for url in pages(home)} == {200}
    assert {reader.get(url).status_code for url in form_urls(home)} == {403}
    assert {stranger.get(url).status_code for url in [*pages(home)[2:], *form_urls(home)]} == {404}


def test_shares_change_from_a_day_on_and_must_make_a_whole(home: Company) -> None:
    client, url = signed_in(home), reverse("leases:shares", args=[home.property.pk])
    codes = [owner.code for owner in home.owners]
    bad = client.post(url, {"from_on": "2026-03-01", "rows": f"{codes[0]} 1/3\n{codes[1]} 1/3"})
    assert bad.status_code == 422
    assert "not to 1" in bad.content.decode()

    good = {"from_on": "2026-03-01", "rows": f"{codes[0]} 1/3\n{codes[1]} 2/3"}
    assert client.post(url, good).status_code == 302
    rows = home.property.shares.filter(from_on=date(2026, 3, 1)).order_by("share")
    assert [row.share for row in rows] == [Decimal("0.33333333"), Decimal("0.66666667")]
    assert home.property.shares.filter(until_on=date(2026, 2, 28)).count() == 2
    assert AuditEvent.objects.filter(verb="change shares").exists()


def test_new_agreement_ends_the_old_one_and_cannot_begin_before_it(home: Company) -> None:
    client, url = signed_in(home), reverse("leases:agreement", args=[home.property.pk])
    old = home.property.agreements.get()
    facts = {**AgreementForm.of(old), "fee_rate": "9.5", "fee_free_kinds": ["parking"]}
    facts.pop("is_fee_on_deposits")
    assert client.post(url, {**facts, "from_on": "2026-03-01"}).status_code == 302
    old.refresh_from_db()
    new = home.property.agreements.get(from_on=date(2026, 3, 1))
    assert (old.until_on, old.fee_rate) == (date(2026, 2, 28), Decimal("0.08"))
    assert (new.fee_rate, new.fee_free_kinds) == (Decimal("0.095"), ["parking"])
    again = client.post(url, {**facts, "from_on": "2026-03-01"})
    assert "stands already" in again.content.decode()


def test_kinds_without_a_fee_are_those_of_charges() -> None:
    assert list(AgreementForm.CHARGE_KINDS) == ChargeKind.choices


def test_late_fee_terms_end_the_old_ones_and_must_charge_something(home: Company) -> None:
    client, url = signed_in(home), reverse("leases:late_fees", args=[home.property.pk])
    facts = {"from_on": "2026-01-01", "kind": "flat", "grace_days": "5"}
    assert "charge nothing" in client.post(url, facts).content.decode()
    assert client.post(url, {**facts, "flat": "50"}).status_code == 302
    later = {**facts, "from_on": "2026-03-01", "kind": "percentage", "rate": "5"}
    assert client.post(url, later).status_code == 302
    first, second = home.property.late_fee_terms.order_by("from_on")
    assert (first.until_on, second.rate) == (date(2026, 2, 28), Decimal("0.05"))


def test_bank_details_are_written_only_when_a_second_person_agrees(home: Company) -> None:
    client, owner = signed_in(home), home.owners[0]
    url = reverse("leases:bank", args=[owner.pk])
    assert client.post(url, {**BANK, "routing_number": "021000022"}).status_code == 422
    assert client.post(url, BANK).status_code == 302
    assert Owner.objects.get(pk=owner.pk).payout_account_number == ""
    asked = Approval.objects.get(kind="leases.owner_bank_change")
    decide(asked, is_agreed=True, checker=person(Role.PROPERTY_MANAGER, home.entity))
    assert Owner.objects.get(pk=owner.pk).payout_account_number == "123456789"
    assert "123456789" not in client.get(pages(home)[3]).content.decode()
    change = OwnerBankChange.objects.get()
    with pytest.raises(IntegrityError, match="by_two_people"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE leases_ownerbankchange SET decided_by_id = asked_by_id WHERE id = %s",
            [change.pk],
        )


@pytest.mark.parametrize(
    ("column", "truth"),
    [("fee_minimum", "agreement_amounts"), ("nsf_fee_owner_rate", "agreement_rates")],
)
def test_database_refuses_terms_below_zero(home: Company, column: str, truth: str) -> None:
    with pytest.raises(IntegrityError, match=truth), connection.cursor() as cursor:
        cursor.execute(f"UPDATE leases_managementagreement SET {column} = -1")


def test_owner_lease_and_move_out_are_entered(home: Company) -> None:
    client, owner = signed_in(home), home.owners[0]
    url = reverse("leases:change_owner", args=[owner.pk])
    facts = {"name": "Ann", "payout_method": "check", "is_tax_id_certified": "on"}
    assert "not told" in client.post(url, facts).content.decode()
    assert client.post(url, {**facts, "tax_id": "123-45-6789"}).status_code == 302
    assert Owner.objects.get(pk=owner.pk).tax_id == "123-45-6789"
    assert (
        client.post(reverse("leases:new_owner"), {"code": "N1", "name": "New"}).status_code == 302
    )
    lease = {"unit": home.unit.pk, "code": "N-1", "starts_on": "2026-03-01", "tenant_code": "TN"}
    url = reverse("leases:new_lease", args=[home.property.pk])
    assert "name the new one" in client.post(url, lease).content.decode()
    assert client.post(url, {**lease, "tenant_name": "Bo"}).status_code == 302
    made = Lease.objects.get(code="N-1")
    url = reverse("leases:move_out", args=[made.pk])
    assert client.post(url, {"on": "2026-02-01"}).status_code == 422
    assert client.post(url, {"on": "2026-04-01"}).status_code == 302
    assert client.post(url, {"on": "2026-04-02"}).status_code == 422
    tenant = made.tenancies.get().tenant
    client.post(reverse("leases:address", args=[tenant.pk]), {"address": "1 Elm"})
    tenant.refresh_from_db()
    assert tenant.forwarding_address == "1 Elm"
