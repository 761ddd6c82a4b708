"""Above the agreement's threshold the owner decides: by a link, or with evidence and four eyes."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from desk import services as desk
from desk.models import Approval, Role
from leases.models import Owner
from payables import services
from payables.errors import LinkRefused, OwnBill, WrongState
from payables.models import Bill, OwnerApproval, WrongLink
from payables.queries import owner_needs
from payments.models import Payment
from proptrust.lib.money import usd
from tests.factories import payables as make
from tests.factories.desk import person
from tests.factories.leases import Company

pytestmark = pytest.mark.django_db

PAY_DAY = date(2026, 3, 16)
HALVES = ("0.5", "0.5")


@pytest.fixture
def home() -> Company:
    """A property of one owner with an address; the threshold of the agreement is 500.00."""
    home = make.home()
    _reachable(home)
    make.fund(home.property, "3000.00")
    return home


def _reachable(home: Company) -> None:
    for number, owner in enumerate(home.owners):
        Owner.objects.filter(pk=owner.pk).update(email=f"owner{number}@example.test")


@pytest.fixture(autouse=True)
def commit(django_capture_on_commit_callbacks: object) -> Iterator[None]:
    """Mails go out when a transaction is over; a test's never is, so that they are called here."""
    with django_capture_on_commit_callbacks(execute=False):  # type: ignore[operator]
        yield


def asked(bill: Bill) -> str:
    """Ask the owners, and return the token of the last mail's link."""
    services.ask_owners(bill, actor_id=make.manager(bill.vendor).pk)
    services.send_requests()
    return token_of(str(mail.outbox[-1].body))


def token_of(body: str) -> str:
    found = re.search(r"/owner-approvals/([^/\s]+)/", body)
    assert found is not None
    return found[1]


def pay(home: Company, bill: Bill) -> int:
    done = services.pay_bills(entity_id=home.entity.pk, bill_ids=[bill.pk], on=PAY_DAY)
    return len(done.payment_ids)


def test_bill_at_the_threshold_needs_no_owner_and_a_cent_more_does(home: Company) -> None:
    plumber, painter = make.vendor(home), make.vendor(home)
    at = make.bill(plumber, [(home.property, "500.00")])
    above = make.bill(painter, [(home.property, "500.01")])

    assert owner_needs([at.pk]) == []
    (need,) = owner_needs([above.pk])
    assert (need.total, need.threshold, need.is_split) == (usd("500.01"), usd("500.00"), False)
    assert pay(home, at) == 1
    assert pay(home, above) == 0


def test_owner_approves_by_the_link_and_the_bill_is_paid(home: Company) -> None:
    bill = make.bill(make.vendor(home), [(home.property, "800.00")])
    token = asked(bill)
    assert mail.outbox[0].to == ["owner0@example.test"]
    assert "800.00" in mail.outbox[0].subject

    browser = Client()
    page = browser.get(f"/owner-approvals/{token}/")
    assert page.status_code == 200
    assert "800.00" in page.content.decode()
    assert OwnerApproval.objects.get().state == "asked"  # Opening it decides nothing.

    answered = browser.post(f"/owner-approvals/{token}/", {"answer": "approve"})
    assert answered.status_code == 200
    word = OwnerApproval.objects.get()
    assert (word.state, word.cap, word.decided_from) == ("approved", usd("800.00"), "127.0.0.1")
    assert pay(home, bill) == 1


def test_link_works_once(home: Company) -> None:
    bill = make.bill(make.vendor(home), [(home.property, "800.00")])
    token = asked(bill)
    Client().post(f"/owner-approvals/{token}/", {"answer": "approve"})

    again = Client().post(f"/owner-approvals/{token}/", {"answer": "reject", "words": "No"})

    assert again.status_code == 404
    assert "answered already" in again.content.decode()
    assert OwnerApproval.objects.get().state == "approved"


def test_expired_link_is_refused_and_a_new_one_can_be_sent(home: Company) -> None:
    bill = make.bill(make.vendor(home), [(home.property, "800.00")])
    old = asked(bill)
    OwnerApproval.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    with pytest.raises(LinkRefused, match="expired"):
        services.answer_by_link(old, answer="approve", words="", address="10.0.0.1")

    new = asked(bill)
    assert new != old
    with pytest.raises(LinkRefused, match="not known"):
        services.answer_by_link(old, answer="approve", words="", address="10.0.0.1")
    services.answer_by_link(new, answer="approve", words="", address="10.0.0.1")
    assert pay(home, bill) == 1


def test_link_shows_only_its_own_bill_and_property(home: Company) -> None:
    other = make.place(home)
    bill = make.bill(make.vendor(home), [(home.property, "800.00"), (other, "123.45")])
    secret = make.bill(make.vendor(home), [(home.property, "77.77")])

    page = Client().get(f"/owner-approvals/{asked(bill)}/").content.decode()

    assert "800.00" in page
    assert "123.45" not in page
    assert "77.77" not in page
    assert secret.number not in page


def test_wrong_links_are_counted_and_then_turned_away(home: Company) -> None:
    browser = Client()
    for _ in range(10):
        assert browser.get("/owner-approvals/no-such-token/").status_code == 404
    assert WrongLink.objects.count() == 10

    token = asked(make.bill(make.vendor(home), [(home.property, "800.00")]))

    assert browser.get("/owner-approvals/no-such-token/").status_code == 429
    assert browser.get(f"/owner-approvals/{token}/").status_code == 429
    assert browser.get(f"/owner-approvals/{token}/", REMOTE_ADDR="10.0.0.9").status_code == 200


def test_link_is_not_kept_where_somebody_could_read_it(home: Company) -> None:
    token = asked(make.bill(make.vendor(home), [(home.property, "800.00")]))

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(a)::text FROM payables_ownerapproval a")
        ((row,),) = cursor.fetchall()
    assert token not in row
    assert len(token) == 43


def test_rejected_bill_is_not_paid(home: Company) -> None:
    bill = make.bill(make.vendor(home), [(home.property, "800.00")])
    token = asked(bill)
    page = Client().post(f"/owner-approvals/{token}/", {"answer": "reject"})
    assert "Say why you reject it." in page.content.decode()
    services.answer_by_link(token, answer="reject", words="Too dear", address="10.0.0.1")

    plan = services.plan_payments(home.entity.pk, [bill.pk], on=PAY_DAY)

    assert "rejected it" in plan.waiting[0].why


def test_owner_asks_and_is_answered_with_a_new_link(home: Company) -> None:
    bill = make.bill(make.vendor(home), [(home.property, "800.00")])
    old = asked(bill)
    services.answer_by_link(old, answer="question", words="Which unit?", address="10.0.0.1")
    word = OwnerApproval.objects.get()

    services.answer_owner(word, answer="Unit 4B", actor_id=make.manager(bill.vendor).pk)
    services.send_requests()

    assert "Unit 4B" in str(mail.outbox[-1].body)
    new = token_of(str(mail.outbox[-1].body))
    services.answer_by_link(new, answer="approve", words="", address="10.0.0.1")
    assert pay(home, bill) == 1


def test_owners_of_half_the_property_decide_unless_one_rejects() -> None:
    home = make.home(shares=("0.33333334", "0.33333333", "0.33333333"))
    _reachable(home)
    make.fund(home.property, "3000.00")
    bill = make.bill(make.vendor(home), [(home.property, "900.00")])
    services.ask_owners(bill)
    services.send_requests()
    tokens = [token_of(str(message.body)) for message in mail.outbox[-3:]]

    services.answer_by_link(tokens[0], answer="approve", words="", address="10.0.0.1")
    assert pay(home, bill) == 0  # A third.
    services.answer_by_link(tokens[1], answer="approve", words="", address="10.0.0.2")
    assert owner_needs([bill.pk])[0].is_approved  # Two thirds.
    services.answer_by_link(tokens[2], answer="reject", words="No", address="10.0.0.3")
    assert pay(home, bill) == 0


def test_recorded_word_counts_when_a_second_person_has_confirmed_the_evidence(
    home: Company,
) -> None:
    bill = make.bill(make.vendor(home), [(home.property, "800.00")])
    maker, checker = person(entity=home.entity), person(Role.PROPERTY_MANAGER, home.entity)
    services.record_owner_approval(
        bill,
        property_=home.property,
        owner=home.owners[0],
        evidence="Mail of March 3 from the owner",
        recorded_by=maker,
    )
    assert pay(home, bill) == 0
    approval = Approval.objects.get(kind="payables.owner_approval")
    with pytest.raises(Exception, match="another person must decide"):
        desk.decide(approval, is_agreed=True, checker=maker)

    desk.decide(approval, is_agreed=True, checker=checker)

    assert pay(home, bill) == 1
    assert Payment.objects.get().amount == usd("800.00")


def test_refused_evidence_is_no_word(home: Company) -> None:
    bill = make.bill(make.vendor(home), [(home.property, "800.00")])
    services.record_owner_approval(
        bill,
        property_=home.property,
        owner=home.owners[0],
        evidence="I think so",
        recorded_by=person(entity=home.entity),
    )
    approval = Approval.objects.get(kind="payables.owner_approval")
    desk.decide(
        approval,
        is_agreed=False,
        checker=person(Role.PROPERTY_MANAGER, home.entity),
        reason="That is no evidence",
    )

    assert OwnerApproval.objects.get().state == "refused"
    assert pay(home, bill) == 0
    token = asked(bill)
    services.answer_by_link(token, answer="approve", words="", address="10.0.0.1")
    assert pay(home, bill) == 1


def test_bills_split_below_the_threshold_need_the_owner(home: Company) -> None:
    # 300.00 + 250.00 = 550.00 within 30 days; 31 days apart they stand alone.
    plumber = make.vendor(home)
    first = make.bill(plumber, [(home.property, "300.00")], dated_on=date(2026, 3, 1))
    second = make.bill(plumber, [(home.property, "250.00")], dated_on=date(2026, 3, 31))
    late = make.bill(plumber, [(home.property, "240.00")], dated_on=date(2026, 5, 1))

    needs = {need.bill_id: need for need in owner_needs([first.pk, second.pk, late.pk])}

    assert needs.keys() == {first.pk, second.pk}
    assert needs[first.pk].is_split
    assert needs[first.pk].together == usd("550.00")
    assert pay(home, first) == 0
    assert pay(home, late) == 1

    services.release(
        first,
        kind="bills_split_below_threshold",
        reason="Two leaks in two units",
        actor_id=make.manager(plumber).pk,
    )
    assert pay(home, first) == 1
    assert pay(home, second) == 0


def test_emergency_is_paid_before_the_owner_is_asked(home: Company) -> None:
    clerk = person(entity=home.entity)
    bill = make.bill(make.vendor(home), [(home.property, "800.00")], actor_id=clerk.pk)
    with pytest.raises(OwnBill):
        services.declare_emergency(bill, reason="Burst pipe", actor_id=clerk.pk)

    services.declare_emergency(bill, reason="Burst pipe", actor_id=make.manager(bill.vendor).pk)

    assert pay(home, bill) == 1


def test_property_without_an_agreement_always_asks_its_owner(home: Company) -> None:
    bill = make.bill(make.vendor(home), [(home.property, "1.00")], dated_on=date(2019, 1, 1))

    (need,) = owner_needs([bill.pk])

    assert need.threshold == usd("0.00")


def test_nobody_is_asked_without_need(home: Company) -> None:
    bill = make.bill(make.vendor(home), [(home.property, "100.00")])

    with pytest.raises(WrongState, match="needs no owner"):
        services.ask_owners(bill)


def test_mail_that_the_server_refuses_is_sent_later(
    home: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = make.bill(make.vendor(home), [(home.property, "800.00")])
    services.ask_owners(bill)

    def refuse(*_: object) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.EmailMessage.send", refuse)
        assert services.send_requests() == 0
    assert OwnerApproval.objects.get().sent_at is None

    assert services.send_requests() == 1
    assert services.send_requests() == 0
