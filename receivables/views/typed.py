"""Pages for what people type by hand: checks, deposit slips, and the import of a portfolio.

They stand inside the admin (receivables.admin), as plain forms that call one service each.
"""

import io
import zipfile
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from desk import roles
from desk.models import User
from desk.queries import number
from desk.roles import Permission
from leases.errors import LeasesError
from ledger.errors import LedgerError
from proptrust.lib.money import plain, usd
from receivables import services
from receivables.errors import ReceivablesError
from receivables.forms import CheckForm, ImportForm, SlipForm, trust_books
from receivables.importing import Upload, import_portfolio
from receivables.importing.run import zipped
from receivables.models import PortfolioDraft, Receipt
from receivables.services.keys import joined
from receivables.types import NewReceipt

DRAFTS_LIVE = timedelta(days=1)
REFUSALS = (ReceivablesError, LeasesError, LedgerError)
SHOWN_PROBLEMS = 200


def take_check(request: HttpRequest) -> HttpResponse:
    """Record a check or money order; the page is ready for the next one at once."""
    user = _user(request, Permission.POST)
    form = CheckForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            receipt = services.record_receipt(_new(form.cleaned_data), posted_by_id=user.pk)
        except REFUSALS as refusal:
            form.add_error(None, f"{refusal}.")
        else:
            where = f"lease {receipt.lease.code}" if receipt.lease else "suspense"
            messages.success(request, f"{plain(receipt.gross)} recorded for {where}.")
            return redirect(request.get_full_path())
    return _page(request, "Record a check or money order", form, "Record", "receipt")


def make_slip(request: HttpRequest) -> HttpResponse:
    """Tick the checks of a trust account that go to the bank together."""
    user = _user(request, Permission.POST)
    books = trust_books(user, Permission.POST)
    undeposited = Receipt.objects.filter(
        book__in=books,
        into=Receipt.Into.UNDEPOSITED,
        state=Receipt.State.SETTLED,
        deposit_slip__isnull=True,
    ).order_by("received_on", "id")
    chosen = request.GET.get("book", "")
    if (number_of_book := number(chosen)) is not None:
        book = books.filter(pk=number_of_book).first()
    else:  # Where a check waits longest.
        oldest = undeposited.select_related("book").first()
        book = oldest.book if oldest else books.first()
    if book is None:
        raise PermissionDenied("There is no trust account for which you may post.")
    waiting = undeposited.filter(book=book)
    form = SlipForm(request.POST or None, waiting=waiting)
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        try:
            slip = services.make_deposit_slip(
                book=book,
                number=facts["number"],
                day=facts["day"],
                receipts=list(facts["receipts"]),
                posted_by_id=user.pk,
            )
        except REFUSALS as refusal:
            form.add_error(None, f"{refusal}.")
        else:
            messages.success(request, f"{slip} of {plain(slip.total)} made.")
            return redirect("admin:receivables_depositslip_changelist")
    more = {"books": books, "book": book}
    return _page(request, f"Deposit slip for {book}", form, "Make the slip", "depositslip", **more)


def upload_portfolio(request: HttpRequest) -> HttpResponse:
    """Take portfolio files, and show their dry run before anything is written."""
    user = _user(request, Permission.IMPORT)
    form = ImportForm(request.POST or None, request.FILES or None, user=user)
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        PortfolioDraft.objects.filter(made_at__lt=timezone.now() - DRAFTS_LIVE).delete()
        draft = PortfolioDraft.objects.create(
            made_by=user,
            entity_name=facts["entity"].name if facts["entity"] else facts["new_entity"],
            state=facts.get("state", ""),
            cut_over_on=facts["cut_over_on"],
            bodies=zipped(facts["files"]),
        )
        return redirect("admin:receivables_portfolioimport_draft", draft.pk)
    return _page(request, "Import a portfolio", form, "Show what would be done", "portfolioimport")


def show_draft(request: HttpRequest, draft_id: int) -> HttpResponse:
    """What an import would do: the dry run of a draft."""
    draft = _draft(request, draft_id)
    return _show_outcome(request, draft, is_dry_run=True)


@require_POST
def import_draft(request: HttpRequest, draft_id: int) -> HttpResponse:
    """Import a draft; if something does not fit any more, nothing is written and it is shown."""
    draft = _draft(request, draft_id)
    return _show_outcome(request, draft, is_dry_run=False)


def _show_outcome(request: HttpRequest, draft: PortfolioDraft, *, is_dry_run: bool) -> HttpResponse:
    outcome = import_portfolio(
        _unzipped(bytes(draft.bodies)),
        entity_name=draft.entity_name,
        state=draft.state,
        cut_over_on=draft.cut_over_on,
        is_dry_run=is_dry_run,
        made_by=draft.made_by,
    )
    if outcome.is_written:
        draft.delete()
        made = ", ".join(f"{count:,} {what}" for what, count in outcome.created.items() if count)
        messages.success(request, f"Imported: {made or 'nothing new'}.")
        return redirect("admin:receivables_portfolioimport_changelist")
    context = {
        "title": f"Import into {draft.entity_name}",
        "draft": draft,
        "outcome": outcome,
        "problems": outcome.problems[:SHOWN_PROBLEMS],
        "more_problems": max(len(outcome.problems) - SHOWN_PROBLEMS, 0),
        "created": [(what, count) for what, count in outcome.created.items() if count],
        "unchanged": [(what, count) for what, count in outcome.unchanged.items() if count],
    }
    return render(request, "receivables/import_outcome.html", context)


def _new(facts: dict[str, Any]) -> NewReceipt:
    """The receipt of a typed check. The same number from the same payer is the same check."""
    lease = facts["lease"]
    payer = " ".join(facts["payer"].lower().split())
    return NewReceipt(
        entity_id=facts["book"].entity_id,
        key=joined(f"{facts['channel']}:{facts['book'].pk}", facts["number"], payer),
        channel=facts["channel"],
        into=Receipt.Into.UNDEPOSITED,
        gross=usd(facts["gross"]),
        received_on=facts["received_on"],
        book_id=facts["book"].pk,
        lease_id=lease.pk if lease else None,
        payer=facts["payer"],
        number=facts["number"],
        memo=facts["memo"],
        matched_by={"chosen by a person": 0} if lease else {},
    )


def _user(request: HttpRequest, permission: Permission) -> User:
    if not roles.can(request.user, permission):
        raise PermissionDenied(f"Your role does not let you {permission}.")
    return cast("User", request.user)


def _draft(request: HttpRequest, draft_id: int) -> PortfolioDraft:
    """A person's own draft; who may no longer import gets none."""
    user = _user(request, Permission.IMPORT)
    return get_object_or_404(PortfolioDraft, pk=draft_id, made_by=user)


def _page(
    request: HttpRequest, title: str, form: Any, button: str, model: str, **more: Any
) -> HttpResponse:
    back = reverse(f"admin:receivables_{model}_changelist")
    context = {"title": title, "form": form, "button": button, "back": back, **more}
    return render(request, "receivables/form.html", context, status=422 if form.errors else 200)


def _unzipped(bodies: bytes) -> Sequence[Upload]:
    with zipfile.ZipFile(io.BytesIO(bodies)) as archive:
        return [Upload(name, archive.read(name)) for name in archive.namelist()]
