"""Pages for what people type: checks, deposit slips, portfolio files; and who may see them."""

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from desk.models import LegalEntity, Role
from proptrust.lib.money import usd
from receivables.models import DepositSlip, PayerAlias, PortfolioDraft, PortfolioImport, Receipt
from tests.factories import receivables as make
from tests.factories.desk import UserFactory, person
from tests.factories.leases import Company
from tests.factories.leases import company_without_fees as company
from tests.receivables.test_import import GOOD

pytestmark = pytest.mark.django_db

LISTS = [
    "leases_property",
    "leases_owner",
    "leases_lease",
    "leases_tenant",
    "leases_unit",
    "leases_managementagreement",
    "receivables_receipt",
    "receivables_charge",
    "receivables_recurringcharge",
    "receivables_comeback",
    "receivables_remittance",
    "receivables_depositslip",
    "receivables_openingitem",
    "receivables_bankdetailschange",
    "receivables_payeralias",
    "receivables_portfolioimport",
]


@pytest.fixture
def home() -> Company:
    return company(lease_code="ELM-1")


def signed_in(home: Company, role: str = Role.BOOKKEEPER) -> Client:
    """A browser of a person with a role at the company."""
    client = Client()
    client.force_login(person(role, home.entity))
    return client


def check(home: Company, **facts: object) -> dict[str, object]:
    """What a bookkeeper types from a check."""
    return {
        "book": home.rent_book.pk,
        "channel": "check",
        "number": "1001",
        "gross": "1000.00",
        "received_on": "2026-03-02",
        "payer": "Maria Garcia",
        "lease": "elm-1",
        **facts,
    }


@pytest.mark.parametrize("model", LISTS)
def test_list_is_shown_to_the_bookkeeper_and_not_to_the_regulator(
    home: Company, model: str
) -> None:
    make.charge(home.lease)
    make.receipt(home.lease, "1200.00")
    url = reverse(f"admin:{model}_changelist")

    assert signed_in(home).get(url).status_code == 200
    assert signed_in(home, Role.REGULATOR).get(url).status_code == 403


@pytest.mark.parametrize(
    "model", ["leases_property", "leases_lease", "receivables_receipt", "receivables_charge"]
)
def test_row_is_shown_with_its_parts_and_another_companys_is_not(home: Company, model: str) -> None:
    make.charge(home.lease)
    make.receipt(home.lease, "1200.00")
    row_id = {
        "leases_property": home.property.pk,
        "leases_lease": home.lease.pk,
        "receivables_receipt": Receipt.objects.get().pk,
        "receivables_charge": home.lease.charges.get().pk,
    }[model]
    url = reverse(f"admin:{model}_change", args=[row_id])

    assert signed_in(home).get(url).status_code == 200
    assert signed_in(company()).get(url).status_code == 302


def test_check_that_is_typed_pays_the_rent(home: Company) -> None:
    make.charge(home.lease)
    url = reverse("admin:receivables_receipt_add")

    answer = signed_in(home).post(url, check(home), follow=True)

    assert "1,000.00 recorded for lease ELM-1" in answer.content.decode()
    receipt = Receipt.objects.get()
    assert (receipt.into, receipt.gross) == ("undeposited", usd(1000))
    assert receipt.entry is not None
    assert receipt.entry.posted_by is not None


def test_same_check_typed_twice_is_one(home: Company) -> None:
    client = signed_in(home)
    url = reverse("admin:receivables_receipt_add")

    client.post(url, check(home))
    client.post(url, check(home, payer="MARIA  garcia"))
    answer = client.post(url, check(home, gross="900.00"))

    assert Receipt.objects.count() == 1
    assert "was recorded with gross" in answer.content.decode()


@pytest.mark.parametrize(
    ("facts", "said"),
    [({"lease": "NOPE"}, "There is no lease NOPE"), ({"gross": "0"}, "greater than or equal")],
)
def test_wrong_check_is_refused_with_a_reason(
    home: Company, facts: dict[str, object], said: str
) -> None:
    answer = signed_in(home).post(reverse("admin:receivables_receipt_add"), check(home, **facts))

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Receipt.objects.exists()


def test_who_may_not_post_types_no_checks(home: Company) -> None:
    client = signed_in(home, Role.PROPERTY_MANAGER)

    answer = client.post(reverse("admin:receivables_receipt_add"), check(home))

    assert answer.status_code == 403
    assert not Receipt.objects.exists()


def test_checks_are_ticked_onto_a_slip(home: Company) -> None:
    client = signed_in(home)
    for number in ("1", "2"):
        client.post(reverse("admin:receivables_receipt_add"), check(home, number=number))
    url = reverse("admin:receivables_depositslip_add")
    assert client.get(url).content.decode().count('type="checkbox"') == 2

    client.post(
        url,
        {
            "number": "77",
            "day": "2026-03-03",
            "receipts": list(Receipt.objects.values_list("pk", flat=True)),
        },
    )

    assert DepositSlip.objects.get().total == usd(2000)


def test_payer_that_was_learnt_wrongly_is_switched_off(home: Company) -> None:
    alias = PayerAlias.objects.create(
        entity=home.entity, lease=home.lease, source="name", alias="maria garcia"
    )

    signed_in(home).post(
        reverse("admin:receivables_payeralias_changelist"),
        {"action": "switch_off", "_selected_action": [alias.pk]},
    )

    alias.refresh_from_db()
    assert not alias.is_active


def uploads() -> list[SimpleUploadedFile]:
    return [SimpleUploadedFile(name, text.encode()) for name, text in GOOD.items()]


def test_portfolio_is_shown_as_a_dry_run_before_it_is_imported() -> None:
    entity = LegalEntity.objects.create(name="Harbor", state="AZ")
    client = Client()
    client.force_login(person(Role.BOOKKEEPER, entity))
    facts = {"entity": entity.pk, "cut_over_on": "2026-02-28", "files": uploads()}

    shown = client.post(reverse("admin:receivables_portfolioimport_add"), facts, follow=True)

    assert "Everything fits. Nothing is written yet." in shown.content.decode()
    assert not entity.properties.exists()
    draft = PortfolioDraft.objects.get()
    client.post(reverse("admin:receivables_portfolioimport_run", args=[draft.pk]))
    assert entity.properties.count() == 2
    kept = PortfolioImport.objects.get()
    assert (kept.made_by, kept.cut_over_on) == (draft.made_by, date(2026, 2, 28))
    assert not PortfolioDraft.objects.exists()


def test_problems_of_a_portfolio_are_shown_and_cannot_be_imported() -> None:
    entity = LegalEntity.objects.create(name="Harbor", state="AZ")
    client = Client()
    client.force_login(person(Role.BOOKKEEPER, entity))
    bad = SimpleUploadedFile("units.csv", b"Property,Unit\nNOPE,1\n")
    facts = {"entity": entity.pk, "cut_over_on": "2026-02-28", "files": [bad]}

    shown = client.post(reverse("admin:receivables_portfolioimport_add"), facts, follow=True)
    assert "there is no property" in shown.content.decode()
    draft = PortfolioDraft.objects.get()
    client.post(reverse("admin:receivables_portfolioimport_run", args=[draft.pk]))

    assert not PortfolioImport.objects.exists()


def test_draft_of_another_person_is_not_shown(home: Company) -> None:
    draft = PortfolioDraft.objects.create(
        made_by=UserFactory.create(), entity_name="X", cut_over_on=make.A_DAY, bodies=b""
    )

    answer = signed_in(home).get(
        reverse("admin:receivables_portfolioimport_draft", args=[draft.pk])
    )

    assert answer.status_code == 404


def test_new_company_is_not_offered_to_a_bookkeeper(home: Company) -> None:
    page = signed_in(home).get(reverse("admin:receivables_portfolioimport_add"))

    assert "Or a new company" not in page.content.decode()
