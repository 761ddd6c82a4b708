"""Deposit slips: what waits in the office, and what went to the bank together."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from desk import roles
from desk.queries import number
from desk.roles import Permission
from desk.views import needs
from proptrust.lib.money import ZERO, plain
from receivables import services
from receivables.forms import SlipForm, trust_books
from receivables.models import DepositSlip, Receipt
from receivables.views import common

SHOWN = 50


@needs(Permission.READ_BOOKS)
@require_http_methods(["GET", "POST"])
def slips(request: HttpRequest) -> HttpResponse:
    """Tick what of a trust account goes to the bank together; the last slips below."""
    user = common.person(request)
    permission = Permission.POST if request.method == "POST" else Permission.READ_BOOKS
    books = trust_books(user, permission)
    undeposited = Receipt.objects.filter(
        book__in=books,
        into=Receipt.Into.UNDEPOSITED,
        state=Receipt.State.SETTLED,
        deposit_slip__isnull=True,
    ).order_by("received_on", "id")
    asked = request.GET.get("book", "")
    if asked:
        book = books.filter(pk=number(asked) or 0).first()
        if book is None:
            raise Http404("There is no such trust account.")
    else:  # Where a check waits longest.
        oldest = undeposited.select_related("book").first()
        book = oldest.book if oldest else books.first()
    waiting = list(undeposited.filter(book=book).select_related("lease", "tenant"))
    rows = undeposited.filter(pk__in=[each.pk for each in waiting])
    form = SlipForm(request.POST or None, waiting=rows)
    if request.method == "POST" and book is not None and form.is_valid():
        facts = form.cleaned_data
        try:
            slip = services.make_deposit_slip(
                book=book,
                number=facts["number"],
                day=facts["day"],
                receipts=list(facts["receipts"]),
                posted_by_id=user.pk,
            )
        except common.REFUSALS as refusal:
            form.add_error(None, common.refusal_text(refusal))
        else:
            messages.success(request, f"{slip} of {plain(slip.total)} is made.")
            return redirect("rent:slip", slip.pk)
    chosen = set(request.POST.getlist("receipts"))
    context = {
        "title": "Deposit slips",
        "books": books,
        "book": book,
        "form": form,
        "waiting": [(each, not chosen or str(each.pk) in chosen) for each in waiting],
        "total": sum((each.gross for each in waiting), ZERO),
        "slips": DepositSlip.objects.filter(book=book).order_by("-deposited_on", "-id")[:SHOWN],
        "may_post": book is not None and roles.can(user, Permission.POST, book.entity_id),
    }
    status = 422 if form.errors else 200
    return render(request, "receivables/slips.html", context, status=status)


@needs(Permission.READ_BOOKS)
@require_GET
def slip(request: HttpRequest, slip_id: int) -> HttpResponse:
    """One slip as a list to print and to take along."""
    row = DepositSlip.objects.select_related("book__entity", "entry").filter(pk=slip_id).first()
    if row is None:
        raise Http404("There is no such slip.")
    common.allow(request, row.book.entity_id, Permission.READ_BOOKS)
    context = {
        "title": str(row),
        "slip": row,
        "receipts": row.receipts.select_related("lease", "tenant").order_by("received_on", "id"),
    }
    return render(request, "receivables/slip.html", context)
