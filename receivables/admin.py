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
    Concession,
    Credit,
    DepositSlip,
    HousingAgency,
    OpeningItem,
    PayerAlias,
    PaymentAuthorisation,
    PaymentRetry,
    PortfolioImport,
    Receipt,
    ReceiptMove,
    RecurringCharge,
    Remittance,
    RemittanceItem,
    ReturnStep,
    Subsidy,
    SubsidyLine,
    SubsidyRemittance,
    SubsidyVariance,
)


class AllocationInline(LookAtInline):
    """Which charges a receipt pays."""

    model = Allocation
    fields = ("charge", "receipt", "credit", "amount", "entry", "undone_by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Allocation]:
        rows: QuerySet[Allocation] = super().get_queryset(request)
        return rows.select_related("charge", "receipt", "credit", "entry", "undone_by")


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


@admin.register(Concession)
class ConcessionAdmin(ReadOnlyAdmin):
    """What leases are let off every month."""

    entity_path = "lease__entity"
    list_display = ("lease", "charge_kind", "amount", "rate", "from_on", "until_on", "memo")
    list_filter = ("charge_kind",)
    list_select_related = ("lease__unit__property",)
    search_fields = ("lease__code", "memo")


@admin.register(Credit)
class CreditAdmin(ReadOnlyAdmin):
    """What tenants need not pay, with the reason and who said so."""

    list_display = ("counts_on", "kind", "amount", "charge", "reason", "made_by", "undone_by")
    list_filter = ("kind",)
    list_select_related = ("charge", "made_by", "undone_by")
    search_fields = ("charge__lease__code", "reason")
    date_hierarchy = "counts_on"
    ordering = ("-counts_on", "-id")


@admin.register(PaymentAuthorisation)
class PaymentAuthorisationAdmin(ReadOnlyAdmin):
    """Whom we may collect from, and by what."""

    entity_path = "lease__entity"
    list_display = ("lease", "tenant", "channel", "last4", "state", "state_on", "hold_days")
    list_filter = ("state", "channel")
    list_select_related = ("lease__unit__property", "tenant")
    search_fields = ("lease__code", "tenant__name", "last4")
    ordering = ("-id",)


@admin.register(ReturnStep)
class ReturnStepAdmin(ReadOnlyAdmin):
    """What returns ask for, and what was done."""

    entity_path = "comeback__receipt__entity"
    list_display = ("kind", "state", "comeback", "until_on", "done_on", "done_by", "note")
    list_filter = ("kind", "state")
    list_select_related = ("comeback__receipt", "done_by")
    search_fields = ("comeback__code", "comeback__receipt__lease__code")
    ordering = ("-id",)


@admin.register(PaymentRetry)
class PaymentRetryAdmin(ReadOnlyAdmin):
    """Payments that were asked for again."""

    entity_path = "first__entity"
    list_display = ("made_at", "payment", "number", "first", "comeback", "request", "made_by")
    list_select_related = ("first", "comeback__receipt", "request", "made_by")
    search_fields = ("payment", "first__lease__code")
    ordering = ("-id",)


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


@admin.register(ReceiptMove)
class ReceiptMoveAdmin(ReadOnlyAdmin):
    """Receipts that were given to one lease and taken to another."""

    entity_path = "receipt__entity"
    list_display = ("on", "receipt", "from_lease", "to_lease", "why", "made_by")
    list_select_related = (
        "receipt",
        "from_lease__unit__property",
        "to_lease__unit__property",
        "made_by",
    )
    search_fields = ("from_lease__code", "to_lease__code", "receipt__payer", "why")
    ordering = ("-id",)


@admin.register(HousingAgency)
class HousingAgencyAdmin(ReadOnlyAdmin):
    """Who pays a part of the rent for tenants."""

    list_display = ("name", "entity")
    list_select_related = ("entity",)
    search_fields = ("name",)


@admin.register(Subsidy)
class SubsidyAdmin(ReadOnlyAdmin):
    """What agencies pay every month, and for which leases."""

    entity_path = "agency__entity"
    list_display = ("lease", "agency", "tenant_code", "amount", "from_on", "until_on")
    list_filter = ("agency",)
    list_select_related = ("lease__unit__property", "agency")
    search_fields = ("lease__code", "tenant_code")


class SubsidyLineInline(LookAtInline):
    """What a transfer is made of."""

    model = SubsidyLine
    fields = ("row", "tenant_code", "lease", "amount", "memo", "receipt", "open", "answer")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SubsidyLine]:
        rows: QuerySet[SubsidyLine] = super().get_queryset(request)
        return rows.select_related("lease__unit__property", "receipt", "answer").order_by("row")


@admin.register(SubsidyRemittance)
class SubsidyRemittanceAdmin(ReadOnlyAdmin):
    """Agencies' transfers, each one credit at the bank."""

    list_display = ("arrives_on", "agency", "number", "month", "amount", "book", "made_by")
    list_filter = ("agency",)
    list_select_related = ("agency", "book", "made_by")
    search_fields = ("number",)
    ordering = ("-arrives_on", "-id")
    inlines = (SubsidyLineInline,)


@admin.register(SubsidyVariance)
class SubsidyVarianceAdmin(ReadOnlyAdmin):
    """What agencies should have paid for a month and what they paid."""

    entity_path = "subsidy__agency__entity"
    list_display = ("subsidy", "month", "expected", "paid", "explanation", "explained_by")
    list_filter = ("subsidy__agency",)
    list_select_related = (
        "subsidy__agency",
        "subsidy__lease__unit__property",
        "explained_by",
    )
    search_fields = ("subsidy__lease__code", "subsidy__tenant_code", "explanation")
    ordering = ("-month", "-id")
