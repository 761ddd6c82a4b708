"""Pages of reconciliation: the accounts, one account's three figures, and bank files coming in."""

import csv
from datetime import date
from io import StringIO
from typing import cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_q.tasks import async_task

from desk import roles
from desk.models import User
from desk.queries import number
from desk.roles import Permission
from desk.services import record
from desk.views import needs
from ledger.models import BankAccount
from reconciliation import formats, queries, services
from reconciliation.formats.text import decode
from reconciliation.forms import ColumnsForm, UploadForm, importable_accounts
from reconciliation.models import BankLine, CsvProfile, StatementFile
from reconciliation.payments import letter_to_bank as letter_of

# Rows of a list on a page; what is beyond them is counted.
SHOWN = 200
PREVIEW = 8
_HEAD = 64 * 1024


@needs(Permission.READ_BOOKS)
@require_GET
def accounts(request: HttpRequest) -> HttpResponse:
    """Every trust account with its three figures; differences are never netted."""
    user = cast("User", request.user)
    found = queries.figures(roles.entity_ids(user, Permission.READ_BOOKS))
    context = {
        "title": "Reconciliation",
        "figures": sorted(found, key=lambda each: (each.is_equal, each.account_name)),
        "broken": sum(not each.is_equal for each in found),
        "may_import": roles.can(user, Permission.IMPORT),
        "files": _files(user).order_by("-received_at", "-id")[:10],
    }
    return render(request, "reconciliation/accounts.html", context)


@needs(Permission.READ_BOOKS)
@require_GET
def account(request: HttpRequest, account_id: int) -> HttpResponse:
    """The three figures of an account at the end of a day, and everything between them."""
    row = _account(request, account_id, Permission.READ_BOOKS)
    on = _day(request.GET.get("on", ""))
    three = queries.three_way(row.pk, on=on)
    lists = {
        "in_transit": three.in_transit_items,
        "outstanding": three.outstanding_items,
        "unmatched": three.unmatched_lines,
    }
    context = {
        "title": row.book.name,
        "account": row,
        "three": three,
        "on": on,
        "shown": {name: rows[:SHOWN] for name, rows in lists.items()},
        "left_out": {name: max(0, len(rows) - SHOWN) for name, rows in lists.items()},
        "statements": row.statements.select_related("file").order_by("-to_on", "-id")[:12],
        "intraday": queries.intraday_lines(row.pk)[:SHOWN],
    }
    return render(request, "reconciliation/account.html", context)


@needs(Permission.READ_BOOKS)
@require_GET
def letter_to_bank(request: HttpRequest, line_id: int) -> HttpResponse:
    """The letter to the bank about a check that it paid with another amount, as PDF."""
    line = BankLine.objects.select_related("bank_account").filter(pk=line_id).first()
    if line is None:
        raise Http404("There is no such bank line.")
    _account(request, line.bank_account_id, Permission.READ_BOOKS)
    document = letter_of(line)
    if document is None:
        raise Http404("This line paid no check of ours with another amount.")
    return HttpResponse(document, content_type="application/pdf")


@needs(Permission.IMPORT)
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """Take bank files: each is stored first, then imported by the worker."""
    user = cast("User", request.user)
    form = UploadForm(request.POST or None, request.FILES or None, user=user)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data["account"]
        stored = []
        for each in form.cleaned_data["bank_files"]:
            file = services.store_file(
                entity_id=form.cleaned_data["entity"].pk,
                name=each.name or "file",
                body=each.read(),
                bank_account_id=given.pk if given else None,
                received_from_id=user.pk,
            )
            if file.state == StatementFile.State.STORED:
                async_task("reconciliation.tasks.import_one", file.pk)
            stored.append(file)
        if len(stored) == 1:
            return redirect("reconciliation:file", stored[0].pk)
        messages.success(request, f"{len(stored)} files are stored and will be imported.")
        return redirect("reconciliation:accounts")
    context = {"title": "Upload bank files", "form": form}
    return render(request, "reconciliation/upload.html", context)


@needs(Permission.READ_BOOKS)
@require_GET
def file(request: HttpRequest, file_id: int) -> HttpResponse:
    """What became of a bank file; the page looks again by itself while the file waits."""
    row = _file(request, file_id, Permission.READ_BOOKS)
    context = {
        "title": row.name,
        "file": row,
        "statements": row.statements.select_related("bank_account__book"),
        "lines": BankLine.objects.filter(statement__file=row).order_by("posted_on", "id")[:SHOWN],
        "may_import": roles.can(request.user, Permission.IMPORT, row.entity_id),
        "is_csv": row.format in ("", "csv") and row.state == StatementFile.State.REFUSED,
    }
    part = "reconciliation/_file.html" if request.headers.get("HX-Request") else None
    return render(request, part or "reconciliation/file.html", context)


@needs(Permission.IMPORT)
@require_POST
def read_again(request: HttpRequest, file_id: int) -> HttpResponse:
    """Read a refused file once more, as when its account has been added since."""
    row = _file(request, file_id, Permission.IMPORT)
    after = services.try_again(row.pk)
    if after.state == StatementFile.State.IMPORTED:
        messages.success(request, f"{after.name} is imported.")
        _match_later(after)
    else:
        messages.warning(request, f"Refused again: {after.reason}")
    return redirect("reconciliation:file", row.pk)


@needs(Permission.IMPORT)
@require_http_methods(["GET", "POST"])
def columns(request: HttpRequest, file_id: int) -> HttpResponse:
    """Say which column of a CSV is which: seen on its own rows, then saved for the account."""
    row = _file(request, file_id, Permission.IMPORT)
    user = cast("User", request.user)
    choices = importable_accounts(user).filter(book__entity_id=row.entity_id)
    given = request.POST.get("account") or str(row.bank_account_id or "")
    chosen = choices.filter(pk=account_id).first() if (account_id := number(given)) else None
    head = _head(row)
    form = ColumnsForm(request.POST or None, headers=head[0] if head else [])
    preview, problem = None, ""
    if request.method == "POST" and form.is_valid():
        try:
            mapping = form.mapping()
            parsed = formats.read(bytes(row.body), name=row.name, mapping=mapping)
            preview = [line for each in parsed.statements for line in each.lines][:PREVIEW]
        except (ValueError, formats.Refused) as refused:
            problem = str(refused)
        else:
            if "save" in request.POST and chosen is None:
                problem = "Choose the bank account that the file is of."
            elif "save" in request.POST and chosen is not None:
                return _saved(request, row, chosen, mapping)
    context = {
        "title": f"Columns of {row.name}",
        "file": row,
        "form": form,
        "accounts": choices,
        "chosen": chosen,
        "headers": head[0] if head else [],
        "rows": head[1 : PREVIEW + 1],
        "preview": preview,
        "problem": problem,
    }
    return render(request, "reconciliation/columns.html", context)


def _saved(
    request: HttpRequest, row: StatementFile, chosen: BankAccount, mapping: formats.CsvMapping
) -> HttpResponse:
    """Keep a mapping with its account, and read the file again by it."""
    user = cast("User", request.user)
    profile, _ = CsvProfile.objects.update_or_create(
        bank_account=chosen, defaults={"mapping": mapping.to_json(), "saved_by": user}
    )
    record(
        "save CSV columns",
        text=f"Saved which columns the CSV of {chosen} has",
        subject=profile,
        entity_id=row.entity_id,
        actor=user,
        facts=mapping.to_json(),
    )
    after = services.try_again(row.pk, bank_account_id=chosen.pk)
    if after.state == StatementFile.State.IMPORTED:
        messages.success(
            request, f"{after.name} is imported; the next files are read the same way."
        )
        _match_later(after)
    else:
        messages.warning(request, f"The columns are saved, but the file is refused: {after.reason}")
    return redirect("reconciliation:file", row.pk)


def _match_later(row: StatementFile) -> None:
    async_task("reconciliation.tasks.match_file", row.pk)


def _head(row: StatementFile) -> list[list[str]]:
    """The first rows of a CSV; empty where the file is no text."""
    try:
        text, _ = decode(bytes(row.body[:_HEAD]))
    except formats.Refused:
        return []
    sample = text[:4096]
    delimiter = max(",;\t|", key=sample.count)
    rows = [cells for cells in csv.reader(StringIO(text), delimiter=delimiter) if any(cells)]
    widest = max((len(cells) for cells in rows[:30]), default=0)
    # What stands above the header has fewer cells.
    first = next((n for n, cells in enumerate(rows) if len(cells) == widest), 0)
    return rows[first : first + PREVIEW + 1]


def _account(request: HttpRequest, account_id: int, permission: Permission) -> BankAccount:
    row = BankAccount.objects.select_related("book__entity").filter(pk=account_id).first()
    if row is None or row.book.entity_id not in roles.entity_ids(request.user):
        raise Http404("There is no such account.")
    if not roles.can(request.user, permission, row.book.entity_id):
        raise PermissionDenied(f"Your role does not let you {permission}.")
    return row


def _files(user: User) -> QuerySet[StatementFile]:
    entities = roles.entity_ids(user, Permission.READ_BOOKS)
    return StatementFile.objects.filter(entity__in=entities).defer("body")


def _file(request: HttpRequest, file_id: int, permission: Permission) -> StatementFile:
    row = StatementFile.objects.select_related("bank_account", "received_from").filter(pk=file_id)
    found = row.defer("body").first()
    if found is None or found.entity_id not in roles.entity_ids(request.user):
        raise Http404("There is no such file.")
    if not roles.can(request.user, permission, found.entity_id):
        raise PermissionDenied(f"Your role does not let you {permission}.")
    return found


def _day(text: str) -> date:
    """The day that an address names, else today."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return timezone.localdate()
