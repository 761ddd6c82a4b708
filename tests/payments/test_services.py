"""Paying, taking back, paying again, clearing: what the services do to money and state."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ledger.errors import KeyReused as EntryKeyReused
from ledger.errors import Overdrawn
from ledger.models import Entry, Line
from ledger.queries import balance, trust_equation
from ledger.services import close_period, reverse
from payments import queries, services
from payments.errors import BadPayment, KeyReused, NoStock, NotPossible, NumberTaken
from payments.models import CheckStock, Payment
from payments.types import (
    NewPayment,
    PaymentCameBack,
    PaymentCleared,
    PaymentReissued,
    PaymentUnclaimed,
    PaymentUncleared,
    PaymentVoided,
)
from proptrust.lib import events
from proptrust.lib.money import ZERO, usd
from tests.factories.desk import person
from tests.factories.ledger import A_DAY, BeneficiaryFactory, held
from tests.factories.payments import (
    ach,
    new_payment,
    old_check,
    payment,
    property_lines,
    trust,
)
from tests.threads import at_once

pytestmark = pytest.mark.django_db
LATER = date(2026, 3, 12)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The facts that payments publish, in their order."""
    heard: list[object] = []
    for kind in (
        PaymentCameBack, PaymentVoided, PaymentCleared, PaymentUncleared, PaymentReissued,
        PaymentUnclaimed,
    ):  # fmt: skip
        monkeypatch.setitem(events._handlers, kind, [heard.append])
    return heard


def test_paying_takes_the_amount_from_the_claims_and_from_the_bank() -> None:
    book, owner = trust()
    new = new_payment(book, "250.00")
    paid = services.pay(
        new, claims={owner.pk: usd("250.00")}, other_lines=property_lines(book, usd("250.00"))
    )

    assert paid.number == "1001"
    assert paid.entry.kind == Entry.Kind.DISBURSEMENT
    assert paid.entry.memo == "Check 1001 to Olga Owner"
    assert balance(book_id=book.pk, beneficiary_id=owner.pk) == usd("750.00")
    assert trust_equation(book.pk).cash == usd("750.00")
    assert Line.objects.filter(entry=paid.entry).count() == 4
    assert queries.claims_of(paid) == {owner.pk: usd("250.00")}


def test_same_key_pays_once_and_says_so_when_facts_differ() -> None:
    book, owner = trust()
    new = new_payment(book)
    first = services.pay(new, claims={owner.pk: usd("100.00")})
    again = services.pay(new, claims={owner.pk: usd("100.00")})

    assert again == first
    assert again.number == "1001"
    assert CheckStock.objects.get(book=book).next_number == 1002
    assert balance(book_id=book.pk, beneficiary_id=owner.pk) == usd("900.00")
    with pytest.raises(KeyReused, match="payee was Olga Owner, is Otto Other"):
        services.pay(
            new_payment(book, key=new.key, payee="Otto Other", number=first.number),
            claims={owner.pk: usd("100.00")},
        )


def test_same_key_with_other_claims_is_refused_by_the_journal() -> None:
    book, owner = trust()
    other = BeneficiaryFactory.create(entity=book.entity)
    held(book, (other, usd("500.00")))
    new = new_payment(book)
    services.pay(new, claims={owner.pk: usd("100.00")})

    with pytest.raises(EntryKeyReused, match="lines were"):
        services.pay(new, claims={other.pk: usd("100.00")})


def test_nobody_is_paid_with_another_clients_money_and_nothing_is_left_half() -> None:
    book, owner = trust("100.00")
    other = BeneficiaryFactory.create(entity=book.entity)
    held(book, (other, usd("500.00")))
    orders = [
        (new_payment(book, "100.00"), {other.pk: usd("100.00")}, ()),
        (new_payment(book, "100.01"), {owner.pk: usd("100.01")}, ()),
    ]

    with pytest.raises(Overdrawn, match=r"Olga Owner would be overdrawn by 0\.01"):
        services.pay_many(orders)
    assert not Payment.objects.exists()
    assert balance(book_id=book.pk, beneficiary_id=other.pk) == usd("500.00")
    assert CheckStock.objects.get(book=book).next_number == 1001


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"payee": " "}, "payee"),
        ({"method": "cash"}, "method"),
        ({"purpose": "bribe"}, "purpose"),
        ({"routing_number": "021000022", "account_number": "1"}, "check digit"),
        ({"routing_number": "021000021"}, "come together"),
        ({"number": "12a"}, "not made of digits"),
        ({"method": "ach", "number": "12"}, "only a check"),
        ({"amount": "0.00"}, "not above zero"),
        ({"amount": "1.001"}, "whole count of cents"),
        ({"amount": "99.99"}, "the claims that pay it are 100.00"),
        ({"key": ""}, "key"),
    ],
)
def test_a_payment_that_cannot_be_right_is_refused_naming_the_field(
    facts: dict[str, Any], said: str
) -> None:
    book, owner = trust()
    with pytest.raises(BadPayment, match=said):
        services.pay(new_payment(book, **facts), claims={owner.pk: usd("100.00")})


def test_a_check_needs_a_stock_of_numbers() -> None:
    book, owner = trust()
    CheckStock.objects.all().delete()
    with pytest.raises(NoStock, match=f"{book.name} has no check numbers"):
        payment(book, owner)


def test_a_number_given_by_hand_is_used_once_and_passed_over_later() -> None:
    book, owner = trust()
    payment(book, owner, number="1001")
    assert payment(book, owner).number == "1002"
    with pytest.raises(NumberTaken):
        payment(book, owner, number="01002")


def test_a_day_in_a_closed_period_moves_to_the_first_open_one() -> None:
    book, owner = trust()
    actor = person(entity=book.entity)
    close_period(book_id=book.pk, first_on=date(2026, 3, 1), closed_by_id=actor.pk)
    new = new_payment(book, dated_on=date(2026, 3, 20))
    paid = services.pay(new, claims={owner.pk: usd("100.00")})

    assert paid.dated_on == date(2026, 3, 20)
    assert paid.entry.dated_on == date(2026, 4, 1)
    assert paid.entry.adjusts is not None
    assert services.pay(new, claims={owner.pk: usd("100.00")}) == paid
    back = services.come_back(paid, code="R03", on=date(2026, 3, 25))
    assert back.back_entry is not None
    assert back.back_entry.dated_on == date(2026, 4, 1)


def test_a_thousand_payments_take_as_many_statements_as_ten() -> None:
    book, owner = trust("100000.00")

    def statements(count: int) -> int:
        orders = [(new_payment(book, "1.00"), {owner.pk: usd("1.00")}, ()) for _ in range(count)]
        with CaptureQueriesContext(
            connection,
        ) as seen:
            paid = services.pay_many(orders)
        assert len(paid) == count
        return len(seen)

    few, many = statements(10), statements(1000)
    assert many <= few + 12  # The rows of one insert go to PostgreSQL in parts.
    numbers = Payment.objects.values_list("number", flat=True).order_by("pk")
    assert list(numbers) == [str(number) for number in range(1001, 2011)]


def test_a_payment_that_comes_back_gives_everybody_what_they_had(told: list[object]) -> None:
    book, owner = trust()
    new = new_payment(book, method="ach")
    paid = services.pay(
        new, claims={owner.pk: usd("100.00")}, other_lines=property_lines(book, usd("100.00"))
    )
    back = services.come_back(paid, code="R03", on=LATER, reason="No account")
    again = services.come_back(paid, code="R03", on=LATER)

    assert (back.state, back.code, back.back_on) == ("returned", "R03", LATER)
    assert again.back_entry_id == back.back_entry_id
    assert back.back_entry is not None
    assert back.back_entry.kind == Entry.Kind.RETURN
    assert balance(book_id=book.pk, beneficiary_id=owner.pk) == usd("1000.00")
    lines = Line.objects.filter(entry__in=[paid.entry_id, back.back_entry_id])
    assert sum((line.amount for line in lines), ZERO) == ZERO
    assert lines.count() == 8
    assert told == [PaymentCameBack(paid.pk, book.entity_id, "owner_draw", new.key, "R03", LATER)]
    with pytest.raises(NotPossible, match="came back since"):
        services.come_back(paid, code="R02", on=LATER)


def test_voiding_reverses_the_entry_once(told: list[object]) -> None:
    book, owner = trust()
    paid = payment(book, owner)
    with pytest.raises(NotPossible, match="Say why"):
        services.void(paid, why=" ", on=LATER, actor_id=None)
    voided = services.void(paid, why="Misprinted", on=LATER, actor_id=None)
    services.void(paid, why="Again", on=LATER, actor_id=None)

    assert voided.state == "void"
    assert voided.back_entry is not None
    assert voided.back_entry.reverses == paid.entry
    assert balance(book_id=book.pk, beneficiary_id=owner.pk) == usd("1000.00")
    assert len(told) == 1
    with pytest.raises(NotPossible, match="void since"):
        services.come_back(paid, code="R03", on=LATER)


def test_a_reversal_posted_by_hand_is_adopted_by_the_void() -> None:
    book, owner = trust()
    paid = payment(book, owner)
    by_hand = reverse(entry_id=paid.entry_id, key="by hand", dated_on=LATER, memo="Wrong")
    voided = services.void(paid, why="Reversed in the journal", on=LATER, actor_id=None)
    assert voided.back_entry == by_hand
    assert balance(book_id=book.pk, beneficiary_id=owner.pk) == usd("1000.00")


def test_only_a_check_is_stopped() -> None:
    book, owner = trust()
    with pytest.raises(NotPossible, match="Only a check"):
        services.stop(ach(book, owner), why="Lost", on=LATER, actor_id=None)
    stopped = services.stop(payment(book, owner), why="Lost", on=LATER, actor_id=None)
    assert stopped.state == "stopped"


def test_a_cleared_payment_is_not_voided(told: list[object]) -> None:
    book, owner = trust()
    paid = payment(book, owner)
    assert services.clear([paid.pk], on=LATER) == 1
    assert services.clear([paid.pk], on=LATER) == 0
    with pytest.raises(NotPossible, match="has cleared"):
        services.void(paid, why="Too late", on=LATER, actor_id=None)
    assert services.unclear([paid.pk]) == 1
    paid.refresh_from_db()
    assert (paid.state, paid.cleared_on) == ("issued", None)
    assert told == [PaymentCleared((paid.pk,), LATER), PaymentUncleared((paid.pk,))]
    assert services.void(paid, why="Never given away", on=LATER, actor_id=None).state == "void"


def test_a_payment_is_paid_again_once_however_often_it_is_asked(told: list[object]) -> None:
    book, owner = trust("100.00")
    paid = ach(book, owner)
    services.come_back(paid, code="R03", on=LATER)
    check = services.reissue(paid, on=LATER, method="check", key="again:1", actor_id=None)
    same = services.reissue(paid, on=LATER, method="check", key="again:1", actor_id=None)

    assert check == same
    assert check.replaces == paid
    assert check.number == "1001"
    assert balance(book_id=book.pk, beneficiary_id=owner.pk) == ZERO
    assert told[-1] == PaymentReissued(old_id=paid.pk, new_id=check.pk)
    with pytest.raises(NotPossible, match="replaced already"):
        services.reissue(paid, on=LATER, method="check", key="again:2", actor_id=None)


def test_a_chain_of_replacements_is_read_from_any_of_them() -> None:
    book, owner = trust("100.00")
    first = ach(book, owner)
    services.come_back(first, code="R03", on=LATER)
    second = services.reissue(first, on=LATER, method="check", key="again:1", actor_id=None)
    third = services.reissue(
        second, on=LATER, method="check", key="again:2", actor_id=None, why="Lost in the mail"
    )
    second.refresh_from_db()

    assert second.state == "void"
    assert [each.pk for each in queries.history(second)] == [first.pk, second.pk, third.pk]
    assert balance(book_id=book.pk, beneficiary_id=owner.pk) == ZERO
    assert trust_equation(book.pk).cash == ZERO


def test_money_that_was_used_meanwhile_is_not_paid_again() -> None:
    book, owner = trust("100.00")
    paid = ach(book, owner)
    services.come_back(paid, code="R03", on=LATER)
    payment(book, owner, "60.00")
    with pytest.raises(Overdrawn):
        services.reissue(paid, on=LATER, method="check", key="again", actor_id=None)
    assert Payment.objects.count() == 2


def test_a_check_is_stale_after_180_days_and_can_still_clear() -> None:
    book, owner = trust()
    paid = payment(book, owner)
    assert services.mark_stale(book.entity_id, on=A_DAY + timedelta(days=180)) == 0
    assert services.mark_stale(book.entity_id, on=A_DAY + timedelta(days=181)) == 1
    assert services.mark_stale(None, on=A_DAY + timedelta(days=181)) == 0
    assert services.clear([paid.pk], on=date(2026, 10, 1)) == 1


def test_money_of_a_stale_check_is_kept_for_its_payee(told: list[object]) -> None:
    book, owner = trust()
    with pytest.raises(NotPossible, match="only a stale check"):
        services.to_unclaimed(payment(book, owner), on=LATER, actor_id=None)
    paid = old_check(book, owner)
    kept = services.to_unclaimed(paid, on=date(2027, 3, 10), actor_id=None)
    services.to_unclaimed(paid, on=date(2027, 3, 11), actor_id=None)

    assert kept.state == "unclaimed"
    line = Line.objects.get(entry=kept.back_entry, beneficiary__isnull=False)
    assert line.beneficiary is not None
    assert line.beneficiary.kind == "unclaimed"
    assert balance(book_id=book.pk, beneficiary_id=line.beneficiary.pk) == usd("100.00")
    assert balance(book_id=book.pk, beneficiary_id=owner.pk) == usd("800.00")
    assert [type(each) for each in told] == [PaymentUnclaimed]


def test_left_out_numbers_are_listed_until_they_are_explained() -> None:
    book, owner = trust(first_check=100)
    actor = person(entity=book.entity)
    payment(book, owner)
    services.set_stock(book, next_number=105, actor=actor)
    payment(book, owner)
    assert [str(gap) for gap in queries.gaps(book.pk)] == ["101 to 104"]
    assert services.explain_gap(book, first=101, last=103, why="Spoiled", actor=actor) == 3
    assert services.explain_gap(book, first=101, last=103, why="Spoiled", actor=actor) == 0
    assert [str(gap) for gap in queries.gaps(book.pk)] == ["104"]
    with pytest.raises(NotPossible, match="Check 105 was written"):
        services.explain_gap(book, first=104, last=105, why="Lost", actor=actor)
    with pytest.raises(NotPossible, match="written already"):
        services.set_stock(book, next_number=100, actor=actor)
    services.set_stock(book, next_number=102, actor=actor)
    assert payment(book, owner).number == "104"  # What is explained or written is passed over.


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_one_key_pay_once() -> None:
    book, owner = trust()
    for method in ("check", "ach"):
        new = new_payment(book, method=method)

        def work(new: NewPayment = new) -> Payment:
            return services.pay(new, claims={owner.pk: usd("100.00")})

        first, second = at_once(work, work)
        assert isinstance(first, Payment), first
        assert first == second
    assert Payment.objects.count() == 2
    assert balance(book_id=book.pk, beneficiary_id=owner.pk) == usd("800.00")
    assert CheckStock.objects.get(book=book).next_number == 1002


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_write_the_same_check() -> None:
    book, owner = trust()
    works = [lambda: payment(book, owner, "10.00") for _ in range(4)]
    paid = at_once(*works)
    numbers = sorted(each.number for each in paid if isinstance(each, Payment))
    assert numbers == ["1001", "1002", "1003", "1004"]


@pytest.mark.django_db(transaction=True)
def test_clearing_and_voiding_at_once_leave_one_of_them() -> None:
    book, owner = trust()
    paid = payment(book, owner)
    at_once(
        lambda: services.clear([paid.pk], on=LATER),
        lambda: services.void(paid, why="Spoiled", on=LATER, actor_id=None),
    )
    paid.refresh_from_db()
    cash = usd("900.00") if paid.state == "cleared" else usd("1000.00")
    assert paid.state in ("cleared", "void")
    assert trust_equation(book.pk).cash == cash


def test_a_killed_worker_leaves_nothing_and_the_next_one_pays() -> None:
    book, owner = trust()
    new = new_payment(book)

    def dies() -> None:
        with transaction.atomic():
            services.pay(new, claims={owner.pk: usd("100.00")})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dies()
    assert not Payment.objects.exists()
    assert services.pay(new, claims={owner.pk: usd("100.00")}).number == "1001"
