"""Pages of money out: the payments, one of them, files for the bank, and check numbers."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet, Sum
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.views.decorators.http import require_GET, require_POST

from connectors import services as connectors
from connectors.models import Connection, Request
from connectors.nacha.types import NachaError
from desk import roles
from desk.errors import Refused
from desk.models import Approval, AuditEvent, User
from desk.queries import number
from desk.roles import Permission
from desk.services import record
from desk.views import needs
from ledger.errors import LedgerError
from ledger.models import Book
from payments import evidence, queries, services
from payments.errors import PaymentsError
from payments.forms import (
    ChangeForm,
    FileForm,
    FilterForm,
    GapForm,
    PositivePayForm,
    StockForm,
)
from payments.law import dormancy_of
from payments.models import CheckStock, Payment
from payments.services import approvals
from proptrust.lib.money import usd

PAGE = 100
SHOWN = 200
REFUSALS = (PaymentsError, LedgerError, NachaError, Refused)


@needs(Permission.READ_BOOKS)
@require_GET
def payments(request: HttpRequest) -> HttpResponse:
    """The payments that a person may see, with filters, and what can be done with many at once."""
    user = _user(request)
    entities = roles.entity_ids(user, Permission.READ_BOOKS)
    form = FilterForm(request.GET or None, books=_books(entities))
    rows = _filtered(queries.payments_of(entities), form)
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    others = request.GET.copy()
    others.pop("page", None)
    may_post = roles.can(user, Permission.POST)
    context = {
        "title": "Payments out",
        "form": form,
        "page": page,
        "total": usd(rows.aggregate(total=Sum("amount"))["total"] or 0),
        "query": others.urlencode(),
        "may_post": may_post,
        "file_form": FileForm(connections=_banks(user)) if may_post else None,
        "positive_pay_form": PositivePayForm(books=_own_books(user)) if may_post else None,
        "files": _files(entities)[:20],
    }
    return render(request, "payments/list.html", context)


def _filtered(rows: QuerySet[Payment], form: FilterForm) -> QuerySet[Payment]:
    if not form.is_valid():
        return rows
    given = form.cleaned_data
    for name in ("book", "state", "method", "purpose"):
        if given[name]:
            rows = rows.filter(**{name: given[name]})
    if text := given["q"]:
        rows = rows.filter(
            Q(number=text.lstrip("0")) | Q(payee__icontains=text) | Q(payee_code__iexact=text)
        )
    return rows


@needs(Permission.READ_BOOKS)
@require_GET
def payment(request: HttpRequest, payment_id: int) -> HttpResponse:
    """One payment: its facts, who paid it, what the bank did, what replaced it, its history."""
    row = _payment(request, payment_id, Permission.READ_BOOKS)
    may_post = roles.can(request.user, Permission.POST, row.entity_id)
    back = row.back_entry_id
    context: dict[str, Any] = {
        "title": str(row),
        "payment": row,
        "payers": evidence.payers(row),
        "moves": [
            *evidence.bank_moves(row.entry_id, row.book_id),
            *(evidence.bank_moves(back, row.book_id) if back else ()),
        ],
        "chain": queries.history(row),
        "history": AuditEvent.objects.filter(
            subject_type="payments.payment", subject_id=row.pk
        ).select_related("actor")[:SHOWN],
        "waiting": approvals.waiting_for(row),
        "limit": approvals.FOUR_EYES_ABOVE,
        "may_post": may_post,
        "form": ChangeForm(payment=row) if may_post and _can_change(row) else None,
        "is_stale": row.state == Payment.State.STALE,
    }
    if row.state in (Payment.State.STALE, Payment.State.UNCLAIMED):
        context["dormancy"] = dormancy_of(row)
    return render(request, "payments/payment.html", context)


def _can_change(row: Payment) -> bool:
    is_back = row.state in Payment.TAKEN_BACK and not hasattr(row, "replaced_by")
    return is_back or not services.why_not_void(row)


@needs(Permission.POST)
@require_POST
def change(request: HttpRequest, payment_id: int) -> HttpResponse:
    """Void, stop or pay again; above a limit a second person is asked first."""
    row = _payment(request, payment_id, Permission.POST)
    form = ChangeForm(request.POST, payment=row)
    if not form.is_valid():
        messages.warning(request, _errors(form))
        return redirect("payments:payment", row.pk)

    def act() -> str:
        outcome = services.change(
            row, **form.cleaned_data, on=timezone.localdate(), actor=_user(request)
        )
        if isinstance(outcome, Approval):
            return "A second person is asked to agree."
        return f"{outcome} is {outcome.get_state_display().lower()}."

    _tried(request, act)
    return redirect("payments:payment", row.pk)


@needs(Permission.POST)
@require_POST
def unclaimed(request: HttpRequest, payment_id: int) -> HttpResponse:
    """Keep the money of a stale check for its payee."""
    row = _payment(request, payment_id, Permission.POST)

    def act() -> str:
        services.to_unclaimed(row, on=timezone.localdate(), actor_id=_user(request).pk)
        return f"The money is kept as unclaimed money of {row.payee}."

    _tried(request, act)
    return redirect("payments:payment", row.pk)


@needs(Permission.READ_BOOKS)
@require_GET
def letter(request: HttpRequest, payment_id: int) -> HttpResponse:
    """The letter to the payee of a check that was not cashed."""
    row = _payment(request, payment_id, Permission.READ_BOOKS)
    try:
        document = services.due_diligence_letter(
            row, on=timezone.localdate(), dormancy=dormancy_of(row).for_payee
        )
    except PaymentsError as refusal:
        messages.warning(request, str(refusal))
        return redirect("payments:payment", row.pk)
    return _download(document, f"letter-check-{row.number}.pdf", "application/pdf")


@needs(Permission.POST)
@require_POST
def print_checks(request: HttpRequest) -> HttpResponse:
    """The chosen checks as one PDF; they count as sent from then on."""
    try:
        document = services.print_checks(_chosen(request), actor=_user(request))
    except PaymentsError as refusal:
        messages.warning(request, str(refusal))
        return redirect("payments:list")
    return _download(document, "checks.pdf", "application/pdf")


@needs(Permission.POST)
@require_POST
def write_files(request: HttpRequest) -> HttpResponse:
    """Write the chosen ACH payments as files for the bank."""
    rows = _chosen(request)
    form = FileForm(request.POST, connections=_banks(_user(request)))
    if not form.is_valid():
        messages.warning(request, _errors(form))
        return redirect("payments:list")
    connection = form.cleaned_data["connection"]

    def act() -> str:
        files = services.write_ach_files(
            book=_book_of(rows, connection),
            payments=rows,
            connection=connection,
            effective_on=form.cleaned_data["effective_on"],
            # Pressed twice, the second file finds its payments in the first.
            key=f"page:{get_random_string(12)}",
        )
        names = ", ".join(file.facts["name"] for file in files)
        return f"Written: {names}. Give it to the bank, then say so below."

    _tried(request, act)
    return redirect("payments:list")


def _book_of(rows: Sequence[Payment], connection: Connection) -> Book:
    if not rows:
        raise Refused("Choose the payments to send.")
    return connection.book or rows[0].book


@needs(Permission.POST)
@require_POST
def hand_over(request: HttpRequest, request_id: int) -> HttpResponse:
    """Say that a file was given to the bank."""
    row = _file(request, request_id, Permission.POST)

    def act() -> str:
        connectors.hand_over(row.pk, actor=_user(request))
        return f"{row.facts['name']} is at the bank."

    _tried(request, act)
    return redirect("payments:list")


@needs(Permission.POST)
@require_POST
def withdraw(request: HttpRequest, request_id: int) -> HttpResponse:
    """Take a file back that the bank never got."""
    row = _file(request, request_id, Permission.POST)

    def act() -> str:
        why = request.POST.get("why", "")
        count = services.withdraw_file(row, why=why, actor=_user(request))
        return f"{row.facts['name']} is withdrawn; {count} payments wait again."

    _tried(request, act)
    return redirect("payments:list")


@needs(Permission.POST)
@require_GET
def file(request: HttpRequest, request_id: int) -> HttpResponse:
    """The bytes of a file as they go to the bank."""
    row = _file(request, request_id, Permission.POST)
    if row.delivery is None:
        raise Http404("There is no such file.")
    record(
        "download ach file",
        text=f"{row.facts['name']} was downloaded",
        subject=row,
        entity_id=row.connection.entity_id,
        actor=_user(request),
    )
    name = row.facts["name"].replace(" ", "-")
    return _download(bytes(row.delivery.body), name, "text/plain; charset=us-ascii")


@needs(Permission.READ_BOOKS)
@require_GET
def stock(request: HttpRequest) -> HttpResponse:
    """The next check of each account, and the numbers that nobody has explained."""
    user = _user(request)
    entities = roles.entity_ids(user, Permission.READ_BOOKS)
    stocks = {
        row.book_id: row
        for row in CheckStock.objects.filter(book__entity__in=entities).select_related("set_by")
    }
    context = {
        "title": "Check numbers",
        "rows": [
            {
                "book": book,
                "stock": stocks.get(book.pk),
                "gaps": queries.gaps(book.pk)[:SHOWN] if book.pk in stocks else [],
                "may_post": roles.can(user, Permission.POST, book.entity_id),
            }
            for book in _books(entities)
        ],
    }
    return render(request, "payments/stock.html", context)


@needs(Permission.POST)
@require_POST
def set_stock(request: HttpRequest) -> HttpResponse:
    """Say which check number of an account comes next."""
    user = _user(request)
    form = StockForm(request.POST, books=_own_books(user))
    if not form.is_valid():
        messages.warning(request, "This is no check number of an account of yours.")
        return redirect("payments:stock")

    def act() -> str:
        book, next_number = form.cleaned_data["book"], form.cleaned_data["next_number"]
        return f"{services.set_stock(book, next_number=next_number, actor=user)}."

    _tried(request, act)
    return redirect("payments:stock")


@needs(Permission.POST)
@require_POST
def explain_gap(request: HttpRequest) -> HttpResponse:
    """Say what became of check numbers that no payment has."""
    user = _user(request)
    form = GapForm(request.POST, books=_own_books(user))
    if not form.is_valid():
        messages.warning(request, "Give the numbers and say what became of the checks.")
        return redirect("payments:stock")

    def act() -> str:
        count = services.explain_gap(**form.cleaned_data, actor=user)
        return f"{count} check numbers are explained."

    _tried(request, act)
    return redirect("payments:stock")


@needs(Permission.POST)
@require_GET
def positive_pay(request: HttpRequest) -> HttpResponse:
    """The list of checks that the bank may pay."""
    user = _user(request)
    form = PositivePayForm(request.GET, books=_own_books(user))
    if not form.is_valid():
        messages.warning(request, "Choose an account and two days.")
        return redirect("payments:list")
    book, since, until = (form.cleaned_data[name] for name in ("book", "since", "until"))
    try:
        body = services.positive_pay(book, since=since, until=until)
    except PaymentsError as refusal:
        messages.warning(request, str(refusal))
        return redirect("payments:list")
    record(
        "download positive pay",
        text=f"The checks of {book} from {since} to {until} were downloaded",
        subject=book,
        actor=user,
    )
    return _download(body, f"positive-pay-{since}-{until}.csv", "text/csv; charset=utf-8")


# -- Shared


def _errors(form: Form) -> str:
    return " ".join(str(said) for each in form.errors.values() for said in each)


def _tried(request: HttpRequest, act: Callable[[], str]) -> None:
    try:
        messages.success(request, act())
    except REFUSALS as refusal:
        messages.warning(request, str(refusal))


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _books(entities: Sequence[int]) -> QuerySet[Book]:
    """The books of some companies that a bank account stands behind."""
    rows = Book.objects.filter(entity__in=list(entities), bank_account__isnull=False)
    return rows.select_related("bank_account").order_by("name")


def _own_books(user: User) -> QuerySet[Book]:
    return _books(roles.entity_ids(user, Permission.POST))


def _banks(user: User) -> QuerySet[Connection]:
    """The connections that write ACH files for a person's companies."""
    return Connection.objects.filter(
        entity__in=roles.entity_ids(user, Permission.POST),
        slug="ach_nacha",
        state=Connection.State.ACTIVE,
    ).order_by("label")


def _files(entities: Sequence[int]) -> QuerySet[Request]:
    """Files of payments that wait to be given to the bank."""
    return (
        Request.objects.filter(
            connection__entity__in=list(entities),
            state=Request.State.READY,
            payments__isnull=False,
        )
        .select_related("connection")
        .order_by("-id")
        .distinct()
    )


def _chosen(request: HttpRequest) -> list[Payment]:
    """The payments whose boxes are ticked, of companies where the person may post."""
    ids = [id_ for text in request.POST.getlist("payment") if (id_ := number(text))]
    entities = roles.entity_ids(request.user, Permission.POST)
    rows = Payment.objects.filter(pk__in=ids, entity__in=entities).select_related("book")
    return list(rows.order_by("id"))


def _payment(request: HttpRequest, payment_id: int, permission: Permission) -> Payment:
    row = (
        Payment.objects.select_related("entity", "book__bank_account", "replaces", "made_by")
        .select_related("request__connection")
        .filter(pk=payment_id)
        .first()
    )
    if row is None or row.entity_id not in roles.entity_ids(request.user):
        raise Http404("There is no such payment.")
    _must(request, permission, row.entity_id)
    return row


def _file(request: HttpRequest, request_id: int, permission: Permission) -> Request:
    row = (
        Request.objects.select_related("connection", "delivery")
        .filter(pk=request_id, payments__isnull=False)
        .first()
    )
    if row is None or row.connection.entity_id not in roles.entity_ids(request.user):
        raise Http404("There is no such file.")
    _must(request, permission, row.connection.entity_id)
    return row


def _must(request: HttpRequest, permission: Permission, entity_id: int) -> None:
    if not roles.can(request.user, permission, entity_id):
        raise PermissionDenied(f"Your role does not let you {permission}.")


def _download(body: bytes, name: str, content_type: str) -> HttpResponse:
    return HttpResponse(
        body,
        content_type=content_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
