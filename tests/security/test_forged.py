"""Forms that were edited on their way: every id and amount in them is the attacker's choice."""

from datetime import date
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client

from desk import services as desk
from desk.errors import Refused
from desk.models import Role, User, WorkItem
from leases.models import Lease
from ledger.models import BankAccount, Beneficiary, Entry, Line
from proptrust.lib.money import usd
from receivables import findings as rent_findings
from receivables.models import Charge, Receipt
from reconciliation import findings, services
from reconciliation.models import BankLine, Match, StatementFile
from tests.factories import receivables as make
from tests.factories.desk import WorkItemFactory
from tests.factories.reconciliation import bai2, booked, imported, lines_of, move
from tests.security.world import World, a_world

pytestmark = pytest.mark.django_db


class Attack:
    """A bookkeeper of one company, who knows every id of another."""

    def __init__(self) -> None:
        self.ours = a_world("Ourown")
        self.theirs = a_world()
        self.person: User = self.ours.people[Role.BOOKKEEPER]

    def item(self, kind: str, subject: Any) -> WorkItem:
        """An open item of our company about something."""
        item: WorkItem = WorkItemFactory.create(
            entity=self.ours.entity, kind=kind, subject_id=subject.pk,
            subject_type=subject._meta.label_lower,
        )  # fmt: skip
        return item

    def act(self, item: WorkItem, remedy: str, **facts: str) -> None:
        form = QueryDict(mutable=True)
        form.update(facts)
        desk.act(item, remedy, form, actor=self.person)


@pytest.fixture
def attack() -> Attack:
    return Attack()


def counted() -> dict[str, int]:
    """How much is posted, matched and recorded anywhere."""
    models = (Entry, Line, Match, Receipt, Charge, BankLine)
    return {model.__name__: model.objects.count() for model in models}


FORGED = [
    "match:{line}", "split", "receive:{lease}", "transfer:{bank_line}", "transfer:x",
    "return:{receipt}",
    "return:x", "correct:{receipt}", "correct:x", "repeat:{bank_line}", "repeat:x", "receive:x",
    "match:", "receive:²", "correct:99999999999999999999999", "transfer:", "repeat:", "nothing", "",
]  # fmt: skip


@pytest.mark.parametrize("remedy", FORGED)
def test_bank_line_is_never_answered_with_another_companys_rows(
    attack: Attack, remedy: str
) -> None:
    theirs = attack.theirs
    ids = {
        "line": Line.objects.filter(book=theirs.home.rent_book, account__kind="bank").first(),
        "lease": theirs.home.lease,
        "bank_line": theirs.line,
        "receipt": theirs.suspense,
    }
    named = remedy.format(**{name: getattr(row, "pk", "") for name, row in ids.items()})
    item = attack.item(findings.UNMATCHED, attack.ours.line)
    before = counted()
    facts = {
        "lines": str(getattr(ids["line"], "pk", "")),
        "beneficiary": str(Beneficiary.objects.filter(entity=theirs.entity)[0].pk),
        "points": "²", "criteria": f"amount={'9' * 5000},x=²,=1",
    }  # fmt: skip

    with pytest.raises(Refused):
        attack.act(item, named, **facts)

    assert counted() == before


def test_amount_of_the_page_is_not_the_amount_that_is_posted(attack: Attack) -> None:
    item = attack.item(findings.UNMATCHED, attack.ours.line)

    attack.act(item, "suspense", amount="999999.00", gross="5", points="100", who="x")

    assert Receipt.objects.latest("pk").gross == attack.ours.line.amount == usd("81.00")


def test_receipt_is_corrected_only_where_two_digits_changed_places(attack: Attack) -> None:
    paid = make.receipt(attack.ours.home.lease, "640.00", into="bank", channel="wire")
    item = attack.item(findings.UNMATCHED, attack.ours.line)

    with pytest.raises(Refused, match="two digits exchanged"):
        attack.act(item, f"correct:{paid.pk}")

    paid.refresh_from_db()
    assert (paid.state, paid.gross) == ("settled", usd("640.00"))


def test_receipt_that_the_bank_has_moved_is_not_corrected(attack: Attack) -> None:
    ours = attack.ours
    paid = make.receipt(ours.home.lease, "18.00", into="bank", channel="wire")
    told = imported(
        ours.account,
        bai2(ours.account, date(2026, 3, 4), [move("18.00", "WIRE OF ROSA")], opening="781"),
    )
    assert told.state == "imported", told.reason
    cash = Line.objects.get(entry=paid.entry, account__kind="bank")
    services.match_lines(lines_of(ours.account)[-1].pk, [cash.pk], services.Why())
    item = attack.item(findings.UNMATCHED, ours.line)

    with pytest.raises(Refused, match="matched with the bank"):
        attack.act(item, f"correct:{paid.pk}")


def test_debit_is_not_the_return_of_a_larger_receipt(attack: Attack) -> None:
    ours = attack.ours
    paid = make.receipt(ours.home.lease, "640.00", into="bank", channel="wire")
    told = imported(
        ours.account,
        bai2(ours.account, date(2026, 3, 4), [move("-40.00", "RETURN")], opening="781"),
    )
    assert told.state == "imported", told.reason
    item = attack.item(findings.UNMATCHED, lines_of(ours.account)[-1])

    with pytest.raises(Refused, match="cannot be the return"):
        attack.act(item, f"return:{paid.pk}")

    assert not paid.comebacks.exists()


@pytest.mark.parametrize("kind", ["receipt", "deposit slip", "opening"])
def test_outstanding_entry_of_rent_collection_is_not_reversed_alone(
    attack: Attack, kind: str
) -> None:
    home = attack.ours.home
    if kind == "receipt":
        make.charge(home.lease, "640.00")
        entry = make.receipt(home.lease, "640.00", into="bank", channel="wire").entry
    elif kind == "deposit slip":
        entry = home.rent_book.deposit_slips.get().entry
    else:
        entry = Entry.objects.get(kind="opening", lines__book=home.rent_book, lines__position=1)
    line = Line.objects.get(entry=entry, book=home.rent_book, account__kind="bank")
    item = attack.item(findings.OUTSTANDING, line)

    with pytest.raises(Refused, match="hang on this entry"):
        attack.act(item, "reverse")

    assert not Entry.objects.filter(reverses=entry).exists()


def test_entry_that_the_bank_has_moved_is_not_reversed(attack: Attack) -> None:
    ours = attack.ours
    line = booked(ours.account, "81.00")
    services.match_lines(ours.line.pk, [line.pk], services.Why())
    item = attack.item(findings.OUTSTANDING, line)

    with pytest.raises(Refused, match="matched with the bank"):
        attack.act(item, "reverse")


def test_entry_is_reversed_once_and_a_second_time_is_told(attack: Attack) -> None:
    line = booked(attack.ours.account, "81.00")
    attack.act(attack.item(findings.OUTSTANDING, line), "reverse")
    desk.undo(attack.person)

    with pytest.raises(Refused, match="reversed already"):
        attack.act(attack.item(findings.OUTSTANDING, line), "reverse")


def test_refused_file_is_never_read_for_another_companys_account(attack: Attack) -> None:
    file = attack.ours.refused_file
    item = attack.item(findings.REFUSED, file)

    with pytest.raises(Refused, match="no such bank account"):
        attack.act(item, "account", account=str(attack.theirs.account.pk))

    assert StatementFile.objects.get(pk=file.pk).bank_account is None


def test_money_in_suspense_goes_to_no_lease_of_another_company(attack: Attack) -> None:
    receipt, lease = attack.ours.suspense, attack.theirs.home.lease
    item = attack.item(rent_findings.IN_SUSPENSE, receipt)
    ways: list[tuple[str, dict[str, str]]] = [
        (f"assign:{lease.pk}", {"lease": str(lease.pk)}),
        (f"assign:{attack.ours.home.lease.pk}", {"lease": str(lease.pk)}),
        ("assign:", {"lease": "²"}),
        ("assign_once", {"code": lease.code}),
    ]
    for remedy, facts in ways:
        with pytest.raises(Refused):
            attack.act(item, remedy, **facts)
    receipt.refresh_from_db()
    assert receipt.lease is None


@pytest.mark.parametrize("remedy", ["transfer:x", "transfer:", "transfer:{theirs}", "transfer:0"])
def test_security_deposit_is_moved_from_no_account_of_another_company(
    attack: Attack, remedy: str
) -> None:
    item = attack.item(rent_findings.DEPOSIT_IN_RENT, attack.ours.home.lease)
    before = counted()

    with pytest.raises(Refused):
        attack.act(item, remedy.format(theirs=attack.theirs.home.rent_book.pk), on="2026-03-09")

    assert counted() == before


def test_deposit_is_not_moved_on_a_day_that_has_not_come(attack: Attack) -> None:
    lease: Lease = attack.ours.home.lease
    make.charge(lease, "500.00", kind="security_deposit")
    make.receipt(lease, "500.00")
    item = attack.item(rent_findings.DEPOSIT_IN_RENT, lease)

    with pytest.raises(Refused, match="not come yet"):
        attack.act(item, f"transfer:{attack.ours.home.rent_book.pk}", on="2999-01-01")


def test_upload_names_no_account_of_another_company(attack: Attack) -> None:
    client = signed_in(attack.person)
    from django.core.files.uploadedfile import SimpleUploadedFile

    for entity, account in (
        (attack.ours.entity, attack.theirs.account),
        (attack.theirs.entity, attack.theirs.account),
    ):
        before = StatementFile.objects.count()
        client.post(
            "/reconciliation/upload/",
            {
                "entity": entity.pk, "account": account.pk,
                "bank_files": SimpleUploadedFile("x.csv", b"a,b\n1,2\n"),
            },
        )  # fmt: skip
        assert StatementFile.objects.count() == before


def test_columns_are_saved_for_no_account_of_another_company(attack: Attack) -> None:
    client = signed_in(attack.person)
    url = f"/reconciliation/files/{attack.ours.refused_file.pk}/columns/"
    for account in (str(attack.theirs.account.pk), "x", "²", "9" * 40):
        answer = client.post(url, {"account": account, "save": "1"})
        assert answer.status_code == 200
    assert not hasattr(BankAccount.objects.get(pk=attack.theirs.account.pk), "csv_profile")


def test_bulk_leaves_out_what_belongs_to_another_company(attack: Attack) -> None:
    client = signed_in(attack.person)
    before = counted()
    answer = client.post(
        "/desk/bulk/", {"tick": [str(attack.theirs.item.pk), "²", "9" * 5000, "x"]}
    )
    assert "Zyzzyva" not in answer.content.decode()
    answer = client.post("/desk/bulk/", {"_plan": "forged", "count": "1"}, follow=True)
    assert "too old" in answer.content.decode()
    assert counted() == before


def test_nobody_undoes_what_another_person_did(attack: Attack) -> None:
    attack.act(attack.item(findings.UNMATCHED, attack.ours.line), "suspense")
    other: World = attack.theirs

    with pytest.raises(Refused, match="nothing to undo"):
        desk.undo(other.people[Role.BOOKKEEPER])


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
