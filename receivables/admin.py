"""Rent collection in the admin: lists to look at, and what bookkeepers type by hand."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from desk import roles
from desk.admin import QueueAdmin, ReadOnlyAdmin
from desk.roles import Permission
from leases.admin import LookAtInline
from receivables import services, views
from receivables.models import (
    Allocation,
    BankDetailsChange,
    Charge,
    Comeback,
    DepositSlip,
    OpeningItem,
    PayerAlias,
    PortfolioImport,
    Receipt,
    RecurringCharge,
    Remittance,
    RemittanceItem,
)


class AllocationInline(LookAtInline):
    """Which charges a receipt pays."""

    model = Allocation
    fields = ("charge", "receipt", "amount", "entry", "undone_by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Allocation]:
        rows: QuerySet[Allocation] = super().get_queryset(request)
        return rows.select_related("charge", "receipt", "entry", "undone_by")


class ComebackInline(LookAtInline):
    """What of a receipt went back."""

    model = Comeback
    fields = ("kind", "amount", "fee", "on", "code", "reason", "entry")


class RemittanceItemInline(LookAtInline):
    """What a remittance is made of."""

    model = RemittanceItem
    fields = ("what", "gross", "fee", "net", "payment", "receipt", "description")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RemittanceItem]:
        rows: QuerySet[RemittanceItem] = super().get_queryset(request)
        return rows.select_related("receipt")


class ReceiptInline(LookAtInline):
    """The receipts on a slip or in a remittance."""

    model = Receipt
    fields = ("received_on", "channel", "number", "payer", "gross", "state", "lease")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Receipt]:
        rows: QuerySet[Receipt] = super().get_queryset(request)
        return rows.select_related("lease__unit__property")


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    """Money in. "Add" records a check or money order that came by mail."""

    list_display = ("received_on", "channel", "payer", "gross", "state", "lease", "book", "number")
    list_filter = ("state", "channel", "into", "book")
    list_select_related = ("lease__unit__property", "book")
    search_fields = ("payer", "payment", "number", "lease__code", "payer_reference")
    date_hierarchy = "received_on"
    ordering = ("-received_on", "-id")
    inlines = (AllocationInline, ComebackInline)
    exclude = ("moves",)

    def has_add_permission(self, request: HttpRequest, *_: object) -> bool:
        return roles.can(request.user, Permission.POST)

    def add_view(self, request: HttpRequest, *_: object, **__: object) -> HttpResponse:
        """The page for a check or money order."""
        return views.take_check(request)


@admin.register(DepositSlip)
class DepositSlipAdmin(ReadOnlyAdmin):
    """What was taken to the bank together. "Add" makes a slip of checks that wait."""

    entity_path = "book__entity"
    list_display = ("deposited_on", "number", "book", "total")
    list_filter = ("book",)
    list_select_related = ("book",)
    search_fields = ("number",)
    ordering = ("-deposited_on", "-id")
    inlines = (ReceiptInline,)

    def has_add_permission(self, request: HttpRequest, *_: object) -> bool:
        return roles.can(request.user, Permission.POST)

    def add_view(self, request: HttpRequest, *_: object, **__: object) -> HttpResponse:
        """The page for a new slip."""
        return views.make_slip(request)


@admin.register(Charge)
class ChargeAdmin(ReadOnlyAdmin):
    """What tenants owe."""

    list_display = ("due_on", "lease", "kind", "amount", "paid", "memo")
    list_filter = ("kind",)
    list_select_related = ("lease__unit__property",)
    search_fields = ("lease__code", "memo")
    date_hierarchy = "due_on"
    ordering = ("-due_on", "-id")
    inlines = (AllocationInline,)


@admin.register(RecurringCharge)
class RecurringChargeAdmin(ReadOnlyAdmin):
    """What each lease owes every month."""

    entity_path = "lease__entity"
    list_display = ("lease", "kind", "amount", "due_day", "from_on", "until_on")
    list_filter = ("kind",)
    list_select_related = ("lease__unit__property",)
    search_fields = ("lease__code",)


@admin.register(Comeback)
class ComebackAdmin(ReadOnlyAdmin):
    """Returns, refunds and disputes."""

    entity_path = "receipt__entity"
    list_display = ("on", "kind", "code", "amount", "fee", "receipt", "reason")
    list_filter = ("kind", "code")
    list_select_related = ("receipt",)
    search_fields = ("code", "reason", "receipt__payer", "receipt__payment")
    ordering = ("-on", "-id")


@admin.register(Remittance)
class RemittanceAdmin(ReadOnlyAdmin):
    """Processors' transfers to us, with what they are made of."""

    entity_path = "book__entity"
    list_display = ("arrives_on", "connection", "vendor_id", "amount", "fees", "state", "book")
    list_filter = ("state", "connection")
    list_select_related = ("connection", "book")
    search_fields = ("vendor_id", "trace")
    ordering = ("-arrives_on", "-id")
    inlines = (RemittanceItemInline,)


@admin.register(OpeningItem)
class OpeningItemAdmin(ReadOnlyAdmin):
    """Checks and deposits that were outstanding at the cut-over."""

    entity_path = "book__entity"
    list_display = ("dated_on", "kind", "number", "party", "amount", "book")
    list_filter = ("kind", "book")
    list_select_related = ("book",)
    search_fields = ("number", "party")


@admin.register(BankDetailsChange)
class BankDetailsChangeAdmin(ReadOnlyAdmin):
    """Corrections of payers' bank details; the new numbers stand on the desk, masked."""

    list_display = ("noticed_on", "code", "payer", "payment", "correct_by")
    exclude = ("corrected",)
    ordering = ("-noticed_on", "-id")


@admin.register(PayerAlias)
class PayerAliasAdmin(QueueAdmin):
    """How payers appear, learnt from people's choices; a wrong one is switched off."""

    list_display = ("alias", "source", "lease", "is_active", "made_by", "made_at", "undone")
    list_filter = ("is_active", "source")
    list_select_related = ("lease__unit__property", "made_by")
    search_fields = ("alias", "lease__code")
    actions = ("switch_off",)

    @admin.action(description="Switch off", permissions=["work"])
    def switch_off(self, request: HttpRequest, rows: QuerySet[PayerAlias]) -> None:
        """Payments of this payer wait for a person again."""
        self.work(request, rows, services.switch_off)


@admin.register(PortfolioImport)
class PortfolioImportAdmin(ReadOnlyAdmin):
    """Portfolios that were imported. "Add" takes files and shows their dry run first."""

    list_display = ("made_at", "entity", "cut_over_on", "made_by")
    list_select_related = ("entity", "made_by")
    fields = ("entity", "cut_over_on", "made_at", "made_by", "files", "said", "digest")
    ordering = ("-id",)

    def has_add_permission(self, request: HttpRequest, *_: object) -> bool:
        return roles.can(request.user, Permission.IMPORT)

    def add_view(self, request: HttpRequest, *_: object, **__: object) -> HttpResponse:
        """The page to upload files."""
        return views.upload_portfolio(request)

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        return [
            path(
                "draft/<int:draft_id>/",
                site.admin_view(views.show_draft),
                name="receivables_portfolioimport_draft",
            ),
            path(
                "draft/<int:draft_id>/import/",
                site.admin_view(views.import_draft),
                name="receivables_portfolioimport_run",
            ),
            *super().get_urls(),
        ]
