"""The page that an owner opens from our mail: one bill, one property, an answer. No password."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from payables import services
from payables.errors import LinkRefused, PayablesError, TooManyLinks
from payables.models import OwnerApproval
from payables.pages.common import shown


@never_cache
@require_http_methods(["GET", "POST"])
def answer(request: HttpRequest, token: str) -> HttpResponse:
    """Show what is asked, or take the answer. Opening it decides nothing: mail scanners open it."""
    address = request.META.get("REMOTE_ADDR", "")
    problem = ""
    try:
        row = services.asked_by_link(token, address=address)
        if request.method == "POST":
            try:
                row = services.answer_by_link(
                    token,
                    answer=request.POST.get("answer", ""),
                    words=request.POST.get("words", ""),
                    address=address,
                )
            except LinkRefused:
                raise
            except PayablesError as refused:
                problem = str(refused)
            else:
                return render(
                    request, "payables/owner_done.html", {"row": row, "title": "Thank you"}
                )
    except LinkRefused as refused:
        status = 429 if isinstance(refused, TooManyLinks) else 404
        closed = {"title": "Link", "reason": str(refused)}
        return render(request, "payables/owner_closed.html", closed, status=status)
    context: dict[str, object] = {
        "title": "Your approval",
        "row": row,
        "lines": _lines(row),
        "problem": problem,
        "token": token,
    }
    return render(request, "payables/owner.html", context)


def _lines(row: OwnerApproval) -> list[object]:
    lines = row.bill.lines.filter(property=row.property).select_related("unit")
    return list(lines.order_by("position"))


@never_cache
@require_GET
def file(request: HttpRequest, token: str) -> HttpResponse:
    """The bill as the vendor sent it."""
    try:
        row = services.asked_by_link(token, address=request.META.get("REMOTE_ADDR", ""))
    except LinkRefused as refused:
        raise Http404(str(refused)) from None
    if row.bill.document is None or not _is_alone(row):
        raise Http404("There is no file.")
    return shown(row.bill.document)


def _is_alone(row: OwnerApproval) -> bool:
    """Whether the bill is the owner's property's alone: other owners' shares are not shown."""
    return not row.bill.lines.exclude(property=row.property).exists()
