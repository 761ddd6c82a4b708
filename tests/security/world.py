"""A company of which every row carries a word that no page of another company may show."""

import io
import zipfile
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any

from django.apps import apps
from django.db.models import Model

from connectors.facts import digest, encode
from connectors.models import Connection, Delivery, Event, EventConflict, Exchange, Refusal, Request
from connectors.types import PaymentSettled
from deposits import services as layer
from deposits.models import (
    Deduction,
    DeductionFile,
    EscrowBill,
    EscrowFund,
    HandOver,
    MoveOut,
    Notice,
    RefundShare,
)
from deposits.postings import came_in
from deposits.types import NewDeduction
from desk.models import Approval, AuditEvent, LegalEntity, Role, User, WorkItem
from disbursements.models import Recovery
from disbursements.services import freeze_run
from fees.services import draw_fees
from leases.models import Unit
from ledger.charts import chart
from ledger.models import BankAccount, Book, Entry, Line
from ledger.services import close_period, post_fact
from payables.services import keep_document
from payments.models import CheckStock, Payment
from proptrust.lib.money import usd
from receivables import services as rent
from receivables.models import (
    BankDetailsChange,
    Charge,
    Comeback,
    OpeningItem,
    PayerAlias,
    PaymentRetry,
    PortfolioDraft,
    PortfolioImport,
    Receipt,
    ReceiptMove,
    Remittance,
    ReturnStep,
)
from receivables.services.concessions import agree_concession
from receivables.services.credits import give_credit
from receivables.services.returned import authorise
from receivables.services.subsidies import create_agency, create_subsidy, record_subsidies
from receivables.types import NewSubsidyLine, NewSubsidyRemittance
from reconciliation import services as bank
from reconciliation.models import BankLine, StatementFile
from statements.models import TrustReport
from statements.owners import links
from statements.owners import services as owners
from tests.factories import deposits, leases, payables, payments, receivables
from tests.factories.desk import LegalEntityFactory, WorkItemFactory, person
from tests.factories.reconciliation import (
    MONDAY,
    an_owner,
    bai2,
    imported,
    lines_of,
    move,
    opened,
)
from tests.statements.owner_world import stamp

SECRET = "Zyzzyva"
_numbers = count(1)


# The parameters of the deposits' addresses, each with its model and the way to its company.
OF_DEPOSITS: dict[str, tuple[type[Model], str]] = {
    "move_out_id": (MoveOut, "entity"),
    "notice_id": (Notice, "deposit__entity"),
    "deduction_id": (Deduction, "move_out__entity"),
    "proof_id": (DeductionFile, "deduction__move_out__entity"),
    "refund_id": (RefundShare, "move_out__entity"),
    "hand_over_id": (HandOver, "property__entity"),
    "fund_id": (EscrowFund, "property__entity"),
    "escrow_bill_id": (EscrowBill, "fund__property__entity"),
}


@dataclass
class World:
    """A company with a row of every kind."""

    entity: LegalEntity
    home: leases.Company
    account: BankAccount
    connection: Connection
    file: StatementFile
    refused_file: StatementFile
    report: TrustReport
    item: WorkItem
    approval: Approval
    draft: PortfolioDraft
    request: Request
    people: dict[str, User]
    suspense: Receipt
    check: Receipt
    line: BankLine
    payment: Payment

    def deposit_row(self, name: str) -> Model:
        """A deposit's row of the company, by the name of a parameter."""
        model, path = OF_DEPOSITS[name]
        row = model._default_manager.filter(**{path: self.entity}).order_by("pk").first()
        assert row is not None, f"the world has no {model.__name__}"
        return row

    def row_of(self, label: str) -> Model | None:
        """A row of the company, by the label of its model; None for a model of no company."""
        model: Any = apps.get_model(label)
        path = _PATHS.get(label)
        if path is None:
            return None
        found: Model | None = model.objects.filter(**{path: self.entity.pk}).order_by("pk").first()
        return found


# How each model of the admin belongs to a company. A model that is missing here fails the walk.
_PATHS = {
    "desk.User": "memberships__entity",
    "desk.LegalEntity": "pk",
    "desk.AuditEvent": "entity",
    "ledger.Entry": "entity",
    "ledger.Book": "entity",
    "ledger.Beneficiary": "entity",
    "ledger.Period": "book__entity",
    "ledger.BankAccount": "book__entity",
    "connectors.Connection": "entity",
    "connectors.Delivery": "connection__entity",
    "connectors.Event": "connection__entity",
    "connectors.EventConflict": "event__connection__entity",
    "connectors.Request": "connection__entity",
    "connectors.Exchange": "connection__entity",
    "connectors.Refusal": "connection__entity",
    "leases.Property": "entity",
    "leases.Owner": "entity",
    "leases.Lease": "entity",
    "leases.Tenant": "entity",
    "leases.Unit": "property__entity",
    "leases.ManagementAgreement": "property__entity",
    "receivables.Receipt": "entity",
    "receivables.DepositSlip": "book__entity",
    "receivables.Charge": "entity",
    "receivables.RecurringCharge": "lease__entity",
    "receivables.Comeback": "receipt__entity",
    "receivables.Concession": "lease__entity",
    "receivables.Credit": "charge__entity",
    "receivables.PaymentAuthorisation": "lease__entity",
    "receivables.ReturnStep": "comeback__receipt__entity",
    "receivables.PaymentRetry": "first__entity",
    "receivables.ReceiptMove": "receipt__entity",
    "receivables.HousingAgency": "entity",
    "receivables.Subsidy": "lease__entity",
    "receivables.SubsidyRemittance": "entity",
    "receivables.SubsidyVariance": "subsidy__lease__entity",
    "receivables.Remittance": "book__entity",
    "receivables.OpeningItem": "book__entity",
    "receivables.BankDetailsChange": "entity",
    "receivables.PayerAlias": "entity",
    "receivables.PortfolioImport": "entity",
    "fees.Fee": "entity",
    "fees.FeeDraw": "entity",
    "reconciliation.StatementFile": "entity",
    "reconciliation.Statement": "bank_account__book__entity",
    "reconciliation.BankLine": "bank_account__book__entity",
    "reconciliation.Match": "bank_account__book__entity",
}
OF_NO_COMPANY = frozenset({"auth", "django_q", "axes"})


def a_world(word: str = SECRET) -> World:
    """Make a company; word: what stands in every name and text of it."""
    number = next(_numbers)
    entity = LegalEntityFactory.create(name=f"{word} Homes {number}", tax_id=f"{word}-tax")
    home = leases.company(entity=entity, lease_code=f"{word}-{number}", tenants=(f"{word} Tenant",))
    for book in Book.objects.filter(entity=entity):
        Book.objects.filter(pk=book.pk).update(name=f"{word} book {book.pk}")
    Unit.objects.filter(pk=home.unit.pk).update(code=f"{word}{number}")
    for row in (home.property, *home.owners):
        setattr(row, "name", f"{word} {row.pk}")  # noqa: B010  Rows of two models, each with a name.
        row.save(update_fields=["name"])
    account = BankAccount.objects.select_related("book").get(book=home.rent_book)
    BankAccount.objects.filter(book__entity=entity).update(
        bank_name=f"{word} Bank", title=f"{word} account"
    )
    people = {
        role: person(role, entity, username=f"{word}-{role}-{number}", first_name=word)
        for role in Role.values
    }
    _rent(home, word)
    opened(account, "500.00")
    file = imported(account, bai2(account, MONDAY, [move("700.00", f"{word} WIRE")]))
    (line,) = lines_of(account)
    bank.put_into_suspense(line.pk, bank.Why(people[Role.BOOKKEEPER].pk))
    imported(
        account,
        bai2(account, date(2026, 3, 3), [move("81.00", f"{word} CREDIT")], opening="700"),
    )
    refused = bank.store_file(entity_id=entity.pk, name=f"{word}.csv", body=b"a,b\n1,2\n")
    bank.import_file(refused.pk)
    connection = _connection(home, word)
    report = TrustReport.objects.create(
        entity=entity, bank_account=account, from_on=MONDAY, to_on=MONDAY, state="made",
        outcome="certifiable", pdf=word.encode(), rows=word.encode(), sha256="0" * 64,
    )  # fmt: skip
    _owner_statement(entity, people[Role.BOOKKEEPER])
    item = WorkItemFactory.create(
        entity=entity, kind="odd", title=f"{word} odd", who=word, where=word
    )
    approval = Approval.objects.create(
        entity=entity, kind="odd", key=f"odd:{number}", text=f"{word} asks",
        maker=people[Role.BOOKKEEPER],
    )  # fmt: skip
    AuditEvent.objects.create(
        entity=entity, verb="test", subject_type="desk.workitem", subject_id=item.pk, text=word
    )
    PortfolioImport.objects.create(
        entity=entity, cut_over_on=MONDAY, digest="0" * 64, bodies=b"", said={"word": word},
        files=[{"name": word}],
    )  # fmt: skip
    draft = PortfolioDraft.objects.create(
        made_by=people[Role.BOOKKEEPER], entity_name=entity.name, cut_over_on=MONDAY,
        bodies=_zip(f"{word}.csv"),
    )  # fmt: skip
    draw_fees(Book.objects.get(pk=home.rent_book.pk), on=MONDAY, amount=usd("0.10"), actor_id=None)
    _deposits(home, word)
    _bills(home, word)
    _more_of_rent(home, word)
    _draws(home, people[Role.BOOKKEEPER], word)
    for first in (date(2026, 1, 1), date(2026, 2, 1)):
        close_period(
            book_id=home.deposit_book.pk, first_on=first,
            closed_by_id=people[Role.BOOKKEEPER].pk,
        )  # fmt: skip
    return World(
        entity, home, account, connection, file, refused, report, item, approval, draft,
        Request.objects.get(connection=connection), people,
        Receipt.objects.filter(entity=entity, lease__isnull=True).first() or _none(),
        Receipt.objects.filter(entity=entity, into="undeposited").first() or _none(),
        BankLine.objects.get(bank_account=account, is_matched=False),
        _payment(account, connection, word),
    )  # fmt: skip


def _deposits(home: leases.Company, word: str) -> None:
    """A sheet with a deduction and its proof, papers, a hand-over, an escrow with a bill."""
    post_fact(
        entity_id=home.entity.pk, key="deposit", kind=Entry.Kind.RECEIPT, day=MONDAY, memo=word,
        lines=came_in(
            chart(home.entity.pk), home.deposit_book.pk, home.lease.deposit_id, usd("300.00")
        ),
    )  # fmt: skip
    layer.deposit_of(home.lease)
    layer.hand_over(home.property, kind="new_owner", to=f"{word} Owner", on=MONDAY)
    sheet = deposits.sheet(home, moved_out_on=MONDAY, deductions={})
    row = layer.add_deduction(
        sheet, NewDeduction(kind="damage", amount=usd("5.00"), memo=f"{word} door")
    )
    layer.add_file(row, name=f"{word}.pdf", body=b"%PDF-1.7 bill")
    fund = layer.open_fund(home.property, kind="tax")
    layer.expect_bill(fund, payee=f"{word} County", amount=usd("9.00"), due_on=date(2027, 1, 1))


def _bills(home: leases.Company, word: str) -> None:
    """A vendor with a work order and a bill, which has its file."""
    vendor = payables.vendor(home, name=f"{word} Plumbing", email=f"{word}@example.test")
    order = payables.work_order(vendor, home.property, title=f"{word} leak")
    file = keep_document(entity_id=home.entity.pk, name=f"{word}.pdf", body=payables.PDF)
    payables.draft(
        vendor,
        [(home.property, "12.00")],
        memo=f"{word} work",
        work_order_id=order.pk,
        document_id=file.pk,
    )


def _rent(home: leases.Company, word: str) -> None:
    receivables.charge(home.lease, "900.00")
    receivables.recurring(home.lease)
    paid = receivables.receipt(home.lease, "900.00", payer=f"{word} Payer", memo=word)
    rent.take_back(paid, receivables.comeback("900.00", kind="return"))
    checks = [
        receivables.receipt(
            home.lease, amount, channel="check", into="undeposited", payer=f"{word} Payer",
            number=f"{word}{amount}",
        )
        for amount in ("11.00", "12.00")
    ]  # fmt: skip
    rent.make_deposit_slip(
        book=home.rent_book, number=f"{word}-slip", day=MONDAY, receipts=checks[:1]
    )
    PayerAlias.objects.create(
        entity=home.entity, lease=home.lease, source="name", alias=f"{word.lower()} alias"
    )
    BankDetailsChange.objects.create(
        entity=home.entity, payment=word, code="C01", payer=f"{word} Payer", noticed_on=MONDAY
    )
    check = Line.objects.filter(book=home.rent_book).order_by("pk")[0]
    OpeningItem.objects.create(
        book=home.rent_book, kind="check", number=word, party=word, dated_on=MONDAY,
        amount=usd("5.00"), entry=Entry.objects.get(pk=check.entry_id),
    )  # fmt: skip


def _more_of_rent(home: leases.Company, word: str) -> None:
    """What a tenant is let off, an agency's transfer, and a payment that was moved and retried."""
    charge = Charge.objects.filter(lease=home.lease).order_by("pk")[0]
    give_credit(charge, usd("1.00"), kind="adjustment", reason=f"{word} reason", key=f"{word}:c")
    agree_concession(home.lease, from_on=date(2027, 1, 1), amount=usd("1.00"), memo=word)
    authorise(home.lease, channel="ach", method_reference=f"{word}-ref")
    back = Comeback.objects.filter(receipt__entity=home.entity).order_by("pk")[0]
    ReturnStep.objects.create(comeback=back, kind=ReturnStep.Kind.RETRY, advice=f"{word} advice")
    PaymentRetry.objects.create(
        first=back.receipt, comeback=back, number=1, payment=word[:15],
        request=Request.objects.get(connection__entity=home.entity),
    )  # fmt: skip
    other = leases.lease_in(home.unit, tenants=(f"{word} Other",))
    ReceiptMove.objects.create(
        receipt=back.receipt, from_lease=home.lease, to_lease=other, on=MONDAY, why=word,
        entry=Entry.objects.filter(entity=home.entity).order_by("pk")[0],
    )  # fmt: skip
    agency = create_agency(entity_id=home.entity.pk, name=f"{word} Housing")
    create_subsidy(
        lease=home.lease, agency=agency, tenant_code=f"{word}-1", amount=usd("50.00"),
        from_on=date(2026, 1, 1),
    )  # fmt: skip
    record_subsidies(
        NewSubsidyRemittance(
            agency_id=agency.pk, book_id=home.rent_book.pk, number=f"{word}-HAP", month=MONDAY,
            arrives_on=MONDAY, amount=usd("30.00"),
            lines=[
                NewSubsidyLine(row=1, tenant_code=f"{word}-1", amount=usd("40.00"), memo=word),
                NewSubsidyLine(row=2, tenant_code=f"{word}-2", amount=usd("-10.00"), memo=word),
            ],
        )
    )  # fmt: skip


def _draws(home: leases.Company, maker: User, word: str) -> None:
    """A frozen run, and an owner from whom something is to be recovered."""
    freeze_run(home.entity, cut_off_on=date(2026, 3, 31), pays_on=date(2026, 4, 1), actor=maker)
    Recovery.objects.create(
        entity=home.entity, owner=home.owners[0], property=home.property,
        beneficiary_id=home.owner_beneficiaries()[0], book=home.rent_book, amount=usd("3.00"),
        cause=word, opened_on=MONDAY,
    )  # fmt: skip


def _connection(home: leases.Company, word: str) -> Connection:
    connection = receivables.connection(home)
    Connection.objects.filter(pk=connection.pk).update(
        label=f"{word} Stripe", test_said=word, credentials={"signing_secret": f"whsec_{word}"}
    )
    fact: PaymentSettled = receivables.settled(f"pi_{word}", usd("10.00"), payer=f"{word} Payer")
    delivery = Delivery.objects.create(
        connection=connection, name=f"{word}.json", body=word.encode(), sha256="1" * 64,
        headers={"x": word},
    )  # fmt: skip
    event = Event.objects.create(
        connection=connection, delivery=delivery, key=f"{word}:1", kind=fact.kind, at=fact.at,
        subject=f"pi_{word}", facts=encode(fact), digest=digest(fact),
    )  # fmt: skip
    EventConflict.objects.create(
        event=event, delivery=delivery, facts=encode(fact), digest="2" * 64
    )
    file = Delivery.objects.create(connection=connection, body=word.encode(), sha256="3" * 64)
    Request.objects.create(
        connection=connection, key=f"{word}:r", kind="write_file", delivery=file,
        facts={"name": f"{word}.ach", "sha256": "3" * 64}, reason=word,
    )  # fmt: skip
    Exchange.objects.create(
        connection=connection, method="GET", url=f"https://{word}.example", seconds=1, answer=word
    )
    Refusal.objects.create(connection=connection, on=MONDAY, reason=word, last_size=1)
    Remittance.objects.create(
        connection=connection, vendor_id=f"po_{word}", book=home.rent_book, arrives_on=MONDAY,
        amount=usd("0"), fees=usd("0"),
    )  # fmt: skip
    return Connection.objects.get(pk=connection.pk)


def _payment(account: BankAccount, connection: Connection, word: str) -> Payment:
    """A check that stands in a file, too, so that the pages of both are walked."""
    CheckStock.objects.create(book=account.book, first_number=1, next_number=1)
    paid = payments.payment(
        account.book, an_owner(account), "5.00", payee=f"{word} Payee", memo=word
    )
    Payment.objects.filter(pk=paid.pk).update(request=Request.objects.get(connection=connection))
    paid.refresh_from_db()
    return paid


def _zip(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "a,b\n1,2\n")
    return out.getvalue()


def _owner_statement(entity: LegalEntity, maker: User) -> None:
    """A statement that is made, and a link to it."""
    rows = owners.request_statements(entity, to_on=date(2026, 3, 31), from_on=date(2026, 3, 1))
    owners.compose_statements([row.pk for row in rows])
    links.make_link(stamp(rows[0]), made_by=maker)


def _none() -> Receipt:
    raise AssertionError("the company lacks a receipt")
