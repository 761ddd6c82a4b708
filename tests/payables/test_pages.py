"""The pages of vendors and bills: what each role sees and does, and the wall between companies."""

from datetime import date
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from desk.models import Role, User
from payables import services
from payables.models import Bill, Document, Vendor, WorkOrder
from payments.models import Payment
from proptrust.lib.money import usd
from tests.factories import payables as make
from tests.factories.desk import person
from tests.factories.leases import Company, company

pytestmark = pytest.mark.django_db

LISTS = ["vendors", "work_orders", "bills"]


@pytest.fixture
def home() -> Company:
    home = make.home()
    make.fund(home.property, "3000.00")
    return home


def signed_in(home: Company, role: str = Role.BOOKKEEPER, user: User | None = None) -> Client:
    client = Client()
    client.force_login(user or person(role, home.entity))
    return client


def typed(home: Company, vendor: Vendor, **facts: object) -> dict[str, object]:
    """What a bookkeeper types from a bill."""
    return {
        "key": "typed:1",
        "vendor": vendor.pk,
        "number": "A-100",
        "dated_on": "2026-03-02",
        "amount": "100.00",
        "category": "repairs",
        "way": "weights",
        "rows": f"{home.property.code}\t1\tNew trap",
        "memo": "Kitchen",
        **facts,
    }


@pytest.mark.parametrize("name", LISTS)
def test_list_is_shown_to_those_who_read_books(home: Company, name: str) -> None:
    vendor = make.vendor(home)
    make.work_order(vendor, home.property)
    make.bill(vendor, [(home.property, "10.00")])
    url = reverse(f"payables:{name}")

    assert signed_in(home).get(url).status_code == 200
    assert signed_in(home, Role.PROPERTY_MANAGER).get(url).status_code == 200
    assert signed_in(home, Role.REGULATOR).get(url).status_code == 403
    assert Client().get(url).status_code == 302


def test_empty_lists_say_what_to_do(home: Company) -> None:
    client = signed_in(home)
    for name in (*LISTS, "approvals", "pay"):
        assert 'class="empty small"' in client.get(reverse(f"payables:{name}")).content.decode()


def test_nothing_of_another_company_is_shown_or_done(home: Company) -> None:
    vendor = make.vendor(home)
    order = make.work_order(vendor, home.property)
    document = services.keep_document(entity_id=home.entity.pk, name="a.pdf", body=make.PDF)
    bill = make.draft(vendor, [(home.property, "10.00")])
    stranger = signed_in(company())

    for name, pk in (
        ("vendor", vendor.pk),
        ("work_order", order.pk),
        ("bill", bill.pk),
        ("document", document.pk),
        ("bill_change", bill.pk),
        ("vendor_change", vendor.pk),
    ):
        assert stranger.get(reverse(f"payables:{name}", args=[pk])).status_code == 404
    for name, pk in (
        ("bill_act", bill.pk),
        ("bill_owner", bill.pk),
        ("work_order_act", order.pk),
        ("vendor_bank", vendor.pk),
        ("vendor_w9", vendor.pk),
    ):
        posted = stranger.post(reverse(f"payables:{name}", args=[pk]), {"do": "approve"})
        assert posted.status_code == 404
    assert Bill.objects.get().state == Bill.State.DRAFT
    for name in LISTS:
        page = stranger.get(reverse(f"payables:{name}")).content.decode()
        assert vendor.name not in page
    ticked = {"tick": [bill.pk], "confirmed": "1"}
    stranger.post(reverse("payables:approve_together"), ticked)
    assert Bill.objects.get().state == Bill.State.DRAFT


def test_bill_is_typed_with_its_file_and_split_and_approved_in_the_inbox(home: Company) -> None:
    vendor, clerk = make.vendor(home), signed_in(home)
    upload = SimpleUploadedFile("bill.pdf", make.PDF, "application/pdf")

    answer = clerk.post(reverse("payables:bill_new"), typed(home, vendor, file=upload))

    bill = Bill.objects.get()
    assert answer.headers["Location"] == reverse("payables:bill", args=[bill.pk])
    assert bill.document == Document.objects.get()
    assert [(line.amount, line.memo) for line in bill.lines.all()] == [(usd("100.00"), "New trap")]
    shown = clerk.get(reverse("payables:document", args=[bill.document_id]))
    assert (shown.content, shown.headers["Content-Type"]) == (make.PDF, "application/pdf")
    # Who entered it is told that another person approves it.
    assert "another person approves it" in clerk.get(reverse("payables:approvals")).content.decode()

    boss = signed_in(home, Role.PROPERTY_MANAGER)
    page = boss.get(reverse("payables:approvals")).content.decode()
    assert vendor.name in page
    assert home.property.name in page
    assert home.owners[0].name in page
    boss.post(reverse("payables:bill_act", args=[bill.pk]), {"do": "approve", "inbox": "1"})
    bill.refresh_from_db()
    assert bill.state == Bill.State.APPROVED


def test_same_form_sent_twice_is_one_bill(home: Company) -> None:
    vendor, clerk = make.vendor(home), signed_in(home)
    for _ in range(2):
        clerk.post(reverse("payables:bill_new"), typed(home, vendor))

    assert Bill.objects.count() == 1


def test_split_is_shown_before_anything_is_written(home: Company) -> None:
    other = make.place(home)
    rows = f"{home.property.code}\t1\n{other.code}\t2"
    page = signed_in(home).post(
        reverse("payables:bill_new"), typed(home, make.vendor(home), rows=rows, preview="1")
    )

    assert "33.33" in page.content.decode()
    assert "66.67" in page.content.decode()
    assert not Bill.objects.exists()


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"rows": "NOPE\t1"}, "there is no property"),
        ({"way": "amount"}, "come to 1.00, the bill is 100.00"),
        ({"amount": "0"}, "greater than or equal to 0.01"),
        ({"rows": ""}, "at least one property"),
    ],
)
def test_bill_that_does_not_fit_is_explained(
    home: Company, facts: dict[str, object], said: str
) -> None:
    page = signed_in(home).post(
        reverse("payables:bill_new"), typed(home, make.vendor(home), **facts)
    )

    assert said in page.content.decode()
    assert not Bill.objects.exists()


def test_file_that_only_claims_to_be_a_pdf_is_refused(home: Company) -> None:
    upload = SimpleUploadedFile("bill.pdf", b"<script>", "application/pdf")
    page = signed_in(home).post(
        reverse("payables:bill_new"), typed(home, make.vendor(home), file=upload)
    )

    assert "no PDF, JPEG or PNG" in page.content.decode()
    assert not Document.objects.exists()


def test_property_manager_rejects_with_a_reason_and_asks(home: Company) -> None:
    bill = make.draft(make.vendor(home), [(home.property, "10.00")])
    boss, act = signed_in(home, Role.PROPERTY_MANAGER), reverse("payables:bill_act", args=[bill.pk])

    boss.post(act, {"do": "reject", "inbox": "1", "text": ""})
    bill.refresh_from_db()
    assert bill.state == Bill.State.DRAFT

    boss.post(act, {"do": "ask", "inbox": "1", "text": "Which unit?"})
    bill.refresh_from_db()
    assert bill.state == Bill.State.QUESTIONED
    signed_in(home).post(act, {"do": "answer", "text": "4B"})
    boss.post(act, {"do": "reject", "text": "Warranty"})
    bill.refresh_from_db()
    assert bill.state == Bill.State.REJECTED
    assert [step.text for step in bill.steps.all()][1:] == ["Which unit?", "4B", "Warranty"]


def test_bills_are_approved_together_after_a_preview(home: Company) -> None:
    vendor = make.vendor(home)
    bills = [make.draft(vendor, [(home.property, f"{n}.00")]) for n in (10, 20)]
    boss, url = signed_in(home, Role.PROPERTY_MANAGER), reverse("payables:approve_together")
    ticked = [bill.pk for bill in bills]

    page = boss.post(url, {"tick": ticked})
    assert "30.00" in page.content.decode()
    assert not Bill.objects.filter(state=Bill.State.APPROVED).exists()

    boss.post(url, {"tick": ticked, "confirmed": "1"})
    assert Bill.objects.filter(state=Bill.State.APPROVED).count() == 2


def test_property_manager_does_not_pay_and_the_bookkeeper_sees_it_first(home: Company) -> None:
    bill = make.bill(make.vendor(home), [(home.property, "100.00")])
    url = reverse("payables:pay")
    assert signed_in(home, Role.PROPERTY_MANAGER).get(url).status_code == 403
    clerk = signed_in(home)

    page = clerk.get(f"{url}?bill={bill.pk}&on=2026-03-16").content.decode()
    assert "3,000.00" in page
    assert "2,900.00" in page

    sent: dict[str, Any] = {
        "entity": home.entity.pk,
        "bill": bill.pk,
        "on": "2026-03-16",
        "method": "",
    }
    clerk.post(reverse("payables:pay_send"), {**sent, "expected": "99.00"})
    assert not Payment.objects.exists()
    clerk.post(reverse("payables:pay_send"), {**sent, "expected": "100.00"})
    assert Payment.objects.get().dated_on == date(2026, 3, 16)
    strangers = company()
    forged = signed_in(strangers).post(reverse("payables:pay_send"), {**sent, "expected": "100.00"})
    assert forged.status_code == 403


def test_vendor_and_work_order_are_made_by_hand(home: Company) -> None:
    clerk = signed_in(home)
    clerk.post(
        reverse("payables:vendor_new"),
        {
            "entity": home.entity.pk,
            "code": "ACE",
            "name": "Ace Plumbing",
            "kind": "firm",
            "insurance_policy": "warns",
            "payout_method": "check",
            "address": "1 Main St",
        },
    )
    vendor = Vendor.objects.get()
    upload = SimpleUploadedFile("w9.pdf", make.PDF, "application/pdf")
    clerk.post(reverse("payables:vendor_w9", args=[vendor.pk]), {"file": upload})
    clerk.post(
        reverse("payables:vendor_bank", args=[vendor.pk]),
        {"routing_number": "021000021", "account_number": "123456", "evidence": "Called Ann"},
    )
    vendor.refresh_from_db()
    assert vendor.w9 is not None
    assert vendor.bank_changes.get().last_four == "3456"
    w9 = reverse("payables:document", args=[vendor.w9_id])
    assert clerk.get(w9).status_code == 200
    assert signed_in(home, Role.PROPERTY_MANAGER).get(w9).status_code == 403
    page = clerk.get(reverse("payables:vendor", args=[vendor.pk])).content.decode()
    assert "123456" not in page

    boss = signed_in(home, Role.PROPERTY_MANAGER)
    boss.post(
        reverse("payables:work_order_new"),
        {
            "key": "typed:9",
            "vendor": vendor.pk,
            "property": home.property.pk,
            "title": "Leak",
            "estimate": "120",
        },
    )
    order = WorkOrder.objects.get()
    for do in ("approve", "complete"):
        boss.post(reverse("payables:work_order_act", args=[order.pk]), {"do": do})
    order.refresh_from_db()
    assert order.state == WorkOrder.State.COMPLETED
    assert boss.get(reverse("payables:work_order", args=[order.pk])).status_code == 200


def test_owners_word_is_recorded_on_the_page(home: Company) -> None:
    bill = make.bill(make.vendor(home), [(home.property, "800.00")])
    boss = signed_in(home, Role.PROPERTY_MANAGER)
    page = boss.get(reverse("payables:bill", args=[bill.pk])).content.decode()
    assert "owner approves above" in page

    boss.post(
        reverse("payables:bill_owner", args=[bill.pk]),
        {
            "property": home.property.pk,
            "owner": home.owners[0].pk,
            "evidence": "Phone call of March 3",
            "file": SimpleUploadedFile("letter.pdf", make.PDF),
        },
    )

    word = bill.owner_approvals.get()
    assert (word.state, word.evidence_file is not None) == ("recorded", True)
    assert boss.get(reverse("payables:bill", args=[bill.pk])).status_code == 200


@pytest.mark.parametrize("name", [*LISTS, "approvals", "pay"])
def test_cost_of_a_list_does_not_grow_with_its_rows(home: Company, name: str) -> None:
    client, url = signed_in(home), reverse(f"payables:{name}")

    def add(many: int) -> None:
        for n in range(many):
            vendor = make.vendor(home)
            make.work_order(vendor, home.property)
            make.bill(vendor, [(home.property, f"{n + 1}.00"), (make.place(home), "1.00")])
            make.draft(vendor, [(home.property, f"{n + 1}.50")])

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        return len(queries)

    add(2)
    cost()
    before = cost()
    add(4)
    assert cost() == before
