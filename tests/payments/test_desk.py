"""What the desk finds about money out, and what its buttons do."""

from datetime import date

import pytest
from django.http import QueryDict

from desk import registry
from desk.errors import Refused
from desk.models import Approval
from ledger.models import Beneficiary, Book
from ledger.queries import balance
from payments import services, tasks
from payments.findings import CAME_BACK, STALE
from payments.models import Payment
from proptrust.lib.money import usd
from tests.factories.desk import LegalEntityFactory, person
from tests.factories.payments import ach, payment, trust

pytestmark = pytest.mark.django_db
LATER = date(2026, 3, 12)
LONG_AGO = date(2025, 1, 6)
Paying = tuple[Book, Beneficiary]


@pytest.fixture
def paying() -> Paying:
    return trust()


def found(kind: str, entity_id: int | None = None) -> list[str]:
    detector = registry.detector_of(kind)
    assert detector is not None
    return [each.title for each in detector.find(entity_id)]


def facts(**given: str) -> QueryDict:
    form = QueryDict(mutable=True)
    form.update(given)
    return form


def test_a_payment_that_came_back_is_found_until_it_is_paid_again(paying: Paying) -> None:
    book, owner = paying
    actor = person(entity=book.entity)
    paid = ach(book, owner)
    services.come_back(paid, code="R03", on=LATER, reason="No account")
    assert found(CAME_BACK, book.entity_id) == ["Our payment came back R03: 100.00 to Olga Owner"]
    assert found(CAME_BACK, LegalEntityFactory.create().pk) == []

    handler = registry.handler_of(CAME_BACK)
    detail = handler.detail(paid.pk)
    assert [each.key for each in detail.remedies] == ["check", "ach", "hold"]
    (effect,) = detail.remedies[0].effects
    assert (effect.before, effect.after) == (usd("1000.00"), usd("900.00"))
    done = handler.act(paid.pk, "check", facts(), actor_id=actor.pk)
    assert done.said == "Check 1001 to Olga Owner is written"
    assert found(CAME_BACK) == []
    handler.undo("check", done.undo, actor_id=actor.pk)
    assert balance(book_id=book.pk, beneficiary_id=owner.pk) == usd("1000.00")


def test_money_that_stays_with_those_who_paid_is_answered_and_asked_again(paying: Paying) -> None:
    book, owner = paying
    actor = person(entity=book.entity)
    paid = ach(book, owner)
    services.come_back(paid, code="R03", on=LATER)
    handler = registry.handler_of(CAME_BACK)
    with pytest.raises(Refused, match="Say what happens"):
        handler.act(paid.pk, "hold", facts(why=" "), actor_id=actor.pk)
    done = handler.act(paid.pk, "hold", facts(why="Next run"), actor_id=actor.pk)
    assert found(CAME_BACK) == []
    handler.undo("hold", done.undo, actor_id=actor.pk)
    assert len(found(CAME_BACK)) == 1


def test_other_bank_data_ask_a_second_person_and_can_be_withdrawn(paying: Paying) -> None:
    book, owner = paying
    actor = person(entity=book.entity)
    paid = ach(book, owner)
    services.come_back(paid, code="R03", on=LATER)
    handler = registry.handler_of(CAME_BACK)
    typed = facts(routing="021000021", account="5554443", kind="savings", why="Called")
    done = handler.act(paid.pk, "ach", typed, actor_id=actor.pk)
    assert Approval.objects.get().state == "waiting"
    assert handler.detail(paid.pk).warnings
    handler.undo("ach", done.undo, actor_id=actor.pk)
    assert Approval.objects.get().state == "withdrawn"
    with pytest.raises(Refused, match="no remedy"):
        handler.act(paid.pk, "shrug", facts(), actor_id=actor.pk)
    with pytest.raises(Refused, match="no bank account"):
        handler.act(paid.pk, "ach", facts(routing="1", account="2"), actor_id=actor.pk)


def test_a_refusal_of_the_journal_is_a_sentence(paying: Paying) -> None:
    book, owner = paying
    actor = person(entity=book.entity)
    paid = ach(book, owner, "900.00")
    services.come_back(paid, code="R03", on=LATER)
    payment(book, owner, "500.00")
    handler = registry.handler_of(CAME_BACK)
    detail = handler.detail(paid.pk)
    assert detail.remedies[0].effects[0].warning
    with pytest.raises(Refused, match=r"overdrawn by 400\.00"):
        handler.act(paid.pk, "check", facts(), actor_id=actor.pk)


def test_a_check_that_nobody_cashes_is_found_with_its_age_and_the_law(paying: Paying) -> None:
    book, owner = paying
    actor = person(entity=book.entity)
    paid = payment(book, owner, dated_on=LONG_AGO)
    payment(book, owner, dated_on=date.today())
    (title,) = found(STALE, book.entity_id)
    assert title.startswith("Check 1001 not cashed for ")
    assert tasks.mark_stale_checks() == "1 checks are stale now"
    assert tasks.mark_stale_checks() == "0 checks are stale now"
    assert len(found(STALE)) == 1

    handler = registry.handler_of(STALE)
    detail = handler.detail(paid.pk)
    assert [each.key for each in detail.remedies] == ["check", "unclaimed"]
    assert any(each.label == "Law" for each in detail.evidence)
    with pytest.raises(Refused, match="is no day"):
        handler.act(paid.pk, "unclaimed", facts(on="soon"), actor_id=actor.pk)
    with pytest.raises(Refused, match="has not come"):
        handler.act(paid.pk, "unclaimed", facts(on="2199-01-01"), actor_id=actor.pk)
    done = handler.act(paid.pk, "unclaimed", facts(on="2026-03-12"), actor_id=actor.pk)
    assert found(STALE) == []
    with pytest.raises(Refused, match="cannot be undone"):
        handler.undo("unclaimed", done.undo, actor_id=actor.pk)


def test_a_stale_check_is_written_again(paying: Paying) -> None:
    book, owner = paying
    actor = person(entity=book.entity)
    paid = payment(book, owner, dated_on=LONG_AGO)
    registry.handler_of(STALE).act(paid.pk, "check", facts(), actor_id=actor.pk)
    paid.refresh_from_db()
    assert paid.state == "void"
    assert Payment.objects.get(replaces=paid).number == "1002"
    assert found(STALE) == []
    assert balance(book_id=book.pk, beneficiary_id=owner.pk) == usd("900.00")
