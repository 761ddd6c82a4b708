"""The rent pages: what they show, who may open them, and that each form does one thing once."""

import re
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from desk.models import Role
from leases import services as lease_services
from leases.models import Lease
from proptrust.lib.money import ZERO, usd
from receivables import browsing, queries, services
from receivables.models import (
    Charge,
    Credit,
    DepositSlip,
    HousingAgency,
    Receipt,
    ReceiptMove,
    Subsidy,
    SubsidyLine,
    SubsidyRemittance,
    SubsidyVariance,
)
from receivables.subsidy_files import Unreadable, read_csv, read_typed
from tests.factories import receivables as make
from tests.factories.desk import person
from tests.factories.leases import Company, company, lease_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Company:
    home = company(lease_code="ELM-1", tenants=("Maria Garcia", "Ann Lee"))
    home.property.agreements.update(fee_rate=0)
    return home


def signed_in(home: Company, role: str = Role.BOOKKEEPER) -> Client:
    """A browser of a person with a role at the company."""
    client = Client()
    client.force_login(person(role, home.entity))
    return client


def url(name: str, *args: int) -> str:
    """The address of a rent page."""
    return reverse(f"rent:{name}", args=args)


def nonce_of(client: Client, address: str) -> str:
    """What an empty form carries, so that sending it twice is one fact."""
    found = re.search(r'name="nonce" value="(\w+)"', client.get(address).content.decode())
    assert found is not None
    return found[1]


def second_lease(home: Company, code: str = "ELM-2") -> Lease:
    """Another lease of the same property."""
    return lease_in(lease_services.create_unit(property_=home.property, code="2"), code=code)


PAGES = ["leases", "charges", "slips", "subsidies"]


@pytest.mark.parametrize("name", PAGES)
def test_page_is_read_by_the_property_manager_and_not_by_the_regulator(
    home: Company, name: str
) -> None:
    assert signed_in(home, Role.PROPERTY_MANAGER).get(url(name)).status_code == 200
    assert signed_in(home, Role.REGULATOR).get(url(name)).status_code == 403
    assert Client().get(url(name)).status_code == 302


@pytest.mark.parametrize(
    "name", ["account", "add_charge", "receive", "let_off", "move", "cancel", "slip", "remittance"]
)
def test_another_companys_rows_are_not_there(home: Company, name: str) -> None:
    charge = make.charge(home.lease)
    receipt = make.receipt(home.lease, channel="check", into="undeposited")
    agency = services.create_agency(entity_id=home.entity.pk, name="City")
    row = _record(home, agency, "F-9 10.00", "10.00")
    slip = services.make_deposit_slip(
        book=home.rent_book, number="1", day=make.A_DAY, receipts=[receipt]
    )
    row_id = {
        "let_off": charge.pk,
        "move": receipt.pk,
        "cancel": receipt.pk,
        "slip": slip.pk,
        "remittance": row.pk,
    }.get(name, home.lease.pk)

    assert signed_in(home).get(url(name, row_id)).status_code == 200
    assert signed_in(company()).get(url(name, row_id)).status_code == 404


@pytest.mark.parametrize(
    "name", ["add_charge", "receive", "let_off", "move", "cancel", "name_payer"]
)
def test_property_manager_reads_and_does_not_post(home: Company, name: str) -> None:
    charge, receipt = make.charge(home.lease), make.receipt(home.lease)
    row_id = {"add_charge": home.lease.pk, "receive": home.lease.pk, "let_off": charge.pk}.get(
        name, receipt.pk
    )
    before = (Charge.objects.count(), Receipt.objects.count())

    answer = signed_in(home, Role.PROPERTY_MANAGER).post(url(name, row_id), {"why": "x"})

    assert answer.status_code == 403
    assert (Charge.objects.count(), Receipt.objects.count()) == before


def test_leases_are_found_by_tenant_and_filtered_by_what_they_owe(home: Company) -> None:
    ahead = second_lease(home)
    make.charge(home.lease, "1000.00")
    make.receipt(home.lease, "250.00")
    make.receipt(ahead, "80.00")
    client = signed_in(home)

    late = client.get(url("leases"), {"show": "late"}).content.decode()
    assert "ELM-1" in late
    assert "750.00" in late
    assert "ELM-2" not in late
    prepaid = client.get(url("leases"), {"show": "prepaid"}).content.decode()
    assert "ELM-2" in prepaid
    assert "80.00" in prepaid
    assert "ELM-1" not in prepaid
    assert "ELM-1" in client.get(url("leases"), {"q": "ann l"}).content.decode()
    assert "No lease is like this" in client.get(url("leases"), {"q": "nobody"}).content.decode()


def test_pages_of_leases_go_forth_and_back(home: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "PER_PAGE", 2)
    for n in range(2, 6):
        lease_in(home.unit, code=f"ELM-{n}")

    def codes(page: browsing.LeasePage) -> list[str]:
        return [row.lease.code for row in page.rows]

    first = browsing.lease_page(home.entity.pk)
    second = browsing.lease_page(home.entity.pk, after=first.next)
    third = browsing.lease_page(home.entity.pk, after=second.next)
    again = browsing.lease_page(home.entity.pk, before=third.previous)

    assert [codes(page) for page in (first, second, third)] == [
        ["ELM-1", "ELM-2"],
        ["ELM-3", "ELM-4"],
        ["ELM-5"],
    ]
    assert codes(again) == codes(second)
    assert (first.previous, third.next) == ("", "")


def test_list_asks_as_often_for_many_leases_as_for_two(home: Company) -> None:
    second_lease(home)
    client = signed_in(home)
    client.get(url("leases"))
    with CaptureQueriesContext(database) as two:
        client.get(url("leases"))
    for n in range(10, 30):
        make.charge(lease_in(home.unit, code=f"ELM-{n}"), "10.00")
    with CaptureQueriesContext(database) as many:
        client.get(url("leases"))

    assert len(many) == len(two)


def test_account_runs_to_what_is_owed_less_what_is_prepaid(home: Company) -> None:
    make.charge(home.lease, "1000.00")
    receipt = make.receipt(home.lease, "1030.00", channel="card", convenience_fee=usd("30.00"))
    services.take_back(receipt, make.comeback("1030.00"))
    make.receipt(home.lease, "400.00", payer="Maria Garcia")
    charge = make.charge(home.lease, "50.00", kind="late_fee")
    services.waive(charge, reason="First time")

    account = browsing.lease_account(home.lease)

    # 1,000.00 − 1,000.00 + 1,000.00 − 400.00 + 50.00 − 50.00 = 600.00; the card's 30.00 is the
    # company's and stands beside the account.
    assert account.rows[0].balance == usd("600.00") == account.balance
    assert sum((row.amount for row in account.rows), ZERO) == usd("600.00")
    assert [each.open for each in account.roommates] == [usd("100.00"), usd("500.00")]
    page = signed_in(home).get(url("account", home.lease.pk)).content.decode()
    assert "convenience fee" in page
    assert "First time" in page


def test_account_asks_as_often_for_many_rows_as_for_one(home: Company) -> None:
    client = signed_in(home)

    def asked() -> int:
        with CaptureQueriesContext(database) as found:
            assert client.get(url("account", home.lease.pk)).status_code == 200
        return len(found)

    make.charge(home.lease, "10.00")
    make.receipt(home.lease, "10.00")
    asked()
    one = asked()
    for n in range(8):
        make.charge(home.lease, f"1{n}.00")
        receipt = make.receipt(home.lease, f"2{n}.00", payer="Ann Lee")
        services.take_back(receipt, make.comeback("1.00"))
    assert asked() == one


def test_charge_that_is_sent_twice_is_one(home: Company) -> None:
    client, address = signed_in(home), url("add_charge", home.lease.pk)
    facts = {
        "kind": "utilities",
        "amount": "45.10",
        "due_on": "2026-03-05",
        "memo": "Water",
        "nonce": nonce_of(client, address),
    }

    assert client.post(address, facts).status_code == 302
    assert client.post(address, facts).status_code == 302

    charge = Charge.objects.get()
    assert (charge.amount, charge.memo) == (usd("45.10"), "Water")
    assert client.post(address, {**facts, "amount": "-1"}).status_code == 422


def test_money_order_and_wire_are_recorded_for_the_roommate_who_paid(home: Company) -> None:
    client, address = signed_in(home), url("receive", home.lease.pk)
    ann = home.tenants[1]
    facts = {
        "channel": "money_order",
        "amount": "300.00",
        "received_on": "2026-03-05",
        "number": "MO-77",
        "tenant": ann.pk,
        "nonce": nonce_of(client, address),
    }

    client.post(address, facts)
    client.post(address, {**facts, "nonce": nonce_of(client, address)})
    client.post(
        address,
        {**facts, "channel": "wire", "number": "", "nonce": nonce_of(client, address)},
    )

    order, wire = Receipt.objects.order_by("id")
    assert (order.into, order.tenant, order.payer) == ("undeposited", ann, "Ann Lee")
    assert (wire.into, wire.channel) == ("bank", "wire")
    refused = client.post(address, {**facts, "number": ""})
    assert "Write the number" in refused.content.decode()


def test_charge_is_let_off_and_owed_again(home: Company) -> None:
    client = signed_in(home)
    charge = make.charge(home.lease, "50.00", kind="late_fee")
    address = url("let_off", charge.pk)
    facts = {
        "kind": "waiver",
        "amount": "50.00",
        "reason": "First time",
        "nonce": nonce_of(client, address),
    }

    assert client.post(address, {**facts, "amount": "50.01"}).status_code == 422
    client.post(address, facts)
    assert queries.owed(home.lease) == ZERO
    client.post(url("undo_credit", Credit.objects.get().pk), {"why": "Second time"})
    assert queries.owed(home.lease) == usd("50.00")


def test_receipt_is_moved_after_its_preview_and_moved_back(home: Company) -> None:
    right = second_lease(home)
    make.charge(home.lease, "900.00")
    receipt = make.receipt(home.lease, "900.00")
    client, address = signed_in(home), url("move", receipt.pk)
    facts = {"to": "elm-2", "why": "Wrong lease"}

    shown = client.get(address, facts).content.decode()
    assert "Owed by lease ELM-1" in shown
    assert "Move it to lease ELM-2" in shown
    assert not ReceiptMove.objects.exists()

    client.post(address, facts)
    receipt.refresh_from_db()
    assert receipt.lease == right
    account = client.get(url("account", home.lease.pk)).content.decode()
    assert "Move back" in account
    stale = client.post(address, {"to": "ELM-1", "why": "Late", "from": home.lease.pk})
    assert "Somebody has moved it since" in stale.content.decode()
    client.post(address, {"to": "ELM-1", "why": "It was right", "from": right.pk})
    assert queries.owed(home.lease) == ZERO
    assert "There is no lease" in client.get(address, {**facts, "to": "X"}).content.decode()


def test_receipt_recorded_by_mistake_is_taken_out(home: Company) -> None:
    make.charge(home.lease, "900.00")
    receipt = make.receipt(home.lease, "900.00")

    signed_in(home).post(url("cancel", receipt.pk), {"why": "Typed twice"})

    receipt.refresh_from_db()
    assert receipt.state == Receipt.State.CANCELLED
    assert queries.owed(home.lease) == usd("900.00")


def test_who_paid_is_noted_and_a_stranger_is_not(home: Company) -> None:
    receipt = make.receipt(home.lease, payer="ZELLE")
    stranger = company().tenants[0]
    client, address = signed_in(home), url("name_payer", receipt.pk)

    client.post(address, {"tenant": home.tenants[0].pk})
    client.post(address, {"tenant": stranger.pk})

    receipt.refresh_from_db()
    assert receipt.tenant == home.tenants[0]


def test_months_charges_are_posted_once_and_shown(home: Company) -> None:
    make.recurring(home.lease, "1000.00")
    client = signed_in(home)
    facts = {"entity": home.entity.pk, "month": "2026-03"}

    first = client.post(url("charges"), facts, follow=True).content.decode()
    client.post(url("charges"), facts)

    assert "1 charges for March 2026 made" in first
    assert "1,000.00" in first
    assert Charge.objects.count() == 1
    assert client.get(url("charges"), {"month": "March"}).status_code == 422
    other = company()
    assert client.post(url("charges"), {**facts, "entity": other.entity.pk}).status_code == 404


def test_checks_go_to_the_bank_on_one_slip_that_can_be_printed(home: Company) -> None:
    checks = [
        make.receipt(home.lease, amount, channel="check", into="undeposited", number=number)
        for amount, number in (("100.00", "11"), ("200.50", "12"))
    ]
    client = signed_in(home)
    assert "300.50" in client.get(url("slips")).content.decode()

    answer = client.post(
        f"{url('slips')}?book={home.rent_book.pk}",
        {"number": "S-1", "day": "2026-03-03", "receipts": [each.pk for each in checks]},
        follow=True,
    )

    slip = DepositSlip.objects.get()
    assert slip.total == usd("300.50")
    assert answer.redirect_chain[0][0] == url("slip", slip.pk)
    assert "12" in answer.content.decode()
    assert client.get(url("slips"), {"book": company().rent_book.pk}).status_code == 404


def _record(
    home: Company, agency: HousingAgency, typed: str, amount: str, **facts: object
) -> SubsidyRemittance:
    client = signed_in(home)
    answer = client.post(
        url("record_remittance"),
        {
            "entity": home.entity.pk,
            "agency": agency.pk,
            "book": home.rent_book.pk,
            "number": "EFT-1",
            "amount": amount,
            "arrives_on": "2026-03-02",
            "month": "2026-03",
            "typed": typed,
            **facts,
        },
    )
    assert answer.status_code == 302, answer.content.decode()
    return SubsidyRemittance.objects.latest("id")


def test_agencys_list_is_typed_or_uploaded_and_differences_are_explained(home: Company) -> None:
    client = signed_in(home)
    client.post(url("add_agency"), {"entity": home.entity.pk, "name": "City Housing"})
    agency = HousingAgency.objects.get()
    client.post(
        url("add_subsidy"),
        {
            "entity": home.entity.pk,
            "agency": agency.pk,
            "lease": "elm-1",
            "tenant_code": "F-1",
            "amount": "700.00",
            "from_on": "2026-01-01",
        },
    )
    assert Subsidy.objects.get().amount == usd("700.00")

    row = _record(home, agency, "F-1 682.00 less income", "682.00")

    assert "682.00" in client.get(url("remittance", row.pk)).content.decode()
    listed = client.get(url("subsidies")).content.decode()
    assert "Paid otherwise than expected" in listed
    client.post(url("explain", SubsidyVariance.objects.get().pk), {"explanation": "Income rose"})
    assert "Paid otherwise" not in client.get(url("subsidies")).content.decode()


def test_columns_of_an_agency_are_remembered(home: Company) -> None:
    agency = services.create_agency(entity_id=home.entity.pk, name="City")
    body = b'HAP register\nClient,HAP,Note\nF-1,"1,250.50",March\nF-2,(50.50),\nTotal,,\n'
    file = SimpleUploadedFile("hap.csv", body.replace(b"Total,,\n", b""))

    row = _record(home, agency, "", "1200.00", file=file, column_code="Client", column_amount="HAP")

    assert [line.amount for line in row.lines.order_by("row")] == [usd("1250.50"), usd("-50.50")]
    agency.refresh_from_db()
    assert (agency.columns["code"], agency.columns["amount"]) == ("Client", "HAP")
    line = SubsidyLine.objects.get(amount__lt=0)
    signed_in(home).post(url("bear", line.pk), {"who": "company"})
    line.refresh_from_db()
    assert line.answer is not None


def test_list_that_does_not_read_names_each_line_and_column() -> None:
    body = b"Tenant code,Amount\nF-1,12.345\n,5.00\n=cmd(),7.00\nF-4,8.00\n"
    with pytest.raises(Unreadable) as caught:
        read_csv(body, {})
    assert [(each.line, each.column) for each in caught.value.problems] == [
        (2, "Amount"),
        (4, "Tenant code"),
    ]
    with pytest.raises(Unreadable, match='no row has the columns "Tenant code" and "Amount"'):
        read_csv(b"A,B\n1,2\n", {})
    with pytest.raises(Unreadable, match="Line 2: write the code"):
        read_typed("F-1 10.00\nF-2\n")
    with pytest.raises(Unreadable, match="zero bytes"):
        read_csv(b"PK\x00\x01", {})


def test_lines_are_typed_with_blanks_or_commas() -> None:
    lines = read_typed("F-1 1,250.50 for March\n\nF-2;-50.50\nF-3, (10.00)\n")

    assert [(each.row, each.tenant_code, each.amount, each.memo) for each in lines] == [
        (1, "F-1", usd("1250.50"), "for March"),
        (3, "F-2", usd("-50.50"), ""),
        (4, "F-3", usd("-10.00"), ""),
    ]


def test_empty_pages_say_what_to_do(home: Company) -> None:
    Lease.objects.filter(pk=home.lease.pk).update(state=Lease.State.ENDED, ends_on=date(2026, 1, 1))
    client = signed_in(home)

    assert "Import a portfolio" in client.get(url("leases")).content.decode()
    assert "Nothing is charged" in client.get(url("charges")).content.decode()
    assert "No check or money order waits" in client.get(url("slips")).content.decode()
    assert "No agency yet" in client.get(url("subsidies")).content.decode()


@pytest.mark.parametrize(
    "model", ["receiptmove", "housingagency", "subsidy", "subsidyremittance", "subsidyvariance"]
)
def test_rows_stand_in_the_admin_for_those_who_read_the_books(home: Company, model: str) -> None:
    agency = services.create_agency(entity_id=home.entity.pk, name="City")
    services.create_subsidy(
        lease=home.lease,
        agency=agency,
        tenant_code="F-1",
        amount=usd("700.00"),
        from_on=date(2026, 1, 1),
    )
    _record(home, agency, "F-1 682.00", "682.00")
    services.move_receipt(Receipt.objects.get(), second_lease(home), why="Wrong lease")
    address = reverse(f"admin:receivables_{model}_changelist")

    shown = signed_in(home).get(address)
    assert shown.status_code == 200
    assert "1 " in shown.content.decode()
    assert signed_in(home, Role.REGULATOR).get(address).status_code == 403
