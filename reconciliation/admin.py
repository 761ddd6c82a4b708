"""Bank files, their lines and their matches in the admin: lists to look at."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from desk import roles
from desk.admin import ReadOnlyAdmin
from desk.roles import Permission
from reconciliation.models import BankLine, Match, Statement, StatementFile


@admin.register(StatementFile)
class StatementFileAdmin(ReadOnlyAdmin):
    """Bank files as they came; adding one is the upload page, and each has a page of its own."""

    list_display = ("name", "state", "format", "received_at", "lines_new", "lines_known", "reason")
    list_filter = ("state", "format")
    search_fields = ("name", "sha256")
    ordering = ("-received_at", "-id")
    empty_words = "No bank file has come yet. Add one here, or run manage.py import_statement."

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatementFile]:
        rows: QuerySet[StatementFile] = super().get_queryset(request)
        return rows.defer("body")

    def has_add_permission(self, request: HttpRequest, *_: object) -> bool:
        return roles.can(request.user, Permission.IMPORT)

    def add_view(self, request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        """The upload page."""
        if not self.has_add_permission(request):
            raise PermissionDenied(f"Your role does not let you {Permission.IMPORT}.")
        return redirect("reconciliation:upload")

    def change_view(self, request: HttpRequest, object_id: str, *_: Any, **__: Any) -> HttpResponse:
        """The file's own page."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404("There is no such file.")
        return redirect("reconciliation:file", row.pk)


@admin.register(Statement)
class StatementAdmin(ReadOnlyAdmin):
    """What each file says of each account."""

    entity_path = "bank_account__book__entity"
    list_display = ("bank_account", "from_on", "to_on", "opening", "closing", "is_intraday", "file")
    list_filter = ("is_intraday",)
    list_select_related = ("bank_account", "file")
    ordering = ("-to_on", "-id")
    empty_words = "No statement yet: they come with the first bank file."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Statement]:
        rows: QuerySet[Statement] = super().get_queryset(request)
        return rows.defer("file__body")


@admin.register(BankLine)
class BankLineAdmin(ReadOnlyAdmin):
    """Every movement that the bank has told, once."""

    entity_path = "bank_account__book__entity"
    list_display = (
        "posted_on",
        "amount",
        "description",
        "bank_reference",
        "check_number",
        "bank_account",
        "is_matched",
    )
    list_filter = ("is_matched", "bank_account__book")
    search_fields = ("description", "bank_reference", "customer_reference", "check_number")
    list_select_related = ("bank_account",)
    ordering = ("-posted_on", "-id")
    empty_words = "No bank line yet: they come with the first bank file."


@admin.register(Match)
class MatchAdmin(ReadOnlyAdmin):
    """Which bank lines are which journal lines, who or what said so, and why."""

    entity_path = "bank_account__book__entity"
    list_display = (
        "made_at",
        "bank_account",
        "rule",
        "points",
        "made",
        "made_by",
        "undone_at",
        "undone_why",
    )
    list_filter = ("made", "rule")
    list_select_related = ("bank_account", "made_by")
    ordering = ("-id",)
    empty_words = "Nothing is matched yet."
