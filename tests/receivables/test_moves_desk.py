"""The desk's answers for money of another lease and for housing agencies; and the bank's credit."""

from datetime import date

import pytest
from django.http import QueryDict

from desk import registry
from desk import services as desk
from desk.errors import Refused
from desk.models import Role, User, WorkItem
from leases import services as lease_services
from leases.models import Lease
from ledger.models import BankAccount
from proptrust.lib.money import usd
from receivables import queries, services
from receivables.models import Receipt, SubsidyLine, SubsidyVariance
from receivables.types import NewSubsidyLine, NewSubsidyRemittance
from reconciliation import services as reconciliation
from reconciliation.matching.loading import open_money
from reconciliation.models import Match
from tests.factories import receivables as make
from tests.factories.desk import person
from tests.factories.leases import Company, company, lease_in
from tests.factories.reconciliation import bai2, imported, move

pytestmark = pytest.mark.django_db
ON = date(2026, 3, 2)


@pytest.fixture
def home() -> Company:
    home = company(lease_code="ELM-1", tenants=("Maria Garcia", "Ann Lee"))
    home.property.agreements.update(fee_rate=0)
    return home


@pytest.fixture
def bookkeeper(home: Company) -> User:
    return person(Role.BOOKKEEPER, home.entity)


def item(kind: str) -> WorkItem:
    """The one item of a kind after a run of all detectors."""
    desk.run_detectors()
    return WorkItem.objects.get(kind=kind)


def act(item: WorkItem, remedy: str, actor: User, **facts: str) -> None:
    """Carry a remedy out as the desk does, with what its form carries."""
    offered = {
        each.key: each for each in registry.handler_of(item.kind).detail(item.subject_id).remedies
    }
    form = QueryDict(mutable=True)
    form.update({**dict(offered[remedy].facts), **facts})
    desk.act(item, remedy, form, actor=actor)


def twice(home: Company) -> Lease:
    """Rent that came twice here and is open there."""
    other = lease_in(lease_services.create_unit(property_=home.property, code="2"), code="ELM-2")
    make.charge(home.lease)
    make.charge(other)
    make.receipt(home.lease, payer="Maria Garcia")
    make.receipt(home.lease, payer="Ann Lee")
    return other


def listed(home: Company, *lines: tuple[str, str], number: str = "EFT00123") -> None:
    """An agency's transfer."""
    agency = services.create_agency(entity_id=home.entity.pk, name="City Housing")
    rows = [
        NewSubsidyLine(row=n, tenant_code=code, amount=usd(amount))
        for n, (code, amount) in enumerate(lines, start=1)
    ]
    for code, lease in (("F-1", home.lease),):
        services.create_subsidy(
            lease=lease,
            agency=agency,
            tenant_code=code,
            amount=usd("700.00"),
            from_on=date(2026, 3, 1),
        )
    services.record_subsidies(
        NewSubsidyRemittance(
            agency_id=agency.pk,
            book_id=home.rent_book.pk,
            number=number,
            month=ON,
            arrives_on=ON,
            amount=sum((each.amount for each in rows), usd(0)),
            lines=rows,
        )
    )


def test_second_payment_names_both_roommates_and_moves_to_the_lease_it_was_for(
    home: Company, bookkeeper: User
) -> None:
    other = twice(home)
    paid = item("paid_twice")
    assert "Maria Garcia paid it first, then Ann Lee" in paid.reason
    offered = registry.handler_of("paid_twice").detail(paid.subject_id, find="ELM-2").remedies
    (remedy,) = [each for each in offered if each.key == f"move:{other.pk}"]
    effects = {each.who: (each.before, each.after) for each in remedy.effects}
    assert effects["Owed by lease ELM-2"] == (usd(1000), usd(0))

    act(paid, "move_by_code", bookkeeper, code="elm-2", why="Paid for the neighbour")

    assert queries.owed(other) == usd(0)
    assert Receipt.objects.latest("id").lease == other
    desk.undo(bookkeeper)
    assert queries.owed(other) == usd(1000)
    assert Receipt.objects.latest("id").lease == home.lease


def test_undo_of_a_move_is_refused_when_somebody_moved_it_on(
    home: Company, bookkeeper: User
) -> None:
    other = twice(home)
    paid = item("paid_twice")
    act(paid, "move_by_code", bookkeeper, code="ELM-2")
    third = lease_in(home.unit, code="ELM-3")
    services.move_receipt(Receipt.objects.latest("id"), third, why="Once more")

    with pytest.raises(Refused, match="moved this money on"):
        desk.undo(bookkeeper)
    assert other.pk != third.pk


def test_remedy_for_a_lease_of_another_company_is_refused(home: Company, bookkeeper: User) -> None:
    twice(home)
    stranger = company(lease_code="FAR-1").lease
    paid = item("paid_twice")

    with pytest.raises(Refused, match="no lease"):
        act(paid, "move_by_code", bookkeeper, code="FAR-1")
    with pytest.raises(Refused, match="not one of this company"):
        desk.act(paid, f"move:{stranger.pk}", QueryDict(), actor=bookkeeper)


def test_subsidy_paid_otherwise_stands_until_it_is_explained(
    home: Company, bookkeeper: User
) -> None:
    listed(home, ("F-1", "682.00"))
    found = item("subsidy_paid_otherwise")
    assert found.title == "City Housing paid 18.00 too little, lease ELM-1, March 2026"

    act(found, "explain", bookkeeper, explanation="Income was looked at again")

    assert SubsidyVariance.objects.get().explained_by == bookkeeper
    desk.run_detectors()
    assert WorkItem.objects.get(pk=found.pk).state != WorkItem.State.OPEN
    desk.undo(bookkeeper)
    assert SubsidyVariance.objects.get().explanation == ""


def test_money_taken_back_for_nothing_is_borne_by_the_owners(
    home: Company, bookkeeper: User
) -> None:
    listed(home, ("F-9", "900.00"), ("F-1", "-250.00"))
    found = item("subsidy_taken_back_open")

    act(found, "owners", bookkeeper)

    assert SubsidyLine.objects.get(amount__lt=0).answer is not None
    desk.undo(bookkeeper)
    assert SubsidyLine.objects.get(amount__lt=0).answer is None


def test_one_bank_credit_answers_the_whole_list(home: Company) -> None:
    listed(home, ("F-1", "700.00"), ("F-9", "200.00"), ("F-1", "-300.00"), ("F-8", "-50.00"))
    account = BankAccount.objects.get(book=home.rent_book)
    # 700.00 + 200.00 − 300.00 − 50.00 = 550.00: two receipts, a refund, and one that is open.
    assert 55_000 in {each.cents for each in open_money(account.pk)}

    file = bai2(account, ON, [move("550.00", "CITY HOUSING HAP", reference="EFT00123", on=ON)])
    assert imported(account, file).state == "imported"
    assert reconciliation.match_account(account.pk) == 1

    assert Match.objects.get().journal_sides.count() == 4
