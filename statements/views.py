"""Pages of the reports: ask for one, watch it being made, download it, verify a file."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from desk import roles
from desk import services as desk
from desk.models import User
from desk.roles import Permission
from desk.views import needs
from ledger.models import BankAccount
from statements import queries, services, verifying
from statements.errors import StatementsError
from statements.models import TrustReport

PER_PAGE = 50


class ReportForm(forms.Form):
    """Which account, which days."""

    account = forms.ModelChoiceField(queryset=BankAccount.objects.none(), label="Trust account")
    from_on = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    to_on = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, accounts: QuerySet[BankAccount], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ModelChoiceField[BankAccount]", self.fields["account"])
        field.queryset = accounts
        field.label_from_instance = lambda obj: obj.book.name  # type: ignore[method-assign]
        field.empty_label = None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("from_on"), cleaned.get("to_on")
        if first and last and first > last:
            self.add_error("to_on", "The last day lies before the first.")
        if last and last > timezone.localdate():
            self.add_error("to_on", "The last day has not come yet.")
        return cleaned


class FileForm(forms.Form):
    """A report to verify."""

    file = forms.FileField(label="Report (PDF)")


def _accounts(user: User) -> QuerySet[BankAccount]:
    entities = roles.entity_ids(user, Permission.MAKE_REPORTS)
    return (
        BankAccount.objects.filter(book__entity__in=entities, book__kind="trust")
        .select_related("book")
        .order_by("book__name")
    )


def _visible(user: User) -> QuerySet[TrustReport]:
    entities = roles.entity_ids(user, Permission.READ_REPORTS)
    return (
        TrustReport.objects.filter(entity__in=entities)
        .select_related("bank_account__book", "asked_by", "superseded_by")
        .defer("pdf", "rows", "superseded_by__pdf", "superseded_by__rows")
    )


def _get(request: HttpRequest, report_id: int, permission: Permission) -> TrustReport:
    user = cast("User", request.user)
    try:
        report = _visible(user).get(pk=report_id)
    except TrustReport.DoesNotExist:
        raise Http404("There is no such report.") from None
    if not roles.can(user, permission, report.entity_id):
        raise PermissionDenied(f"Your role does not let you {permission}.")
    return report


def _last_month(today: date) -> dict[str, date]:
    last = today.replace(day=1) - timedelta(days=1)
    return {"from_on": last.replace(day=1), "to_on": last}


@needs(Permission.READ_REPORTS)
@require_http_methods(["GET", "POST"])
def reports(request: HttpRequest) -> HttpResponse:
    """The list of reports, newest first; a post asks for a new one."""
    user = cast("User", request.user)
    may_make = roles.can(user, Permission.MAKE_REPORTS)
    form = ReportForm(
        request.POST or None, accounts=_accounts(user), initial=_last_month(timezone.localdate())
    )
    if request.method == "POST":
        if not may_make:
            raise PermissionDenied(f"Your role does not let you {Permission.MAKE_REPORTS}.")
        if form.is_valid():
            try:
                made = services.request_report(
                    bank_account_id=form.cleaned_data["account"].pk,
                    from_on=form.cleaned_data["from_on"],
                    to_on=form.cleaned_data["to_on"],
                    asked_by=user,
                )
            except StatementsError as error:
                form.add_error(None, str(error))
            else:
                return redirect("statements:report", made.pk)
    search = request.GET.get("account", "")
    rows = _visible(user)
    if search:
        rows = rows.filter(
            Q(bank_account__book__name__icontains=search) | Q(bank_account__last_four=search)
        )
    context = {
        "title": "Trust reports",
        "form": form if may_make else None,
        "reports": rows.order_by("-asked_at", "-id")[:PER_PAGE],
        "search": search,
    }
    return render(request, "statements/reports.html", context)


@needs(Permission.READ_REPORTS)
@require_GET
def report(request: HttpRequest, report_id: int) -> HttpResponse:
    """One report: its progress while it is made, then its result and its files."""
    found = _get(request, report_id, Permission.READ_REPORTS)
    context = {"title": "Trust report", "report": found, "reasons": queries.reasons_of(found)}
    part = (
        "statements/_report.html" if getattr(request, "htmx", False) else "statements/report.html"
    )
    return render(request, part, context)


def _file(request: HttpRequest, report_id: int, kind: str) -> HttpResponse:
    found = _get(request, report_id, Permission.DOWNLOAD_REPORTS)
    if found.state != TrustReport.State.MADE:
        raise Http404("The report is not made yet.")
    content = bytes((found.pdf if kind == "pdf" else found.rows) or b"")
    kinds = {"pdf": "application/pdf", "json": "application/json"}
    name = f"trust-report-{found.bank_account.last_four}-{found.to_on}-v{found.version}.{kind}"
    desk.record(
        "download a trust report",
        subject=found,
        actor=cast("User", request.user),
        text=f"Downloaded {found} as {kind}",
    )
    response = HttpResponse(content, content_type=kinds[kind])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


@needs(Permission.DOWNLOAD_REPORTS)
@require_GET
def download(request: HttpRequest, report_id: int) -> HttpResponse:
    """The PDF as it was made; each download is on the audit trail."""
    return _file(request, report_id, "pdf")


@needs(Permission.DOWNLOAD_REPORTS)
@require_GET
def rows(request: HttpRequest, report_id: int) -> HttpResponse:
    """The rows that the PDF was printed from."""
    return _file(request, report_id, "json")


@needs(Permission.READ_REPORTS)
@require_http_methods(["GET", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Upload a report and see whether it is as it was published, and where not."""
    user = cast("User", request.user)
    form = FileForm(request.POST or None, request.FILES or None)
    verdict = None
    if request.method == "POST" and form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            readable = roles.entity_ids(user, Permission.READ_REPORTS)
            verdict = verifying.verify(verifying.read_pdf(upload), entity_ids=readable)
        except StatementsError as error:
            messages.error(request, f"{upload.name} is not a trust report: {error}")
    context = {"title": "Verify a report", "form": form, "verdict": verdict}
    return render(request, "statements/verify.html", context)
