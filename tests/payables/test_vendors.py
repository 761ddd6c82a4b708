"""Vendors, their bank details under four eyes, splits, files, work orders and what is found odd."""

from datetime import date, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.http import QueryDict
from django.utils import timezone
from pytest_django import Settings

from desk import registry
from desk import services as desk
from desk.models import Approval, WorkItem
from leases import services as leases
from payables import services
from payables.errors import ToldOtherwise, WrongDetails, WrongFile, WrongSplit, WrongState
from payables.models import Vendor, VendorBankChange, WorkOrder
from payables.queries import like_bills
from payables.splits import AS_LAST_TIME, BY_PERCENTAGE, BY_UNITS, BY_WEIGHTS, read_rows, split_bill
from payments.models import Payment
from proptrust.lib.banking import add_banking_days
from proptrust.lib.money import usd
from tests.factories import payables as make
from tests.factories.desk import person
from tests.factories.leases import Company

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Company:
    home = make.home()
    make.fund(home.property, "3000.00")
    return home


def ask(vendor: Vendor, account: str = "123456789") -> VendorBankChange:
    return services.ask_bank_change(
        vendor,
        routing_number="021000021",
        account_number=account,
        evidence="Called 602-555-0100, known since 2024; Ann confirmed",
        asked_by=person(entity=vendor.entity),
    )


def approve(change: VendorBankChange) -> VendorBankChange:
    approval = Approval.objects.get(key=f"vendor-bank:{change.pk}")
    desk.decide(approval, is_agreed=True, checker=make.manager(change.vendor))
    return VendorBankChange.objects.get(pk=change.pk)


def test_bank_details_are_used_after_approval_and_three_banking_days(home: Company) -> None:
    vendor = make.vendor(home, payout_method="ach")
    today = timezone.localdate()
    change = ask(vendor)
    assert services.usable_details([vendor.pk], today + timedelta(days=30)) == {}

    change = approve(change)

    assert change.usable_on == add_banking_days(today, 3)
    assert services.usable_details([vendor.pk], today) == {}
    used = services.usable_details([vendor.pk], change.usable_on)[vendor.pk]
    assert (used.routing_number, used.account_number) == ("021000021", "123456789")


def test_payment_goes_to_the_old_account_until_the_wait_is_over(
    home: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = make.vendor(home, payout_method="ach")
    old = approve(ask(vendor))
    assert old.usable_on is not None
    bills = [make.bill(vendor, [(home.property, amount)]) for amount in ("100.00", "60.00")]
    ids = [bill.pk for bill in bills]
    waits = services.plan_payments(home.entity.pk, ids, on=timezone.localdate())
    assert "past their waiting days" in waits.waiting[0].why
    later = old.usable_on + timedelta(days=1)
    monkeypatch.setattr("django.utils.timezone.localdate", lambda: later)
    new = approve(ask(vendor, "987654321"))
    assert new.usable_on is not None
    assert new.usable_on > later

    for bill, day in zip(bills, (later, new.usable_on), strict=True):
        services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=day)

    paid = Payment.objects.order_by("id")
    assert [each.account_number for each in paid] == ["123456789", "987654321"]
    assert {each.method for each in paid} == {"ach"}


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"number": "88104X", "amount": "200.10"}, "nearly the number"),
        ({"number": "OTHER-1", "amount": "200.00"}, "the same amount, day and property"),
        ({"number": "OTHER-1", "amount": "77.00", "has_file": True}, "the same file"),
        ({"number": "88105", "amount": "150.00"}, ""),
        ({"number": "88106", "amount": "200.00", "dated_on": date(2026, 3, 9)}, ""),
    ],
)
def test_bill_looks_like_another_by_number_file_or_sum(
    home: Company, facts: dict[str, Any], why: str
) -> None:
    vendor = make.vendor(home)
    kept = services.keep_document(entity_id=home.entity.pk, name="a.pdf", body=make.PDF)
    make.bill(vendor, [(home.property, "200.00")], number="88104", document_id=kept.pk)
    told = dict(facts)
    if told.pop("has_file", False):
        told["document_id"] = kept.pk
    other = make.draft(vendor, [(home.property, told.pop("amount"))], **told)

    like = like_bills(other)

    assert [each.why.startswith(why) for each in like] == ([True] if why else [])


def test_second_change_waits_for_the_first_to_be_decided(home: Company) -> None:
    vendor = make.vendor(home)
    first = ask(vendor)
    assert ask(vendor).pk == first.pk
    with pytest.raises(WrongState, match="wait for a second person"):
        ask(vendor, "555555555")

    desk.withdraw(Approval.objects.get(), maker=first.asked_by)
    assert ask(vendor, "555555555").pk != first.pk


@pytest.mark.parametrize(
    ("routing", "account", "evidence"),
    [
        ("021000022", "123456789", "called"),
        ("021000021", "12", "called"),
        ("021000021", "1234", " "),
    ],
)
def test_details_that_no_bank_has_or_nobody_confirmed_are_refused(
    home: Company, routing: str, account: str, evidence: str
) -> None:
    with pytest.raises(WrongDetails):
        services.ask_bank_change(
            make.vendor(home),
            routing_number=routing,
            account_number=account,
            evidence=evidence,
            asked_by=person(entity=home.entity),
        )


def test_code_of_another_vendor_is_refused(home: Company) -> None:
    vendor = make.vendor(home, code="ACE", name="Ace Plumbing")
    assert make.vendor(home, code="ACE", name="Ace Plumbing").pk == vendor.pk
    with pytest.raises(ToldOtherwise, match="Ace Plumbing"):
        make.vendor(home, code="ACE", name="Ace Roofing")


def test_file_is_known_by_its_bytes(home: Company) -> None:
    kept = services.keep_document(entity_id=home.entity.pk, name="../x.exe", body=make.PDF)
    assert (kept.content_type, kept.name) == ("application/pdf", "x.exe")
    assert (
        services.keep_document(entity_id=home.entity.pk, name="again.pdf", body=make.PDF).pk
        == kept.pk
    )
    for body in (b"", b"<html>", b"MZ"):
        with pytest.raises(WrongFile):
            services.keep_document(entity_id=home.entity.pk, name="bill.pdf", body=body)
    with pytest.raises(WrongFile, match="larger than 10 MB"):
        services.keep_document(
            entity_id=home.entity.pk, name="bill.pdf", body=make.PDF + bytes(10 * 1024 * 1024)
        )


def test_pasted_rows_are_split_by_weights_and_none_is_lost(home: Company) -> None:
    # 100.00 by 1 : 1 : 1 is 33.34, 33.33, 33.33; by 50 % and 25 % twice 50.00, 25.00, 25.00.
    places = [home.property, make.place(home), make.place(home)]
    codes = [place.code for place in places]
    vendor = make.vendor(home)
    rows = read_rows("\n".join(f"{code}\t1\tRoof" for code in codes), home.entity.pk)

    lines = split_bill(usd("100.00"), BY_WEIGHTS, rows, category="repairs", vendor_id=vendor.pk)

    assert [line.amount for line in lines] == [usd("33.34"), usd("33.33"), usd("33.33")]
    assert lines[0].memo == "Roof"
    halves = read_rows(f"{codes[0]};50 %\n{codes[1]};25%\n{codes[2].lower()};25", home.entity.pk)
    lines = split_bill(
        usd("100.00"), BY_PERCENTAGE, halves, category="repairs", vendor_id=vendor.pk
    )
    assert [line.amount for line in lines] == [usd("50.00"), usd("25.00"), usd("25.00")]


def test_thirty_rows_pasted_at_once_come_to_the_amount(home: Company) -> None:
    places = [make.place(home) for _ in range(30)]
    rows = read_rows(
        "\n".join(f"{place.code}\t{n}" for n, place in enumerate(places, 1)), home.entity.pk
    )
    # Weights 1 to 30 sum to 465; 1,000.00 by them.
    lines = split_bill(usd("1000.00"), BY_WEIGHTS, rows, category="other", vendor_id=0)
    assert len(lines) == 30
    assert sum(line.amount.amount for line in lines) == Decimal("1000.00")
    assert lines[29].amount == usd("64.52")  # 1,000 × 30 ÷ 465 = 64.516


def test_units_and_last_time_need_no_figures(home: Company) -> None:
    one, two = make.place(home), make.place(home)
    for place, many in ((one, 1), (two, 2)):
        for number in range(many):
            leases.create_unit(property_=place, code=f"{number}")
    vendor = make.vendor(home)
    rows = read_rows(f"{one.code}\n{two.code}", home.entity.pk)

    lines = split_bill(usd("90.00"), BY_UNITS, rows, category="other", vendor_id=vendor.pk)
    assert [line.amount for line in lines] == [usd("30.00"), usd("60.00")]

    make.bill(vendor, [(one, "30.00"), (two, "60.00")])
    lines = split_bill(usd("10.00"), AS_LAST_TIME, [], category="other", vendor_id=vendor.pk)
    assert {line.property_id: line.amount for line in lines} == {
        one.pk: usd("3.33"),
        two.pk: usd("6.67"),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("NOPE\t1", 'Row 1: there is no property "NOPE"'),
        ("{code}\tten", 'Row 1: "ten" is no figure'),
        ("{code}/9Z\t1", 'has no unit "9Z"'),
        ("{code}\tNaN", "is no figure"),
    ],
)
def test_row_that_cannot_be_read_is_named(home: Company, text: str, said: str) -> None:
    with pytest.raises(WrongSplit, match=said):
        read_rows(text.format(code=home.property.code), home.entity.pk)


def found(kind: str, home: Company) -> list[int]:
    detector = registry.detector_of(kind)
    assert detector is not None
    return [each.subject_id for each in detector.find(home.entity.pk) if each.kind == kind]


def test_links_of_the_chain_that_are_missing_are_found(home: Company) -> None:
    plumber, painter = make.vendor(home), make.vendor(home)
    boss = make.manager(plumber)
    order = make.work_order(plumber, home.property, estimate=usd("100.00"))
    early = make.bill(plumber, [(home.property, "111.00")], work_order_id=order.pk)
    other = make.draft(painter, [(home.property, "50.00")], work_order_id=order.pk)
    alone = make.bill(plumber, [(home.property, "20.00")])

    assert found("bill_before_work_is_done", home) == [early.pk, other.pk]
    assert found("bill_above_estimate", home) == [early.pk]  # 111.00 is above 110.00.
    assert found("bill_of_other_vendor", home) == [other.pk]
    assert found("bill_without_work_order", home) == [alone.pk]

    services.approve_work_order(order, actor_id=boss.pk)
    services.complete_work_order(order)
    assert found("bill_before_work_is_done", home) == []
    order.refresh_from_db()
    assert order.state == WorkOrder.State.INVOICED

    done = make.work_order(plumber, home.property)
    services.approve_work_order(done, actor_id=boss.pk)
    services.complete_work_order(done, on=timezone.localdate() - timedelta(days=15))
    assert found("work_order_without_bill", home) == [done.pk]


def test_item_is_released_by_another_person_and_undone(home: Company) -> None:
    plumber, clerk = make.vendor(home), person(entity=home.entity)
    make.bill(plumber, [(home.property, "10.00")], number="A-1")
    twice = make.draft(plumber, [(home.property, "10.00")], number="A1")
    desk.run_detectors()
    item = WorkItem.objects.get(kind="bill_entered_twice")
    assert item.subject_id == twice.pk

    done = desk.act(item, "release", QueryDict("reason=Two+visits"), actor=clerk)
    assert done.is_closed
    desk.undo(clerk)
    item.refresh_from_db()
    assert item.state == WorkItem.State.OPEN


def test_lapsed_insurance_is_found_and_renewed(home: Company) -> None:
    roofer = make.vendor(home, insurance_expires_on=date(2026, 1, 1))
    assert found("vendor_insurance_lapsed", home) == []
    make.bill(roofer, [(home.property, "10.00")])
    assert found("vendor_insurance_lapsed", home) == [roofer.pk]


def test_account_number_moves_to_a_new_key_and_stays_as_it_was(
    home: Company, settings: Settings
) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FIELD_KEYS = [old, *settings.FIELD_KEYS]
    change = approve(ask(make.vendor(home)))

    settings.FIELD_KEYS = [new, *settings.FIELD_KEYS]
    call_command("rotate_field_keys", stdout=StringIO())

    settings.FIELD_KEYS = [new]
    assert VendorBankChange.objects.get(pk=change.pk).account_number == "123456789"
