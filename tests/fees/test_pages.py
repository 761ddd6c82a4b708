"""The pages of fees: what they show, who may do what, and that no company sees another's."""

from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from desk.models import Approval, Role, User, WorkItem
from desk.services.findings import run_detectors
from fees import findings, services
from fees.models import Fee, FeeDraw
from proptrust.lib.money import usd
from receivables.models import Receipt
from tests.factories.desk import person
from tests.factories.leases import Company, company, lease_in
from tests.factories.receivables import charge, receipt
from tests.fees.world import deaf, of_company, terms

pytestmark = pytest.mark.django_db

MARCH_2 = date(2026, 3, 2)
DAYS = "first=2026-03-01&last=2026-03-31"


def earning(amount: str = "1000.00") -> Company:
    """A company that has earned 8 % of a payment at the bank."""
    home = company()
    charge(home.lease, amount)
    receipt(home.lease, amount, channel=Receipt.Channel.WIRE, into=Receipt.Into.BANK)
    return home


def signed_in(home: Company, role: str = Role.BOOKKEEPER) -> Client:
    """A browser of somebody with a role at the company."""
    client = Client()
    client.force_login(person(role, home.entity))
    return client


def test_revenue_shows_the_sums_and_that_they_are_tied() -> None:
    home = earning()

    page = signed_in(home).get(f"/fees/?{DAYS}&by=lease").content.decode()

    assert "Fees and income accounts say the same, to the cent." in page
    assert home.lease.code in page
    assert "80.00" in page


def test_a_bad_day_is_named() -> None:
    home = earning()

    page = signed_in(home).get("/fees/?first=2026-04-01&last=2026-03-01").content.decode()

    assert "The last day lies before the first." in page


def test_revenue_as_csv_neutralises_what_a_spreadsheet_would_run() -> None:
    home = earning()
    home.property.name = "=HYPERLINK(1)"
    home.property.save(update_fields=["name"])

    answer = signed_in(home).get(f"/fees/revenue.csv?{DAYS}")

    rows = answer.content.decode().splitlines()
    assert rows[0] == "kind,property,lease,earned,given_back,net,drawn,waiting"
    assert rows[1].startswith(f"Management fee,'=HYPERLINK(1),{home.lease.code},80.00,0.00,80.00,")


@pytest.mark.parametrize(
    ("query", "is_there"),
    [("", True), ("state=waiting", False), ("state=undrawn", True), ("kind=setup", False),
     ("q=nowhere", False), ("first=2026-03-03", False), ("last=2026-03-02", True)],
)  # fmt: skip
def test_the_list_shows_what_its_filters_ask_for(query: str, *, is_there: bool) -> None:
    home = earning()
    fee = Fee.objects.get()

    page = signed_in(home).get(f"/fees/list/?{query}").content.decode()

    assert (f"/fees/list/{fee.pk}/" in page) == is_there
    if is_there:
        assert f"/admin/ledger/entry/{fee.entry_id}/change/" in page


def test_the_list_goes_on_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fees.views.PAGE", 2)
    home = company()
    for _ in range(5):
        charge(home.lease, "100.00")
        receipt(home.lease, "100.00")
    client, seen, address = signed_in(home), [], "/fees/list/?"
    while address:
        answer = client.get(address)
        seen += [fee.pk for fee in answer.context["fees"]]
        query = answer.context["next"]
        address = f"/fees/list/{query}" if query else ""

    assert seen == sorted(Fee.objects.values_list("pk", flat=True), reverse=True)


def test_a_fee_shows_its_parts_payment_and_entry() -> None:
    home = earning()
    fee = Fee.objects.get()

    page = signed_in(home).get(f"/fees/list/{fee.pk}/").content.decode()

    assert "1,000.00 at 8 %" in page
    assert home.owners[0].name in page
    assert "Give it back" not in page  # It follows its payment.


def test_a_fee_is_entered_and_given_back_on_the_pages() -> None:
    home = earning()
    client = signed_in(home)
    token = client.get("/fees/new/").context["form"]["token"].value()
    facts = {
        "kind": "screening",
        "property": home.property.code,
        "lease": home.lease.code,
        "amount": "35.00",
        "on": "2026-03-09",
        "reason": "Screening of two applicants",
        "token": token,
    }

    for _ in range(2):  # The button pressed twice is one fee.
        client.post("/fees/new/", facts)

    fee = Fee.objects.get(kind="screening")
    assert of_company(home) == usd("115.00")
    client.post(f"/fees/list/{fee.pk}/give-back/", {"reason": ""})
    assert of_company(home) == usd("115.00")
    client.post(f"/fees/list/{fee.pk}/give-back/", {"reason": "Agreed with the owner"})
    assert of_company(home) == usd("80.00")


def test_a_fee_for_a_lease_of_another_property_is_refused_by_name() -> None:
    home, other = earning(), company()
    facts = {
        "kind": "setup", "property": home.property.code, "lease": other.lease.code,
        "amount": "35.00", "on": "2026-03-09", "reason": "Set up", "token": "t",
    }  # fmt: skip

    page = signed_in(home).post("/fees/new/", facts).content.decode()

    assert f"{other.lease.code} is no lease of" in page
    facts |= {"property": other.property.code, "lease": ""}
    page = signed_in(home).post("/fees/new/", facts).content.decode()
    assert "is no property of your company" in page
    assert not Fee.objects.filter(kind="setup").exists()


def test_a_draw_is_asked_and_made_by_two_people() -> None:
    home = earning()
    client = signed_in(home)
    page = client.get("/fees/draws/").content.decode()
    assert "May be drawn now" in page

    client.post(f"/fees/draws/{home.rent_book.pk}/ask/", {"amount": "80.00", "on": "2026-03-09"})
    approval = Approval.objects.get()
    client.post(f"/desk/approvals/{approval.pk}/", {"decision": "agree"})
    assert not FeeDraw.objects.exists()
    signed_in(home).post(f"/desk/approvals/{approval.pk}/", {"decision": "agree"})

    draw = FeeDraw.objects.get()
    assert draw.amount == usd("80.00")
    assert draw.made_by != draw.approved_by
    assert "80.00" in client.get("/fees/draws/").content.decode()


def test_asking_for_too_much_says_why_not() -> None:
    home = earning()

    page = signed_in(home).post(
        f"/fees/draws/{home.rent_book.pk}/ask/",
        {"amount": "80.01", "on": "2026-03-09"},
        follow=True,
    )

    assert "80.01 is more than may be drawn" in page.content.decode()


def test_the_audit_takes_what_it_found() -> None:
    home = company()
    with deaf():
        charge(home.lease, "1000.00")
        receipt(home.lease, "1000.00")
    client = signed_in(home)
    assert "1 difference" in client.get(f"/fees/audit/?{DAYS}").content.decode()

    client.post(
        "/fees/audit/take/",
        {"entity": home.entity.pk, "first": "2026-03-01", "last": "2026-03-31"},
    )

    assert of_company(home) == usd("80.00")
    assert "No difference" in client.get(f"/fees/audit/?{DAYS}").content.decode()


PAGES = ["/fees/", "/fees/revenue.csv", "/fees/list/", "/fees/list/fees.csv", "/fees/draws/",
         "/fees/audit/"]  # fmt: skip


@pytest.mark.parametrize("address", PAGES)
def test_a_regulator_and_a_stranger_see_no_fees(address: str) -> None:
    home = earning()
    assert signed_in(home, Role.REGULATOR).get(address).status_code == 403
    assert Client().get(address).status_code == 302


def test_a_person_of_another_company_finds_nothing_here() -> None:
    home, other = earning(), company()
    fee = Fee.objects.get()
    client = signed_in(other)

    assert client.get(f"/fees/list/{fee.pk}/").status_code == 404
    assert client.post(f"/fees/list/{fee.pk}/give-back/", {"reason": "x"}).status_code == 404
    asked = {"amount": "80.00", "on": "2026-03-09"}
    assert client.post(f"/fees/draws/{home.rent_book.pk}/ask/", asked).status_code == 404
    assert client.get(f"/fees/revenue.csv?{DAYS}&entity={home.entity.pk}").status_code == 404
    page = client.get(f"/fees/?{DAYS}&entity={home.entity.pk}").content.decode()
    assert "80.00" not in page
    client.post("/fees/audit/take/", {"entity": home.entity.pk, "first": "2026-03-01",
                                      "last": "2026-03-31"})  # fmt: skip
    assert home.property.name not in client.get("/fees/draws/").content.decode()


def test_a_property_manager_looks_and_does_not_touch() -> None:
    home = earning()
    client = signed_in(home, Role.PROPERTY_MANAGER)
    assert client.get("/fees/draws/").status_code == 200
    assert "Ask a second person" not in client.get("/fees/draws/").content.decode()
    assert client.get("/fees/new/").status_code == 403
    asked = {"amount": "80.00", "on": "2026-03-09"}
    assert client.post(f"/fees/draws/{home.rent_book.pk}/ask/", asked).status_code == 403


@pytest.mark.parametrize(
    "address", [f"/fees/?{DAYS}&by=lease", "/fees/list/", f"/fees/audit/?{DAYS}"]
)
def test_pages_cost_no_query_per_row(address: str) -> None:
    def count_for(leases: int) -> int:
        home = company()
        for _ in range(leases - 1):
            lease_in(home.unit)
        for lease in home.unit.leases.all():
            charge(lease, "100.00")
            receipt(lease, "100.00")
        client = signed_in(home)
        client.get(address)
        with CaptureQueriesContext(connection) as caught:
            assert client.get(address).status_code == 200
        return len(caught)

    assert count_for(2) == count_for(12)


def item_of(kind: str, home: Company) -> WorkItem:
    """The open item of a kind, found now."""
    run_detectors(home.entity.pk)
    return WorkItem.objects.get(entity=home.entity, kind=kind, closed_at=None)


def florida(home: Company) -> Company:
    """The company under Florida's rules: at most 5,000.00 of its own in the account."""
    home.entity.state = "FL"
    home.entity.save(update_fields=["state"])
    return home


def test_money_of_the_company_above_the_states_limit_is_found_and_a_draw_is_asked() -> None:
    home = florida(earning("70000.00"))  # 5,600.00, which is 600.00 above 5,000.00.

    item = item_of(findings.OVER_OWN_FUNDS, home)

    assert item.title == "Company money in trust 600.00 above the limit"
    bookkeeper: User = person(entity=home.entity)
    client = Client()
    client.force_login(bookkeeper)
    page = client.get(f"/desk/?item={item.pk}", follow=True).content.decode()
    assert "Ask a second person to draw 5,600.00" in page
    client.post(
        f"/desk/{item.pk}/act/",
        {"_remedy": "draw", "amount": "5,600.00", "on": "2026-03-09"},
    )
    assert Approval.objects.get().facts["amount"] == "5600.00"


def test_a_fee_that_waits_for_long_is_found_and_taken_when_there_is_money() -> None:
    home = company()
    terms(home.property, fee_minimum=usd("60.00"))
    services.take_period_fees(home.entity.pk, date(2026, 3, 1), on=date(2026, 4, 1))

    item = item_of(findings.FEE_WAITS, home)

    assert item.title == f"Fees wait for money: 60.00, {home.property.name}"
    with deaf():
        charge(home.lease, "100.00")
        receipt(home.lease, "100.00")
    client = Client()
    client.force_login(person(entity=home.entity))
    client.post(f"/desk/{item.pk}/act/", {"_remedy": "take"})
    item.refresh_from_db()
    assert item.closed_at is not None
    assert of_company(home) == usd("60.00")
