"""Pages of fees: revenue, the fees themselves, draws, and the audit."""

import csv
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from io import StringIO
from typing import Any, cast
from urllib.parse import urlencode
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from moneyed import Money

from desk import roles
from desk.models import Approval, User
from desk.queries import number
from desk.roles import Permission
from desk.views import needs
from fees import queries, services
from fees.errors import FeesError
from fees.forms import CompanyForm, DrawForm, FeesForm, NewFeeForm, PeriodForm, RevenueForm
from fees.models import Fee, FeeDraw
from fees.services import NewFee
from fees.services.draws import APPROVAL
from fees.services.periods import month_of
from fees.types import RevenueRow
from ledger.admin import neutral
from ledger.errors import LedgerError
from ledger.models import Beneficiary, Book
from proptrust.lib.money import plain, usd

PAGE = 100
DRAWS_SHOWN = 50
ROWS_SHOWN = 500
REFUSALS = (FeesError, LedgerError)


@needs(Permission.READ_BOOKS)
@require_GET
def revenue(request: HttpRequest) -> HttpResponse:
    """What the company earned on some days, tied to its operating book."""
    form = RevenueForm(request.GET, user=_user(request), permission=Permission.READ_BOOKS)
    context: dict[str, Any] = {"title": "Fees and revenue", "form": form}
    if form.is_valid():
        facts = form.cleaned_data
        found = queries.revenue(facts["entity"].pk, facts["first"], facts["last"])
        rows = queries.rolled_up(found.rows, facts["by"])
        context |= {
            "revenue": found,
            "by": facts["by"],
            "rows": rows[:ROWS_SHOWN],
            "left_out": max(0, len(rows) - ROWS_SHOWN),
            "total": queries.summed(rows),
            "csv": f"{reverse('fees:revenue_csv')}?{_query(form)}",
            "kinds": dict(Fee.Kind.choices),
        }
    return render(request, "fees/revenue.html", context)


@needs(Permission.READ_BOOKS)
@require_GET
def revenue_csv(request: HttpRequest) -> HttpResponse:
    """The same, lease by lease and kind by kind, as a file for a spreadsheet."""
    form = RevenueForm(request.GET, user=_user(request), permission=Permission.READ_BOOKS)
    if not form.is_valid():
        raise Http404("These days cannot be shown.")
    facts = form.cleaned_data
    found = queries.revenue(facts["entity"].pk, facts["first"], facts["last"])
    return _csv(
        f"revenue-{found.first}-{found.last}.csv",
        ["kind", "property", "lease", "earned", "given_back", "net", "drawn", "waiting"],
        (_revenue_cells(row) for row in found.rows),
    )


@needs(Permission.READ_BOOKS)
@require_GET
def fee_list(request: HttpRequest) -> HttpResponse:
    """The fees of a company, the newest first, page by page."""
    form = FeesForm(request.GET, user=_user(request), permission=Permission.READ_BOOKS)
    fees: list[Fee] = []
    if form.is_valid():
        rows = _chosen(form)
        if after := _place(request.GET.get("after", "")):
            rows = rows.filter(Q(counts_on__lt=after[0]) | Q(counts_on=after[0], pk__lt=after[1]))
        fees = list(rows[: PAGE + 1])
    last = fees[PAGE - 1] if len(fees) > PAGE else None
    query = _query(form)
    context = {
        "title": "Fees",
        "form": form,
        "fees": fees[:PAGE],
        "next": f"?{query}&after={last.counts_on}.{last.pk}" if last else "",
        "previous": f"?{query}" if request.GET.get("after") else "",
        "csv": f"{reverse('fees:list_csv')}?{query}",
        "may_post": roles.can(request.user, Permission.POST),
    }
    return render(request, "fees/list.html", context)


@needs(Permission.READ_BOOKS)
@require_GET
def list_csv(request: HttpRequest) -> HttpResponse:
    """The same fees as a file for a spreadsheet."""
    form = FeesForm(request.GET, user=_user(request), permission=Permission.READ_BOOKS)
    if not form.is_valid():
        raise Http404("These fees cannot be shown.")
    return _csv(
        "fees.csv",
        ["fee", "date", "kind", "property", "lease", "basis", "rate", "amount", "state", "reason"],
        (_fee_cells(fee) for fee in _chosen(form).iterator(chunk_size=2000)),
    )


@needs(Permission.READ_BOOKS)
@require_GET
def fee(request: HttpRequest, fee_id: int) -> HttpResponse:
    """One fee: what caused it, whom it was taken from, its entry, its draw."""
    row = _fee(request, fee_id, Permission.READ_BOOKS)
    owners = Beneficiary.objects.in_bulk([int(who) for who in row.parts])
    context = {
        "title": f"{row.get_kind_display()} {plain(row.amount)}",
        "fee": row,
        "parts": [(owners[int(who)], usd(part)) for who, part in row.parts.items()],
        "back": Fee.objects.filter(reverses=row).first(),
        "may_give_back": row.kind in Fee.BY_HAND
        and row.reverses_id is None
        and roles.can(request.user, Permission.POST, row.entity_id),
    }
    return render(request, "fees/fee.html", context)


@needs(Permission.POST)
@require_POST
def give_back(request: HttpRequest, fee_id: int) -> HttpResponse:
    """Give a fee that was entered by hand back to its owners."""
    row = _fee(request, fee_id, Permission.POST)
    try:
        back = services.give_back(
            row,
            on=timezone.localdate(),
            reason=request.POST.get("reason", ""),
            actor_id=_user(request).pk,
        )
    except REFUSALS as refusal:
        messages.warning(request, str(refusal))
        return redirect("fees:fee", row.pk)
    messages.success(request, f"{plain(row.amount)} is given back.")
    return redirect("fees:fee", back.pk)


@needs(Permission.POST)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Enter a fee by hand: a renewal, a screening, a set-up."""
    user = _user(request)
    form = NewFeeForm(request.POST or None, user=user, initial={"token": uuid4().hex})
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        try:
            pieces = services.add_fee(
                NewFee(
                    property=facts["property"],
                    lease=facts["lease"],
                    kind=facts["kind"],
                    amount=usd(facts["amount"]),
                    on=facts["on"],
                    key=f"page:{facts['token']}",
                    reason=facts["reason"],
                ),
                actor_id=user.pk,
            )
        except REFUSALS as refusal:
            form.add_error(None, str(refusal))
        else:
            waits = sum((piece.amount for piece in pieces if piece.entry_id is None), usd(0))
            said = f"; {plain(waits)} of it waits for the owner's money" if waits else ""
            messages.success(request, f"The fee of {plain(usd(facts['amount']))} is entered{said}.")
            return redirect("fees:fee", pieces[0].pk)
    context = {
        "title": "Enter a fee",
        "form": form,
        "button": "Enter the fee",
        "back": reverse("fees:list"),
    }
    return render(request, "receivables/form.html", context)


@needs(Permission.READ_BOOKS)
@require_GET
def draws(request: HttpRequest) -> HttpResponse:
    """What may be drawn from each trust account, what waits for approval, and the draws made."""
    user = _user(request)
    entities = roles.entity_ids(user, Permission.READ_BOOKS)
    may_post = set(roles.entity_ids(user, Permission.POST))
    on = timezone.localdate()
    proposals = [queries.draw_proposal(book, on) for book in queries.books_with_own_money(entities)]
    asked = Approval.objects.filter(
        entity__in=entities, kind=APPROVAL, state=Approval.State.WAITING
    )
    context = {
        "title": "Fee draws",
        "proposals": [(each, each.entity_id in may_post) for each in proposals],
        "asked": asked.select_related("maker").order_by("made_at"),
        "draws": FeeDraw.objects.filter(entity__in=entities).select_related(
            "book", "made_by", "approved_by", "payment"
        )[:DRAWS_SHOWN],
        "today": on,
    }
    return render(request, "fees/draws.html", context)


@needs(Permission.POST)
@require_POST
def ask_draw(request: HttpRequest, book_id: int) -> HttpResponse:
    """Ask a second person to agree to a draw."""
    user = _user(request)
    book = Book.objects.select_related("entity").filter(pk=book_id, kind=Book.Kind.TRUST).first()
    if book is None or book.entity_id not in roles.entity_ids(user):
        raise Http404("There is no such trust account.")
    if not roles.can(user, Permission.POST, book.entity_id):
        raise PermissionDenied(f"Your role does not let you {Permission.POST}.")
    form = DrawForm(request.POST)
    if not form.is_valid():
        messages.warning(request, _first_error(form))
        return redirect("fees:draws")
    try:
        services.ask_draw(
            book, on=form.cleaned_data["on"], amount=usd(form.cleaned_data["amount"]), maker=user
        )
    except REFUSALS as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, "A second person is asked; the draw is made when they agree.")
    return redirect("fees:draws")


@needs(Permission.READ_BOOKS)
@require_GET
def audit(request: HttpRequest) -> HttpResponse:
    """All fees of some days worked out again, and what differs."""
    form = PeriodForm(request.GET, user=_user(request), permission=Permission.READ_BOOKS)
    context: dict[str, Any] = {"title": "Audit of fees", "form": form}
    if form.is_valid():
        facts = form.cleaned_data
        found = queries.audit(
            facts["entity"].pk, facts["first"], facts["last"], today=timezone.localdate()
        )
        context |= {
            "found": found[:ROWS_SHOWN],
            "count": len(found),
            "left_out": max(0, len(found) - ROWS_SHOWN),
            "kinds": dict(Fee.Kind.choices),
            "query": _query(form),
            "may_post": roles.can(request.user, Permission.POST, facts["entity"].pk),
        }
    return render(request, "fees/audit.html", context)


@needs(Permission.POST)
@require_POST
def take_due(request: HttpRequest) -> HttpResponse:
    """Take and give back what an audit found due: of payments, and of the months it was for."""
    form = PeriodForm(request.POST, user=_user(request), permission=Permission.POST)
    if not form.is_valid():
        messages.warning(request, _first_error(form))
        return redirect("fees:audit")
    facts = form.cleaned_data
    entity_id, on = facts["entity"].pk, timezone.localdate()
    done = [services.take_fees(entity_id, on=on)]
    done += [
        services.take_period_fees(entity_id, month, on=on)
        for month in _months(facts["first"], min(facts["last"], on))
    ]
    taken = sum(each.taken for each in done)
    back = sum(each.given_back for each in done)
    waiting = sum(each.waiting for each in done)
    messages.success(request, f"{taken} fees taken, {back} given back, {waiting} wait.")
    return redirect(f"{reverse('fees:audit')}?{_query(form)}")


def _months(first: date, last: date) -> Iterator[date]:
    """The first days of the months from the first day's to the last day's."""
    start = first.replace(day=1)
    while start <= last:
        yield start
        start = month_of(start)[1] + timedelta(days=1)


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _fee(request: HttpRequest, fee_id: int, permission: Permission) -> Fee:
    row = (
        Fee.objects.select_related(
            "entity", "property", "lease", "book", "entry", "draw", "reverses", "made_by",
            "allocation__receipt", "allocation__charge",
        )
        .filter(pk=fee_id)
        .first()
    )  # fmt: skip
    if row is None or row.entity_id not in roles.entity_ids(request.user):
        raise Http404("There is no such fee.")
    if not roles.can(request.user, permission, row.entity_id):
        raise PermissionDenied(f"Your role does not let you {permission}.")
    return row


def _chosen(form: FeesForm) -> QuerySet[Fee]:
    """The fees that a form asks for, the newest first."""
    facts = form.cleaned_data
    rows = Fee.objects.filter(entity=facts["entity"])
    if facts["q"]:
        text = facts["q"].strip()
        rows = rows.filter(
            Q(property__code__iexact=text)
            | Q(property__name__icontains=text)
            | Q(lease__code__iexact=text)
        )
    if facts["kind"]:
        rows = rows.filter(kind=facts["kind"])
    if facts["first"]:
        rows = rows.filter(counts_on__gte=facts["first"])
    if facts["last"]:
        rows = rows.filter(counts_on__lte=facts["last"])
    live = Q(reverses__isnull=True, reversed_by__isnull=True)
    chosen = {
        "": Q(),
        "taken": Q(entry__isnull=False, amount__gt=0),
        "waiting": live & Q(entry__isnull=True),
        "back": Q(entry__isnull=False, amount__lt=0),
        "undrawn": Q(entry__isnull=False, draw__isnull=True),
    }[facts["state"]]
    return (
        rows.filter(chosen)
        .select_related("property", "lease", "allocation", "draw", "reversed_by")
        .order_by("-counts_on", "-pk")
    )


def _place(text: str) -> tuple[date, int] | None:
    """The day and the id of the last fee on the page before, of an address."""
    day, _, id_ = text.partition(".")
    try:
        return date.fromisoformat(day), number(id_) or 0
    except ValueError:
        return None


def _query(form: CompanyForm) -> str:
    """A form as the query of an address."""
    given = {name: value for name, value in form.data.items() if value and name in form.fields}
    return urlencode(given)


def _first_error(form: Any) -> str:
    name, errors = next(iter(form.errors.items()))
    label = form.fields[name].label if name in form.fields else ""
    return f"{label}: {errors[0]}" if label else str(errors[0])


def _revenue_cells(row: RevenueRow) -> list[object]:
    return [
        Fee.Kind(row.kind).label,
        neutral(row.property_name),
        neutral(row.lease_code),
        *(_cents(each) for each in (row.earned, row.given_back, row.net, row.drawn, row.waiting)),
    ]


def _fee_cells(row: Fee) -> list[object]:
    return [
        row.pk,
        row.counts_on.isoformat(),
        row.get_kind_display(),
        neutral(row.property.name),
        neutral(row.lease.code if row.lease else ""),
        _cents(row.basis),
        f"{row.rate.normalize():f}",
        _cents(row.amount),
        row.state(),
        neutral(row.reason),
    ]


def _cents(amount: Money) -> str:
    return f"{amount.amount:.2f}"


def _csv(name: str, header: list[str], rows: Iterable[list[object]]) -> HttpResponse:
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    answer = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
