"""Pages of owner draws: runs, a run, a draw with every line, recoveries, contributions, tax."""

from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from desk import roles
from desk.errors import Refused
from desk.models import LegalEntity, User
from desk.queries import number
from desk.roles import Permission
from desk.services import decide as decide_approval
from desk.views import needs
from disbursements import queries, services
from disbursements.csv_export import run_csv as csv_of
from disbursements.errors import DisbursementsError
from disbursements.models import (
    Advance,
    Contribution,
    OwnerDraw,
    Recovery,
    Run,
    WithholdingRemittance,
)
from disbursements.opening import opened, total
from disbursements.queues import amount_of, day_of
from leases.models import Owner, OwnershipShare, Property
from ledger.errors import LedgerError
from ledger.models import Beneficiary, Book
from payments.models import Payment

PAGE = 100
SHOWN_RUNS = 36
SHOWN = 200
_ORDERS = {
    "problems": ("-problems", "id"),
    "owner": ("owner__name", "id"),
    "amount": ("-amount", "id"),
}
REFUSALS = (DisbursementsError, LedgerError, Refused)


@needs(Permission.READ_BOOKS)
@require_GET
def runs(request: HttpRequest) -> HttpResponse:
    """Every run, the newest first, and the form that freezes the next one."""
    user = _user(request)
    posts = roles.entity_ids(user, Permission.POST)
    context = {
        "title": "Owner draws",
        "runs": queries.runs_of(roles.entity_ids(user, Permission.READ_BOOKS))[:SHOWN_RUNS],
        "next_runs": [
            (entity, *_next_days(entity)) for entity in LegalEntity.objects.filter(pk__in=posts)
        ],
        "today": timezone.localdate(),
    }
    return render(request, "disbursements/runs.html", context)


@needs(Permission.POST)
@require_POST
def freeze(request: HttpRequest) -> HttpResponse:
    """Freeze a run of a company."""
    user = _user(request)
    entity = LegalEntity.objects.filter(
        pk=number(request.POST.get("entity")) or 0, pk__in=roles.entity_ids(user)
    ).first()
    if entity is None:
        raise Http404("There is no such company.")
    roles.require(user, Permission.POST, entity.pk)
    try:
        made = services.freeze_run(
            entity,
            cut_off_on=_any_day(request.POST.get("cut_off_on", "")),
            pays_on=_any_day(request.POST.get("pays_on", "")),
            actor=user,
        )
    except REFUSALS as refusal:
        messages.warning(request, str(refusal))
        return redirect("disbursements:runs")
    messages.success(request, "Frozen. Look through the draws, then ask the second person.")
    return redirect("disbursements:run", made.pk)


@needs(Permission.READ_BOOKS)
@require_GET
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """A run: its sums, what a person does next, and its draws, the ones with problems first."""
    row = _run(request, run_id)
    order = request.GET.get("order", "problems")
    order = order if order in _ORDERS else "problems"
    search = request.GET.get("q", "").strip()[:100]
    draws = OwnerDraw.objects.filter(run=row).select_related("owner", "book")
    if search:
        draws = draws.filter(owner__name__icontains=search)
    pages = Paginator(draws.order_by(*_ORDERS[order]), PAGE)
    page = pages.get_page(request.GET.get("page"))
    user = _user(request)
    books = Book.objects.filter(owner_draws__run=row).distinct()
    context = {
        "title": str(row),
        "run": row,
        "totals": queries.run_totals(row),
        "said": queries.said_of(row),
        "page": page,
        "order": order,
        "orders": [("problems", "Problems first"), ("owner", "By owner"), ("amount", "By amount")],
        "search": search,
        "blockers": (queries.overdrawn_clients([book.pk for book in books]) if row.is_open else []),
        "books": books if row.is_open else (),
        "may_post": roles.can(user, Permission.POST, row.entity_id),
        "may_decide": roles.can(user, Permission.APPROVE, row.entity_id)
        and user.pk not in (row.made_by_id, row.reviewed_by_id),
        "query": f"order={order}&q={search}",
    }
    return render(request, "disbursements/run.html", context)


@needs(Permission.POST)
@require_POST
def review(request: HttpRequest, run_id: int) -> HttpResponse:
    """Say that a run was looked through, and ask the second person."""
    return _on_run(
        request,
        run_id,
        lambda row, user: services.review_run(row, actor=user),
        "A second person is asked to approve it.",
    )


@needs(Permission.APPROVE)
@require_POST
def decide(request: HttpRequest, run_id: int) -> HttpResponse:
    """Agree to a run as the second person, or refuse it with a reason."""
    row = _run(request, run_id)
    is_agreed = request.POST.get("decision") == "agree"
    try:
        if row.approval is None:
            raise Refused("Nobody has asked for an approval of this run.")
        decide_approval(
            row.approval,
            is_agreed=is_agreed,
            checker=_user(request),
            reason=request.POST.get("reason", ""),
        )
    except REFUSALS as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, "Approved." if is_agreed else "Refused; the run is cancelled.")
    return redirect("disbursements:run", row.pk)


@needs(Permission.POST)
@require_POST
def send(request: HttpRequest, run_id: int) -> HttpResponse:
    """Pay the owners of an approved run."""
    return _on_run(request, run_id, lambda row, user: services.send_run(row, actor=user), "Sent.")


@needs(Permission.POST)
@require_POST
def cancel(request: HttpRequest, run_id: int) -> HttpResponse:
    """Give a run up; its lines are free for the next one."""
    why = request.POST.get("why", "")
    return _on_run(
        request,
        run_id,
        lambda row, user: services.cancel_run(row, why=why, actor=user),
        "Cancelled; its lines are free for the next run.",
    )


@needs(Permission.POST)
@require_POST
def hold_account(request: HttpRequest, run_id: int) -> HttpResponse:
    """Leave all draws of one trust account out of a run."""
    reason = request.POST.get("reason", "")
    book_id = number(request.POST.get("book")) or 0

    def service(row: Run, user: User) -> object:
        draws = OwnerDraw.objects.filter(run=row, book=book_id).order_by("id")
        return [services.hold_draw(each, reason=reason, actor=user) for each in draws]

    return _on_run(request, run_id, service, "The draws of this trust account are left out.")


@needs(Permission.READ_BOOKS)
@require_GET
def run_csv(request: HttpRequest, run_id: int) -> HttpResponse:
    """A run as a table for a spreadsheet."""
    row = _run(request, run_id)
    name = f"owner-draws-{row.cut_off_on.isoformat()}-run-{row.pk}.csv"
    return HttpResponse(
        csv_of(row),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@needs(Permission.READ_BOOKS)
@require_GET
def draw(request: HttpRequest, draw_id: int) -> HttpResponse:
    """A draw: the equation, each figure with its lines, and what is kept for the next cycle."""
    row = _draw(request, draw_id)
    shown = opened(row)
    context = {
        "title": f"{row.owner}, {row.run}",
        "draw": row,
        "run": row.run,
        "opened": shown,
        "next_total": total(shown.next_cycle),
        "changes": row.changes.select_related("made_by"),
        "may_change": row.run.state == Run.State.FROZEN
        and roles.can(request.user, Permission.POST, row.run.entity_id),
        "may_hold": row.run.state in (Run.State.FROZEN, Run.State.APPROVED)
        and row.state != OwnerDraw.State.HELD
        and roles.can(request.user, Permission.POST, row.run.entity_id),
        "has_tax": any(part.withheld for part in shown.properties),
    }
    return render(request, "disbursements/draw.html", context)


@needs(Permission.POST)
@require_POST
def change(request: HttpRequest, draw_id: int) -> HttpResponse:
    """Leave a draw out, take it in again, pay less, or set its memo."""
    row = _draw(request, draw_id)
    user = _user(request)
    roles.require(user, Permission.POST, row.run.entity_id)
    reason = request.POST.get("reason", "")
    try:
        match request.POST.get("what"):
            case "hold":
                services.hold_draw(row, reason=reason, actor=user)
            case "release":
                services.release_draw(row, actor=user)
            case "lower":
                text = request.POST.get("most", "").strip()
                most = amount_of(text) if text else None
                services.lower_draw(row, most, reason=reason, actor=user)
            case "memo":
                services.set_memo(row, request.POST.get("memo", ""), actor=user)
            case _:
                raise Refused("Choose what to change.")
    except REFUSALS as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, "Changed.")
    return redirect("disbursements:draw", row.pk)


@needs(Permission.READ_BOOKS)
@require_GET
def recoveries(request: HttpRequest) -> HttpResponse:
    """Owners whose claim is short: what is missing, what is planned, how far it is."""
    entity_ids = roles.entity_ids(request.user, Permission.READ_BOOKS)
    rows = list(
        Recovery.objects.filter(entity__in=entity_ids)
        .select_related("owner", "property", "book")
        .prefetch_related("steps")
        .order_by("-state", "-opened_on", "-id")[:SHOWN]
    )
    open_rows = [row for row in rows if row.state == Recovery.State.OPEN]
    held = queries.held_by_claims({(row.book_id, row.beneficiary_id) for row in open_rows})
    lent = queries.owed_to_company([row.pk for row in open_rows])
    standing = {(row.book_id, row.beneficiary_id) for row in open_rows}
    shorts = queries.shortages(entity_ids)
    books = Book.objects.in_bulk({short.book_id for short in shorts})
    owners = Owner.objects.in_bulk({short.owner_id for short in shorts})
    context = {
        "title": "Recoveries",
        "open": [_progress(row, held, lent) for row in open_rows],
        "closed": [row for row in rows if row.state == Recovery.State.CLOSED][:50],
        "unplanned": [
            (short, books[short.book_id], owners[short.owner_id])
            for short in shorts
            if (short.book_id, short.beneficiary_id) not in standing
        ],
        "may_post": roles.can(request.user, Permission.POST),
    }
    return render(request, "disbursements/recoveries.html", context)


@needs(Permission.POST)
@require_POST
def plan(request: HttpRequest) -> HttpResponse:
    """Open the recovery of a claim that is short."""
    user = _user(request)
    book = Book.objects.filter(
        pk=number(request.POST.get("book")) or 0, entity__in=roles.entity_ids(user)
    ).first()
    if book is None:
        raise Http404("There is no such trust account.")
    roles.require(user, Permission.POST, book.entity_id)
    try:
        made = services.plan_recovery(
            book.entity_id,
            beneficiary_id=number(request.POST.get("beneficiary")) or 0,
            book_id=book.pk,
            on=timezone.localdate(),
            actor_id=user.pk,
        )
    except REFUSALS as refusal:
        messages.warning(request, str(refusal))
        return redirect("disbursements:recoveries")
    return redirect("disbursements:recovery", made.pk)


@needs(Permission.READ_BOOKS)
@require_GET
def recovery(request: HttpRequest, recovery_id: int) -> HttpResponse:
    """One recovery: its steps, its letters, its advances, and what can be done next."""
    row = _recovery(request, recovery_id)
    held = queries.held_by_claims([(row.book_id, row.beneficiary_id)])
    lent = queries.owed_to_company([row.pk])
    context = {
        "title": f"Recovery, {row.owner}",
        "row": row,
        "progress": _progress(row, held, lent),
        "steps": row.steps.select_related("entry", "made_by", "approval", "contribution"),
        "advances": row.advances.select_related("asked_by", "approved_by"),
        "sources": Advance.Source.choices,
        "today": timezone.localdate(),
        "may_post": row.state == Recovery.State.OPEN
        and roles.can(request.user, Permission.POST, row.entity_id),
    }
    return render(request, "disbursements/recovery.html", context)


@needs(Permission.POST)
@require_POST
def recover(request: HttpRequest, recovery_id: int) -> HttpResponse:
    """Take one step of a recovery."""
    row = _recovery(request, recovery_id)
    user = _user(request)
    roles.require(user, Permission.POST, row.entity_id)
    today = timezone.localdate()
    try:
        match request.POST.get("what"):
            case "net":
                services.take_from_other_properties(row, on=today, actor_id=user.pk)
                said = "Filled from the owner's other properties."
            case "ask":
                amount = amount_of(request.POST.get("amount", ""))
                services.ask_contribution(row, amount=amount, on=today, actor_id=user.pk)
                said = "The letter is below; send it to the owner."
            case "advance":
                services.ask_advance(
                    row,
                    amount=amount_of(request.POST.get("amount", "")),
                    source=request.POST.get("source", ""),
                    on=today,
                    maker=user,
                )
                said = "A second person is asked to agree."
            case "withdraw":
                asked = Contribution.objects.filter(
                    pk=number(request.POST.get("contribution")) or 0, recovery=row
                ).first()
                if asked is None:
                    raise Refused("There is no such request.")
                services.withdraw_request(asked, actor_id=user.pk)
                said = "No longer asked for."
            case _:
                raise Refused("Choose a step.")
    except REFUSALS as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, said)
    return redirect("disbursements:recovery", row.pk)


@needs(Permission.READ_BOOKS)
@require_GET
def contributions(request: HttpRequest) -> HttpResponse:
    """What was asked of owners and what came in, and the form for what came in by hand."""
    user = _user(request)
    posts = roles.entity_ids(user, Permission.POST)
    rows = queries.contributions_of(roles.entity_ids(user, Permission.READ_BOOKS))
    shares = (
        OwnershipShare.objects.filter(owner__entity__in=posts)
        .select_related("owner", "property")
        .order_by("owner__name", "property__name", "from_on")
    )
    search = request.GET.get("q", "").strip()[:100]
    found = shares.filter(owner__name__icontains=search)[:SHOWN] if search else ()
    context = {
        "title": "Owner contributions",
        "rows": rows[:SHOWN],
        "may_post": bool(posts),
        "search": search,
        "places": list({(each.owner_id, each.property_id): each for each in found}.values()),
        "today": timezone.localdate(),
    }
    return render(request, "disbursements/contributions.html", context)


@needs(Permission.POST)
@require_POST
def contribute(request: HttpRequest) -> HttpResponse:
    """Record money that an owner paid in."""
    user = _user(request)
    owner_text, _, property_text = request.POST.get("place", "").partition(":")
    owner = Owner.objects.filter(
        pk=number(owner_text) or 0, entity__in=roles.entity_ids(user)
    ).first()
    property_ = Property.objects.filter(
        pk=number(property_text) or 0, entity__in=roles.entity_ids(user)
    ).first()
    if owner is None or property_ is None or owner.entity_id != property_.entity_id:
        raise Http404("There is no such owner or property.")
    roles.require(user, Permission.POST, owner.entity_id)
    reference = request.POST.get("reference", "").strip()
    try:
        amount = amount_of(request.POST.get("amount", ""))
        on = day_of(request.POST.get("on", ""))
        if len(reference) > 40:
            raise Refused("A reference has at most 40 characters.")
        services.record_contribution(
            owner=owner,
            property_=property_,
            amount=amount,
            received_on=on,
            # The same check entered twice is one; without a reference, one a day and amount.
            key=f"{owner.pk}:{property_.pk}:{on.isoformat()}:{amount.amount}:{reference}",
            reference=reference,
            actor_id=user.pk,
        )
    except REFUSALS as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, f"{amount.amount:,.2f} of {owner} recorded.")
    return redirect("disbursements:contributions")


@needs(Permission.READ_BOOKS)
@require_GET
def withholding(request: HttpRequest) -> HttpResponse:
    """What trust accounts hold for tax authorities, what was remitted, and the owners it is of."""
    user = _user(request)
    entity_ids = roles.entity_ids(user, Permission.READ_BOOKS)
    context = {
        "title": "Tax withheld",
        "held": queries.withheld_now(entity_ids),
        "owners": queries.withheld_by_owner(entity_ids, timezone.localdate().year),
        "year": timezone.localdate().year,
        "remitted": WithholdingRemittance.objects.filter(entity__in=entity_ids).select_related(
            "beneficiary", "book", "payment"
        )[:50],
        "methods": [
            (Payment.Method.TRANSFER.value, "Transfer"),
            (Payment.Method.CHECK.value, "Check"),
        ],
        "today": timezone.localdate(),
        "may_post": roles.can(user, Permission.POST),
    }
    return render(request, "disbursements/withholding.html", context)


@needs(Permission.POST)
@require_POST
def remit(request: HttpRequest) -> HttpResponse:
    """Pay withheld tax to its authority."""
    user = _user(request)
    entity_ids = roles.entity_ids(user)
    book = Book.objects.filter(
        pk=number(request.POST.get("book")) or 0, entity__in=entity_ids
    ).first()
    authority = Beneficiary.objects.filter(
        pk=number(request.POST.get("authority")) or 0, entity__in=entity_ids
    ).first()
    if book is None or authority is None:
        raise Http404("There is no such trust account.")
    roles.require(user, Permission.POST, book.entity_id)
    try:
        amount = amount_of(request.POST.get("amount", ""))
        on = day_of(request.POST.get("on", ""))
        services.remit_withholding(
            book=book,
            authority=authority,
            amount=amount,
            paid_on=on,
            payee=request.POST.get("payee", "").strip(),
            key=f"{book.pk}:{authority.pk}:{on.isoformat()}:{amount.amount}",
            method=request.POST.get("method", ""),
            actor=user,
        )
    except REFUSALS as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, "Paid; it stands among the payments out.")
    return redirect("disbursements:withholding")


def _progress(
    row: Recovery, held: dict[tuple[int, int], Any], lent: dict[int, Any]
) -> dict[str, Any]:
    """How far a recovery is: what is missing, what the company waits for, in percent."""
    zero = row.amount - row.amount
    missing = max(-held[row.book_id, row.beneficiary_id], zero) if held else zero
    owed = lent.get(row.pk, zero)
    left = missing + owed
    made = max(row.amount - left, zero)
    percent = round(100 * made.amount / row.amount.amount) if row.amount else 100
    return {"row": row, "missing": missing, "owed": owed, "left": left, "percent": percent}


def _on_run(
    request: HttpRequest, run_id: int, service: Callable[[Run, User], object], said: str
) -> HttpResponse:
    """Do something with a run of one's own company, and show it again."""
    row = _run(request, run_id)
    user = _user(request)
    roles.require(user, Permission.POST, row.entity_id)
    try:
        service(row, user)
    except REFUSALS as refusal:
        messages.warning(request, str(refusal))
    except IntegrityError as error:
        messages.warning(request, f"The books refused this: {str(error).splitlines()[0]}.")
    else:
        messages.success(request, said)
    return redirect("disbursements:run", row.pk)


def _run(request: HttpRequest, run_id: int) -> Run:
    rows = Run.objects.select_related(
        "entity", "made_by", "reviewed_by", "approved_by", "sent_by", "approval", "cancelled_by"
    )
    row = rows.filter(
        pk=run_id, entity__in=roles.entity_ids(request.user, Permission.READ_BOOKS)
    ).first()
    if row is None:
        raise Http404("There is no such run.")
    return row


def _draw(request: HttpRequest, draw_id: int) -> OwnerDraw:
    row = (
        OwnerDraw.objects.select_related("run__entity", "owner", "book", "payment")
        .filter(pk=draw_id, run__entity__in=roles.entity_ids(request.user, Permission.READ_BOOKS))
        .first()
    )
    if row is None:
        raise Http404("There is no such draw.")
    return row


def _recovery(request: HttpRequest, recovery_id: int) -> Recovery:
    row = (
        Recovery.objects.select_related("entity", "owner", "property", "book", "cause_entry")
        .filter(pk=recovery_id, entity__in=roles.entity_ids(request.user, Permission.READ_BOOKS))
        .first()
    )
    if row is None:
        raise Http404("There is no such recovery.")
    return row


def _next_days(entity: LegalEntity) -> tuple[date, date]:
    """The cut-off that comes next by the agreements' calendar, and its day of payment."""
    cut_off_day, payment_day = queries.calendar_of(entity.pk)
    last = queries.last_cut_off(entity.pk)
    today = timezone.localdate()
    cut_off = _in_month(today, cut_off_day)
    if cut_off > today:
        cut_off = _in_month(today.replace(day=1) - timedelta(days=1), cut_off_day)
    if last is not None and cut_off <= last.cut_off_on:
        cut_off = _in_month(last.cut_off_on.replace(day=28) + timedelta(days=5), cut_off_day)
    month = cut_off if payment_day > cut_off_day else cut_off.replace(day=28) + timedelta(days=5)
    return cut_off, max(_in_month(month, payment_day), cut_off)


def _in_month(day: date, wanted: int) -> date:
    return day.replace(day=min(wanted, monthrange(day.year, day.month)[1]))


def _any_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is no day; write it as 2026-03-31.") from None


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)
