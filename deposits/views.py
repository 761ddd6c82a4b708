"""Pages of deposits and escrows: lists to read, and forms that call one service each."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar, cast

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from deposits import forms as our_forms
from deposits import letters, queries, services
from deposits.models import (
    BankInterest,
    Deduction,
    DeductionFile,
    Deposit,
    DepositRate,
    EscrowBill,
    EscrowFund,
    EscrowFunding,
    HandOver,
    MoveOut,
    Notice,
    RefundShare,
)
from deposits.queues import REFUSALS, sentence
from deposits.types import NewDeduction, NewRefund
from desk import registry, roles
from desk.models import LegalEntity, User
from desk.queries import number
from desk.roles import Permission
from desk.views import needs
from leases.models import Lease, Property
from ledger.models import Book
from ledger.queries import balance
from proptrust.lib.money import ZERO, plain, usd

PER_PAGE = 50
Row = TypeVar("Row", bound=Model)
Form = TypeVar("Form", bound=forms.Form)


# --- Accounts and deposits -------------------------------------------------------------------


@needs(Permission.READ_BOOKS)
@require_GET
def accounts(request: HttpRequest) -> HttpResponse:
    """Every deposit account: the deposits in it, and whether it holds just them."""
    ids = _readable(request)
    context = {
        "title": "Deposit accounts",
        "accounts": [queries.deposit_account(book) for book in queries.deposit_books(ids)],
    }
    return render(request, "deposits/accounts.html", context)


@needs(Permission.READ_BOOKS)
@require_GET
def account(request: HttpRequest, book_id: int) -> HttpResponse:
    """One deposit account: each tenant's money, what else lies in it, the bank's interest."""
    book = _book(request, book_id)
    found = queries.deposit_account(book)
    figures = registry.figures([book.entity_id])
    context = {
        "title": book.name,
        "book": book,
        "account": found,
        "page": Paginator(found.rows, PER_PAGE).get_page(request.GET.get("page")),
        "figures": next((each for each in figures if each.book_id == book.pk), None),
        "pool": balance(book_id=book.pk, beneficiary_id=services.interest_pool_of(book)),
        "interest": BankInterest.objects.filter(book=book)[:12],
        "rates": DepositRate.objects.filter(book=book)[:12],
        "interest_form": our_forms.InterestForm(initial={"on": timezone.localdate()}),
        "rate_form": our_forms.RateForm(initial={"year": timezone.localdate().year}),
        "may_post": _may_post(request, book.entity_id),
    }
    return render(request, "deposits/account.html", context)


@needs(Permission.POST)
@require_POST
def record_interest(request: HttpRequest, book_id: int) -> HttpResponse:
    """Record interest that the bank paid in."""
    book = _book(request, book_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        row = services.record_bank_interest(
            book,
            amount=usd(facts["amount"]),
            paid_on=facts["on"],
            key=facts["name"].strip(),
            actor_id=_user(request).pk,
        )
        return f"{plain(row.amount)} waits to be credited to tenants."

    return _acted(request, our_forms.InterestForm, act, "deposits:account", book.pk)


@needs(Permission.POST)
@require_POST
def enter_rate(request: HttpRequest, book_id: int) -> HttpResponse:
    """Enter what the bank paid in a year."""
    book = _book(request, book_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        row = services.enter_rate(
            book,
            year=facts["year"],
            rate=facts["percent"] / 100,
            source=facts["source"],
            actor_id=_user(request).pk,
        )
        return f"The rate of {row.year} is {facts['percent']} %."

    return _acted(request, our_forms.RateForm, act, "deposits:account", book.pk)


@needs(Permission.READ_BOOKS)
@require_GET
def deposit(request: HttpRequest, lease_id: int) -> HttpResponse:
    """A lease's deposit: what is held and since when, interest, papers, and its move-out."""
    row = _deposit(request, lease_id)
    lines = queries.held_since(row.lease)
    held = balance(book_id=row.book_id, beneficiary_id=row.lease.deposit_id)
    running, shown = ZERO, []
    for line in lines:
        running -= line.amount
        shown.append((line, -line.amount, running))
    context = {
        "title": f"Deposit of lease {row.lease.code}",
        "deposit": row,
        "held": held,
        "elsewhere": running - held,
        "lines": shown,
        "interest": [(each, letters.steps_in_words(each)) for each in row.interest_credits.all()],
        "notices": row.notices.defer("letter", "proof"),
        "questions": row.questions.all(),
        "shares": row.shares.select_related("tenant"),
        "move_outs": row.move_outs.defer("letter"),
        "may_post": _may_post(request, row.entity_id),
        "owner_form": our_forms.OwnerHoldsForm(initial={"amount": row.owner_held.amount}),
        "bring_form": our_forms.BringForm(initial={"on": timezone.localdate()}),
    }
    return render(request, "deposits/deposit.html", context)


@needs(Permission.POST)
@require_POST
def owner_holds(request: HttpRequest, lease_id: int) -> HttpResponse:
    """Say what the owner holds of a deposit."""
    row = _deposit(request, lease_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        done = services.owner_holds(row, usd(facts["amount"]))
        return f"The owner holds {plain(done.owner_held)}."

    return _acted(request, our_forms.OwnerHoldsForm, act, "deposits:deposit", lease_id)


@needs(Permission.POST)
@require_POST
def bring(request: HttpRequest, lease_id: int) -> HttpResponse:
    """Take into the account what the owner held."""
    row = _deposit(request, lease_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        services.bring_from_owner(
            row,
            amount=usd(facts["amount"]),
            on=facts["on"],
            key=facts["name"].strip(),
            from_rent=facts["from_rent"],
            actor_id=_user(request).pk,
        )
        return f"{plain(usd(facts['amount']))} is in the deposit account."

    return _acted(request, our_forms.BringForm, act, "deposits:deposit", lease_id)


# --- Interest --------------------------------------------------------------------------------


@needs(Permission.READ_BOOKS)
@require_http_methods(["GET", "POST"])
def interest(request: HttpRequest) -> HttpResponse:
    """What the next run of interest would credit, with its calculation; a post runs it."""
    ids = _readable(request)
    chosen = number(request.POST.get("entity") or request.GET.get("entity"))
    entity_id = chosen if chosen in ids else ids[0]
    if chosen is not None and chosen not in ids:
        raise Http404("There is no such company.")
    today = timezone.localdate()
    if request.method == "POST":
        _require(request, Permission.POST, entity_id)
        run = services.credit_interest(entity_id, on=today, actor_id=_user(request).pk)
        messages.success(
            request,
            f"{run.credited} credited, {plain(run.amount)} in all; {run.waiting} wait for money,"
            f" {run.questions} for an answer.",
        )
        return redirect(f"{reverse('deposits:interest')}?entity={entity_id}")
    dues = services.interest_due(entity_id, on=today)
    owed = [each for each in dues if each.reckoned and each.reckoned.amount]
    context = {
        "title": "Interest on deposits",
        "owed": owed,
        "total": sum((each.reckoned.amount for each in owed if each.reckoned), ZERO),
        "asked": [each for each in dues if each.asked],
        "entity_id": entity_id,
        "entities": _entities(ids),
        "may_post": _may_post(request, entity_id),
        "on": today,
    }
    return render(request, "deposits/interest.html", context)


# --- Papers ----------------------------------------------------------------------------------


@needs(Permission.READ_BOOKS)
@require_GET
def notices(request: HttpRequest) -> HttpResponse:
    """Papers that must go out, the first due first; or those that went."""
    ids = _readable(request)
    is_sent = request.GET.get("sent") == "1"
    rows = queries.open_notices(ids)
    if is_sent:
        rows = (
            Notice.objects.filter(deposit__entity__in=ids, sent_on__isnull=False)
            .select_related("deposit__lease__unit__property", "deposit__book")
            .defer("letter", "proof")
            .order_by("-sent_on", "-id")
        )
    context = {
        "title": "Deposit notices",
        "page": Paginator(rows, PER_PAGE).get_page(request.GET.get("page")),
        "is_sent": is_sent,
        "today": timezone.localdate(),
        "may_post": bool(roles.entity_ids(_user(request), Permission.POST)),
        "form": our_forms.SendForm(initial={"on": timezone.localdate()}),
    }
    return render(request, "deposits/notices.html", context)


@needs(Permission.READ_BOOKS)
@require_GET
def notice_letter(request: HttpRequest, notice_id: int) -> HttpResponse:
    """The letter of a notice: as it was sent, or as it would go out today."""
    row = _notice(request, notice_id)
    body = bytes(row.letter) if row.letter else None
    if body is None:
        letter = letters.notice(row, on=row.sent_on or timezone.localdate())
        body = letters.pdf_of(letter, row.deposit.entity)
    return _pdf(body, f"{row.kind}-{row.deposit.lease.code}")


@needs(Permission.READ_BOOKS)
@require_GET
def notice_proof(request: HttpRequest, notice_id: int) -> HttpResponse:
    """The proof that a paper went out."""
    row = _notice(request, notice_id)
    if row.proof is None:
        raise Http404("There is no proof yet.")
    return _download(bytes(row.proof), row.proof_name, row.proof_type)


@needs(Permission.POST)
@require_POST
def send_notice(request: HttpRequest, notice_id: int) -> HttpResponse:
    """Record that a paper went out, with its letter."""
    row = _notice(request, notice_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        services.send_with_letter(
            row, sent_on=facts["on"], how=facts["how"], actor_id=_user(request).pk
        )
        return f"{row} went out."

    return _acted(request, our_forms.SendForm, act, "deposits:notices")


@needs(Permission.POST)
@require_POST
def add_proof(request: HttpRequest, notice_id: int) -> HttpResponse:
    """Keep the proof of a paper."""
    row = _notice(request, notice_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        services.add_proof(row, **_upload(facts), actor_id=_user(request).pk)
        return f"The proof of {row} is kept."

    return _acted(request, our_forms.FileForm, act, "deposits:notices")


# --- Move-outs -------------------------------------------------------------------------------


@needs(Permission.READ_BOOKS)
@require_http_methods(["GET", "POST"])
def move_outs(request: HttpRequest) -> HttpResponse:
    """The board: sheets by their deadline, tenants who left without one; a post begins one."""
    ids = _readable(request)
    form: our_forms.StartForm | None = None
    postable = roles.entity_ids(_user(request), Permission.POST)
    if postable:
        leases = _leases_to_leave(postable)
        form = our_forms.StartForm(request.POST or None, leases=leases)
    if request.method == "POST":
        if form is None:
            _require(request, Permission.POST, ids[0])
        elif form.is_valid():
            facts = form.cleaned_data
            try:
                row = services.start_move_out(
                    facts["lease"],
                    moved_out_on=facts["moved_out_on"],
                    ended_on=facts["ended_on"],
                    forwarding_address=facts["forwarding_address"],
                    actor_id=_user(request).pk,
                )
            except REFUSALS as refusal:
                form.add_error(None, sentence(refusal))
            else:
                return redirect("deposits:move_out", row.pk)
    rows = queries.move_outs_of(ids)
    context = {
        "title": "Move-outs",
        "open": rows.filter(state__in=queries.OPEN_SHEETS),
        "waiting": queries.leases_without_sheet(ids),
        "done": Paginator(
            rows.exclude(state__in=queries.OPEN_SHEETS).order_by("-settled_on", "-id"), PER_PAGE
        ).get_page(request.GET.get("page")),
        "form": form,
        "today": timezone.localdate(),
    }
    status = 422 if form is not None and form.errors else 200
    return render(request, "deposits/move_outs.html", context, status=status)


@needs(Permission.READ_BOOKS)
@require_GET
def move_out(request: HttpRequest, move_out_id: int) -> HttpResponse:
    """One sheet: the clock, what is deducted, who gets what, and the next step."""
    row = _move_out(request, move_out_id)
    on = timezone.localdate()
    said, problem = None, ""
    try:
        said = services.preview(row, on=on)
    except REFUSALS as refusal:
        problem = sentence(refusal)
    refunds = list(row.refunds.select_related("payment", "tenant"))
    is_open = row.state in queries.OPEN_SHEETS
    parts = said.refunds if said and is_open else {each.pk: each.amount for each in refunds}
    context = {
        "title": f"Move-out of {row.lease.code}",
        "row": row,
        "said": said if is_open else None,
        "problem": problem,
        "is_open": is_open,
        "due_days": (row.due_on - on).days if row.due_on else None,
        "deductions": row.deductions.prefetch_related("files"),
        "refunds": [(each, parts.get(each.pk, ZERO), _refund_form(each)) for each in refunds],
        "notices": row.deposit.notices.filter(kind__in=("claim", "disposition")).defer(
            "letter", "proof"
        ),
        "deduction_form": our_forms.DeductionForm(),
        "file_form": our_forms.FileForm(),
        "settle_form": our_forms.SettleForm(initial={"on": on}),
        "deadline_form": our_forms.DeadlineForm(initial={"due_on": row.due_on}),
        "agreed_form": our_forms.OnForm(initial={"on": on}),
        "interest_form": our_forms.WordsForm(initial={"why": row.no_interest_because}),
        "may_post": _may_post(request, row.entity_id),
        "may_review": roles.can(request.user, Permission.APPROVE, row.entity_id)
        and row.made_by_id != _user(request).pk,
    }
    return render(request, "deposits/move_out.html", context)


@needs(Permission.POST)
@require_POST
def add_deduction(request: HttpRequest, move_out_id: int) -> HttpResponse:
    """Put a deduction on a sheet."""
    row = _move_out(request, move_out_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        made = services.add_deduction(row, _deduction_of(facts), actor_id=_user(request).pk)
        return f"{made} is on the sheet."

    return _acted(request, our_forms.DeductionForm, act, "deposits:move_out", row.pk)


@needs(Permission.POST)
@require_POST
def remove_deduction(request: HttpRequest, deduction_id: int) -> HttpResponse:
    """Take a deduction off a sheet."""
    found = _deduction(request, deduction_id)

    def act(facts: dict[str, Any]) -> str:
        services.remove_deduction(found, actor_id=_user(request).pk)
        return f"{found} is off the sheet."

    return _acted(request, forms.Form, act, "deposits:move_out", found.move_out_id)


@needs(Permission.POST)
@require_POST
def add_file(request: HttpRequest, deduction_id: int) -> HttpResponse:
    """Keep a photograph or bill with a deduction."""
    found = _deduction(request, deduction_id)

    def act(facts: dict[str, Any]) -> str:
        kept = services.add_file(found, **_upload(facts), actor_id=_user(request).pk)
        return f"{kept.name} is kept."

    return _acted(request, our_forms.FileForm, act, "deposits:move_out", found.move_out_id)


@needs(Permission.READ_BOOKS)
@require_GET
def deduction_file(request: HttpRequest, proof_id: int) -> HttpResponse:
    """A photograph or bill."""
    rows = DeductionFile.objects.select_related("deduction__move_out")
    found = rows.filter(pk=proof_id, deduction__move_out__entity__in=_any_role(request)).first()
    if found is None:
        raise Http404("There is no such file.")
    _require(request, Permission.READ_BOOKS, found.deduction.move_out.entity_id)
    return _download(bytes(found.body), found.name, found.content_type)


@needs(Permission.POST)
@require_POST
def change_refund(request: HttpRequest, refund_id: int) -> HttpResponse:
    """Say how one person gets a part of the refund."""
    rows = RefundShare.objects.select_related("move_out")
    found = rows.filter(pk=refund_id, move_out__entity__in=_any_role(request)).first()
    if found is None:
        raise Http404("There is no such refund.")
    _require(request, Permission.POST, found.move_out.entity_id)
    sheet = found.move_out

    def act(facts: dict[str, Any]) -> str:
        services.change_refund(
            found,
            NewRefund(
                tenant_id=found.tenant_id,
                payee=facts["payee"],
                method=facts["method"],
                address=facts["address"],
                routing_number=facts["routing_number"],
                account_number=facts["account_number"],
                share=None if facts["fixed"] is not None else _share_of(found),
                fixed=usd(facts["fixed"]) if facts["fixed"] is not None else None,
            ),
            actor_id=_user(request).pk,
        )
        return f"{facts['payee']} gets it by {facts['method']}."

    return _acted(request, our_forms.RefundForm, act, "deposits:move_out", sheet.pk)


@needs(Permission.APPROVE)
@require_POST
def review(request: HttpRequest, move_out_id: int) -> HttpResponse:
    """Agree to a sheet as the second person."""
    row = _move_out(request, move_out_id, Permission.APPROVE)

    def act(facts: dict[str, Any]) -> str:
        services.review_move_out(row, reviewer=_user(request))
        return "The sheet is reviewed; it can be settled."

    return _acted(request, forms.Form, act, "deposits:move_out", row.pk)


@needs(Permission.POST)
@require_POST
def settle(request: HttpRequest, move_out_id: int) -> HttpResponse:
    """Settle a reviewed sheet."""
    row = _move_out(request, move_out_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        done = services.settle_move_out(row, on=facts["on"], actor_id=_user(request).pk)
        return f"{plain(done.kept)} is kept, {plain(done.refunded)} goes back."

    return _acted(request, our_forms.SettleForm, act, "deposits:move_out", row.pk)


@needs(Permission.POST)
@require_POST
def cancel(request: HttpRequest, move_out_id: int) -> HttpResponse:
    """Cancel a sheet that was begun by mistake."""
    row = _move_out(request, move_out_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        services.cancel_move_out(row, why=facts["why"], actor_id=_user(request).pk)
        return "The sheet is cancelled."

    return _acted(request, our_forms.WordsForm, act, "deposits:move_out", row.pk)


@needs(Permission.POST)
@require_POST
def set_deadline(request: HttpRequest, move_out_id: int) -> HttpResponse:
    """Enter a deadline by hand."""
    row = _move_out(request, move_out_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        services.set_deadline(row, **facts, actor_id=_user(request).pk)
        return "The deadline is entered."

    return _acted(request, our_forms.DeadlineForm, act, "deposits:move_out", row.pk)


@needs(Permission.POST)
@require_POST
def no_interest(request: HttpRequest, move_out_id: int) -> HttpResponse:
    """Say why no further interest is owed."""
    row = _move_out(request, move_out_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        services.set_no_interest(row, why=facts["why"], actor_id=_user(request).pk)
        return "No further interest." if facts["why"].strip() else "Interest is owed."

    return _acted(request, our_forms.WordsForm, act, "deposits:move_out", row.pk)


@needs(Permission.POST)
@require_POST
def agreed(request: HttpRequest, move_out_id: int) -> HttpResponse:
    """Record that the tenant agreed."""
    row = _move_out(request, move_out_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        services.set_agreed(row, on=facts["on"], actor_id=_user(request).pk)
        return "The tenant has agreed."

    return _acted(request, our_forms.OnForm, act, "deposits:move_out", row.pk)


@needs(Permission.READ_BOOKS)
@require_GET
def move_out_letter(request: HttpRequest, move_out_id: int) -> HttpResponse:
    """The disposition letter: as it was sent, or as it would go out today."""
    row = _move_out(request, move_out_id)
    sent = row.deposit.notices.filter(
        kind=Notice.Kind.DISPOSITION, event_on=row.moved_out_on, letter__isnull=False
    ).first()
    if row.state != MoveOut.State.SETTLED:
        raise Http404("There is no disposition before the sheet is settled.")
    body = (
        bytes(sent.letter)
        if sent and sent.letter
        else letters.pdf_of(letters.disposition(row, on=timezone.localdate()), row.entity)
    )
    return _pdf(body, f"disposition-{row.lease.code}")


# --- Hand-overs ------------------------------------------------------------------------------


@needs(Permission.READ_BOOKS)
@require_http_methods(["GET", "POST"])
def hand_overs(request: HttpRequest) -> HttpResponse:
    """Deposits that changed hands; a post hands a property's deposits over."""
    ids = _readable(request)
    postable = roles.entity_ids(_user(request), Permission.POST)
    form = None
    if postable:
        places = Property.objects.filter(entity__in=postable).order_by("name")
        form = our_forms.HandOverForm(
            request.POST or None, properties=places, initial={"on": timezone.localdate()}
        )
    if request.method == "POST":
        if form is None:
            _require(request, Permission.POST, ids[0])
        elif form.is_valid():
            facts = form.cleaned_data
            try:
                row = services.hand_over(
                    facts["property"],
                    kind=facts["kind"],
                    to=facts["to"],
                    on=facts["on"],
                    address=facts["address"],
                    actor_id=_user(request).pk,
                )
            except REFUSALS as refusal:
                form.add_error(None, sentence(refusal))
            else:
                messages.success(request, f"{row}: {plain(row.amount)}.")
                return redirect("deposits:hand_over", row.pk)
    rows = Paginator(queries.hand_overs_of(ids), PER_PAGE).get_page(request.GET.get("page"))
    context = {"title": "Deposits handed over", "page": rows, "form": form}
    status = 422 if form is not None and form.errors else 200
    return render(request, "deposits/hand_overs.html", context, status=status)


@needs(Permission.READ_BOOKS)
@require_GET
def hand_over(request: HttpRequest, hand_over_id: int) -> HttpResponse:
    """One hand-over with each tenant's part, and the new holder's receipt."""
    row = _hand_over(request, hand_over_id)
    context = {
        "title": str(row),
        "row": row,
        "lines": row.lines.select_related("deposit__lease__unit__property"),
        "form": our_forms.ReceiptForm(initial={"on": timezone.localdate()}),
        "may_post": _may_post(request, row.property.entity_id),
    }
    return render(request, "deposits/hand_over.html", context)


@needs(Permission.POST)
@require_POST
def add_receipt(request: HttpRequest, hand_over_id: int) -> HttpResponse:
    """Keep the new holder's receipt."""
    row = _hand_over(request, hand_over_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        services.add_receipt(row, on=facts["on"], **_upload(facts), actor_id=_user(request).pk)
        return "The receipt is kept."

    return _acted(request, our_forms.ReceiptForm, act, "deposits:hand_over", row.pk)


@needs(Permission.READ_BOOKS)
@require_GET
def hand_over_receipt(request: HttpRequest, hand_over_id: int) -> HttpResponse:
    """The new holder's receipt."""
    row = _hand_over(request, hand_over_id)
    if row.receipt is None:
        raise Http404("There is no receipt yet.")
    return _download(bytes(row.receipt), row.receipt_name, row.receipt_type)


# --- Escrows ---------------------------------------------------------------------------------


@needs(Permission.READ_BOOKS)
@require_http_methods(["GET", "POST"])
def escrows(request: HttpRequest) -> HttpResponse:
    """Every escrow with what it holds and needs; a post opens one."""
    ids = _readable(request)
    postable = roles.entity_ids(_user(request), Permission.POST)
    form = None
    if postable:
        form = our_forms.FundForm(
            request.POST or None,
            properties=Property.objects.filter(entity__in=postable).order_by("name"),
            books=Book.objects.filter(entity__in=postable, kind=Book.Kind.TRUST),
        )
    if request.method == "POST":
        if form is None:
            _require(request, Permission.POST, ids[0])
        elif form.is_valid():
            facts = form.cleaned_data
            try:
                fund = services.open_fund(
                    facts["property"],
                    kind=facts["kind"],
                    book=facts["book"],
                    target=usd(facts["target"]),
                )
            except REFUSALS as refusal:
                form.add_error(None, sentence(refusal))
            else:
                return redirect("deposits:escrow", fund.pk)
    page = Paginator(queries.funds_of(ids), PER_PAGE).get_page(request.GET.get("page"))
    held = queries.held_by_funds(list(page))
    rows = [(fund, held[fund.pk], _next_bill(fund), _this_month(fund)) for fund in page]
    context = {"title": "Escrow funds", "page": page, "rows": rows, "form": form}
    status = 422 if form is not None and form.errors else 200
    return render(request, "deposits/escrows.html", context, status=status)


@needs(Permission.READ_BOOKS)
@require_GET
def escrow(request: HttpRequest, fund_id: int) -> HttpResponse:
    """One escrow: its projection, its bills, and what was put aside."""
    fund = _fund(request, fund_id)
    today = timezone.localdate()
    context = {
        "title": str(fund),
        "fund": fund,
        "said": services.analyse(fund, on=today),
        "bills": fund.bills.select_related("payment"),
        "fundings": fund.fundings.order_by("-month")[:12],
        "bill_form": our_forms.BillForm(),
        "pay_form": our_forms.PayForm(initial={"on": today}),
        "on_form": our_forms.OnForm(initial={"on": today}),
        "may_post": _may_post(request, fund.property.entity_id),
    }
    return render(request, "deposits/escrow.html", context)


@needs(Permission.POST)
@require_POST
def fund_escrow(request: HttpRequest, fund_id: int) -> HttpResponse:
    """Put aside what this month still needs."""
    fund = _fund(request, fund_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        done = services.fund_escrows(
            fund.property.entity_id,
            facts["on"],
            on=facts["on"],
            fund_ids=[fund.pk],
            actor_id=_user(request).pk,
        )
        short = " The owner has no more." if done.short else ""
        return f"{plain(done.amount)} is put aside.{short}"

    return _acted(request, our_forms.OnForm, act, "deposits:escrow", fund.pk)


@needs(Permission.POST)
@require_POST
def expect_bill(request: HttpRequest, fund_id: int) -> HttpResponse:
    """Expect a bill."""
    fund = _fund(request, fund_id, Permission.POST)

    def act(facts: dict[str, Any]) -> str:
        bill = services.expect_bill(
            fund,
            payee=facts["payee"],
            amount=usd(facts["amount"]),
            due_on=facts["due_on"],
            repeats_months=facts["repeats_months"],
            address=facts["address"],
        )
        return f"{bill} is expected."

    return _acted(request, our_forms.BillForm, act, "deposits:escrow", fund.pk)


@needs(Permission.POST)
@require_POST
def pay_bill(request: HttpRequest, escrow_bill_id: int) -> HttpResponse:
    """Pay a bill from its escrow."""
    bill = _bill(request, escrow_bill_id)

    def act(facts: dict[str, Any]) -> str:
        services.pay_bill(bill, on=facts["on"], method=facts["method"], actor_id=_user(request).pk)
        return f"{bill.payee} is paid."

    return _acted(request, our_forms.PayForm, act, "deposits:escrow", bill.fund_id)


@needs(Permission.POST)
@require_POST
def cancel_bill(request: HttpRequest, escrow_bill_id: int) -> HttpResponse:
    """A bill that will not come."""
    bill = _bill(request, escrow_bill_id)

    def act(facts: dict[str, Any]) -> str:
        services.cancel_bill(bill)
        return f"{bill.payee} is not expected any more."

    return _acted(request, forms.Form, act, "deposits:escrow", bill.fund_id)


# --- What all pages share ----------------------------------------------------------------------


def _acted(
    request: HttpRequest,
    form_class: type[Form],
    act: Callable[[dict[str, Any]], str],
    page: str,
    *args: int,
) -> HttpResponse:
    """Check a form, call its service, and go back to its page with a sentence."""
    form = form_class(request.POST, request.FILES or None)
    if form.is_valid():
        try:
            messages.success(request, act(form.cleaned_data))
        except REFUSALS as refusal:
            messages.error(request, sentence(refusal))
    else:
        for name, problems in form.errors.items():
            label = form.fields[name].label or name.replace("_", " ") if name in form.fields else ""
            messages.error(request, f"{str(label).capitalize()}: {problems[0]}".lstrip(": "))
    return redirect(page, *args)


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _readable(request: HttpRequest) -> list[int]:
    return roles.entity_ids(_user(request), Permission.READ_BOOKS)


def _any_role(request: HttpRequest) -> list[int]:
    return roles.entity_ids(_user(request))


def _require(request: HttpRequest, permission: Permission, entity_id: int) -> None:
    roles.require(_user(request), permission, entity_id)


def _may_post(request: HttpRequest, entity_id: int) -> bool:
    return roles.can(request.user, Permission.POST, entity_id)


def _found(
    request: HttpRequest, rows: QuerySet[Row], entity_path: str, pk: int, permission: Permission
) -> Row:
    """A row of a company where the person holds a role; else there is no such row."""
    row = rows.filter(**{"pk": pk, f"{entity_path}__in": _any_role(request)}).first()
    if row is None:
        raise Http404("There is no such thing here.")
    found: Any = row
    for name in entity_path.split("__")[:-1]:
        found = getattr(found, name)
    _require(request, permission, found.entity_id)
    return row


def _book(
    request: HttpRequest, book_id: int, permission: Permission = Permission.READ_BOOKS
) -> Book:
    rows = queries.deposit_books(_any_role(request))
    return _found(request, rows, "entity", book_id, permission)


def _deposit(
    request: HttpRequest, lease_id: int, permission: Permission = Permission.READ_BOOKS
) -> Deposit:
    rows = queries.deposits_of(_any_role(request)).filter(lease=lease_id)
    row = rows.select_related("lease__unit__property", "book", "entity").first()
    if row is None:
        raise Http404("This lease has no security deposit.")
    _require(request, permission, row.entity_id)
    return row


def _move_out(
    request: HttpRequest, move_out_id: int, permission: Permission = Permission.READ_BOOKS
) -> MoveOut:
    rows = MoveOut.objects.select_related(
        "entity", "lease__unit__property", "deposit__lease__unit__property", "deposit__book",
        "made_by", "reviewed_by", "settled_by", "kept_receipt",
    ).defer("letter")  # fmt: skip
    return _found(request, rows, "entity", move_out_id, permission)


def _notice(
    request: HttpRequest, notice_id: int, permission: Permission = Permission.READ_BOOKS
) -> Notice:
    rows = Notice.objects.select_related(
        "deposit__entity", "deposit__lease__unit__property", "deposit__book"
    )
    return _found(request, rows, "deposit__entity", notice_id, permission)


def _hand_over(
    request: HttpRequest, hand_over_id: int, permission: Permission = Permission.READ_BOOKS
) -> HandOver:
    rows = HandOver.objects.select_related("property", "payment")
    return _found(request, rows, "property__entity", hand_over_id, permission)


def _fund(
    request: HttpRequest, fund_id: int, permission: Permission = Permission.READ_BOOKS
) -> EscrowFund:
    rows = EscrowFund.objects.select_related("property", "book", "beneficiary")
    return _found(request, rows, "property__entity", fund_id, permission)


def _bill(request: HttpRequest, bill_id: int) -> EscrowBill:
    rows = EscrowBill.objects.select_related("fund__property")
    return _found(request, rows, "fund__property__entity", bill_id, Permission.POST)


def _deduction(request: HttpRequest, deduction_id: int) -> Deduction:
    rows = Deduction.objects.select_related("move_out")
    return _found(request, rows, "move_out__entity", deduction_id, Permission.POST)


def _leases_to_leave(entity_ids: list[int]) -> QuerySet[Lease]:
    """Leases with a deposit and no settled or open sheet."""
    busy = MoveOut.objects.exclude(state=MoveOut.State.CANCELLED).values("lease")
    has_deposit = Q(security_deposit__isnull=False) | Q(deposit_agreed__gt=0)
    return (
        Lease.objects.filter(has_deposit, entity__in=entity_ids)
        .exclude(pk__in=busy)
        .select_related("unit__property")
        .order_by("code")
    )


def _entities(ids: list[int]) -> list[tuple[int, str]]:
    return list(LegalEntity.objects.filter(pk__in=ids).order_by("name").values_list("pk", "name"))


def _share_of(row: RefundShare) -> Decimal:
    """A person's share of what goes back: as it stands, or as they gave of the deposit."""
    if row.share is not None:
        return row.share
    given = row.move_out.deposit.shares.filter(tenant=row.tenant_id).first()
    return given.share if given else Decimal(1)


def _refund_form(row: RefundShare) -> forms.Form:
    return our_forms.RefundForm(
        initial={
            "payee": row.payee,
            "method": row.method,
            "address": row.address,
            "routing_number": row.routing_number,
            "fixed": row.fixed.amount if row.fixed is not None else None,
        },
        auto_id=f"refund-{row.pk}-%s",
    )


def _deduction_of(facts: dict[str, Any]) -> NewDeduction:
    return NewDeduction(kind=facts["kind"], amount=usd(facts["amount"]), memo=facts["memo"])


def _upload(facts: dict[str, Any]) -> dict[str, Any]:
    return {"name": facts["file"].name or "file", "body": facts["file"].read()}


def _next_bill(fund: EscrowFund) -> EscrowBill | None:
    coming = [each for each in fund.bills.all() if each.state in ("expected", "back")]
    return min(coming, key=lambda each: each.due_on, default=None)


def _this_month(fund: EscrowFund) -> EscrowFunding | None:
    rows: list[EscrowFunding] = getattr(fund, "of_this_month", [])
    return rows[0] if rows else None


def _pdf(body: bytes, name: str) -> HttpResponse:
    return _download(body, f"{name}.pdf", "application/pdf")


def _download(body: bytes, name: str, content_type: str) -> HttpResponse:
    """A file to save: shown by no page of ours, so that nothing in it runs here."""
    plain_name = "".join(sign for sign in name if sign.isalnum() or sign in "-_. ") or "file"
    return HttpResponse(
        body,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{plain_name}"',
            "X-Content-Type-Options": "nosniff",
        },
    )
